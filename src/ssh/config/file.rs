//! Configuration files, read once, with what they include in its place.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use globset::GlobBuilder;

use super::words;
use crate::ssh::Error;

/// OpenSSH's limit on files that include files.
const DEEPEST: usize = 16;

/// A file's lines in order.
#[derive(Debug)]
pub(super) struct File {
    pub path: PathBuf,
    pub lines: Vec<Line>,
}

#[derive(Debug)]
pub(super) struct Line {
    pub number: usize,
    pub content: Content,
}

#[derive(Debug)]
pub(super) enum Content {
    /// A keyword in lower case and its value, not yet split.
    Setting(String, String),
    /// Files to be read here, under the conditions that hold here.
    Include(Vec<Arc<File>>),
}

/// How files are found and what is asked of them.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    pub home: &'a Path,
    /// Where relative includes are.
    pub base: &'a Path,
    /// The operator's own files may use `~` and must not be writable by others.
    pub is_user: bool,
}

impl Reader<'_> {
    /// Reads a file that need not exist.
    pub fn read_if_there(&self, path: &Path) -> Result<Option<Arc<File>>, Error> {
        match self.read(path, self.is_user, 0) {
            Ok(file) => Ok(Some(file)),
            Err(Unread::Missing) => Ok(None),
            Err(Unread::Bad(error)) => Err(error),
        }
    }

    /// Reads a file that was asked for by name.
    pub fn read_named(&self, path: &Path) -> Result<Arc<File>, Error> {
        self.read(path, false, 0).map_err(|error| match error {
            Unread::Missing => bad(path, 0, "there is no such file"),
            Unread::Bad(error) => error,
        })
    }

    fn read(&self, path: &Path, check_mode: bool, depth: usize) -> Result<Arc<File>, Unread> {
        if depth > DEEPEST {
            return Err(Unread::Bad(bad(
                path,
                0,
                "too many files include one another",
            )));
        }
        let text = self.text(path, check_mode)?;
        let mut lines = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let number = index + 1;
            let Some((keyword, value)) = words::keyword(line) else {
                continue;
            };
            let content = if keyword == "include" {
                let found = self.includes(path, number, value, depth);
                Content::Include(found.map_err(Unread::Bad)?)
            } else {
                Content::Setting(keyword, value.to_owned())
            };
            lines.push(Line { number, content });
        }
        Ok(Arc::new(File {
            path: path.to_owned(),
            lines,
        }))
    }

    fn text(&self, path: &Path, check_mode: bool) -> Result<String, Unread> {
        let unreadable = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => Unread::Missing,
            _ => Unread::Bad(bad(path, 0, &format!("it cannot be read: {error}"))),
        };
        let meta = fs::metadata(path).map_err(unreadable)?;
        let own = meta.uid() == 0 || meta.uid() == rustix::process::getuid().as_raw();
        if check_mode && (!own || meta.permissions().mode() & 0o022 != 0) {
            return Err(Unread::Bad(bad(
                path,
                0,
                "others may write to it, or own it; what it says cannot be trusted",
            )));
        }
        let bytes = fs::read(path).map_err(unreadable)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn includes(
        &self,
        path: &Path,
        number: usize,
        value: &str,
        depth: usize,
    ) -> Result<Vec<Arc<File>>, Error> {
        let patterns = words::split(value).map_err(|reason| bad(path, number, reason))?;
        if patterns.is_empty() {
            return Err(bad(path, number, "`Include` names no file"));
        }
        let mut files = Vec::new();
        for pattern in patterns {
            let pattern = match pattern.strip_prefix("~/") {
                Some(rest) if self.is_user => self.home.join(rest),
                _ if pattern.starts_with('~') => {
                    return Err(bad(path, number, "`~` cannot be used in this `Include`"));
                }
                _ => self.base.join(&pattern),
            };
            for found in glob(&pattern).map_err(|reason| bad(path, number, &reason))? {
                match self.read(&found, self.is_user, depth + 1) {
                    Ok(file) => files.push(file),
                    Err(Unread::Missing) => {}
                    Err(Unread::Bad(error)) => return Err(error),
                }
            }
        }
        Ok(files)
    }
}

enum Unread {
    Missing,
    Bad(Error),
}

pub(super) fn bad(path: &Path, line: usize, reason: &str) -> Error {
    Error::Config {
        file: Some(path.to_owned()),
        line,
        reason: reason.to_owned(),
    }
}

/// The files a pattern stands for, in order. A pattern that fits nothing stands for nothing.
fn glob(pattern: &Path) -> Result<Vec<PathBuf>, String> {
    let mut found = vec![PathBuf::from("/")];
    for part in pattern.components() {
        let std::path::Component::Normal(part) = part else {
            continue;
        };
        let text = part.to_string_lossy();
        if !text.contains(['*', '?', '[']) {
            found.iter_mut().for_each(|path| path.push(part));
            found.retain(|path| path.exists());
            continue;
        }
        let matcher = GlobBuilder::new(&text)
            .literal_separator(true)
            .build()
            .map_err(|error| error.to_string())?
            .compile_matcher();
        let mut next = Vec::new();
        for directory in &found {
            let Ok(entries) = fs::read_dir(directory) else {
                continue;
            };
            for entry in entries.flatten() {
                let name = entry.file_name();
                let hidden = name.to_string_lossy().starts_with('.') && !text.starts_with('.');
                if !hidden && matcher.is_match(&name) {
                    next.push(entry.path());
                }
            }
        }
        next.sort();
        found = next;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_are_sorted_and_skip_hidden_files() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["b.conf", "a.conf", ".x.conf", "c.txt"] {
            fs::write(dir.path().join(name), "").unwrap();
        }
        let found = glob(&dir.path().join("*.conf")).unwrap();
        let names: Vec<_> = found.iter().map(|p| p.file_name().unwrap()).collect();
        assert_eq!(names, ["a.conf", "b.conf"]);
        assert!(glob(&dir.path().join("none*")).unwrap().is_empty());
    }

    #[test]
    fn includes_that_go_round_end_in_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config");
        fs::write(&path, "Include config\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let reader = Reader {
            home: dir.path(),
            base: dir.path(),
            is_user: true,
        };
        let error = reader.read_named(&path).unwrap_err();
        assert!(error.to_string().contains("include one another"), "{error}");
    }

    #[test]
    fn a_file_that_others_may_write_is_not_believed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config");
        fs::write(&path, "Port 1\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
        let reader = Reader {
            home: dir.path(),
            base: dir.path(),
            is_user: true,
        };
        assert_eq!(
            reader.read_if_there(&path).unwrap_err().kind(),
            "ssh.config"
        );
        let missing = reader.read_if_there(&dir.path().join("none")).unwrap();
        assert!(missing.is_none());
    }
}
