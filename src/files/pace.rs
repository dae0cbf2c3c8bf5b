//! When compression pays, and when it only holds a fast connection up.

use std::io::{self, Write};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

/// Longest run of raw blocks between two tries on a fast connection.
const LONGEST_REST: u32 = 64;
/// Largest share of its size that a worthwhile block keeps.
const WORTH_RATIO: f64 = 0.8;

/// Whether contents are compressed on the wire.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Compress {
    /// Contents of 1 MiB and more that compress, as long as the connection is slower than the
    /// compressor.
    #[default]
    Auto,
    On,
    Off,
}

/// Whether a block that went from `size` to `packed` bytes was worth it.
pub(super) fn is_worth(packed: usize, size: usize) -> bool {
    (packed as f64) < size as f64 * WORTH_RATIO
}

pub(super) fn gzip(block: &[u8]) -> io::Result<Bytes> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(block.len() / 2), Compression::fast());
    encoder.write_all(block)?;
    Ok(Bytes::from(encoder.finish()?))
}

/// When to compress and when to rest.
pub(super) struct Pace {
    always: bool,
    first: bool,
    rest: u32,
    next_rest: u32,
}

impl Pace {
    pub fn new(compress: Compress) -> Pace {
        Pace {
            always: compress == Compress::On,
            first: true,
            rest: if compress == Compress::Off {
                u32::MAX
            } else {
                0
            },
            next_rest: 2,
        }
    }

    pub fn compress_next(&mut self) -> bool {
        if self.always || self.rest == 0 {
            return true;
        }
        if self.rest != u32::MAX {
            self.rest -= 1;
        }
        false
    }

    /// Tells whether the last block was not worth its time.
    pub fn compressed(&mut self, in_vain: bool) {
        if self.first {
            // Nothing could have been waiting yet.
            self.first = false;
        } else if in_vain {
            self.rest = self.next_rest;
            self.next_rest = (self.next_rest * 2).min(LONGEST_REST);
        } else {
            self.next_rest = 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fast_connection_is_left_alone_for_longer_and_longer() {
        let mut pace = Pace::new(Compress::Auto);
        let mut tries = 0;
        for _ in 0..200 {
            if pace.compress_next() {
                tries += 1;
                pace.compressed(true);
            }
        }
        assert!(tries <= 10, "{tries}");
        let mut pace = Pace::new(Compress::Auto);
        for _ in 0..50 {
            assert!(pace.compress_next());
            pace.compressed(false);
        }
    }
}
