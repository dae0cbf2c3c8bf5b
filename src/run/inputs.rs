//! What a run reads of this machine: the files that decide what it does, as they were when it read them.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};

/// Everything that a run has read so far; clones share it.
#[derive(Clone, Default)]
pub struct Inputs {
    noted: Arc<Mutex<BTreeMap<PathBuf, Vec<Input>>>>,
    values: Arc<Mutex<Values>>,
    own: Arc<Mutex<Vec<PathBuf>>>,
}

/// What was read out of files, the environment and hosts. Values are kept as checksums: nobody wants
/// them back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Values {
    /// By file and name; the name is empty where the whole file is a secret.
    pub settings: BTreeMap<(PathBuf, String), Setting>,
    /// Variables of the environment; `None` for one that is not set.
    pub variables: BTreeMap<String, Option<[u8; 32]>>,
    /// What hosts have of what must not be shown, by host and item.
    pub found: BTreeMap<String, String>,
}

/// A value of a configuration file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    pub sha256: [u8; 32],
    pub is_secret: bool,
}

/// How an input looks at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// Another number when it is no longer the same.
    pub print: u64,
    /// The files that it is about, sorted.
    pub files: Vec<PathBuf>,
    /// Directories in which a change of it shows.
    pub places: Vec<PathBuf>,
}

/// Looks at an input that is more than one path.
pub type LookAt = Arc<dyn Fn(&Path) -> Look + Send + Sync>;

#[derive(Clone)]
struct Input {
    kind: Kind,
    print: u64,
    places: Vec<PathBuf>,
}

#[derive(Clone)]
enum Kind {
    File,
    Names,
    Tree(LookAt),
}

impl Inputs {
    /// Notes a file, before it is read. One that is not there yet counts as well.
    pub fn file(&self, path: &Path) {
        self.note(path, Kind::File);
    }

    /// Notes that the names in a directory matter.
    pub fn names(&self, path: &Path) {
        self.note(path, Kind::Names);
    }

    /// Notes a tree of which `look` sees what matters.
    pub fn tree(&self, path: &Path, look: LookAt) {
        self.note(path, Kind::Tree(look));
    }

    /// Notes a value of a configuration file.
    pub fn setting(&self, path: &Path, name: &str, value: &str, is_secret: bool) {
        let setting = Setting {
            sha256: checksum(value),
            is_secret,
        };
        let key = (path.to_owned(), name.to_owned());
        self.values_slot().settings.insert(key, setting);
    }

    /// Notes a variable of the environment.
    pub fn variable(&self, name: &str, value: Option<&str>) {
        let mut values = self.values_slot();
        values
            .variables
            .insert(name.to_owned(), value.map(checksum));
    }

    /// Notes by what a host's item is told from others, where that must not be shown.
    pub fn found(&self, item: &str, print: &str) {
        let mut values = self.values_slot();
        values.found.insert(item.to_owned(), print.to_owned());
    }

    /// The values that were noted.
    pub fn values(&self) -> Values {
        self.values_slot().clone()
    }

    /// The trees and lists of files that were read, each with the files that it is about now.
    pub fn trees(&self) -> Vec<(PathBuf, Vec<PathBuf>)> {
        let noted = self.lock().clone();
        let mut trees = Vec::new();
        for (path, inputs) in noted {
            for input in inputs {
                if !matches!(input.kind, Kind::File) {
                    trees.push((path.clone(), input.kind.look(&path).files));
                }
            }
        }
        trees
    }

    /// The run itself wrote there: what it reads afterwards is no news.
    pub fn wrote(&self, path: &Path) {
        let mut noted = self.lock();
        for at in [Some(path), path.parent()].into_iter().flatten() {
            for input in noted.get_mut(at).into_iter().flatten() {
                let look = input.kind.look(at);
                (input.print, input.places) = (look.print, look.places);
            }
        }
    }

    /// The run made this directory for itself: what is in it goes with the run, and is no input.
    pub fn owns(&self, dir: &Path) {
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        own.push(dir.to_owned());
    }

    /// Takes over what another run has read, as it was then.
    pub fn join(&self, other: &Inputs) {
        if Arc::ptr_eq(&self.noted, &other.noted) {
            return;
        }
        let others = other.lock().clone();
        let mut noted = self.lock();
        for (path, inputs) in others {
            let known = noted.entry(path).or_default();
            for input in inputs {
                if !known.iter().any(|one| one.kind.is(&input.kind)) {
                    known.push(input);
                }
            }
        }
    }

    /// The files that were read or looked for, sorted.
    pub fn files(&self) -> Vec<PathBuf> {
        let noted = self.lock();
        let files = noted
            .iter()
            .filter(|(_, inputs)| inputs.iter().any(|input| matches!(input.kind, Kind::File)));
        files.map(|(path, _)| path.clone()).collect()
    }

    /// Whether nothing was noted.
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Those that are no longer as they were when they were read, sorted.
    pub fn moved(&self) -> Vec<PathBuf> {
        let noted = self.lock().clone();
        let moved = noted.iter().filter(|(path, inputs)| {
            let differs = |input: &Input| input.kind.look(path).print != input.print;
            inputs.iter().any(differs)
        });
        moved.map(|(path, _)| path.clone()).collect()
    }

    /// How they are now: other numbers when one of them is no longer the same.
    pub fn prints(&self) -> Vec<u64> {
        let noted = self.lock().clone();
        let look = |path: &PathBuf, input: &Input| input.kind.look(path).print;
        noted
            .iter()
            .flat_map(|(path, inputs)| inputs.iter().map(move |input| look(path, input)))
            .collect()
    }

