//! Zip archives whose bytes depend on their content alone: no times, no owners, entries sorted by name.

use std::io::Write;

use flate2::Compression;
use flate2::Crc;
use flate2::write::DeflateEncoder;

/// The first moment that the format knows, 1980-01-01: all entries have it.
const DATE: u16 = 0x0021;
/// UTF-8 names.
const FLAGS: u16 = 0x0800;
const DEFLATED: u16 = 8;
/// Unix, version 2.0 of the format.
const MADE_BY: u16 = 0x0314;
const NEEDED: u16 = 20;

/// One file of an archive.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its path in the archive, with `/` and without a leading one.
    pub name: String,
    pub content: Vec<u8>,
    /// It gets mode 0755, others 0644.
    pub executable: bool,
}

/// Why no archive can be made.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ZipError {
    #[error("`{0}` cannot name a file of an archive")]
    Name(String),
    #[error("the archive would exceed 4 GiB or 65535 files, which this form of it cannot hold")]
    TooLarge,
}

/// The archive of `entries`, in the order of their names.
pub fn zip(mut entries: Vec<Entry>) -> Result<Vec<u8>, ZipError> {
    entries.sort_by(|one, other| one.name.cmp(&other.name));
    let mut archive = Vec::new();
    let mut directory = Vec::new();
    for entry in &entries {
        let plain = entry
            .name
            .split('/')
            .all(|part| !matches!(part, "" | "." | ".."));
        if !plain || entry.name.contains(['\\', '\0']) {
            return Err(ZipError::Name(entry.name.clone()));
        }
        let offset = small(archive.len())?;
        let mut crc = Crc::new();
        crc.update(&entry.content);
        let packed = deflate(&entry.content);
        let mut facts = Vec::new();
        for number in [FLAGS, DEFLATED, 0, DATE] {
            facts.extend(number.to_le_bytes());
        }
        facts.extend(crc.sum().to_le_bytes());
        facts.extend(small(packed.len())?.to_le_bytes());
        facts.extend(small(entry.content.len())?.to_le_bytes());
        facts.extend(short(entry.name.len())?.to_le_bytes());
        facts.extend(0u16.to_le_bytes()); // no extra fields

        archive.extend(b"PK\x03\x04");
        archive.extend(NEEDED.to_le_bytes());
        archive.extend(&facts);
        archive.extend(entry.name.as_bytes());
        archive.extend(packed);

        let mode: u32 = if entry.executable {
            0o100_755
        } else {
            0o100_644
        };
        directory.extend(b"PK\x01\x02");
        directory.extend(MADE_BY.to_le_bytes());
        directory.extend(NEEDED.to_le_bytes());
        directory.extend(&facts);
        directory.extend([0; 6]); // no comment, first disk, binary
        directory.extend((mode << 16).to_le_bytes());
        directory.extend(offset.to_le_bytes());
        directory.extend(entry.name.as_bytes());
    }
    let (count, start) = (short(entries.len())?, small(archive.len())?);
    let length = small(directory.len())?;
    archive.extend(directory);
    archive.extend(b"PK\x05\x06");
    archive.extend([0; 4]); // one disk
    archive.extend(count.to_le_bytes());
    archive.extend(count.to_le_bytes());
    archive.extend(length.to_le_bytes());
    archive.extend(start.to_le_bytes());
    archive.extend(0u16.to_le_bytes()); // no comment
    Ok(archive)
}

fn deflate(content: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    // writing to memory does not fail
    let _ = encoder.write_all(content);
    encoder.finish().unwrap_or_default()
}

fn small(number: usize) -> Result<u32, ZipError> {
    u32::try_from(number).map_err(|_| ZipError::TooLarge)
}

fn short(number: usize) -> Result<u16, ZipError> {
    u16::try_from(number).map_err(|_| ZipError::TooLarge)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, content: &[u8]) -> Entry {
        Entry {
            name: name.to_owned(),
            content: content.to_owned(),
            executable: false,
        }
    }

    #[test]
    fn the_order_of_the_entries_is_that_of_their_names() {
        let (a, b) = (entry("a.tf", b"1"), entry("b/c.tf", &[b'x'; 5000]));
        let one = zip(vec![a.clone(), b.clone()]).unwrap();
        assert_eq!(one, zip(vec![b, a]).unwrap());
        assert!(one.starts_with(b"PK\x03\x04") && one.len() < 500);
    }

    #[test]
    fn names_that_lead_out_of_the_archive_are_refused() {
        for name in ["", "/etc/passwd", "../x", "a//b", "a\\b"] {
            assert_eq!(
                zip(vec![entry(name, b"")]),
                Err(ZipError::Name(name.to_owned()))
            );
        }
    }
}
