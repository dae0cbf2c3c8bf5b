//! A position in SQL as a line that people can find.

/// Where in a text something is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Counts from 1.
    pub line: usize,
    /// Counts characters, from 1.
    pub column: usize,
    /// The whole line.
    pub text: String,
}

impl Place {
    /// The place of the character at `position`, which counts from 1 as the server does; `None` when
    /// it is outside of the text.
    pub fn of(sql: &str, position: usize) -> Option<Place> {
        let mut left = position.checked_sub(1)?;
        for (index, text) in sql.split('\n').enumerate() {
            let length = text.chars().count();
            if left <= length {
                return Some(Place {
                    line: index + 1,
                    column: left + 1,
                    text: text.trim_end_matches('\r').to_owned(),
                });
            }
            left -= length + 1;
        }
        None
    }

    /// The line with its number, and a caret below the character.
    pub fn lines(&self) -> Vec<String> {
        let number = self.line.to_string();
        // a tab stays a tab below itself, whatever its width
        let before: String = self
            .text
            .chars()
            .take(self.column - 1)
            .map(|c| if c == '\t' { '\t' } else { ' ' })
            .collect();
        vec![
            format!("{number} | {}", self.text),
            format!("{} | {before}^", " ".repeat(number.len())),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_a_line_and_a_column() {
        let sql = "SELECT 'ü',\n\tnope\nFROM t";
        let place = Place::of(sql, 14).unwrap();
        assert_eq!((place.line, place.column), (2, 2));
        assert_eq!(place.lines(), ["2 | \tnope", "  | \t^"]);
        assert_eq!(Place::of(sql, 1).unwrap().column, 1);
        assert_eq!(Place::of(sql, 0), None);
        assert_eq!(Place::of(sql, 999), None);
    }
}
