//! The records that scripts answer with: a header line, a payload, NUL.

use std::collections::VecDeque;

/// The header of the record that every script sends first.
const HELLO: &[u8] = b"\0hello ";
/// Longest record that is accepted; a host that sends more is not listened to.
const LONGEST: usize = 8 << 20;

/// One answer of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    /// The header's first word.
    pub tag: String,
    /// Its other words.
    pub words: Vec<String>,
    pub payload: Vec<u8>,
}

impl Record {
    fn parse(bytes: &[u8]) -> Record {
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let (header, payload) = match end {
            Some(end) => (
                bytes.get(..end).unwrap_or_default(),
                bytes.get(end + 1..).unwrap_or_default(),
            ),
            None => (bytes, &[][..]),
        };
        let header = String::from_utf8_lossy(header).into_owned();
        let mut words = header.split(' ').map(str::to_owned);
        Record {
            tag: words.next().unwrap_or_default(),
            words: words.collect(),
            payload: payload.to_vec(),
        }
    }

    /// The payload as text, losing what is no UTF-8.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.payload).into_owned()
    }

    /// The header's word at `index`, as a number.
    pub fn number(&self, index: usize) -> Option<usize> {
        self.words.get(index)?.parse().ok()
    }
}

/// Takes records apart as their bytes come, after whatever a login shell printed first.
#[derive(Debug, Default)]
pub(super) struct Records {
    pending: Vec<u8>,
    greeted: bool,
    overflowed: bool,
    ready: VecDeque<Record>,
}

impl Records {
    pub fn feed(&mut self, chunk: &[u8]) {
        self.pending.extend_from_slice(chunk);
        if !self.greeted {
            let Some(at) = find(&self.pending, HELLO) else {
                self.limit();
                return;
            };
            self.pending.drain(..=at);
            self.greeted = true;
        }
        let mut start = 0;
        while let Some(length) = self
            .pending
            .get(start..)
            .and_then(|rest| rest.iter().position(|byte| *byte == 0))
        {
            if let Some(record) = self.pending.get(start..start + length) {
                self.ready.push_back(Record::parse(record));
            }
            start += length + 1;
        }
        self.pending.drain(..start);
        self.limit();
    }

    pub fn next(&mut self) -> Option<Record> {
        self.ready.pop_front()
    }

    /// Whether the script has started at all.
    pub fn greeted(&self) -> bool {
        self.greeted
    }

    /// Whether the host sent something that can be no record.
    pub fn overflowed(&self) -> bool {
        self.overflowed
    }

    fn limit(&mut self) {
        if self.pending.len() > LONGEST {
            self.overflowed = true;
            self.pending.clear();
        }
    }
}

/// Takes an answer apart that is one record and raw bytes after it.
#[derive(Debug, Default)]
pub(super) struct Split {
    pending: Vec<u8>,
    greeted: bool,
    header: Option<Record>,
}

impl Split {
    /// Takes what came and returns the raw bytes in it.
    pub fn feed<'a>(&mut self, chunk: &'a [u8]) -> &'a [u8] {
        if self.header.is_some() {
            return chunk;
        }
        let before = self.pending.len();
        self.pending.extend_from_slice(chunk);
        let mut start = 0;
        if !self.greeted {
            let Some(at) = find(&self.pending, HELLO) else {
                // What is longer than a greeting of a login shell can only be noise.
                if self.pending.len() > LONGEST {
                    self.pending.clear();
                }
                return &[];
            };
            start = at + 1;
        }
        let mut ends = self
            .pending
            .iter()
            .enumerate()
            .skip(start)
            .filter(|(_, byte)| **byte == 0)
            .map(|(at, _)| at);
        let hello = match self.greeted {
            true => None,
            false => match ends.next() {
                Some(end) => Some(end),
                None => return &[],
            },
        };
        let begin = hello.map_or(start, |end| end + 1);
        let Some(end) = ends.next() else {
            return &[];
        };
        self.greeted = true;
        self.header = self.pending.get(begin..end).map(Record::parse);
        self.pending.clear();
        chunk
            .get((end + 1).saturating_sub(before)..)
            .unwrap_or_default()
    }

    /// Whether the script has started at all.
    pub fn greeted(&self) -> bool {
        self.greeted || find(&self.pending, HELLO).is_some()
    }

    /// The record, once it has come.
    pub fn header(&self) -> Option<&Record> {
        self.header.as_ref()
    }
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(chunks: &[&[u8]]) -> Vec<Record> {
        let mut records = Records::default();
        for chunk in chunks {
            records.feed(chunk);
        }
        std::iter::from_fn(|| records.next()).collect()
    }

    #[test]
    fn noise_of_a_login_shell_is_skipped_and_chunks_may_split_anywhere() {
        let whole = b"Welcome\n\0hello 17\ngzip\0link 3\na\nb\0end\n\0";
        let expected = all(&[whole]);
        assert_eq!(expected.len(), 3);
        assert_eq!(expected[0].tag, "hello");
        assert_eq!(expected[1].number(0), Some(3));
        assert_eq!(expected[1].payload, b"a\nb");
        for cut in 0..whole.len() {
            assert_eq!(all(&[&whole[..cut], &whole[cut..]]), expected);
        }
    }

    #[test]
    fn raw_bytes_after_a_record_come_through_wherever_chunks_end() {
        let whole = b"motd\0\0hello 9\ngzip\0file 5 644\n\0a\0b\0c";
        for cut in 0..whole.len() {
            let mut split = Split::default();
            let mut raw = split.feed(&whole[..cut]).to_vec();
            raw.extend_from_slice(split.feed(&whole[cut..]));
            assert_eq!(raw, b"a\0b\0c", "{cut}");
            assert_eq!(split.header().unwrap().words, ["5", "644"]);
            assert!(split.greeted());
        }
    }

    #[test]
    fn endless_answers_are_not_kept() {
        let mut records = Records::default();
        for _ in 0..20 {
            records.feed(&vec![b'x'; 1 << 20]);
        }
        assert!(records.overflowed());
        assert!(records.pending.len() <= LONGEST + (1 << 20));
    }
}
