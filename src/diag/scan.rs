//! Cuts a script's text into pieces: what a report underlines, and where comments are.
//!
//! Rhai knows where a thing starts but not where it ends, and forgets comments. This scanner knows
//! just enough of the language for that; it never fails, whatever the text.

use std::ops::Range;

/// A piece of a script's text; blanks are between pieces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    pub kind: Kind,
    /// Bytes of the text.
    pub range: Range<usize>,
}

/// What a piece is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A name or a keyword.
    Word,
    Number,
    /// A string or a character; of a string with `${…}`, one part between those.
    Text,
    Comment,
    /// `(`, `[`, `{`, `#{`, and the `${` of a string.
    Open,
    /// `)`, `]`, `}`.
    Close,
    /// An operator or a separator.
    Mark,
}

/// Operators of more than one character, longest first.
const MARKS: &[&str] = &[
    "..=", "**=", "<<=", ">>=", "!in", "::", "=>", "==", "!=", "<=", ">=", "&&", "||", "??", "?.",
    "?[", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "**", "<<", ">>", "..",
];

/// Cuts `text` into its pieces, in order.
pub fn pieces(text: &str) -> Vec<Piece> {
    let mut scanner = Scanner {
        text,
        at: 0,
        pieces: Vec::new(),
        templates: Vec::new(),
    };
    if text.starts_with("#!") {
        scanner.push(Kind::Comment, scanner.line_end(0));
    }
    while scanner.at < text.len() {
        scanner.step();
    }
    scanner.pieces
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
    pieces: Vec<Piece>,
    /// One entry for each `${` that is open: how many braces opened within it.
    templates: Vec<usize>,
}

impl Scanner<'_> {
    fn step(&mut self) {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else {
            return;
        };
        match first {
            _ if first.is_whitespace() => self.at += first.len_utf8(),
            '/' if rest.starts_with("//") => self.push(Kind::Comment, self.line_end(self.at)),
            '/' if rest.starts_with("/*") => self.push(Kind::Comment, self.comment_end()),
            '"' | '\'' => self.push(Kind::Text, self.quote_end(first)),
            '`' => self.template(self.at + 1),
            '#' if self.raw_string_end().is_some() => {
                let end = self.raw_string_end().unwrap_or(self.text.len());
                self.push(Kind::Text, end);
            }
            '#' if rest.starts_with("#{") => self.open(2),
            '(' | '[' | '{' => self.open(1),
            '}' if self.templates.last() == Some(&0) => {
                self.templates.pop();
                self.push(Kind::Close, self.at + 1);
                self.template(self.at);
            }
            ')' | ']' | '}' => self.close(first),
            _ if is_word_start(first) => self.push(Kind::Word, self.run_end(is_word)),
            _ if first.is_ascii_digit() => self.push(Kind::Number, self.number_end()),
            _ => {
                // `!input` is a name that is negated.
                let negates = |mark: &str| {
                    mark == "!in"
                        && rest
                            .get(mark.len()..)
                            .is_some_and(|rest| rest.starts_with(is_word))
                };
                let mark = MARKS
                    .iter()
                    .find(|mark| rest.starts_with(**mark) && !negates(mark));
                let length = mark.map_or(first.len_utf8(), |mark| mark.len());
                self.push(Kind::Mark, self.at + length);
            }
        }
    }

    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn push(&mut self, kind: Kind, end: usize) {
        let end = end.min(self.text.len());
        self.pieces.push(Piece {
            kind,
            range: self.at..end,
        });
        self.at = end;
    }

    fn open(&mut self, length: usize) {
        if let Some(depth) = self.templates.last_mut()
            && self
                .text
                .get(..self.at + length)
                .is_some_and(|text| text.ends_with('{'))
        {
            *depth += 1;
        }
        self.push(Kind::Open, self.at + length);
    }

    fn close(&mut self, first: char) {
        if first == '}'
            && let Some(depth) = self.templates.last_mut()
        {
            *depth = depth.saturating_sub(1);
        }
        self.push(Kind::Close, self.at + 1);
    }

    fn line_end(&self, from: usize) -> usize {
        let rest = self.text.get(from..).unwrap_or_default();
        from + rest.find('\n').unwrap_or(rest.len())
    }

    fn run_end(&self, belongs: impl Fn(char) -> bool) -> usize {
        let rest = self.rest();
        self.at + rest.find(|c| !belongs(c)).unwrap_or(rest.len())
    }

    /// `1`, `1.5`, `0xff`, `1_000`, `1e9`; `1..5` and `1.max()` end before the dot.
    fn number_end(&self) -> usize {
        let end = self.run_end(is_word);
        let after = self.text.get(end..).unwrap_or_default();
        let fraction = after
            .strip_prefix('.')
            .filter(|digits| digits.starts_with(|c: char| c.is_ascii_digit()));
        match fraction {
            Some(digits) => end + 1 + digits.find(|c| !is_word(c)).unwrap_or(digits.len()),
            None => end,
        }
    }

    fn comment_end(&self) -> usize {
        let mut depth = 0_usize;
        let mut skip = false;
        for (index, pair) in self.rest().as_bytes().windows(2).enumerate() {
            match pair {
                _ if skip => skip = false,
                b"/*" => {
                    depth += 1;
                    skip = true;
                }
                b"*/" => {
                    depth -= 1;
                    skip = true;
                    if depth == 0 {
                        return self.at + index + 2;
                    }
                }
                _ => {}
            }
        }
        self.text.len()
    }

    /// An unclosed string ends with its line, unless a backslash joins the next one to it.
    fn quote_end(&self, quote: char) -> usize {
        let mut escaped = false;
        for (index, c) in self.rest().char_indices().skip(1) {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '\n' => return self.at + index,
                _ if c == quote => return self.at + index + 1,
                _ => {}
            }
        }
        self.text.len()
    }

    /// `#"…"#`, with any number of `#`.
    fn raw_string_end(&self) -> Option<usize> {
        let rest = self.rest();
        let hashes = rest.find(|c| c != '#')?;
        let body = rest.get(hashes..)?.strip_prefix('"')?;
        let closing = format!("\"{}", "#".repeat(hashes));
        let length = body
            .find(&closing)
            .map_or(body.len(), |end| end + closing.len());
        Some(self.at + hashes + 1 + length)
    }

    /// A part of a string in backticks, whose text goes on at `from`.
    fn template(&mut self, from: usize) {
        let body = self.text.get(from..).unwrap_or_default();
        let stop = body
            .char_indices()
            .find(|(index, c)| {
                *c == '`' || *c == '$' && body.get(index + 1..).is_some_and(|b| b.starts_with('{'))
            })
            .map(|(index, c)| (from + index, c));
        match stop {
            Some((end, '`')) => self.push(Kind::Text, end + 1),
            Some((end, _)) => {
                if end > self.at {
                    self.push(Kind::Text, end);
                }
                self.push(Kind::Open, end + 2);
                self.templates.push(0);
            }
            None => self.push(Kind::Text, self.text.len()),
        }
    }
}

