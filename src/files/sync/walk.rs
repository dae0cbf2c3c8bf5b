//! What the workstation has.

use std::collections::HashSet;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use futures_util::{StreamExt, TryStreamExt, stream};
use ignore::{DirEntry, WalkBuilder};

use super::super::error::Error;
use super::super::hash::{Hashes, Stamp};
use super::super::mode::Mode;
use super::Modes;
use super::globs::Globs;
use super::tree::{Entry, Tree, What};

/// Files that are hashed at the same time.
const AT_ONCE: usize = 8;

/// Walks the tree at `root` and hashes its files.
pub(super) async fn walk(
    root: &Path,
    globs: &Globs,
    modes: Modes,
    hashes: &Hashes,
) -> Result<Tree, Error> {
    let metadata = std::fs::metadata(root).map_err(|source| Error::local("read", root, source))?;
    if !metadata.is_dir() {
        return Err(Error::LocalKind {
            path: root.to_owned(),
            problem: "is not a directory".to_owned(),
        });
    }
    let found = look(root, globs, modes)?;
    // Hashing waits for disks and threads; looking up names does not.
    let entries: Vec<Entry> = stream::iter(found)
        .map(|mut entry| async move {
            if let What::File { stamp, sha256 } = &mut entry.what {
                let path = root.join(super::globs::as_path(&entry.path));
                *sha256 = hashes.sha256(&path, stamp).await?;
            }
            Ok::<_, Error>(entry)
        })
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    Ok(Tree {
        root: root.to_owned(),
        entries,
    })
}

/// What takes part, each with what tells its versions apart; nothing is read.
pub(super) fn outline(root: &Path, globs: &Globs) -> Result<Vec<(PathBuf, Option<Stamp>)>, Error> {
    let entries = look(root, globs, Modes::Same)?;
    let entries = entries.into_iter().map(|entry| {
        let path = root.join(super::globs::as_path(&entry.path));
        match entry.what {
            What::Dir => (path, None),
            What::File { stamp, .. } => (path, Some(stamp)),
            What::Link { .. } => {
                let stamp = std::fs::symlink_metadata(&path).ok();
                (path, stamp.as_ref().map(Stamp::of))
            }
        }
    });
    Ok(entries.collect())
}

fn look(root: &Path, globs: &Globs, modes: Modes) -> Result<Vec<Entry>, Error> {
    let passed_by = {
        let (root, globs) = (root.to_owned(), globs.clone());
        move |entry: &DirEntry| {
            let path = entry.path();
            let path = path.strip_prefix(&root).unwrap_or(path);
            if path.as_os_str().is_empty() {
                return false;
            }
            let is_dir = entry.file_type().is_some_and(|kind| kind.is_dir());
            globs.is_excluded(path.as_os_str().as_bytes()) || is_dir && !globs.may_hold(path)
        }
    };
    let walk = WalkBuilder::new(root)
        // What git ignores is often what is deployed.
        .standard_filters(false)
        .follow_links(false)
        .sort_by_file_name(std::ffi::OsStr::cmp)
        .filter_entry(move |entry| !passed_by(entry))
        .build();
    let mut entries: Vec<Entry> = Vec::new();
    for found in walk {
        let found = found.map_err(|error| {
            Error::local("walk", root, std::io::Error::other(error.to_string()))
        })?;
        let Ok(path) = found.path().strip_prefix(root) else {
            continue;
        };
        let path = path.as_os_str().as_bytes().to_vec();
        if path.is_empty() {
            continue;
        }
        entries.push(entry(found.path(), path, modes)?);
    }
    Ok(only_included(entries, globs))
}

/// Included files and links, and the directories they need.
fn only_included(entries: Vec<Entry>, globs: &Globs) -> Vec<Entry> {
    if globs.includes_all() {
        return entries;
    }
    let mut needed: HashSet<Vec<u8>> = HashSet::new();
    for entry in entries
        .iter()
        .filter(|entry| globs.is_included(&entry.path))
    {
        let mut path = entry.path.as_slice();
        while needed.insert(path.to_vec()) {
            match path.iter().rposition(|byte| *byte == b'/') {
                Some(slash) => path = path.get(..slash).unwrap_or_default(),
                None => break,
            }
        }
    }
    let mut entries = entries;
    entries.retain(|entry| needed.contains(&entry.path));
    entries
}

fn entry(from: &Path, path: Vec<u8>, modes: Modes) -> Result<Entry, Error> {
    let unread = |source| Error::local("read", from, source);
    let metadata = std::fs::symlink_metadata(from).map_err(unread)?;
    let kind = metadata.file_type();
    let own = Mode::new(metadata.permissions().mode());
    let plain = match kind.is_dir() || own.bits() & 0o100 != 0 {
        true => Mode::new(0o755),
        false => Mode::new(0o644),
    };
    let what = if kind.is_dir() {
        What::Dir
    } else if kind.is_file() {
        What::File {
            stamp: Stamp::of(&metadata),
            sha256: String::new(),
        }
    } else if kind.is_symlink() {
        let target: PathBuf = std::fs::read_link(from).map_err(unread)?;
        What::Link {
            target: target.into_os_string().into_vec(),
        }
    } else {
        return Err(Error::LocalKind {
            path: from.to_owned(),
            problem: "is no file, directory or link; exclude it".to_owned(),
        });
    };
    Ok(Entry {
        path,
        mode: match modes {
            Modes::Plain => plain,
            Modes::Same => own,
        },
        what,
    })
}
