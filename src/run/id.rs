//! The id of a run: sortable by time, and short enough to say aloud.

use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// For example `20261124-0301-ab12`: UTC date and time, then four random characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(String);

/// Without `0 1 i l o u`: nobody misreads them, and no words come out.
const LETTERS: &[u8; 30] = b"23456789abcdefghjkmnpqrstvwxyz";

impl RunId {
    /// An id for a run that starts now.
    #[allow(clippy::new_without_default)]
    pub fn new() -> RunId {
        RunId::at(Utc::now())
    }

    fn at(time: DateTime<Utc>) -> RunId {
        // The standard library seeds its hashers from the system's random numbers.
        let mut random = RandomState::new().build_hasher().finish();
        let mut id = time.format("%Y%m%d-%H%M-").to_string();
        for _ in 0..4 {
            let index = (random % LETTERS.len() as u64) as usize;
            id.extend(LETTERS.get(index).copied().map(char::from));
            random /= LETTERS.len() as u64;
        }
        RunId(id)
    }

    /// Reads an id that a user typed, or a directory's name; `None` where it has another form.
    pub fn parse(text: &str) -> Option<RunId> {
        let shape = text.len() == 18
            && text.bytes().enumerate().all(|(at, byte)| match at {
                8 | 13 => byte == b'-',
                0..8 | 9..13 => byte.is_ascii_digit(),
                _ => byte.is_ascii_lowercase() || byte.is_ascii_digit(),
            });
        shape.then(|| RunId(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_time_and_differ() {
        let early = DateTime::from_timestamp(1_795_000_000, 0).unwrap();
        let late = DateTime::from_timestamp(1_795_000_060, 0).unwrap();
        assert!(RunId::at(early) < RunId::at(late));
        let same: std::collections::BTreeSet<_> = (0..50).map(|_| RunId::at(early)).collect();
        assert!(same.len() > 40, "{same:?}");
    }

    #[test]
    fn an_id_is_read_back_and_other_text_is_not() {
        let id = RunId::new();
        assert_eq!(RunId::parse(id.as_str()), Some(id));
        for text in [
            "",
            "20261124-0301",
            "20261124-0301-ab/2",
            "x0261124-0301-ab12",
            "latest",
        ] {
            assert_eq!(RunId::parse(text), None, "{text}");
        }
    }
}
