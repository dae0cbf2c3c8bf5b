//! From Rhai's positions to ranges of bytes.
//!
//! A position is a line and a *character* of that line, both counted from 1; it says where a thing
//! starts. Reports underline the whole name, string or operator that starts there.

use std::ops::Range;

use rhai::Position;

use super::scan::{Kind, Piece, pieces};

/// A script's text with its pieces, cut once for all questions about it.
pub struct Text<'a> {
    text: &'a str,
    pieces: Vec<Piece>,
}

/// Bytes of the text.
pub type Span = Range<usize>;

impl<'a> Text<'a> {
    pub fn new(text: &'a str) -> Text<'a> {
        Text {
            text,
            pieces: pieces(text),
        }
    }

    /// The byte at which `position` stands; `None` without a line or beyond the text.
    pub fn offset(&self, position: Position) -> Option<usize> {
        let line = position.line()?;
        let start = match line {
            1 => 0,
            _ => self.text.match_indices('\n').nth(line - 2)?.0 + 1,
        };
        let rest = self.text.get(start..)?;
        let length = rest.find('\n').unwrap_or(rest.len());
        let column = position.position().unwrap_or(1);
        let within = rest
            .get(..length)?
            .char_indices()
            .nth(column - 1)
            .map_or(length, |(index, _)| index);
        Some(start + within)
    }

    /// The whole piece that starts at `position`, or the one character there.
    pub fn at(&self, position: Position) -> Option<Span> {
        let offset = self.offset(position)?;
        if let Some(index) = self.index_at(offset) {
            return Some(self.whole(index));
        }
        let length = self
            .text
            .get(offset..)?
            .chars()
            .next()
            .map_or(0, char::len_utf8);
        Some(offset..offset + length)
    }

    /// The end of what stands before `position`, blanks and comments left out: where something is
    /// missing. One character long, so that it shows.
    pub fn before(&self, position: Position) -> Option<Span> {
        let offset = self.offset(position)?;
        let last = self
            .pieces
            .iter()
            .rfind(|piece| piece.range.end <= offset && piece.kind != Kind::Comment)?;
        let width = self
            .text
            .get(last.range.clone())?
            .chars()
            .next_back()
            .map_or(1, char::len_utf8);
        Some(last.range.end - width..last.range.end)
    }

    /// The piece that ends before `position`, blanks and comments left out.
    pub fn piece_before(&self, position: Position) -> Option<(Kind, &'a str)> {
        let offset = self.offset(position)?;
        let piece = self
            .pieces
            .iter()
            .rfind(|piece| piece.range.end <= offset && piece.kind != Kind::Comment)?;
        Some((piece.kind, self.text.get(piece.range.clone())?))
    }

    /// The piece that `position` is in.
    pub fn piece_at(&self, position: Position) -> Option<(Kind, &'a str)> {
        let index = self.index_at(self.offset(position)?)?;
        Some((self.kind(index)?, self.slice(index)?))
    }

    /// The piece behind the one at `position`.
    pub fn after(&self, position: Position) -> Option<&'a str> {
        let offset = self.offset(position)?;
        let mut later = self
            .pieces
            .iter()
            .filter(|piece| piece.range.start > offset && piece.kind != Kind::Comment);
        self.text.get(later.next()?.range.clone())
    }

