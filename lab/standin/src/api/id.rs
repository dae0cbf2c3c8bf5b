//! The platform's ids: made, read and cut.

use aws_lc_rs::rand;

use super::answer::Answer;

const LETTERS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";

/// Random bytes; zeros should the kernel have none, which an id survives.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    let _ = rand::fill(&mut bytes);
    bytes
}

/// A template's id: 20 letters and digits.
pub fn template() -> String {
    random::<20>()
        .iter()
        .filter_map(|byte| LETTERS.get(usize::from(*byte) % LETTERS.len()))
        .map(|letter| char::from(*letter))
        .collect()
}

/// A sandbox's id.
pub fn sandbox() -> String {
    format!("i{}", template())
}

/// A random (version 4) UUID.
pub fn uuid() -> String {
    let mut value = u128::from_be_bytes(random());
    value = (value & !(0xf << 76)) | (0x4 << 76);
    value = (value & !(0x3 << 62)) | (0x2 << 62);
    dashed(&format!("{value:032x}"))
}

fn dashed(hex: &str) -> String {
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!(
        "{}-{}-{}-{}-{}",
        part(0, 8),
        part(8, 12),
        part(12, 16),
        part(16, 20),
        part(20, 32)
    )
}

/// Reads a UUID in the forms that Go's library takes; the error is its text.
pub fn parse_uuid(text: &str) -> Result<String, String> {
    let bare: &str = match text.len() {
        36 => text,
        32 => &dashed(text),
        38 => text
            .strip_prefix('{')
            .and_then(|t| t.strip_suffix('}'))
            .ok_or("invalid UUID format")?,
        45 => text
            .strip_prefix("urn:uuid:")
            .ok_or_else(|| format!("invalid urn prefix: {text:?}"))?,
        other => return Err(format!("invalid UUID length: {other}")),
    };
    let right = bare.bytes().enumerate().all(|(at, byte)| match at {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    });
    if right {
        Ok(bare.to_ascii_lowercase())
    } else {
        Err("invalid UUID format".to_owned())
    }
}

/// A template's id or alias, trimmed and in lower case.
pub fn clean_template(text: &str) -> Result<String, Answer> {
    let clean = text.trim().to_lowercase();
    if is_name(&clean) {
        Ok(clean)
    } else {
        Err(Answer::problem(
            400,
            format!("Invalid environment ID: invalid env ID: {text}"),
        ))
    }
}

/// Whether an alias has letters that one may have.
pub fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'))
}

/// The part of a sandbox's id that counts: clients may send `<sandboxID>-<clientID>`.
pub fn short_sandbox(text: &str) -> &str {
    text.split('-').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_ids_have_their_form() {
        assert_eq!(template().len(), 20);
        assert!(sandbox().starts_with('i') && is_name(&sandbox()));
        let id = uuid();
        assert_eq!(parse_uuid(&id).as_deref(), Ok(id.as_str()));
        assert_eq!(id.as_bytes()[14], b'4');
    }

    #[test]
    fn uuids_are_read_as_go_reads_them() {
        assert_eq!(parse_uuid("abc"), Err("invalid UUID length: 3".to_owned()));
        assert_eq!(
            parse_uuid("0B000000000040008000000000000001").as_deref(),
            Ok("0b000000-0000-4000-8000-000000000001")
        );
        assert!(parse_uuid("zb000000-0000-4000-8000-000000000001").is_err());
        assert!(parse_uuid("0b000000-0000-4000-8000-0000000000é").is_err());
    }

    #[test]
    fn the_client_part_is_cut() {
        assert_eq!(short_sandbox("iabc-a-b"), "iabc");
    }
}
