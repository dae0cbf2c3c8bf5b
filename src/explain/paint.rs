//! Colour and line breaks of reports.

/// Colours text, or leaves it as it is.
#[derive(Clone, Copy)]
pub struct Paint {
    color: bool,
}

impl Paint {
    pub fn new(color: bool) -> Paint {
        Paint { color }
    }

    pub fn bold(self, text: &str) -> String {
        self.code("1", text)
    }

    pub fn dim(self, text: &str) -> String {
        self.code("2", text)
    }

    pub fn red(self, text: &str) -> String {
        self.code("31", text)
    }

    pub fn cyan(self, text: &str) -> String {
        self.code("36", text)
    }

    /// A place in a file.
    pub fn link(self, text: &str) -> String {
        self.code("36;1;4", text)
    }

    fn code(self, code: &str, text: &str) -> String {
        match self.color {
            true => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
            false => text.to_owned(),
        }
    }
}

/// Breaks `text` between words so that no line has more than `width` characters, unless a word has.
/// What stands between backticks is one word: a command that is pasted must be one line.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in words(paragraph) {
            let length = line.chars().count() + 1 + word.chars().count();
            if !line.is_empty() && length > width {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(line);
    }
    lines
}

/// The words of a line, cut at the blanks outside of backticks.
fn words(line: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    // The last one without a partner quotes nothing.
    let mut ticks = line.matches('`').count();
    let mut rest = Some(line);
    std::iter::from_fn(move || {
        let text = rest?;
        let cut = text.char_indices().find(|(_, char)| match char {
            '`' => {
                quoted = !quoted && ticks > 1;
                ticks = ticks.saturating_sub(1);
                false
            }
            char => *char == ' ' && !quoted,
        });
        match cut {
            Some((at, _)) => {
                let (word, after) = text.split_at(at);
                rest = after.get(1..);
                Some(word)
            }
            None => rest.take(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words() {
        assert_eq!(wrap("aa bb ccc dd", 5), ["aa bb", "ccc", "dd"]);
        assert_eq!(wrap("toolongword a\n\nb", 4), ["toolongword", "a", "", "b"]);
    }

    #[test]
    fn what_is_to_be_pasted_stays_in_one_line() {
        assert_eq!(
            wrap("mend it with `rm -f x y` now", 9),
            ["mend it", "with", "`rm -f x y`", "now"]
        );
        assert_eq!(wrap("`a b` `c d", 5), ["`a b`", "`c d"]);
        assert_eq!(wrap("`a b` `c ddd", 5), ["`a b`", "`c", "ddd"]);
    }
}
