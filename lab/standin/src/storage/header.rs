//! The header of a `rootfs.ext4` or `memfile`: which bytes of the whole device are in which build's file.

/// The header's version, and the size of a block.
const VERSION: u64 = 1;
/// Everything is a multiple of this.
pub const BLOCK: u64 = 4096;
const HEAD: usize = 64;
const MAPPING: usize = 40;

/// Part of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mapping {
    /// Where on the device.
    pub offset: u64,
    /// How much.
    pub length: u64,
    /// In whose file.
    pub build: [u8; 16],
    /// Where in it.
    pub stored: u64,
}

/// A header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// How often it was snapshotted.
    pub generation: u64,
    /// Whose it is.
    pub build: [u8; 16],
    /// On whose it all stands.
    pub base: [u8; 16],
    /// In order, without gaps.
    pub mappings: Vec<Mapping>,
}

impl Header {
    /// Of a build that stands on nothing.
    #[must_use]
    pub fn first(build: [u8; 16], size: u64) -> Header {
        Header {
            generation: 0,
            build,
            base: build,
            mappings: vec![Mapping {
                offset: 0,
                length: size,
                build,
                stored: 0,
            }],
        }
    }

    /// Of a snapshot that adds its own bytes to this.
    #[must_use]
    pub fn with(&self, build: [u8; 16], size: u64) -> Header {
        let mut mappings = self.mappings.clone();
        mappings.push(Mapping {
            offset: self.size(),
            length: size,
            build,
            stored: 0,
        });
        Header {
            generation: self.generation + 1,
            build,
            base: self.base,
            mappings,
        }
    }

    /// The size of the device.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.mappings.iter().map(|mapping| mapping.length).sum()
    }

    /// As it is on disk.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEAD + MAPPING * self.mappings.len());
        for number in [VERSION, BLOCK, self.size(), self.generation] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend(self.build);
        bytes.extend(self.base);
        for mapping in &self.mappings {
            bytes.extend(mapping.offset.to_le_bytes());
            bytes.extend(mapping.length.to_le_bytes());
            bytes.extend(mapping.build);
            bytes.extend(mapping.stored.to_le_bytes());
        }
        bytes
    }

    /// Reads one; `None` for what is none.
    #[must_use]
    pub fn read(mut bytes: &[u8]) -> Option<Header> {
        (number(&mut bytes)? == VERSION && number(&mut bytes)? == BLOCK).then_some(())?;
        let size = number(&mut bytes)?;
        let mut header = Header {
            generation: number(&mut bytes)?,
            build: *chunk(&mut bytes)?,
            base: *chunk(&mut bytes)?,
            mappings: Vec::new(),
        };
        while !bytes.is_empty() {
            header.mappings.push(Mapping {
                offset: number(&mut bytes)?,
                length: number(&mut bytes)?,
                build: *chunk(&mut bytes)?,
                stored: number(&mut bytes)?,
            });
        }
        (header.size() == size).then_some(header)
    }
}

fn chunk<'a, const N: usize>(bytes: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (first, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(first)
}

fn number(bytes: &mut &[u8]) -> Option<u64> {
    Some(u64::from_le_bytes(*chunk(bytes)?))
}

/// A build id's bytes; `None` when it is no UUID.
#[must_use]
pub fn id(text: &str) -> Option<[u8; 16]> {
    let is_uuid = text.len() == 36
        && text.char_indices().all(|(at, letter)| match at {
            8 | 13 | 18 | 23 => letter == '-',
            _ => letter.is_ascii_hexdigit(),
        });
    is_uuid.then_some(())?;
    let number = u128::from_str_radix(&text.replace('-', ""), 16).ok()?;
    Some(number.to_be_bytes())
}

/// A build id's text.
#[must_use]
pub fn text(id: [u8; 16]) -> String {
    let digits = format!("{:032x}", u128::from_be_bytes(id));
    let part = |from, to| digits.get(from..to).unwrap_or_default();
    [
        part(0, 8),
        part(8, 12),
        part(12, 16),
        part(16, 20),
        part(20, 32),
    ]
    .join("-")
}

/// Up to the next whole block.
#[must_use]
pub fn whole_blocks(size: u64) -> u64 {
    size.div_ceil(BLOCK).max(1) * BLOCK
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "11111111-2222-3333-4444-555555555555";

    #[test]
    fn the_bytes_are_the_platforms() {
        let header = Header::first(id(ID).unwrap(), 8192);
        let hex: String = header
            .bytes()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let known = "010000000000000000100000000000000020000000000000000000000000000011111111222233334444555555555555111111112222333344445555555555550000000000000000002000000000000011111111222233334444555555555555\
                     0000000000000000";
        assert_eq!(hex, known);
        assert_eq!(Header::read(&header.bytes()), Some(header));
    }

    #[test]
    fn a_snapshot_stands_on_its_template() {
        let (template, snapshot) = (id(ID).unwrap(), [7; 16]);
        let header = Header::first(template, 8192).with(snapshot, 4096);
        assert_eq!((header.size(), header.base), (12288, template));
        assert_eq!(header.mappings[1].offset, 8192);
        assert_eq!(Header::read(&header.bytes()), Some(header));
    }

    #[test]
    fn ids() {
        assert_eq!(text(id(ID).unwrap()), ID);
        assert_eq!(id("../../../../../etc/passwd/aaaaaaaaaaa"), None);
    }
}
