//! The end of a command's output, in bounded memory.

/// Keeps the last bytes of what is pushed and counts all of them.
#[derive(Debug, Default)]
pub(super) struct Capture {
    limit: usize,
    kept: Vec<u8>,
    total: u64,
}

impl Capture {
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            ..Self::default()
        }
    }

    pub fn push(&mut self, data: &[u8]) {
        self.total += data.len() as u64;
        let skip = data.len().saturating_sub(self.limit);
        self.kept
            .extend_from_slice(data.get(skip..).unwrap_or_default());
        // Moved rarely, so that each byte is moved about once.
        if self.kept.len() > self.limit.saturating_mul(2) {
            self.trim();
        }
    }

    fn trim(&mut self) {
        let excess = self.kept.len().saturating_sub(self.limit);
        self.kept.drain(..excess);
    }

    /// What was kept, and how many bytes there were in all.
    pub fn finish(mut self) -> (Vec<u8>, u64) {
        self.trim();
        (self.kept, self.total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_stays_and_the_count_is_right() {
        let mut capture = Capture::new(10);
        for round in 0..1000_u32 {
            capture.push(format!("{round:04}").as_bytes());
            assert!(capture.kept.len() <= 24);
        }
        let (kept, total) = capture.finish();
        assert_eq!((kept.as_slice(), total), (&b"9709980999"[..], 4000));
    }

    #[test]
    fn one_push_larger_than_the_limit() {
        let mut capture = Capture::new(3);
        capture.push(b"abcdefghij");
        assert_eq!(capture.finish(), (b"hij".to_vec(), 10));
    }

    #[test]
    fn nothing_is_kept_when_nothing_is_wanted() {
        let mut capture = Capture::new(0);
        capture.push(b"abc");
        assert_eq!(capture.finish(), (Vec::new(), 3));
    }
}
