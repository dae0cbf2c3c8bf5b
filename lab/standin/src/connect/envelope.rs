//! Envelopes: a flag byte, four bytes of length, the message.

use bytes::{Buf, Bytes, BytesMut};

use super::{Error, Result, error};

/// The flag of the last envelope.
pub const END: u8 = 2;
const COMPRESSED: u8 = 1;
const HEAD: usize = 5;

/// One envelope's bytes.
#[must_use]
pub fn write(flags: u8, message: &[u8]) -> Bytes {
    let mut bytes = Vec::with_capacity(HEAD + message.len());
    bytes.push(flags);
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    bytes.extend(length.to_be_bytes());
    bytes.extend(message);
    bytes.into()
}

/// The last envelope of a stream.
#[must_use]
pub fn end(result: std::result::Result<(), &Error>) -> Bytes {
    let message = match result {
        Ok(()) => "{}".to_owned(),
        Err(error) => serde_json::json!({"error": error.json()}).to_string(),
    };
    write(END, message.as_bytes())
}

/// Takes the first whole envelope out of what has come so far: its flags and its message.
pub fn take(buffer: &mut BytesMut) -> Option<(u8, Bytes)> {
    let (flags, length) = head(buffer)?;
    if buffer.len() < HEAD + length {
        return None;
    }
    buffer.advance(HEAD);
    Some((flags, buffer.split_to(length).freeze()))
}

fn head(buffer: &[u8]) -> Option<(u8, usize)> {
    let (head, _) = buffer.split_first_chunk::<HEAD>()?;
    let [flags, length @ ..] = *head;
    Some((flags, usize::try_from(u32::from_be_bytes(length)).ok()?))
}

/// Refuses what nobody agreed on.
///
/// # Errors
///
/// When the message says that it is compressed.
pub fn check(flags: u8) -> Result<()> {
    if flags & COMPRESSED != 0 {
        let why = "protocol error: sent compressed message without compression support";
        return Err(error("internal", why));
    }
    Ok(())
}

/// What is left when a stream of envelopes is over must be nothing.
///
/// # Errors
///
/// When an envelope was cut.
pub fn check_rest(buffer: &[u8]) -> Result<()> {
    if buffer.is_empty() {
        return Ok(());
    }
    let why = match head(buffer) {
        Some((_, length)) => format!(
            "protocol error: promised {length} bytes in enveloped message, got {} bytes",
            buffer.len() - HEAD
        ),
        None => "protocol error: incomplete envelope: unexpected EOF".to_owned(),
    };
    Err(error("invalid_argument", why))
}

/// The one message of a call that streams only its answer.
///
/// # Errors
///
/// When there is not exactly one, or it is compressed.
pub fn only(body: Bytes) -> Result<Bytes> {
    let mut buffer = BytesMut::from(body);
    let Some((flags, message)) = take(&mut buffer) else {
        check_rest(&buffer)?;
        return Err(error("unimplemented", "unary request has zero messages"));
    };
    check(flags)?;
    if !buffer.is_empty() {
        let why = "unary request has multiple messages";
        return Err(error("unimplemented", why));
    }
    Ok(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut buffer = BytesMut::from(&write(0, b"{}")[..]);
        assert_eq!(buffer, &b"\0\0\0\0\x02{}"[..]);
        buffer.extend(&end(Ok(()))[..]);
        assert_eq!(take(&mut buffer).unwrap(), (0, Bytes::from_static(b"{}")));
        assert_eq!(take(&mut buffer).unwrap(), (END, Bytes::from_static(b"{}")));
        assert_eq!(take(&mut buffer), None);
    }

    #[test]
    fn a_cut_envelope_says_how_much_there_is() {
        let cut = Bytes::from_static(b"\0\0\0\0\x20{}");
        let why = "protocol error: promised 32 bytes in enveloped message, got 2 bytes";
        assert_eq!(only(cut).unwrap_err().message, why);
    }
}
