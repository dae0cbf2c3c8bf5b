//! The journal of a run: its events and its outcome, kept in a directory of their own.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use chrono::{SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

use super::RunId;
use super::log::LogFile;
use crate::diag::Failure;
use crate::report::{Event, LineSink, Mode, Outcome, Record};

/// Runs that are kept, unless told otherwise.
pub const KEEP: usize = 200;

/// Names in a run's directory.
pub const EVENTS: &str = "events.jsonl";
pub const LOG: &str = "log.txt";

/// A run's directory, `<state>/e2bscript/runs/<id>/`, with `events.jsonl`, `log.txt` and `run.json`.
#[derive(Clone, Debug)]
pub struct Journal {
    runs: PathBuf,
    directory: PathBuf,
    keep: usize,
}

/// `run.json`: what a list of runs shows of one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunFile {
    pub id: RunId,
    /// The script as the user named it; empty until it begins.
    pub script: String,
    /// The script's arguments, with secrets masked; known when the run is finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub args: Option<Vec<String>>,
    pub mode: Mode,
    /// Version of the program.
    pub version: String,
    /// The process, while it lives.
    pub process: u32,
    /// RFC 3339, UTC.
    pub started: String,
    /// Absent while the run lives, and after it was killed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<u8>,
    /// How long it took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// Changes made on all hosts; under plan, changes found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed: Option<u64>,
}

/// How a run ended, for `run.json`.
pub(super) struct End {
    /// Masked.
    pub args: Vec<String>,
    pub outcome: Outcome,
    pub exit_code: u8,
    pub seconds: f64,
    pub changed: u64,
}

