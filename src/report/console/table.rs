//! Tables: aligned columns without lines around them.

use comfy_table::{Attribute, CellAlignment, Color, ContentArrangement, Table, presets};

use crate::report::color::{Look, Paint};
use crate::report::text::visible;

/// Text in a table.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    text: String,
    look: Option<Look>,
    right: bool,
}

impl Cell {
    pub(super) fn new(text: impl AsRef<str>) -> Cell {
        Cell {
            text: visible(text.as_ref()).into_owned(),
            look: None,
            right: false,
        }
    }

    /// A number, which stands at the right; nought is faint.
    pub(super) fn number(number: u64, look: Option<Look>) -> Cell {
        Cell {
            text: number.to_string(),
            look: if number == 0 { Some(Look::Faint) } else { look },
            right: true,
        }
    }

    #[must_use]
    pub(super) fn look(mut self, look: Look) -> Cell {
        self.look = Some(look);
        self
    }

    #[must_use]
    pub(super) fn right(mut self) -> Cell {
        self.right = true;
        self
    }
}

/// The table as text, with a line end. Cells are folded where the width asks for it.
pub(super) fn render<'a>(
    title: Option<&str>,
    columns: impl IntoIterator<Item = &'a str>,
    rows: impl IntoIterator<Item = Vec<Cell>>,
    width: Option<u16>,
    paint: Paint,
) -> String {
    let rows: Vec<Vec<Cell>> = rows.into_iter().collect();
    let mut table = Table::new();
    table.load_style(presets::NOTHING).force_no_tty();
    if paint.is_on() {
        table.enforce_styling();
    }
    match width {
        Some(width) => table
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(width),
        None => table.set_content_arrangement(ContentArrangement::Disabled),
    };
    let header: Vec<comfy_table::Cell> = columns
        .into_iter()
        .enumerate()
        .map(|(number, name)| {
            // A heading stands over its numbers.
            let right = rows
                .first()
                .and_then(|row| row.get(number))
                .is_some_and(|cell| cell.right);
            let cell = Cell {
                right,
                ..Cell::new(name)
            };
            styled(cell).add_attribute(Attribute::Bold)
        })
        .collect();
    if !header.is_empty() {
        table.set_header(header);
    }
    for row in rows {
        table.add_row(row.into_iter().map(styled).collect::<Vec<_>>());
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let mut text = match title {
        Some(title) => format!("{}\n", paint.paint(Look::Title, &visible(title))),
        None => String::new(),
    };
    for line in table.trim_fmt().lines() {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn styled(cell: Cell) -> comfy_table::Cell {
    let mut styled = comfy_table::Cell::new(cell.text);
    if cell.right {
        styled = styled.set_alignment(CellAlignment::Right);
    }
    match cell.look {
        None | Some(Look::Host(_)) => styled,
        Some(Look::Title) => styled.add_attribute(Attribute::Bold),
        Some(Look::Faint) => styled.add_attribute(Attribute::Dim),
        Some(Look::Good | Look::Added) => styled.fg(Color::DarkGreen),
        Some(Look::Changed | Look::Warning) => styled.fg(Color::DarkYellow),
        Some(Look::Bad | Look::Removed) => styled.fg(Color::DarkRed),
        Some(Look::Place) => styled.fg(Color::DarkCyan),
    }
}
