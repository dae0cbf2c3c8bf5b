//! Permission bits.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

/// The permission bits of a file, `0644`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Mode(u32);

impl Mode {
    /// From bits, of which only the lowest twelve count.
    pub const fn new(bits: u32) -> Mode {
        Mode(bits & 0o7777)
    }

    pub fn bits(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04o}", self.0)
    }
}

impl Serialize for Mode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A text that is no mode.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is no mode: three or four octal digits are needed, for example \"0644\"")]
pub struct BadMode(String);

impl FromStr for Mode {
    type Err = BadMode;

    fn from_str(text: &str) -> Result<Mode, BadMode> {
        let digits = text.strip_prefix("0o").unwrap_or(text);
        let right = (3..=4).contains(&digits.len())
            && digits.bytes().all(|digit| (b'0'..=b'7').contains(&digit));
        match u32::from_str_radix(digits, 8) {
            Ok(bits) if right => Ok(Mode(bits)),
            _ => Err(BadMode(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octal_digits_and_nothing_else() {
        assert_eq!("0644".parse(), Ok(Mode(0o644)));
        assert_eq!("755".parse(), Ok(Mode(0o755)));
        assert_eq!("0o4755".parse(), Ok(Mode(0o4755)));
        for bad in ["", "7", "0888", "u+x", "00644", "-644"] {
            assert!(bad.parse::<Mode>().is_err(), "{bad}");
        }
        assert_eq!(Mode(0o600).to_string(), "0600");
    }
}
