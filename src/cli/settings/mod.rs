//! `e2bscript.toml`: defaults for the program's own options, of the project and of the user.
//!
//! What the command line and the environment leave open is taken from the project's file, then from
//! the user's. All of it is merged in one place, [`merge`]: no command knows where a value came from.

mod file;
mod hide;
pub mod key;
mod merge;
mod shown;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::diag::{Class, Failure};
use crate::engine::library::{self, PROJECT_FILE};
use crate::engine::source::{Source, Sources};
use crate::explain::{Diagnostic, RenderOptions, render_diagnostic};

use super::run::{config_home, env};
use file::{File, Mistakes, Set};
use key::{Key, Value};

pub use merge::{ENV_FILE, Kept, Merged, merge};
pub use shown::{Shown, all};

/// What the files set.
#[derive(Debug, Default)]
pub struct Settings {
    values: BTreeMap<Key, Set>,
}

/// Files that cannot be followed, with all that is wrong in them.
pub struct Refused {
    reports: Vec<Diagnostic>,
    sources: Sources,
    files: Vec<String>,
}

impl Settings {
    /// Reads the project's file and the user's, as seen from the current directory.
    pub fn read() -> Result<Settings, Refused> {
        let here = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
        let project = library::project(&here, std::env::home_dir().as_deref());
        let user = config_home().map(|dir| dir.join("e2bscript").join(PROJECT_FILE));
        let mut paths: Vec<PathBuf> = project
            .map(|dir| dir.join(PROJECT_FILE))
            .into_iter()
            .collect();
        paths.extend(user.filter(|user| !paths.contains(user)));
        Settings::of(&paths)
    }

    /// Reads files; those before win.
    fn of(paths: &[PathBuf]) -> Result<Settings, Refused> {
        let mut settings = Settings::default();
        let mut wrong = Vec::new();
        for path in paths {
            match read(path) {
                Ok(file) => {
                    for (key, set) in file.values {
                        settings.values.entry(key).or_insert(set);
                    }
                }
                Err(mistakes) => wrong.push(mistakes),
            }
        }
        match wrong.is_empty() {
            true => Ok(settings),
            false => Err(Refused::of(wrong)),
        }
    }

    fn get(&self, key: Key) -> Option<&Value> {
        self.values.get(&key).map(|set| &set.value)
    }

    /// A setting that is a text.
    pub fn text(&self, key: Key) -> Option<&str> {
        match self.get(key) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    fn flag(&self, key: Key) -> Option<bool> {
        match self.get(key) {
            Some(Value::Flag(flag)) => Some(*flag),
            _ => None,
        }
    }

    fn list(&self, key: Key) -> Option<&[String]> {
        match self.get(key) {
            Some(Value::List(items)) => Some(items),
            _ => None,
        }
    }

    fn number(&self, key: Key) -> Option<usize> {
        match self.get(key) {
            Some(Value::Number(number)) => usize::try_from(*number).ok(),
            _ => None,
        }
    }
}

/// A file that is not there sets nothing.
fn read(path: &Path) -> Result<File, Mistakes> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(File::default()),
        Err(error) => {
            let failure = Failure::usage("settings.read", format!("cannot read `{}`", shown(path)));
            return Err(Mistakes {
                file: shown(path),
                text: String::new(),
                found: vec![Diagnostic::from(failure.cause(error.to_string()))],
            });
        }
    };
    file::read(path, &text)
}

impl Refused {
    fn of(wrong: Vec<Mistakes>) -> Refused {
        let mut refused = Refused {
            reports: Vec::new(),
            sources: Sources::default(),
            files: Vec::new(),
        };
        for mistakes in wrong {
            refused.sources.add(Source {
                id: mistakes.file.clone(),
                path: None,
                text: mistakes.text,
            });
            refused.reports.extend(mistakes.found);
            refused.files.push(format!("`{}`", mistakes.file));
        }
        refused
    }

    /// One failure for all that is wrong, and its report.
    pub fn told(&self, look: RenderOptions) -> (Failure, String) {
        let reports: Vec<String> = self
            .reports
            .iter()
            .map(|report| render_diagnostic(report, &self.sources, look))
            .collect();
        let count = match self.reports.len() {
            1 => "1 mistake".to_owned(),
            more => format!("{more} mistakes"),
        };
        let summary = format!("{count} in {}: nothing was run", self.files.join(" and "));
        let text = format!("{}\n{summary}\n", reports.join("\n"));
        let failures: Vec<Failure> = self.reports.iter().map(failure).collect();
        let failure = match failures.as_slice() {
            [only] => only.clone(),
            _ => Failure {
                failures,
                ..Failure::usage("settings.value", summary)
            },
        };
        (failure, text)
    }
}

fn failure(report: &Diagnostic) -> Failure {
    let failure = Failure::new(report.code.clone(), report.message.clone())
        .maybe_help(report.help.clone())
        .class(Class::Usage);
    match report.spans.first() {
        Some(label) => failure.detail("at", label.place.to_string()),
        None => failure,
    }
}

/// A path as short as it can be from here and still be one for the system.
fn short(path: &Path) -> PathBuf {
    let here = std::env::current_dir().ok();
    let below = here.and_then(|here| path.strip_prefix(here).ok().map(Path::to_path_buf));
    below
        .filter(|rest| !rest.as_os_str().is_empty())
        .unwrap_or_else(|| path.to_path_buf())
}

/// A path for people.
fn shown(path: &Path) -> String {
    let short = short(path);
    let home = env("HOME")
        .filter(|home| !home.is_empty())
        .map(PathBuf::from);
    match home.and_then(|home| short.strip_prefix(home).ok().map(Path::to_path_buf)) {
        Some(rest) => format!("~/{}", rest.display()),
        None => short.display().to_string(),
    }
}