    /// The name at `position` with the modules before it: `stage::run`.
    pub fn path(&self, position: Position) -> Option<&'a str> {
        let offset = self.offset(position)?;
        let (mut first, mut last) = (self.index_at(offset)?, self.index_at(offset)?);
        let is = |index: usize, text: &str| self.slice(index) == Some(text);
        while first >= 2 && is(first - 1, "::") {
            first -= 2;
        }
        while is(last + 1, "::") && self.kind(last + 2) == Some(Kind::Word) {
            last += 2;
        }
        let range = self.pieces.get(first)?.range.start..self.pieces.get(last)?.range.end;
        (self.kind(first)? == Kind::Word).then(|| self.text.get(range))?
    }

    /// Whether the name at `position` is called as a method: `x.name(…)`.
    pub fn is_method(&self, position: Position) -> bool {
        self.piece_before(position)
            .is_some_and(|(_, text)| matches!(text, "." | "?."))
    }

    /// The bracket that is open at `position` and most likely should not be: the one that a less
    /// indented bracket closed, else the innermost.
    pub fn open_bracket(&self, position: Position) -> Option<Span> {
        let offset = self.offset(position)?;
        let mut open: Vec<Span> = Vec::new();
        let mut suspect = None;
        for piece in self
            .pieces
            .iter()
            .take_while(|piece| piece.range.start < offset)
        {
            match piece.kind {
                Kind::Open => open.push(piece.range.clone()),
                Kind::Close => {
                    let opened = open.pop();
                    let wrong = opened.filter(|opened| {
                        let own_line = self.indent(piece.range.start);
                        own_line.1 && own_line.0 < self.indent(opened.start).0
                    });
                    suspect = suspect.or(wrong);
                }
                _ => {}
            }
        }
        let innermost = open.pop()?;
        Some(suspect.unwrap_or(innermost))
    }

    /// How far the line of a byte is indented, and whether the byte is the first thing in it.
    fn indent(&self, offset: usize) -> (usize, bool) {
        let before = self.text.get(..offset).unwrap_or_default();
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = self.text.get(start..).unwrap_or_default();
        let indent = line.len() - line.trim_start().len();
        (indent, start + indent == offset)
    }

    /// Whether nothing but blanks and comments follows `position`.
    pub fn is_end(&self, position: Position) -> bool {
        self.offset(position).is_none_or(|offset| {
            !self
                .pieces
                .iter()
                .any(|piece| piece.range.end > offset && piece.kind != Kind::Comment)
        })
    }

    /// The strings that are cases of the `switch` whose value begins at `offset`, without their quotes.
    pub fn cases(&self, offset: usize) -> Vec<(String, Span)> {
        let mut cases = Vec::new();
        let mut depth = 0_usize;
        let mut within = false;
        let behind = self
            .pieces
            .iter()
            .enumerate()
            .filter(|(_, piece)| piece.range.start >= offset);
        for (index, piece) in behind {
            match piece.kind {
                Kind::Open => {
                    within |= depth == 0 && self.slice(index) == Some("{");
                    depth += 1;
                }
                Kind::Close if depth <= 1 && within => break,
                Kind::Close => depth = depth.saturating_sub(1),
                Kind::Text if within && depth == 1 => {
                    let begins = matches!(
                        index.checked_sub(1).and_then(|before| self.slice(before)),
                        Some("{" | "," | "|" | "}")
                    );
                    let ends = matches!(self.slice(index + 1), Some("=>" | "|" | "if"));
                    let text = self
                        .slice(index)
                        .and_then(|text| text.strip_prefix('"')?.strip_suffix('"'));
                    if begins
                        && ends
                        && let Some(text) = text
                    {
                        cases.push((text.to_owned(), piece.range.clone()));
                    }
                }
                _ => {}
            }
        }
        cases
    }

    /// The byte at which the name of a function stands in its definition.
    pub fn definition(&self, name: &str) -> Option<usize> {
        let mut names = self.pieces.iter().enumerate().filter(|(index, _)| {
            let before = index.checked_sub(1).and_then(|before| self.slice(before));
            before == Some("fn") && self.slice(*index) == Some(name)
        });
        names.next().map(|(_, piece)| piece.range.start)
    }

    /// Every name and keyword, in order.
    pub fn words(&self) -> impl Iterator<Item = &'a str> + '_ {
        self.pieces
            .iter()
            .filter(|piece| piece.kind == Kind::Word)
            .filter_map(|piece| self.text.get(piece.range.clone()))
    }

    /// Names that `let`, `const`, `for` or a parameter list may have declared.
    pub fn declared(&self) -> Vec<&'a str> {
        let mut names = Vec::new();
        let mut in_parameters = false;
        for (index, piece) in self.pieces.iter().enumerate() {
            let before = index.checked_sub(1).and_then(|before| self.slice(before));
            match piece.kind {
                Kind::Word => {
                    let introduced = matches!(before, Some("let" | "const" | "for"));
                    if introduced || in_parameters {
                        names.extend(self.slice(index));
                    }
                }
                Kind::Mark if self.slice(index) == Some("|") => {
                    in_parameters = !in_parameters && !self.is_value(index.wrapping_sub(1));
                }
                Kind::Mark if in_parameters => in_parameters = self.slice(index) == Some(","),
                Kind::Open => {
                    let two_before = index.checked_sub(2).and_then(|before| self.slice(before));
                    in_parameters =
                        two_before == Some("fn") || matches!(before, Some("for" | "catch"));
                }
                _ => in_parameters = false,
            }
        }
        names
    }

    /// Line and character at a byte, both counted from 1.
    pub fn line_column(&self, offset: usize) -> (usize, usize) {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let column = before.get(start..).unwrap_or_default().chars().count() + 1;
        (before.matches('\n').count() + 1, column)
    }

    /// A line of the text, counted from 1.
    pub fn line(&self, number: usize) -> Option<&'a str> {
        self.text.lines().nth(number.checked_sub(1)?)
    }

    fn index_at(&self, offset: usize) -> Option<usize> {
        self.pieces
            .iter()
            .position(|piece| piece.range.start <= offset && offset < piece.range.end)
    }

    /// A closure's parameters and the rest of a one-line template belong to their first piece.
    fn whole(&self, index: usize) -> Span {
        let Some(piece) = self.pieces.get(index) else {
            return 0..0;
        };
        let start = piece.range.start;
        let line_end = self
            .text
            .get(start..)
            .and_then(|rest| rest.find('\n'))
            .map_or(self.text.len(), |end| start + end);
        let until = |stop: &dyn Fn(&str) -> bool| {
            self.pieces
                .iter()
                .skip(index + 1)
                .take_while(|next| next.range.end <= line_end)
                .find(|next| self.text.get(next.range.clone()).is_some_and(stop))
                .map(|next| start..next.range.end)
        };
        let text = self.text.get(piece.range.clone()).unwrap_or_default();
        let longer = match piece.kind {
            Kind::Mark if text == "|" => until(&|text| text == "|"),
            Kind::Text if text.starts_with('`') && (text.len() == 1 || !text.ends_with('`')) => {
                until(&|text| text.ends_with('`'))
            }
            _ => None,
        };
        longer.unwrap_or(start..piece.range.end.min(line_end.max(start + 1)))
    }

    /// Whether an operator may follow the piece, so that `|` after it is one.
    fn is_value(&self, index: usize) -> bool {
        match self.kind(index) {
            Some(Kind::Word) => self.slice(index) != Some("return"),
            Some(Kind::Number | Kind::Text | Kind::Close) => true,
            _ => false,
        }
    }

    fn slice(&self, index: usize) -> Option<&'a str> {
        self.text.get(self.pieces.get(index)?.range.clone())
    }

    fn kind(&self, index: usize) -> Option<Kind> {
        Some(self.pieces.get(index)?.kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, line: u16, column: u16) -> &str {
        let span = Text::new(text).at(Position::new(line, column)).unwrap();
        &text[span]
    }

    #[test]
    fn columns_are_characters_and_spans_are_bytes() {
        let text = "let a = \"äöü\" + nme;\n`ß ${größe}`";
        assert_eq!(at(text, 1, 9), "\"äöü\"");
        assert_eq!(at(text, 1, 17), "nme");
        assert_eq!(at(text, 2, 6), "größe");
        assert_eq!(at(text, 2, 1), "`ß ${größe}`");
    }

    #[test]
    fn closures_and_operators_are_underlined_whole() {
        assert_eq!(at("f(|a, b| a)", 1, 3), "|a, b|");
        assert_eq!(at("a == b", 1, 3), "==");
        assert_eq!(at("`one\ntwo`", 1, 1), "`one");
        assert_eq!(at("x", 1, 9), "");
    }

    #[test]
    fn what_is_missing_is_missed_behind_the_last_thing() {
        let text = "let x = 1 // one\n\nlet y = 2;";
        let span = Text::new(text).before(Position::new(3, 1)).unwrap();
        assert_eq!(span, 8..9);
        assert_eq!(Text::new(text).line_column(span.end), (1, 10));
    }

    #[test]
    fn a_call_is_named_with_its_modules() {
        let text = "a::b::run(x); y.go()";
        let text = Text::new(text);
        assert_eq!(text.path(Position::new(1, 7)), Some("a::b::run"));
        assert_eq!(text.path(Position::new(1, 1)), Some("a::b::run"));
        assert_eq!(text.path(Position::new(1, 17)), Some("go"));
        assert!(text.is_method(Position::new(1, 17)));
        assert!(!text.is_method(Position::new(1, 7)));
    }

    #[test]
    fn the_innermost_open_bracket_is_found() {
        let text = "if a { f([1, \"}\" ";
        let bracket = Text::new(text).open_bracket(Position::new(1, 17)).unwrap();
        assert_eq!(&text[bracket], "[");
    }

    #[test]
    fn a_less_indented_bracket_tells_which_one_is_missing() {
        let text = "for a in b {\n    if a {\n        c();\n}\n";
        let bracket = Text::new(text).open_bracket(Position::new(5, 1)).unwrap();
        assert_eq!(bracket, 22..23);
    }

    #[test]
    fn declarations_are_seen_wherever_they_stand() {
        let text =
            "let a = |b, c| a | d; fn e(f) {} for (g, h) in i { const j = 1; } for k in l {}";
        assert_eq!(
            Text::new(text).declared(),
            ["a", "b", "c", "f", "g", "h", "j", "k"]
        );
    }
}
