//! Directories that live as long as the run.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use tempfile::TempDir;

use super::Error;

/// The run's scratch directories; dropping this removes them.
#[derive(Default)]
pub struct Scratch {
    dirs: Mutex<Vec<TempDir>>,
}

impl Scratch {
    /// A new, empty directory that only this user can look into.
    pub fn dir(&self) -> Result<PathBuf, Error> {
        let dir = tempfile::Builder::new()
            .prefix("e2bscript-")
            .tempdir()
            .map_err(Error::io("make a directory in", &std::env::temp_dir()))?;
        let path = dir.path().to_owned();
        self.dirs().push(dir);
        Ok(path)
    }

    /// Whether `path` is in one of the directories, so that writing it changes nothing that stays.
    pub fn holds(&self, path: &Path) -> bool {
        let full = super::path::absolute(path);
        self.dirs().iter().any(|dir| full.starts_with(dir.path()))
    }

    fn dirs(&self) -> std::sync::MutexGuard<'_, Vec<TempDir>> {
        self.dirs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_go_with_the_run() {
        let scratch = Scratch::default();
        let dir = scratch.dir().unwrap();
        assert!(scratch.holds(&dir.join("a/b")));
        assert!(!scratch.holds(&dir.join("../b")));
        assert!(dir.is_dir());
        drop(scratch);
        assert!(!dir.exists());
    }
}