    /// Directories in which changes of the inputs show, sorted.
    pub fn places(&self) -> Vec<PathBuf> {
        let noted = self.lock();
        let mut places: Vec<PathBuf> = noted
            .values()
            .flatten()
            .flat_map(|input| input.places.iter().cloned())
            .collect();
        places.sort();
        places.dedup();
        places
    }

    /// The first look counts: what changes between two reads of a run makes the run a mixture.
    fn note(&self, path: &Path, kind: Kind) {
        let own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        if own.iter().any(|dir| path.starts_with(dir)) {
            return;
        }
        drop(own);
        let mut noted = self.lock();
        let inputs = noted.entry(path.to_owned()).or_default();
        if inputs.iter().any(|input| input.kind.is(&kind)) {
            return;
        }
        let Look { print, places, .. } = kind.look(path);
        inputs.push(Input {
            kind,
            print,
            places,
        });
    }

    fn values_slot(&self) -> MutexGuard<'_, Values> {
        self.values.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<PathBuf, Vec<Input>>> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kind {
    /// Whether it is about the same. Two trees may take different parts of one directory.
    fn is(&self, other: &Kind) -> bool {
        match (self, other) {
            (Kind::File, Kind::File) | (Kind::Names, Kind::Names) => true,
            (Kind::Tree(one), Kind::Tree(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }

    fn look(&self, path: &Path) -> Look {
        match self {
            Kind::File => file(path),
            Kind::Names => names(path),
            Kind::Tree(look) => look(path),
        }
    }
}

fn file(path: &Path) -> Look {
    let mut print = DefaultHasher::new();
    stamp(fs::metadata(path).ok().as_ref()).hash(&mut print);
    let mut places = vec![place(path)];
    // A save replaces what the link leads to, not the link.
    if fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink())
        && let Ok(target) = fs::canonicalize(path)
    {
        places.push(place(&target));
    }
    Look {
        print: print.finish(),
        files: vec![path.to_owned()],
        places,
    }
}

fn checksum(value: &str) -> [u8; 32] {
    Sha256::digest(value.as_bytes()).into()
}

fn names(path: &Path) -> Look {
    let mut print = DefaultHasher::new();
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.file_name()).collect();
    names.sort();
    names.hash(&mut print);
    Look {
        print: print.finish(),
        files: names.iter().map(|name| path.join(name)).collect(),
        places: vec![nearest(path)],
    }
}

/// What tells one version of a file from the next without reading it. A directory is only there or
/// not: what happens in it is no matter of those who looked at it by name.
pub fn stamp(found: Option<&Metadata>) -> Option<(u64, u64, i64, i64, u32)> {
    let found = found?;
    if found.is_dir() {
        return Some((0, found.ino(), 0, 0, found.mode()));
    }
    Some((
        found.len(),
        found.ino(),
        found.mtime(),
        found.mtime_nsec(),
        found.mode(),
    ))
}

/// The directory that hears of a change at `path`; where there is none yet, the nearest one above.
fn place(path: &Path) -> PathBuf {
    nearest(path.parent().unwrap_or(path))
}

fn nearest(path: &Path) -> PathBuf {
    let found = path
        .ancestors()
        .find(|place| !place.as_os_str().is_empty() && place.is_dir());
    found.map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moved_is_named_and_what_the_run_wrote_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("a"), "1").unwrap();
        let inputs = Inputs::default();
        for name in ["a", "new", "own", "deep/er/x"] {
            inputs.file(&at(name));
        }
        inputs.names(dir.path());
        assert_eq!(inputs.moved(), Vec::<PathBuf>::new());
        assert_eq!(inputs.places(), [dir.path()]);

        fs::write(at("own"), "x").unwrap();
        inputs.wrote(&at("own"));
        assert_eq!(inputs.moved(), Vec::<PathBuf>::new());

        fs::write(at("a"), "22").unwrap();
        fs::write(at("new"), "").unwrap();
        assert_eq!(
            inputs.moved(),
            [dir.path().to_path_buf(), at("a"), at("new")]
        );
        // What was seen first counts.
        inputs.file(&at("a"));
        assert!(inputs.moved().contains(&at("a")));
    }

    #[test]
    fn what_another_run_read_is_taken_over_as_it_was_and_its_own_directory_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::create_dir(at("scratch")).unwrap();
        for name in ["a", "b", "scratch/c"] {
            fs::write(at(name), "1").unwrap();
        }
        let (one, other) = (Inputs::default(), Inputs::default());
        one.file(&at("a"));
        other.owns(&at("scratch"));
        for name in ["a", "b", "scratch/c"] {
            other.file(&at(name));
        }
        fs::write(at("b"), "22").unwrap();
        one.join(&other);
        one.join(&one.clone());
        assert_eq!(one.files(), [at("a"), at("b")]);
        assert_eq!(one.moved(), [at("b")]);
    }

    #[test]
    fn a_file_that_is_renamed_into_place_has_moved() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("a"), "1").unwrap();
        let inputs = Inputs::default();
        inputs.file(&at("a"));
        fs::write(at("b"), "2").unwrap();
        fs::rename(at("b"), at("a")).unwrap();
        assert_eq!(inputs.moved(), [at("a")]);
    }

    #[test]
    fn a_link_is_watched_at_both_ends() {
        let dir = tempfile::tempdir().unwrap();
        let (here, there) = (dir.path().join("here"), dir.path().join("there"));
        fs::create_dir(&here).unwrap();
        fs::create_dir(&there).unwrap();
        fs::write(there.join("x"), "1").unwrap();
        std::os::unix::fs::symlink(there.join("x"), here.join("x")).unwrap();
        let inputs = Inputs::default();
        inputs.file(&here.join("x"));
        let places = inputs.places();
        assert!(places.contains(&here) && places.contains(&fs::canonicalize(there).unwrap()));
    }
}
