//! Keys of the platform as its database has them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use rhai::{Dynamic, Map};
use sha2::{Digest, Sha256};

use crate::diag::Failure;
use crate::engine::Call;
use crate::engine::raise::Raise;

pub fn key_hash(call: &mut Call) -> Result<Dynamic, Raise> {
    let key = call.text(0)?;
    let facts = facts(key.expose()).ok_or_else(|| {
        Failure::usage(
            "pg.key",
            "the key is no prefix with an even number of hexadecimal digits behind it",
        )
        .help("such as `e2b_` and 40 digits: `openssl rand -hex 20`")
    })?;
    let fields: [(&str, Dynamic); 5] = [
        ("hash", facts.hash.into()),
        ("prefix", facts.prefix.into()),
        ("length", facts.length.into()),
        ("mask_prefix", facts.first.into()),
        ("mask_suffix", facts.last.into()),
    ];
    Ok(fields
        .into_iter()
        .map(|(name, field)| (name.into(), field))
        .collect::<Map>()
        .into())
}

struct Facts {
    hash: String,
    prefix: String,
    length: i64,
    first: String,
    last: String,
}

fn facts(key: &str) -> Option<Facts> {
    let at = key.rfind('_')? + 1;
    let (prefix, digits) = key.split_at_checked(at)?;
    // shorter, and the mask would show all of it
    if digits.len() < 8 || digits.len() % 2 != 0 || !digits.is_ascii() {
        return None;
    }
    let bytes: Vec<u8> = (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok())
        .collect::<Option<_>>()?;
    Some(Facts {
        hash: format!("$sha256${}", STANDARD_NO_PAD.encode(Sha256::digest(&bytes))),
        prefix: prefix.to_owned(),
        length: i64::try_from(digits.len()).ok()?,
        first: digits.get(..2)?.to_owned(),
        last: digits.get(digits.len() - 4..)?.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_of_the_bytes_behind_the_digits() {
        let team = facts("e2b_53ae1fed82754c17ad8077fbc8bcdd90").unwrap();
        assert_eq!(
            team.hash,
            "$sha256$RLrLQtatBzJCfetucGulV+lw+EZ/YXV1/3LBxlsAXYk"
        );
        assert_eq!(
            (&*team.prefix, team.length, &*team.first, &*team.last),
            ("e2b_", 32, "53", "dd90")
        );
        let user = facts("sk_e2b_89215020937a4c989cde33d7bc647715").unwrap();
        assert_eq!(
            user.hash,
            "$sha256$wfnRCUXfDM3oHtm8Y/FiQ3UV+NKl0zS0qOTH6tUF1Bk"
        );
        assert_eq!(
            (&*user.prefix, &*user.first, &*user.last),
            ("sk_e2b_", "89", "7715")
        );
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for text in [
            "",
            "e2b_",
            "e2b_123",
            "e2b_12345",
            "e2b_zzzzzzzz",
            "12345678",
        ] {
            assert!(facts(text).is_none(), "{text}");
        }
    }
}
