//! A file of settings as reports may show it: values that nobody asked for can be secrets that were put
//! into the wrong file.

use std::ops::Range;

/// What stands for a value that is not shown.
const HIDDEN: &str = "***";

/// A text without the values of names that are not known.
pub struct Hidden {
    pub text: String,
    /// Where each value stood, and where its stand-in is.
    cuts: Vec<(usize, usize, usize)>,
}

impl Hidden {
    /// Hides what is behind names that `known` does not know, line by line: the text need not be valid.
    pub fn new(text: &str, known: impl Fn(&str) -> bool) -> Hidden {
        let mut hidden = Hidden {
            text: String::with_capacity(text.len()),
            cuts: Vec::new(),
        };
        let mut offset = 0;
        let mut strange = false;
        for line in text.split_inclusive('\n') {
            let value = match named(line) {
                Some((name, value)) => {
                    strange = !known(name);
                    strange.then_some(value)
                }
                None if line.trim().is_empty() || line.trim_start().starts_with(['[', '#']) => None,
                // The value of the line before goes on.
                None => strange.then_some(line.len() - line.trim_start().len()),
            };
            let end = line.trim_end().len();
            match value.filter(|start| *start < end) {
                Some(start) => {
                    hidden.text.push_str(line.get(..start).unwrap_or_default());
                    let at = hidden.text.len();
                    hidden.cuts.push((offset + start, offset + end, at));
                    hidden.text.push_str(HIDDEN);
                    hidden.text.push_str(line.get(end..).unwrap_or_default());
                }
                None => hidden.text.push_str(line),
            }
            offset += line.len();
        }
        hidden
    }

    /// Where a stretch of the whole text is in this one.
    pub fn range(&self, whole: Range<usize>) -> Range<usize> {
        let start = self.place(whole.start);
        let end = self.place(whole.end).max(start);
        let is_stand_in = self.cuts.iter().any(|(_, _, at)| *at == end);
        start..if is_stand_in && whole.end > whole.start {
            end + HIDDEN.len()
        } else {
            end
        }
    }

    fn place(&self, offset: usize) -> usize {
        let before = self.cuts.iter().rfind(|(start, _, _)| *start <= offset);
        let place = match before {
            Some((_, end, at)) if offset < *end => *at,
            Some((_, end, at)) => at + HIDDEN.len() + (offset - end),
            None => offset,
        };
        place.min(self.text.len())
    }
}

/// The name that a line sets, and where its value begins.
fn named(line: &str) -> Option<(&str, usize)> {
    let equals = line.find('=')?;
    let name = line.get(..equals)?.trim().trim_matches(['"', '\'']);
    let is_name = |c: char| c.is_alphanumeric() || "-_.\"' ".contains(c);
    if name.is_empty() || !name.chars().all(is_name) {
        return None;
    }
    let rest = line.get(equals + 1..)?;
    Some((
        name,
        equals + 1 + rest.len() - rest.trim_start_matches([' ', '\t']).len(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hidden(text: &str) -> Hidden {
        Hidden::new(text, |name| name == "limit")
    }

    #[test]
    fn only_what_is_known_shows_its_value() {
        for (text, shown) in [
            ("limit = [\"a\"]\n", "limit = [\"a\"]\n"),
            (
                "PASSWORD = \"canary\" # c\nlimit = []",
                "PASSWORD = ***\nlimit = []",
            ),
            ("PASSWORD=canary\n", "PASSWORD=***\n"),
            ("\"PASSWORD\" = 'canary'\r\n", "\"PASSWORD\" = ***\r\n"),
            (
                "P = \"\"\"\ncanary\n  and more\n\"\"\"\nlimit = []",
                "P = ***\n***\n  ***\n***\nlimit = []",
            ),
            ("limit = [\n \"a\",\n]\n", "limit = [\n \"a\",\n]\n"),
            ("# a comment = b\n[table]\n", "# a comment = b\n[table]\n"),
            ("x =", "x ="),
        ] {
            assert_eq!(hidden(text).text, shown);
        }
    }

    #[test]
    fn places_are_found_again() {
        let text = "A = canary\nB = longer canary\nlimit = 1\n";
        let hidden = hidden(text);
        for word in ["A", "B", "limit", "1\n"] {
            let there = hidden.place(text.find(word).unwrap());
            assert!(
                hidden.text.get(there..).unwrap().starts_with(word),
                "{word}"
            );
        }
        let inside = hidden.place(text.find("anary").unwrap());
        assert!(hidden.text.get(inside..).unwrap().starts_with("***\nB"));
        assert_eq!(hidden.place(text.len()), hidden.text.len());
        let value = text.find("longer").unwrap();
        let shown = hidden.range(value..value + 3);
        assert_eq!(hidden.text.get(shown), Some("***"));
    }
}
