//! Keys of teams and tokens of users: made, hashed, masked.

use aws_lc_rs::{digest, hmac};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde_json::{Value, json};

use super::id;

/// What a team's key begins with.
pub const TEAM: &str = "e2b_";
/// What a user's access token begins with.
pub const USER: &str = "sk_e2b_";

/// A key as the database describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The whole of it; only its owner may see that.
    pub value: String,
    /// [`TEAM`] or [`USER`].
    pub prefix: &'static str,
}

impl Key {
    /// A new one: 20 random bytes.
    pub fn random(prefix: &'static str) -> Key {
        Key {
            value: format!("{prefix}{}", hex(&id::random::<20>())),
            prefix,
        }
    }

    /// How many characters are behind the prefix.
    pub fn length(&self) -> i32 {
        i32::try_from(self.rest().len()).unwrap_or(i32::MAX)
    }

    /// The first characters behind the prefix, which may be shown.
    pub fn mask_prefix(&self) -> &str {
        self.rest().get(..2).unwrap_or_default()
    }

    /// The last characters, which may be shown.
    pub fn mask_suffix(&self) -> &str {
        let rest = self.rest();
        rest.get(rest.len().saturating_sub(4)..).unwrap_or_default()
    }

    fn rest(&self) -> &str {
        self.value.strip_prefix(self.prefix).unwrap_or_default()
    }

    /// What is shown of it.
    pub fn mask(&self) -> Value {
        mask(
            self.prefix,
            self.length(),
            self.mask_prefix(),
            self.mask_suffix(),
        )
    }
}

/// What is shown of a key.
pub fn mask(prefix: &str, length: i32, first: &str, last: &str) -> Value {
    json!({
        "prefix": prefix,
        "valueLength": length,
        "maskedValuePrefix": first,
        "maskedValueSuffix": last,
    })
}

/// What the database knows a key by; `None` for what is no key.
pub fn hash(value: &str, prefix: &str) -> Option<String> {
    let bytes = unhex(value.strip_prefix(prefix)?)?;
    let hash = digest::digest(&digest::SHA256, &bytes);
    Some(format!("$sha256${}", STANDARD_NO_PAD.encode(hash)))
}

/// The token that a secure sandbox's envd wants.
pub fn envd_token(seed: &str, sandbox: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, seed.as_bytes());
    hex(hmac::sign(&key, sandbox.as_bytes()).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_and_masks_are_the_platforms() {
        let key = Key {
            value: "e2b_53ae1fed82754c17ad8077fbc8bcdd90".to_owned(),
            prefix: TEAM,
        };
        assert_eq!(
            hash(&key.value, TEAM).as_deref(),
            Some("$sha256$RLrLQtatBzJCfetucGulV+lw+EZ/YXV1/3LBxlsAXYk")
        );
        assert_eq!(
            (key.length(), key.mask_prefix(), key.mask_suffix()),
            (32, "53", "dd90")
        );
        assert_eq!(
            hash("sk_e2b_89215020937a4c989cde33d7bc647715", USER).as_deref(),
            Some("$sha256$wfnRCUXfDM3oHtm8Y/FiQ3UV+NKl0zS0qOTH6tUF1Bk")
        );
        assert_eq!(hash("e2b_x", TEAM), None);
    }

    #[test]
    fn envd_tokens_depend_on_the_seed() {
        assert_eq!(
            envd_token("test-seed", "isandbox000000000000a"),
            "0619f64a6df0909fb9fe49d11bfb221c8bbc06a1b59cee1a6da133e610093667"
        );
    }
}
