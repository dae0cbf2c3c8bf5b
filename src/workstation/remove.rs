//! Removing files, with a guard in front of what nobody means to remove.

use std::fs;
use std::io;
use std::path::Path;

use super::{Error, path};

/// What there is to remove.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remove {
    Nothing,
    File,
    Dir,
}

/// Looks whether `target` may be removed, and what it is. A directory with something in it needs
/// `recursive`; the root, its direct children, the home directory and the directories we stand in
/// are never removed.
pub fn check(target: &Path, recursive: bool) -> Result<Remove, Error> {
    let full = path::absolute(target);
    let guarded = |why: &'static str| {
        Err(Error::Guarded {
            path: full.clone(),
            why,
        })
    };
    let facts = match fs::symlink_metadata(&full) {
        Ok(facts) => facts,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Remove::Nothing),
        Err(error) => return Err(Error::io("look at", &full)(error)),
    };
    if !facts.is_dir() {
        return Ok(Remove::File);
    }
    // Links on the way must not lead around the guard.
    let real = fs::canonicalize(&full).map_err(Error::io("look at", &full))?;
    if real.components().count() <= 2 {
        return guarded("it is a directory of the system");
    }
    if std::env::home_dir().is_some_and(|home| home.starts_with(&real)) {
        return guarded("it is the home directory, or holds it");
    }
    if std::env::current_dir().is_ok_and(|here| here.starts_with(&real)) {
        return guarded("it is the current directory, or holds it");
    }
    let empty = fs::read_dir(&full)
        .map_err(Error::io("list", &full))?
        .next()
        .is_none();
    if !empty && !recursive {
        return guarded("the directory is not empty, and `recursive` is not set");
    }
    Ok(Remove::Dir)
}

/// Removes it, if it is there.
pub fn remove(target: &Path, recursive: bool, dry: bool) -> Result<Remove, Error> {
    let found = check(target, recursive)?;
    if dry {
        return Ok(found);
    }
    match found {
        Remove::Nothing => Ok(()),
        Remove::File => fs::remove_file(target),
        Remove::Dir if recursive => fs::remove_dir_all(target),
        Remove::Dir => fs::remove_dir(target),
    }
    .map_err(Error::io("remove", target))?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_means_to_remove_stays() {
        let guarded = |path: &Path| matches!(check(path, true), Err(Error::Guarded { .. }));
        assert!(guarded(Path::new("/")));
        assert!(guarded(Path::new("/usr")));
        assert!(guarded(Path::new("/usr/../usr/.")));
        assert!(guarded(Path::new(".")));
        assert!(guarded(Path::new("..")));
        assert!(guarded(&std::env::home_dir().unwrap()));
    }

    #[test]
    fn a_link_is_removed_and_its_target_stays() {
        let dir = tempfile::tempdir().unwrap();
        let (target, link) = (dir.path().join("target"), dir.path().join("link"));
        fs::create_dir(&target).unwrap();
        fs::write(target.join("x"), "x").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        assert_eq!(remove(&link, true, false).unwrap(), Remove::File);
        assert!(target.join("x").exists());
        assert!(matches!(
            remove(&target, false, false),
            Err(Error::Guarded { .. })
        ));
        assert_eq!(remove(&target, true, true).unwrap(), Remove::Dir);
        assert!(target.exists());
        assert_eq!(remove(&target, true, false).unwrap(), Remove::Dir);
        assert_eq!(remove(&target, true, false).unwrap(), Remove::Nothing);
    }
}