#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    #[error(
        "there is no place for the run's journal: none of `E2BSCRIPT_STATE_HOME`, `XDG_STATE_HOME` and `HOME` is set"
    )]
    NoHome,
    #[error("the run's journal cannot be written: `{}`", path.display())]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("old runs cannot be removed: `{}`", path.display())]
    Prune {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("`{}` cannot be read", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

impl Journal {
    /// Makes the run's directory under `state`, and in it the two files.
    pub fn create(state: &Path, id: &RunId) -> Result<(Journal, EventFile), JournalError> {
        let runs = runs(state);
        let directory = runs.join(id.as_str());
        let at = |path: &Path| {
            let path = path.to_owned();
            move |source| JournalError::Write { path, source }
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&runs)
            .map_err(at(&runs))?;
        DirBuilder::new()
            .mode(0o700)
            .create(&directory)
            .map_err(at(&directory))?;
        let journal = Journal {
            runs,
            directory,
            keep: KEEP,
        };
        let path = journal.events_path();
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&path)
            .map_err(at(&path))?;
        // Held while the run lives: a list tells by it who was killed. Where the file system has no
        // locks, it goes by the process's number.
        let _ = file.lock();
        journal.write_run(&RunFile {
            id: id.clone(),
            script: String::new(),
            args: None,
            mode: Mode::Apply,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            process: std::process::id(),
            started: now(),
            finished: None,
            outcome: None,
            exit_code: None,
            seconds: None,
            changed: None,
        })?;
        let events = EventFile {
            path,
            file: BufWriter::with_capacity(64 * 1024, file),
        };
        Ok((journal, events))
    }

    /// The file of events: the same lines as `--json`.
    pub fn events_path(&self) -> PathBuf {
        self.directory.join(EVENTS)
    }

    /// The file of the log.
    pub fn log_path(&self) -> PathBuf {
        self.directory.join(LOG)
    }

    /// Makes the log.
    pub fn open_log(&self) -> Result<LogFile, JournalError> {
        let path = self.log_path();
        LogFile::create(path.clone()).map_err(|source| JournalError::Write { path, source })
    }

    /// Keeps so many runs, this one included, instead of [`KEEP`].
    #[must_use]
    pub fn keep_runs(mut self, number: usize) -> Journal {
        self.keep = number;
        self
    }

    /// Notes what is run.
    pub(super) fn begin(&self, script: &str, mode: Mode) -> Result<(), JournalError> {
        let mut run = read_run(&self.directory)?;
        run.script = script.to_owned();
        run.mode = mode;
        self.write_run(&run)
    }

    /// Notes how the run ended.
    pub(super) fn finish(&self, end: End) -> Result<(), JournalError> {
        let mut run = read_run(&self.directory)?;
        run.args = Some(end.args);
        run.finished = Some(now());
        run.outcome = Some(end.outcome);
        run.exit_code = Some(end.exit_code);
        run.seconds = Some(end.seconds);
        run.changed = Some(end.changed);
        self.write_run(&run)
    }

    /// Removes all but the newest runs. Another process may do the same at the same time.
    pub(super) fn prune(&self) -> Result<(), JournalError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| JournalError::Prune { path, source }
        };
        let mut ids = list(&self.runs)?;
        ids.truncate(ids.len().saturating_sub(self.keep));
        for id in ids {
            let directory = self.runs.join(id.as_str());
            if directory == self.directory || is_held(&directory) == Some(true) {
                continue;
            }
            match fs::remove_dir_all(&directory) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(failed(&directory)(error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Replaces `run.json` as a whole: who reads it meanwhile sees the old one or the new one.
    fn write_run(&self, run: &RunFile) -> Result<(), JournalError> {
        let path = self.directory.join("run.json");
        let write = || -> io::Result<()> {
            let mut text = serde_json::to_vec_pretty(run)?;
            text.push(b'\n');
            let mut file = tempfile::Builder::new()
                .prefix(".run.json.")
                .tempfile_in(&self.directory)?;
            file.write_all(&text)?;
            file.persist(&path)?;
            Ok(())
        };
        write().map_err(|source| JournalError::Write {
            path: path.clone(),
            source,
        })
    }
}

/// The directory of runs in a state directory.
pub fn runs(state: &Path) -> PathBuf {
    state.join("e2bscript/runs")
}

/// Whether a process holds the run of this directory; `None` where that cannot be said.
pub fn is_held(directory: &Path) -> Option<bool> {
    let file = File::open(directory.join(EVENTS)).ok()?;
    match file.try_lock_shared() {
        Ok(()) => Some(false),
        Err(TryLockError::WouldBlock) => Some(true),
        Err(TryLockError::Error(_)) => None,
    }
}

/// The ids of the runs in a directory of runs, oldest first.
pub fn list(runs: &Path) -> Result<Vec<RunId>, JournalError> {
    let failed = |source| JournalError::Read {
        path: runs.to_owned(),
        source,
    };
    let mut ids = Vec::new();
    for entry in fs::read_dir(runs).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        ids.extend(name.to_str().and_then(RunId::parse));
    }
    ids.sort();
    Ok(ids)
}

/// Reads `run.json` of a run's directory.
pub fn read_run(directory: &Path) -> Result<RunFile, JournalError> {
    let path = directory.join("run.json");
    let read = || -> io::Result<RunFile> { Ok(serde_json::from_slice(&fs::read(&path)?)?) };
    read().map_err(|source| JournalError::Read {
        path: path.clone(),
        source,
    })
}

/// The state directory that the environment names. `env` looks up environment variables.
pub fn state_home(env: impl Fn(&str) -> Option<String>) -> Result<PathBuf, JournalError> {
    let set = |name: &str| {
        env(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    // The XDG rules ask to ignore a relative path.
    let absolute = |name: &str| set(name).filter(|path| path.is_absolute());
    set("E2BSCRIPT_STATE_HOME")
        .or_else(|| absolute("XDG_STATE_HOME"))
        .or_else(|| absolute("HOME").map(|home| home.join(".local/state")))
        .ok_or(JournalError::NoHome)
}

/// `events.jsonl`, opened for appending.
pub struct EventFile {
    path: PathBuf,
    file: BufWriter<File>,
}

impl LineSink for EventFile {
    fn name(&self) -> String {
        format!("the run's journal `{}`", self.path.display())
    }

    fn write(&mut self, record: &Record, line: &str) -> io::Result<()> {
        self.file.write_all(line.as_bytes())?;
        self.file.write_all(b"\n")?;
        // Output comes in thousands of lines; the reporter's clock flushes them. Everything else
        // must be on file before the next thing happens.
        match record.event {
            Event::Output { .. } => Ok(()),
            _ => self.file.flush(),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl From<JournalError> for Failure {
    fn from(error: JournalError) -> Failure {
        Failure::from_error("run.journal", &error)
            .class(crate::diag::Class::Usage)
            .help(
                "set `E2BSCRIPT_STATE_HOME` to a directory that can be written, or run without a journal by `--no-journal`",
            )
    }
}

fn now() -> String {
    Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    fn create(state: &Path, id: &str) -> (Journal, EventFile) {
        let id = RunId::parse(id).unwrap();
        Journal::create(state, &id).unwrap()
    }

    #[test]
    fn nobody_else_may_read_a_run() {
        let state = tempfile::tempdir().unwrap();
        let (journal, _events) = create(state.path(), "20261124-0301-ab12");
        let directory = state.path().join("e2bscript/runs/20261124-0301-ab12");
        assert_eq!(journal.events_path(), directory.join("events.jsonl"));
        assert_eq!(mode(&directory), 0o700);
        assert_eq!(mode(&directory.join("events.jsonl")), 0o600);
        assert_eq!(mode(&directory.join("run.json")), 0o600);
        journal.open_log().unwrap();
        assert_eq!(mode(&directory.join("log.txt")), 0o600);
    }

    #[test]
    fn a_run_tells_how_it_began_and_ended() {
        let state = tempfile::tempdir().unwrap();
        let (journal, _events) = create(state.path(), "20261124-0301-ab12");
        journal.begin("deploy.rhai", Mode::Plan).unwrap();
        let before = read_run(&journal.directory).unwrap();
        assert_eq!(
            (before.script.as_str(), before.mode),
            ("deploy.rhai", Mode::Plan)
        );
        assert_eq!((before.finished, before.exit_code), (None, None));
        let args = vec!["--only".to_owned(), "api".to_owned()];
        let end = End {
            args: args.clone(),
            outcome: Outcome::Failed,
            exit_code: 4,
            seconds: 1.5,
            changed: 2,
        };
        journal.finish(end).unwrap();
        let after = read_run(&journal.directory).unwrap();
        assert_eq!(after.started, before.started);
        assert_eq!(after.args, Some(args));
        assert_eq!(after.outcome, Some(Outcome::Failed));
        assert_eq!(after.exit_code, Some(4));
        assert_eq!((after.seconds, after.changed), (Some(1.5), Some(2)));
        assert!(after.finished.is_some());
        assert_eq!(fs::read_dir(&journal.directory).unwrap().count(), 2);
    }

    #[test]
    fn only_the_newest_runs_are_kept() {
        let state = tempfile::tempdir().unwrap();
        for minute in 10..15 {
            create(state.path(), &format!("20261124-03{minute}-ab12"));
        }
        let runs = state.path().join("e2bscript/runs");
        fs::write(runs.join("notes.txt"), "not a run").unwrap();
        let (journal, _events) = create(state.path(), "20251124-0301-ab12");
        journal.keep_runs(2).prune().unwrap();
        let left: Vec<String> = list(&runs).unwrap().iter().map(RunId::to_string).collect();
        // The run itself stays, however old it looks on a machine whose clock was set back.
        assert_eq!(
            left,
            [
                "20251124-0301-ab12",
                "20261124-0313-ab12",
                "20261124-0314-ab12"
            ]
        );
        assert!(runs.join("notes.txt").exists());
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_named_with_a_way_out() {
        let state = tempfile::tempdir().unwrap();
        let file = state.path().join("file");
        fs::write(&file, "").unwrap();
        let id = RunId::new();
        let error = Journal::create(&file, &id).err().unwrap();
        let failure = Failure::from(error);
        assert!(failure.message.contains("file/e2bscript/runs"), "{failure}");
        assert!(failure.help.unwrap().contains("--no-journal"));
        assert_eq!(failure.class.exit_code(), 2);
    }

    #[test]
    fn the_state_directory_is_found_by_the_rules() {
        let home = |text: &'static str| {
            state_home(move |name| {
                text.split(' ')
                    .filter_map(|pair| pair.split_once('='))
                    .find(|(key, _)| *key == name)
                    .map(|(_, value)| value.to_owned())
            })
        };
        let all = "E2BSCRIPT_STATE_HOME=/own XDG_STATE_HOME=/xdg HOME=/home/u";
        assert_eq!(home(all).unwrap(), Path::new("/own"));
        assert_eq!(
            home("XDG_STATE_HOME=/xdg HOME=/home/u").unwrap(),
            Path::new("/xdg")
        );
        let relative = "XDG_STATE_HOME=state HOME=/home/u";
        assert_eq!(home(relative).unwrap(), Path::new("/home/u/.local/state"));
        assert!(matches!(home(""), Err(JournalError::NoHome)));
    }
}
