//! What people see: talk on stderr, results on stdout. The only place of this crate that prints.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is the program's voice; everything else calls it"
)]

use std::fmt::Display;

/// A step, a notice or a log line of a helper.
pub fn talk(text: impl Display) {
    eprintln!("{text}");
}

/// An answer the caller asked for.
pub fn result(text: impl Display) {
    println!("{text}");
}

/// A failure, before the program ends.
pub fn error(text: impl Display) {
    eprintln!("e2blab: {text}");
}

/// Rows in columns as wide as their widest cell; the last column is not padded.
pub fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|column| {
            rows.iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or(0)
        })
        .collect();
    let lines: Vec<String> = rows
        .iter()
        .map(|row| {
            let cells: Vec<String> = row
                .iter()
                .zip(&widths)
                .map(|(cell, width)| format!("{cell:<width$}"))
                .collect();
            cells.join("  ").trim_end().to_owned()
        })
        .collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_lines_have_no_trailing_blanks() {
        let rows = [
            vec!["node".to_owned(), "address".to_owned(), "faults".to_owned()],
            vec![
                "server-1".to_owned(),
                "10.77.1.11".to_owned(),
                String::new(),
            ],
        ];
        assert_eq!(
            table(&rows),
            "node      address     faults\nserver-1  10.77.1.11"
        );
    }
}
