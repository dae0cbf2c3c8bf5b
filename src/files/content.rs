//! What is written to a host: bytes in memory or a file of the workstation.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use super::diff::TEXT_LIMIT;
use super::error::Error;
use super::fetch::Fetch;
use super::hash::{Hashes, Stamp, sha256};
use super::sync::Tree;

/// A content and its identity. Clones share the bytes.
#[derive(Clone)]
pub enum Content {
    Bytes {
        bytes: Bytes,
        sha256: String,
    },
    Local(LocalFile),
    /// A download that the workstation has yet to make.
    Fetch(Fetch),
    /// A tree of the workstation, as an archive.
    Tree(Arc<Tree>),
}

/// A file of the workstation, as it was when it was looked at.
#[derive(Debug, Clone)]
pub struct LocalFile {
    pub path: PathBuf,
    pub stamp: Stamp,
    /// Its hash, where something had to be compared with it.
    pub sha256: Option<String>,
    /// Who knows the hash otherwise.
    pub hashes: Hashes,
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // Bytes may be secret.
            Content::Bytes { bytes, .. } => write!(f, "Content({} bytes)", bytes.len()),
            Content::Local(file) => file.fmt(f),
            Content::Fetch(fetch) => fetch.fmt(f),
            Content::Tree(tree) => write!(f, "Content(tree `{}`)", tree.root.display()),
        }
    }
}

impl Content {
    pub fn bytes(bytes: impl Into<Bytes>) -> Content {
        let bytes = bytes.into();
        let sha256 = sha256(&bytes);
        Content::Bytes { bytes, sha256 }
    }

    pub fn size(&self) -> u64 {
        match self {
            Content::Bytes { bytes, .. } => bytes.len() as u64,
            Content::Local(file) => file.stamp.size,
            Content::Fetch(_) => 0,
            Content::Tree(tree) => tree.size(),
        }
    }

    /// The hash, as far as it is known.
    pub fn sha256(&self) -> Option<&str> {
        match self {
            Content::Bytes { sha256, .. } => Some(sha256),
            Content::Local(file) => file.sha256.as_deref(),
            Content::Fetch(fetch) => fetch.sha256.as_deref(),
            Content::Tree(_) => None,
        }
    }

    /// The bytes, where they are in memory.
    pub(super) fn in_memory(&self) -> Option<&[u8]> {
        match self {
            Content::Bytes { bytes, .. } => Some(bytes),
            _ => None,
        }
    }
}

/// A workstation file that is known to exist but perhaps not hashed yet.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub path: PathBuf,
    pub stamp: Stamp,
    pub executable: bool,
}

impl Found {
    /// Looks at a workstation file; anything but a readable regular file is an error.
    pub(super) async fn look(path: &Path) -> Result<Found, Error> {
        use std::os::unix::fs::PermissionsExt;
        let metadata = tokio::fs::metadata(path)
            .await
            .map_err(|source| Error::local("read", path, source))?;
        if !metadata.is_file() {
            let problem = match metadata.is_dir() {
                true => "is a directory, not a file",
                false => "is not a regular file",
            };
            return Err(Error::LocalKind {
                path: path.to_owned(),
                problem: problem.to_owned(),
            });
        }
        Ok(Found {
            path: path.to_owned(),
            stamp: Stamp::of(&metadata),
            executable: metadata.permissions().mode() & 0o100 != 0,
        })
    }

    /// Small files are held in memory, so that a plan can show them line by line.
    pub(super) fn is_small(&self) -> bool {
        self.stamp.size <= TEXT_LIMIT
    }

    /// The content; the hash of a large one is awaited only if it is needed.
    pub(super) async fn content(&self, hashes: &Hashes, hashed: bool) -> Result<Content, Error> {
        if self.is_small() {
            let bytes = tokio::fs::read(&self.path)
                .await
                .map_err(|source| Error::local("read", &self.path, source))?;
            return Ok(Content::bytes(bytes));
        }
        let sha256 = match hashed {
            true => Some(hashes.sha256(&self.path, &self.stamp).await?),
            false => None,
        };
        Ok(Content::Local(LocalFile {
            path: self.path.clone(),
            stamp: self.stamp.clone(),
            sha256,
            hashes: hashes.clone(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_bytes() {
        assert_eq!(
            format!("{:?}", Content::bytes(&b"canary"[..])),
            "Content(6 bytes)"
        );
    }

    #[tokio::test]
    async fn directories_and_missing_files_are_named() {
        let error = Found::look(Path::new("/etc")).await.unwrap_err();
        assert_eq!(error.to_string(), "`/etc` is a directory, not a file");
        let error = Found::look(Path::new("/no/such")).await.unwrap_err();
        assert_eq!(error.to_string(), "cannot read `/no/such`");
        assert_eq!(error.kind(), "files.local");
    }
}
