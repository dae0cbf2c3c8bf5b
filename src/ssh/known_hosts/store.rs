//! The known_hosts files of a run, each read once.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use russh::keys::PublicKey;

use super::line::{Line, Marker};
use super::{Entry, HostKeyCause, HostKeyProblem, Known, Lookup, record};
use crate::ssh::options::HostKeyPolicy;

/// The files read so far. Cheap to share.
#[derive(Debug, Default)]
pub(in crate::ssh) struct Store {
    files: Mutex<HashMap<PathBuf, Arc<Vec<Line>>>>,
}

impl Store {
    /// Collects what the files say about one host. A file that is not there says nothing; a file
    /// that is there and cannot be read is an error.
    pub fn look_up(
        self: &Arc<Self>,
        lookup: Lookup,
        policy: HostKeyPolicy,
    ) -> Result<Known, Box<HostKeyProblem>> {
        let name = lookup.filed_as();
        let portless = (name != lookup.name).then(|| lookup.name.clone());
        let mut known = Known {
            policy,
            store: self.clone(),
            entries: Vec::new(),
            portless: Vec::new(),
            lookup,
        };
        let files: Vec<PathBuf> = known.files();
        for file in files {
            let lines = self.lines(&file).map_err(|error| {
                let cause = HostKeyCause::Unreadable {
                    file: file.clone(),
                    reason: error.to_string(),
                };
                known.lookup.problem(None, cause)
            })?;
            for line in lines.iter() {
                let list = if line.is_about(&name) {
                    &mut known.entries
                } else if portless.as_ref().is_some_and(|bare| line.is_about(bare)) {
                    &mut known.portless
                } else {
                    continue;
                };
                match line.key() {
                    Some(blob) => list.push(Entry {
                        marker: line.marker,
                        algorithm: line.algorithm.clone(),
                        blob,
                        file: file.clone(),
                        line: line.number,
                    }),
                    // A key that must not be accepted cannot be skipped because it is unreadable.
                    None if line.marker == Marker::Revoked => {
                        let cause = HostKeyCause::Unreadable {
                            file: file.clone(),
                            reason: format!("the revoked key on line {} is damaged", line.number),
                        };
                        return Err(known.lookup.problem(None, cause));
                    }
                    None => tracing::warn!(
                        "{}:{}: not a usable key, ignored",
                        file.display(),
                        line.number
                    ),
                }
            }
        }
        Ok(known)
    }

    /// Adds a key to the first of the user's files, once, however many hosts or runs do so.
    pub(super) fn record(&self, lookup: &Lookup, key: &PublicKey) -> Result<(), HostKeyCause> {
        let Some(file) = lookup.user_files.first() else {
            return Err(HostKeyCause::Unrecorded {
                file: PathBuf::from("known_hosts"),
                reason: "the SSH configuration names no file to record it in".to_owned(),
            });
        };
        // The lock also keeps two hosts of this run from recording at once.
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        files.remove(file);
        record::append(file, lookup, key)
    }

    fn lines(&self, file: &Path) -> io::Result<Arc<Vec<Line>>> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lines) = files.get(file) {
            return Ok(lines.clone());
        }
        let lines = Arc::new(read(file)?);
        files.insert(file.to_owned(), lines.clone());
        Ok(lines)
    }
}

fn read(file: &Path) -> io::Result<Vec<Line>> {
    // The link itself is looked at first: one that leads nowhere is not a file that is not there.
    match fs::symlink_metadata(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
        Ok(_) => {}
    }
    let meta = fs::metadata(file)?;
    if meta.is_dir() {
        return Err(io::Error::other("it is a directory"));
    }
    if !meta.is_file() && file != Path::new("/dev/null") {
        return Err(io::Error::other("it is not a regular file"));
    }
    Ok(parse(&fs::read(file)?))
}

pub(super) fn parse(bytes: &[u8]) -> Vec<Line> {
    let text = String::from_utf8_lossy(bytes);
    text.lines()
        .enumerate()
        .filter_map(|(index, line)| Line::parse(index + 1, line))
        .collect()
}
