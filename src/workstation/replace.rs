//! Files that are either the old ones or the new ones, never half of each.

use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::{Error, mode_of};

/// A new content for a file, growing beside it; dropped, it leaves nothing behind.
pub struct Replacement {
    file: NamedTempFile,
    target: PathBuf,
}

impl Replacement {
    /// Starts one. A link at `path` stays, and the file that it leads to is replaced.
    pub fn beside(path: &Path) -> Result<Replacement, Error> {
        let target = fs::canonicalize(path).unwrap_or_else(|_| super::path::absolute(path));
        let dir = target.parent().unwrap_or(Path::new("/"));
        let file = tempfile::Builder::new()
            .prefix(".e2bscript-")
            .tempfile_in(dir)
            .map_err(Error::io("write", path))?;
        Ok(Replacement { file, target })
    }

    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.file
            .write_all(bytes)
            .map_err(Error::io("write", &self.target))
    }

    /// Puts the new content in place: mode and content are on disk before the name is.
    pub fn commit(self, mode: u32) -> Result<(), Error> {
        let Replacement { file, target } = self;
        let failed = |source: io::Error| Error::Io {
            verb: "write",
            path: target.clone(),
            source,
        };
        file.as_file()
            .set_permissions(Permissions::from_mode(mode))
            .map_err(failed)?;
        file.as_file().sync_all().map_err(failed)?;
        file.persist(&target).map_err(|error| failed(error.error))?;
        // Without this a power cut could take the rename back.
        match target.parent().map(fs::File::open) {
            Some(Ok(dir)) => dir.sync_all().map_err(failed),
            _ => Ok(()),
        }
    }
}

/// How a file compares with what it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    Same,
    Missing,
    Differs {
        /// The content there is, where it differs.
        old: Option<Vec<u8>>,
        /// Mode as it is and as it should be, where they differ.
        mode: Option<(u32, u32)>,
    },
}

/// Compares a file with a content and, where one is wanted, a mode.
pub fn state(path: &Path, content: &[u8], mode: Option<u32>) -> Result<State, Error> {
    let old = match fs::read(path) {
        Ok(old) => old,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(State::Missing),
        Err(error) => return Err(Error::io("read", path)(error)),
    };
    let is = mode_of(&fs::metadata(path).map_err(Error::io("look at", path))?);
    let mode = mode
        .filter(|wanted| *wanted != is)
        .map(|wanted| (is, wanted));
    let old = (old != content).then_some(old);
    Ok(match (&old, &mode) {
        (None, None) => State::Same,
        _ => State::Differs { old, mode },
    })
}

/// Writes a whole file at once. Without a `mode` an existing file keeps its own, and a new one gets
/// `fresh`.
pub fn write(path: &Path, content: &[u8], mode: Option<u32>, fresh: u32) -> Result<(), Error> {
    let mode = mode.or_else(|| fs::metadata(path).ok().map(|facts| mode_of(&facts)));
    let mut replacement = Replacement::beside(path)?;
    replacement.write(content)?;
    replacement.commit(mode.unwrap_or(fresh))
}

/// Makes a directory and those above it; `mode` is the directory's own.
pub fn mkdir(path: &Path, mode: Option<u32>) -> Result<(), Error> {
    fs::create_dir_all(path).map_err(Error::io("make the directory", path))?;
    match mode {
        Some(mode) => set_mode(path, mode),
        None => Ok(()),
    }
}

/// Sets the permission bits.
pub fn set_mode(path: &Path, mode: u32) -> Result<(), Error> {
    fs::set_permissions(path, Permissions::from_mode(mode))
        .map_err(Error::io("set the mode of", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        mode_of(&fs::metadata(path).unwrap())
    }

    #[test]
    fn a_file_keeps_its_mode_and_a_link_stays_one() {
        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("file"), dir.path().join("link"));
        write(&file, b"old", Some(0o640), 0o644).unwrap();
        std::os::unix::fs::symlink("file", &link).unwrap();
        write(&link, b"new", None, 0o644).unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"new");
        assert_eq!(mode(&file), 0o640);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    }

    #[test]
    fn a_replacement_that_is_given_up_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        write(&path, b"old", None, 0o644).unwrap();
        let mut given_up = Replacement::beside(&path).unwrap();
        given_up.write(b"half").unwrap();
        drop(given_up);
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn content_and_mode_are_compared_apart() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        assert_eq!(state(&path, b"a", None).unwrap(), State::Missing);
        write(&path, b"a", Some(0o600), 0o644).unwrap();
        assert_eq!(state(&path, b"a", Some(0o600)).unwrap(), State::Same);
        assert_eq!(
            state(&path, b"b", Some(0o644)).unwrap(),
            State::Differs {
                old: Some(b"a".to_vec()),
                mode: Some((0o600, 0o644))
            }
        );
        assert_eq!(
            state(&path, b"a", Some(0o644)).unwrap(),
            State::Differs {
                old: None,
                mode: Some((0o600, 0o644))
            }
        );
    }
}
