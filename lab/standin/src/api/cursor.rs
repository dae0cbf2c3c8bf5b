//! Pages of lists: where one ended, the next begins.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use chrono::{DateTime, Utc};

use super::answer::Answer;
use super::time;

/// The last item of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// When it was started.
    pub time: DateTime<Utc>,
    /// Its id.
    pub id: String,
}

impl Cursor {
    /// As clients carry it.
    pub fn encode(&self) -> String {
        URL_SAFE.encode(format!("{}__{}", time::text(self.time), self.id))
    }

    /// What a client carries.
    pub fn decode(text: &str) -> Result<Cursor, Answer> {
        let read = || {
            let plain = String::from_utf8(URL_SAFE.decode(text).ok()?).ok()?;
            let (moment, id) = plain.split_once("__")?;
            Some(Cursor {
                time: time::parse(moment)?,
                id: id.to_owned(),
            })
        };
        read().ok_or_else(|| Answer::problem(400, "Invalid next token"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_are_the_platforms() {
        let text = "MjAyNS0xMS0xNVQxMDowMDowMC4xMjM0NTY3ODlaX19pYWJjZGVmZ2hpajAxMjM0NTY3ODk=";
        let cursor = Cursor::decode(text).unwrap();
        assert_eq!(cursor.id, "iabcdefghij0123456789");
        assert_eq!(cursor.encode(), text);
        assert!(Cursor::decode("abc").is_err());
    }
}
