//! Facts about a file.

use std::fs::Metadata;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::SystemTime;

use super::Error;

/// What a path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    File,
    Dir,
    /// A symbolic link to nothing.
    Link,
    /// A device, a socket, a pipe.
    Other,
}

impl FileKind {
    pub fn name(self) -> &'static str {
        match self {
            FileKind::File => "file",
            FileKind::Dir => "dir",
            FileKind::Link => "link",
            FileKind::Other => "other",
        }
    }
}

/// Facts about a file.
#[derive(Clone, Debug)]
pub struct Stat {
    pub kind: FileKind,
    /// In bytes.
    pub size: u64,
    /// Permission bits.
    pub mode: u32,
    pub modified: SystemTime,
}

/// Facts about what `path` leads to; a link without a target is described itself.
pub fn stat(path: &Path) -> Result<Stat, Error> {
    let facts = std::fs::metadata(path)
        .or_else(|_| std::fs::symlink_metadata(path))
        .map_err(Error::io("look at", path))?;
    let kind = match facts.file_type() {
        kind if kind.is_file() => FileKind::File,
        kind if kind.is_dir() => FileKind::Dir,
        kind if kind.is_symlink() => FileKind::Link,
        _ => FileKind::Other,
    };
    Ok(Stat {
        kind,
        size: facts.len(),
        mode: mode_of(&facts),
        modified: facts.modified().map_err(Error::io("look at", path))?,
    })
}

/// The permission bits.
pub fn mode_of(facts: &Metadata) -> u32 {
    facts.permissions().mode() & 0o7777
}
