//! Reading the workstation's files.

use std::path::Path;

use sha2::{Digest, Sha256};
use tokio::io::AsyncReadExt;

use super::Error;

/// Bytes read at a time while hashing.
const CHUNK: usize = 1 << 20;

/// The whole file.
pub async fn read(path: &Path) -> Result<Vec<u8>, Error> {
    tokio::fs::read(path).await.map_err(Error::io("read", path))
}

/// The whole file, which must be UTF-8.
pub async fn read_text(path: &Path) -> Result<String, Error> {
    String::from_utf8(read(path).await?).map_err(|_| Error::NotText(path.to_owned()))
}

/// The file's SHA-256 checksum in hexadecimal digits, whatever its size.
pub async fn sha256(path: &Path) -> Result<String, Error> {
    let mut file = tokio::fs::File::open(path)
        .await
        .map_err(Error::io("open", path))?;
    let mut digest = Sha256::new();
    let mut chunk = vec![0; CHUNK];
    loop {
        let count = file
            .read(&mut chunk)
            .await
            .map_err(Error::io("read", path))?;
        if count == 0 {
            return Ok(hex(&digest.finalize()));
        }
        digest.update(chunk.get(..count).unwrap_or_default());
    }
}

/// The names in a directory, sorted.
pub fn list(path: &Path) -> Result<Vec<String>, Error> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(path).map_err(Error::io("list", path))? {
        let entry = entry.map_err(Error::io("list", path))?;
        names.push(entry.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

/// Bytes in hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_is_hashed_and_a_missing_one_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        std::fs::write(&path, vec![b'a'; CHUNK + 1]).unwrap();
        let sum = sha256(&path).await.unwrap();
        assert_eq!(sum, hex(&Sha256::digest(vec![b'a'; CHUNK + 1])));
        let missing = sha256(&dir.path().join("y")).await.unwrap_err();
        let failure = crate::diag::Failure::from(missing);
        assert_eq!(failure.kind, "fs.not_found");
        assert!(failure.message.contains("/y`"));
    }
}
