//! Past runs: found, told apart by how they ended, read event by event.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use rustix::process::{Pid, test_kill_process};
use serde::Deserialize;

use super::RunId;
use super::journal::{self, EVENTS, JournalError, RunFile};
use crate::report::event::SCHEMA;
use crate::report::{Event, Record};

/// Stands for the newest run.
pub const LAST: &str = "last";

/// The runs of a state directory.
pub struct History {
    runs: PathBuf,
}

/// A run that is or was.
#[derive(Clone, Debug)]
pub struct Past {
    pub directory: PathBuf,
    /// `run.json`; of a run that has no end, arguments and changes are what its events say so far.
    pub file: RunFile,
    pub life: Life,
}

/// How a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    Finished,
    Running,
    /// Its process is gone without a word.
    Killed,
}

/// Why there is no such run.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    #[error("no run is kept in `{}`", .0.display())]
    Empty(PathBuf),
    #[error("no run `{0}` is kept")]
    Unknown(String),
    #[error("`{name}` may be any of {} runs", ids.len())]
    Ambiguous { name: String, ids: Vec<RunId> },
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl History {
    pub fn of(state: &Path) -> History {
        History {
            runs: journal::runs(state),
        }
    }

    /// Ids, oldest first; none where nothing was ever run.
    pub fn ids(&self) -> Result<Vec<RunId>, JournalError> {
        match journal::list(&self.runs) {
            Err(JournalError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Ok(Vec::new())
            }
            listed => listed,
        }
    }

    /// All runs, newest first, and why some cannot be told of.
    pub fn all(&self) -> Result<(Vec<Past>, Vec<JournalError>), JournalError> {
        let (mut runs, mut troubles) = (Vec::new(), Vec::new());
        for id in self.ids()? {
            let directory = self.directory(&id);
            match Past::read(&directory) {
                Ok(past) => runs.push(past),
                // It begins just now, or was removed meanwhile.
                Err(_) if !directory.exists() || journal::is_held(&directory) == Some(true) => {}
                Err(error) => troubles.push(error),
            }
        }
        // Ids are no finer than a minute.
        let key = |past: &Past| (past.file.started.clone(), past.file.id.clone());
        runs.sort_by_cached_key(|past| std::cmp::Reverse(key(past)));
        Ok((runs, troubles))
    }

    /// The run of this name: its id, the beginning of it, its last four characters, or [`LAST`].
    pub fn find(&self, name: &str) -> Result<RunId, FindError> {
        let mut ids = self.ids()?;
        if ids.is_empty() {
            return Err(FindError::Empty(self.runs.clone()));
        }
        if name == LAST {
            let (runs, _) = self.all()?;
            let newest = runs.into_iter().next().map(|past| past.file.id);
            return newest.or(ids.pop()).ok_or(FindError::Unknown(name.into()));
        }
        let end = format!("-{name}");
        let fits = |id: &RunId| id.as_str().starts_with(name) || id.as_str().ends_with(&end);
        ids.retain(|id| !name.is_empty() && fits(id));
        match (ids.pop(), ids.is_empty()) {
            (Some(id), true) => Ok(id),
            (Some(id), false) => {
                ids.push(id);
                let name = name.to_owned();
                Err(FindError::Ambiguous { name, ids })
            }
            (None, _) => Err(FindError::Unknown(name.to_owned())),
        }
    }

    pub fn directory(&self, id: &RunId) -> PathBuf {
        self.runs.join(id.as_str())
    }
}

impl Past {
    /// Reads what there is of the run in this directory.
    pub fn read(directory: &Path) -> Result<Past, JournalError> {
        let mut file = journal::read_run(directory)?;
        let life = match (&file.finished, journal::is_held(directory)) {
            (Some(_), _) => Life::Finished,
            (None, Some(true)) => Life::Running,
            (None, Some(false)) => Life::Killed,
            (None, None) if lives(file.process) => Life::Running,
            (None, None) => Life::Killed,
        };
        if life == Life::Finished {
            file.seconds = file.seconds.or_else(|| between(&file, None));
        } else {
            sum_up(directory, &mut file, life)?;
        }
        Ok(Past {
            directory: directory.to_owned(),
            file,
            life,
        })
    }
}

