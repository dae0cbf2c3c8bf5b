//! Connect's envelopes: a flag byte, the length in four bytes, a message.

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// The largest message that is taken; envd sends output in pieces of at most some 40 KiB.
pub const LARGEST: usize = 16 << 20;
/// Bytes before a message.
const HEAD: usize = 5;
const COMPRESSED: u8 = 1;
const END: u8 = 2;

/// One message of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// The stream's last, with its error if it has one.
    pub end: bool,
    pub message: Bytes,
}

/// Bytes that are no envelopes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    #[error("a message of {0} bytes is larger than any that is taken")]
    TooLarge(usize),
    #[error("a message is compressed, which was not agreed on")]
    Compressed,
    #[error("an envelope has the flags {0:#04x}, which mean nothing")]
    Flags(u8),
    #[error("the stream ended within a message")]
    Cut,
}

/// A message as it goes out.
pub fn encode(message: &[u8], end: bool) -> Bytes {
    let mut bytes = BytesMut::with_capacity(HEAD + message.len());
    bytes.put_u8(if end { END } else { 0 });
    // what this program sends is far below four gibibytes
    bytes.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    bytes.put_slice(message);
    bytes.freeze()
}

/// Puts envelopes together from whatever pieces come; holds one message at most, and the piece.
#[derive(Default)]
pub struct Decoder {
    buffer: BytesMut,
}

impl Decoder {
    /// Takes a piece.
    pub fn push(&mut self, piece: &[u8]) {
        self.buffer.extend_from_slice(piece);
    }

    /// The next whole envelope, if it has come.
    pub fn next_envelope(&mut self) -> Result<Option<Envelope>, CodecError> {
        let mut head = self.buffer.as_ref();
        if head.len() < HEAD {
            return Ok(None);
        }
        let flags = head.get_u8();
        if flags & COMPRESSED != 0 {
            return Err(CodecError::Compressed);
        }
        if flags & !END != 0 {
            return Err(CodecError::Flags(flags));
        }
        let length = usize::try_from(head.get_u32()).unwrap_or(usize::MAX);
        if length > LARGEST {
            return Err(CodecError::TooLarge(length));
        }
        if head.len() < length {
            self.buffer
                .reserve(HEAD + length - self.buffer.len().min(HEAD + length));
            return Ok(None);
        }
        self.buffer.advance(HEAD);
        Ok(Some(Envelope {
            end: flags & END != 0,
            message: self.buffer.split_to(length).freeze(),
        }))
    }

    /// The stream is over: nothing may be left.
    pub fn finish(&self) -> Result<(), CodecError> {
        match self.buffer.is_empty() {
            true => Ok(()),
            false => Err(CodecError::Cut),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decode(bytes: &[u8], cuts: &[usize]) -> Result<Vec<Envelope>, CodecError> {
        let mut decoder = Decoder::default();
        let mut found = Vec::new();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        for pair in cuts.windows(2) {
            decoder.push(&bytes[pair[0]..pair[1]]);
            while let Some(envelope) = decoder.next_envelope()? {
                found.push(envelope);
            }
        }
        decoder.finish().map(|()| found)
    }

    #[test]
    fn the_published_bytes_are_read_and_written() {
        let start =
            br#"{"process":{"cmd":"/bin/bash","args":["-l","-c","echo hi"]},"stdin":false}"#;
        assert_eq!(encode(start, false)[..5], [0, 0, 0, 0, 0x4a]);
        assert_eq!(encode(b"{}", true)[..], [2, 0, 0, 0, 2, 0x7b, 0x7d]);
        let data = br#"{"event":{"data":{"stdout":"aGkK"}}}"#;
        assert_eq!(encode(data, false)[..5], [0, 0, 0, 0, 0x24]);
        let both = [encode(data, false), encode(b"{}", true)].concat();
        let found = decode(&both, &[]).unwrap();
        assert_eq!(found.len(), 2);
        assert!(!found[0].end && found[1].end);
        assert_eq!(found[0].message[..], data[..]);
    }

    #[test]
    fn what_is_no_envelope_is_refused_before_it_is_held() {
        assert_eq!(decode(&[1, 0, 0, 0, 0], &[]), Err(CodecError::Compressed));
        assert_eq!(decode(&[8, 0, 0, 0, 0], &[]), Err(CodecError::Flags(8)));
        assert_eq!(
            decode(&[0, 0xff, 0xff, 0xff, 0xff], &[]),
            Err(CodecError::TooLarge(u32::MAX as usize))
        );
        assert_eq!(decode(&[0, 0, 0, 0, 4, 1], &[]), Err(CodecError::Cut));
        assert_eq!(decode(&[0, 0], &[1]), Err(CodecError::Cut));
    }

    proptest! {
        #[test]
        fn messages_come_out_whole_whatever_the_cuts(
            messages in proptest::collection::vec((proptest::collection::vec(any::<u8>(), 0..300), any::<bool>()), 0..8),
            cuts in proptest::collection::vec(any::<usize>(), 0..20),
        ) {
            let mut bytes = Vec::new();
            let mut wanted = Vec::new();
            for (message, end) in messages {
                bytes.extend_from_slice(&encode(&message, end));
                wanted.push(Envelope { end, message: message.into() });
            }
            prop_assert_eq!(decode(&bytes, &cuts).unwrap(), wanted);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200), cuts in proptest::collection::vec(any::<usize>(), 0..5)) {
            let whole = decode(&bytes, &[]);
            let cut = decode(&bytes, &cuts);
            prop_assert_eq!(whole.is_ok(), cut.is_ok());
        }
    }
}