fn is_word_start(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;
    use Kind::*;

    fn cut(text: &str) -> Vec<(Kind, &str)> {
        pieces(text)
            .into_iter()
            .map(|piece| (piece.kind, &text[piece.range]))
            .collect()
    }

    #[test]
    fn names_numbers_and_operators_end_where_they_should() {
        assert_eq!(
            cut("let x=ssh::run(1..5, 2.50, a?.b);"),
            [
                (Word, "let"),
                (Word, "x"),
                (Mark, "="),
                (Word, "ssh"),
                (Mark, "::"),
                (Word, "run"),
                (Open, "("),
                (Number, "1"),
                (Mark, ".."),
                (Number, "5"),
                (Mark, ","),
                (Number, "2.50"),
                (Mark, ","),
                (Word, "a"),
                (Mark, "?."),
                (Word, "b"),
                (Close, ")"),
                (Mark, ";"),
            ]
        );
    }

    #[test]
    fn a_negated_name_may_begin_with_in() {
        assert_eq!(
            cut("!input !in x"),
            [(Mark, "!"), (Word, "input"), (Mark, "!in"), (Word, "x")]
        );
    }

    #[test]
    fn comments_and_strings_hide_what_is_in_them() {
        assert_eq!(
            cut("#!/x\n\"a // \\\" b\" /* {1 /* 2 */ } */ 'c' // \"d\n#\"raw \" }\"# y"),
            [
                (Comment, "#!/x"),
                (Text, "\"a // \\\" b\""),
                (Comment, "/* {1 /* 2 */ } */"),
                (Text, "'c'"),
                (Comment, "// \"d"),
                (Text, "#\"raw \" }\"#"),
                (Word, "y"),
            ]
        );
    }

    #[test]
    fn the_script_within_a_template_is_script() {
        assert_eq!(
            cut("`a ${ #{b: `c${d}`}.b } e` f"),
            [
                (Text, "`a "),
                (Open, "${"),
                (Open, "#{"),
                (Word, "b"),
                (Mark, ":"),
                (Text, "`c"),
                (Open, "${"),
                (Word, "d"),
                (Close, "}"),
                (Text, "`"),
                (Close, "}"),
                (Mark, "."),
                (Word, "b"),
                (Close, "}"),
                (Text, " e`"),
                (Word, "f"),
            ]
        );
    }

    proptest::proptest! {
        #[test]
        fn pieces_are_in_order_and_whole_characters(text in "[a-z0-9\"'`${}()#/*\\\\ \n|é!=.:-]{0,60}") {
            let mut end = 0;
            for piece in pieces(&text) {
                proptest::prop_assert!(piece.range.start >= end && !piece.range.is_empty());
                proptest::prop_assert!(text.get(piece.range.clone()).is_some());
                let between = &text[end..piece.range.start];
                proptest::prop_assert!(between.trim().is_empty(), "left out: {between:?}");
                end = piece.range.end;
            }
            proptest::prop_assert!(text[end..].trim().is_empty());
        }
    }

    #[test]
    fn unclosed_things_end_without_a_panic() {
        for text in [
            "\"abc", "`abc ${", "`é", "/* /* */", "#\"x", "'", "#", "\"\\", "`${`${",
        ] {
            let pieces = pieces(text);
            assert!(
                pieces.iter().all(|p| text.get(p.range.clone()).is_some()),
                "{text}"
            );
        }
    }
}
