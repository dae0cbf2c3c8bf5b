//! Cuts a stream of bytes into lines, with bounded memory.

/// Longer lines come in pieces of about so many bytes.
pub const PIECE: usize = 16 * 1024;

/// A line without its line end, or a piece of a very long one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Bytes that are not UTF-8 are replaced by U+FFFD.
    pub text: String,
    /// The line goes on in the next piece.
    pub more: bool,
}

/// Takes bytes as they arrive and gives lines.
#[derive(Default)]
pub struct LineSplitter {
    buffer: Vec<u8>,
    /// A piece of the current line was given out already.
    started: bool,
}

impl LineSplitter {
    /// Takes bytes; `take` gets every line that they complete.
    pub fn push(&mut self, bytes: &[u8], mut take: impl FnMut(Line)) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let room = PIECE.saturating_sub(self.buffer.len()).max(1);
            let window = rest.get(..room).unwrap_or(rest);
            if let Some(end) = window.iter().position(|byte| *byte == b'\n') {
                self.buffer
                    .extend_from_slice(rest.get(..end).unwrap_or_default());
                rest = rest.get(end + 1..).unwrap_or_default();
                self.end_line(&mut take);
            } else {
                self.buffer.extend_from_slice(window);
                rest = rest.get(window.len()..).unwrap_or_default();
                if self.buffer.len() >= PIECE {
                    self.end_piece(&mut take);
                }
            }
        }
    }

    /// Gives the last line where the stream ended without a line end.
    pub fn finish(&mut self, mut take: impl FnMut(Line)) {
        if self.started || !self.buffer.is_empty() {
            self.end_line(&mut take);
        }
    }

    fn end_line(&mut self, take: &mut impl FnMut(Line)) {
        if self.buffer.last() == Some(&b'\r') {
            self.buffer.pop();
        }
        take(Line {
            text: String::from_utf8_lossy(&self.buffer).into_owned(),
            more: false,
        });
        self.buffer.clear();
        self.started = false;
    }

    fn end_piece(&mut self, take: &mut impl FnMut(Line)) {
        let rest = self.buffer.split_off(cut(&self.buffer));
        take(Line {
            text: String::from_utf8_lossy(&self.buffer).into_owned(),
            more: true,
        });
        self.buffer = rest;
        self.started = true;
    }
}

/// Where to cut a piece: not within a character, not between `\r` and `\n`.
fn cut(bytes: &[u8]) -> usize {
    for back in 1..=3 {
        let at = bytes.len().saturating_sub(back);
        let Some(byte) = bytes.get(at) else { break };
        if *byte == b'\r' && back == 1 {
            return at;
        }
        let width = match byte {
            0xC0..=0xDF => 2,
            0xE0..=0xEF => 3,
            0xF0..=0xF7 => 4,
            // A continuation: look further back for its start.
            0x80..=0xBF => continue,
            _ => break,
        };
        return if width > back { at } else { bytes.len() };
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn split(pieces: &[&[u8]]) -> Vec<Line> {
        let mut lines = Vec::new();
        let mut splitter = LineSplitter::default();
        for piece in pieces {
            splitter.push(piece, |line| lines.push(line));
        }
        splitter.finish(|line| lines.push(line));
        lines
    }

    fn texts(pieces: &[&[u8]]) -> Vec<String> {
        split(pieces).into_iter().map(|line| line.text).collect()
    }

    #[test]
    fn lines_end_where_the_stream_says() {
        assert_eq!(
            texts(&[b"one\ntw", b"o\r\n\nlast"]),
            ["one", "two", "", "last"]
        );
        assert_eq!(texts(&[b"one\n"]), ["one"]);
        assert_eq!(texts(&[b""]), [""; 0]);
    }

    #[test]
    fn bytes_that_are_not_text_do_no_harm() {
        assert_eq!(texts(&[b"a\xff\xfeb\n"]), ["a\u{fffd}\u{fffd}b"]);
    }

    #[test]
    fn a_very_long_line_comes_in_pieces() {
        let line = "é".repeat(PIECE * 2);
        let lines = split(&[line.as_bytes(), b"\nnext\n"]);
        assert!(lines.iter().all(|line| line.text.len() <= PIECE));
        let (next, pieces) = lines.split_last().unwrap();
        assert_eq!(next.text, "next");
        assert!(pieces.iter().rev().skip(1).all(|piece| piece.more));
        assert!(!pieces.last().unwrap().more);
        assert_eq!(
            pieces
                .iter()
                .map(|piece| piece.text.as_str())
                .collect::<String>(),
            line
        );
    }

    #[test]
    fn a_line_end_at_a_piece_border_is_not_text() {
        let line = format!("{}\r\n", "x".repeat(PIECE - 1));
        let lines = texts(&[line.as_bytes()]);
        assert_eq!(lines.concat(), "x".repeat(PIECE - 1));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn how_the_stream_is_cut_does_not_matter(
            text in "[a-zé日\n]{0,200}",
            cuts in prop::collection::vec(0usize..200, 0..6),
        ) {
            let bytes = text.as_bytes();
            let mut at: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).chain([0, bytes.len()]).collect();
            at.sort_unstable();
            let pieces: Vec<&[u8]> = at.windows(2).map(|w| &bytes[w[0]..w[1]]).collect();
            let expected: Vec<&str> = text.lines().collect();
            prop_assert_eq!(texts(&pieces), expected);
        }
    }
}
