//! Answers that stand in for a server, and hear what a server answers: what tests of scripts stand on.

use super::{Error, Param, Value};

/// A row as text, by column.
pub(super) type TextRow = Vec<(String, Option<String>)>;

/// What a statement answered.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Said {
    pub columns: Vec<String>,
    pub rows: Vec<Vec<Value>>,
    /// How many rows were touched, where none came back.
    pub count: u64,
}

/// Answers in place of a server.
pub trait Answers: Send + Sync {
    /// What the statement answers; `None` when the server itself is to be asked.
    ///
    /// # Errors
    /// Nothing is known about such a statement, or it is meant to fail.
    fn answer(&self, sql: &str, params: &[Param]) -> Option<Result<Said, Error>>;

    /// Hears what the server itself answered.
    fn heard(&self, sql: &str, params: &[Param], said: &Said);

    /// Whether servers themselves may be reached.
    fn are_real(&self) -> bool;
}

impl Said {
    pub(super) fn count(count: u64) -> Said {
        Said {
            count,
            ..Said::default()
        }
    }

    pub(super) fn of_text(rows: &[TextRow]) -> Said {
        // Several statements may have answered; each row keeps the columns that are its own.
        let mut columns: Vec<String> = Vec::new();
        for (name, _) in rows.iter().flatten() {
            if !columns.contains(name) {
                columns.push(name.clone());
            }
        }
        let value = |row: &TextRow, column: &String| {
            let cell = row.iter().find(|(name, _)| name == column);
            let text = cell.and_then(|(_, text)| text.clone());
            text.map_or(Value::Null, Value::Text)
        };
        let rows = rows.iter();
        let rows = rows.map(|row| columns.iter().map(|column| value(row, column)).collect());
        Said {
            rows: rows.collect(),
            columns,
            count: 0,
        }
    }

    /// As `COPY … TO STDOUT` writes it, without escapes.
    pub(super) fn copied(self) -> String {
        let rows = self.text_rows().into_iter().map(|row| {
            let cells = row
                .into_iter()
                .map(|(_, text)| text.unwrap_or("\\N".into()));
            cells.collect::<Vec<_>>().join("\t") + "\n"
        });
        rows.collect()
    }

    pub(super) fn text_rows(self) -> Vec<TextRow> {
        let columns = self.columns;
        let row = |row: Vec<Value>| {
            let cells = columns.iter().cloned().zip(row);
            cells.map(|(name, value)| (name, text(value))).collect()
        };
        self.rows.into_iter().map(row).collect()
    }
}

/// As the server writes it in its text form.
fn text(value: Value) -> Option<String> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(flag) => if flag { "t" } else { "f" }.to_owned(),
        Value::Int(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Numeric(text) | Value::Text(text) => text,
        Value::Bytes(bytes) => super::param::hex(&bytes),
        Value::Json(json) => json.to_string(),
        Value::Array(_) => return None,
    })
}