/// Seconds from the run's start to its end, or to another moment.
fn between(file: &RunFile, end: Option<DateTime<Utc>>) -> Option<f64> {
    let moment = |text: &str| DateTime::parse_from_rfc3339(text).ok();
    let started = moment(&file.started)?;
    let end = match end {
        Some(end) => end,
        None => moment(file.finished.as_deref()?)?.to_utc(),
    };
    Some((end - started.to_utc()).as_seconds_f64().max(0.0))
}

/// Takes from the events what `run.json` only gets at the end.
fn sum_up(directory: &Path, file: &mut RunFile, life: Life) -> Result<(), JournalError> {
    let path = directory.join(EVENTS);
    let failed = |source| JournalError::Read {
        path: path.clone(),
        source,
    };
    let mut lines = BufReader::new(File::open(&path).map_err(failed)?);
    let (mut line, mut last) = (Vec::new(), None);
    let mut changed = 0;
    loop {
        line.clear();
        if lines.read_until(b'\n', &mut line).map_err(failed)? == 0 {
            break;
        }
        // Within a text the quotes would be escaped.
        let text = String::from_utf8_lossy(&line);
        changed += u64::from(text.contains(r#""type":"change""#));
        if file.args.is_none()
            && text.contains(r#""type":"run_started""#)
            && let Ok(record) = serde_json::from_str::<Record>(&text)
            && let Event::RunStarted { args, .. } = record.event
        {
            file.args = Some(args);
        }
        if let Ok(Moment { time }) = serde_json::from_str(&text) {
            last = Some(time);
        }
    }
    file.changed = Some(changed);
    let end = match life {
        Life::Running => Some(Utc::now()),
        _ => last,
    };
    file.seconds = end.and_then(|end| between(file, Some(end)));
    Ok(())
}

/// Whether there is a process of this number.
fn lives(process: u32) -> bool {
    let pid = i32::try_from(process).ok().and_then(Pid::from_raw);
    // One that may not be sent a signal is there.
    pid.is_some_and(|pid| test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
}

#[derive(Deserialize)]
struct Moment {
    time: DateTime<Utc>,
}

/// What every line has, in every version of the format.
#[derive(Deserialize)]
struct Head {
    schema: u32,
    #[serde(rename = "type")]
    kind: String,
}

/// The events of a run, in their order.
pub struct Events {
    path: PathBuf,
    lines: BufReader<File>,
    number: u64,
}

/// What stands on a line of `events.jsonl`.
#[derive(Debug)]
pub enum Stored {
    Record(Box<Record>),
    /// An event of a type, or with a word, that this version does not know.
    Unknown(String),
    /// No event: the number of the line, from 1.
    Damaged(u64),
    /// The last line breaks off in the middle, as when its process was killed.
    CutOff,
}

#[derive(Debug, thiserror::Error)]
pub enum EventsError {
    #[error("`{}` has events of format {schema}; this version of e2bscript knows those up to {SCHEMA}", path.display())]
    Newer { path: PathBuf, schema: u32 },
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl Events {
    /// Opens the events of the run in this directory.
    pub fn open(directory: &Path) -> Result<Events, JournalError> {
        let path = directory.join(EVENTS);
        match File::open(&path) {
            Ok(file) => Ok(Events {
                path,
                lines: BufReader::new(file),
                number: 0,
            }),
            Err(source) => Err(JournalError::Read { path, source }),
        }
    }

    fn read(&mut self) -> Result<Option<Stored>, EventsError> {
        let mut line = Vec::new();
        let read = self.lines.read_until(b'\n', &mut line);
        read.map_err(|source| JournalError::Read {
            path: self.path.clone(),
            source,
        })?;
        self.number += 1;
        if line.is_empty() {
            return Ok(None);
        }
        let head = serde_json::from_slice::<Head>(&line);
        if let Ok(head) = &head
            && head.schema > SCHEMA
        {
            return Err(EventsError::Newer {
                path: self.path.clone(),
                schema: head.schema,
            });
        }
        Ok(Some(match (serde_json::from_slice(&line), head) {
            (Ok(record), _) => Stored::Record(Box::new(record)),
            (Err(_), Ok(head)) => Stored::Unknown(head.kind),
            (Err(_), Err(_)) if line.last() != Some(&b'\n') => Stored::CutOff,
            (Err(_), Err(_)) => Stored::Damaged(self.number),
        }))
    }
}

impl Iterator for Events {
    type Item = Result<Stored, EventsError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::report::{LineSink as _, Mode};
    use crate::run::Journal;

    fn state() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    fn start(state: &Path, id: &str) -> (Journal, journal::EventFile) {
        Journal::create(state, &RunId::parse(id).unwrap()).unwrap()
    }

    #[test]
    fn a_run_is_found_by_what_is_enough_of_its_id() {
        let state = state();
        let history = History::of(state.path());
        assert!(matches!(history.find("last"), Err(FindError::Empty(_))));
        for id in [
            "20261124-0301-ab12",
            "20261124-0301-zz99",
            "20261125-0301-cc22",
        ] {
            start(state.path(), id);
        }
        let found = |name: &str| history.find(name).map(|id| id.to_string());
        assert_eq!(found("20261125").unwrap(), "20261125-0301-cc22");
        assert_eq!(found("zz99").unwrap(), "20261124-0301-zz99");
        assert_eq!(found("20261124-0301-ab12").unwrap(), "20261124-0301-ab12");
        // by when they began, which ids only say to the minute
        assert_eq!(found("last").unwrap(), "20261125-0301-cc22");
        let Err(FindError::Ambiguous { ids, .. }) = history.find("20261124") else {
            panic!("two fit");
        };
        assert_eq!(ids.len(), 2);
        for name in ["", "2026112-", "x"] {
            assert!(
                matches!(history.find(name), Err(FindError::Unknown(_))),
                "{name}"
            );
        }
    }

    #[test]
    fn a_run_lives_as_long_as_its_process_holds_it() {
        let state = state();
        let (journal, mut events) = start(state.path(), "20261124-0301-ab12");
        journal.begin("deploy.rhai", Mode::Apply).unwrap();
        let lines = [
            r#"{"schema":1,"seq":1,"time":"2026-11-24T03:01:00.120Z","run":"r","type":"run_started","script":"deploy.rhai","args":["--only","api"],"mode":"apply","version":"0.1.0"}"#,
            r#"{"schema":1,"seq":2,"time":"2026-11-24T03:01:01.120Z","run":"r","type":"change","host":"a","item":"file /x","action":"update","applied":true}"#,
        ];
        for line in lines {
            let record: Record = serde_json::from_str(line).unwrap();
            events.write(&record, line).unwrap();
        }
        let read = || {
            let (mut runs, troubles) = History::of(state.path()).all().unwrap();
            assert!(troubles.is_empty(), "{troubles:?}");
            runs.pop().unwrap()
        };
        let past = read();
        assert_eq!(past.life, Life::Running);
        assert_eq!(past.file.args.unwrap(), ["--only", "api"]);
        assert_eq!(past.file.changed, Some(1));
        drop(events);
        assert_eq!(read().life, Life::Killed);
        fs::write(past.directory.join("run.json"), "{").unwrap();
        let (runs, troubles) = History::of(state.path()).all().unwrap();
        assert_eq!((runs.len(), troubles.len()), (0, 1));
    }

    #[test]
    fn lines_that_are_no_events_are_told_apart() {
        let place = state();
        let events = |text: &str| {
            fs::write(place.path().join(EVENTS), text).unwrap();
            Events::open(place.path()).unwrap()
        };
        let head = r#"{"schema":1,"seq":1,"time":"2026-11-24T03:01:00.120Z","run":"r","#;
        let log = format!("{head}\"type\":\"log\",\"level\":\"info\",\"message\":\"m\"}}");
        let text = format!("{log}\nrubbish\n{head}\"type\":\"weather\"}}\n{log}\n{head}\"ty");
        let kinds: Vec<String> = events(&text)
            .map(|stored| match stored.unwrap() {
                Stored::Record(_) => "record".to_owned(),
                Stored::Unknown(kind) => kind,
                Stored::Damaged(line) => format!("line {line}"),
                Stored::CutOff => "cut off".to_owned(),
            })
            .collect();
        assert_eq!(kinds, ["record", "line 2", "weather", "record", "cut off"]);
        let newer = log.replace("\"schema\":1", "\"schema\":2");
        let error = events(&newer).next().unwrap().unwrap_err().to_string();
        assert!(error.contains("events of format 2"), "{error}");
    }
}
