//! What one test has: where it stands, what answers it, what was asked, and what nobody answered.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use super::normal::nearest;
use super::recording::{Line, Recording};
use super::table::Table;
use crate::diag::Failure;
use crate::files::Model;
use crate::report::Reporter;

/// The kind of the failure by which a test skips itself.
pub const SKIPPED: &str = "test.skipped";

/// The kind of the failure of a request that nothing answers.
pub const UNANSWERED: &str = "test.unanswered";

/// How a test is set up.
pub struct Setup {
    /// The file that the test is in.
    pub file: PathBuf,
    /// Its function.
    pub test: String,
    /// Golden texts that differ are written anew.
    pub update: bool,
    /// What the test does not answer itself is asked of real hosts and services, and heard.
    pub record: bool,
    /// Knows the secrets that no recording may hold.
    pub reporter: Reporter,
}

/// The surroundings of one test.
pub struct Stage {
    setup: Setup,
    pub(super) state: Mutex<State>,
}

#[derive(Default)]
pub(super) struct State {
    /// Commands by host; `*` is for all.
    pub commands: BTreeMap<String, Table>,
    /// Hosts that cannot be reached.
    pub down: Vec<String>,
    pub models: BTreeMap<String, Arc<Model>>,
    /// What was said of all hosts, for those that are made later.
    pub everywhere: Vec<(String, Value)>,
    pub http: Table,
    pub sql: Table,
    pub recording: Recording,
    heard: Vec<Line>,
    asked: Vec<String>,
    unanswered: Vec<Failure>,
}

impl Stage {
    /// Loads what was recorded for the test.
    ///
    /// # Errors
    /// A recording that cannot be read.
    pub fn new(setup: Setup) -> Result<Stage, Failure> {
        let recording = match setup.record {
            true => Recording::default(),
            false => Recording::load(&setup.file, &setup.test)?,
        };
        Ok(Stage {
            setup,
            state: Mutex::new(State {
                recording,
                ..State::default()
            }),
        })
    }

    pub fn records(&self) -> bool {
        self.setup.record
    }

    pub fn updates(&self) -> bool {
        self.setup.update
    }

    /// Whether there is anything recorded for the test.
    pub fn has_recording(&self) -> bool {
        !self.lock().recording.is_empty()
    }

    /// The file of a golden text.
    pub fn golden(&self, name: &str) -> PathBuf {
        let file = &self.setup.file;
        let stem = file.file_name().unwrap_or_default().to_string_lossy();
        let stem = stem.strip_suffix(".test.rhai").unwrap_or(&stem).to_owned();
        file.with_file_name(format!("{stem}.golden")).join(name)
    }

    /// Everything that was asked so far, in order.
    pub fn asked(&self) -> Vec<String> {
        self.lock().asked.clone()
    }

    /// The first request that nothing answered.
    pub fn unanswered(&self) -> Option<Failure> {
        self.lock().unanswered.first().cloned()
    }

    /// What was heard of real hosts and services, to be recorded.
    pub fn heard(&self) -> Vec<Line> {
        let mut state = self.lock();
        let mut lines = std::mem::take(&mut state.heard);
        for (host, model) in &state.models {
            if model.learns() {
                lines.push(Line {
                    key: model_key(host),
                    answer: self.masked(model.to_json()),
                });
            }
        }
        lines
    }

    /// A value that is made anew in every run: the recorded one, else what `make` gives, which is
    /// recorded while recording.
    ///
    /// # Errors
    /// Those of `make`.
    pub fn kept<E>(&self, name: &str, make: impl FnOnce() -> Result<Value, E>) -> Result<Value, E> {
        let key = format!("kept {name}");
        if let Some(value) = self.lock().recording.answer(&key) {
            return Ok(value);
        }
        let value = make()?;
        if self.records() {
            self.note_heard(key, value.clone());
        }
        Ok(value)
    }

    pub(super) fn note_asked(&self, asked: &str) {
        let asked = self.setup.reporter.masked(asked);
        self.lock().asked.push(asked);
    }

    pub(super) fn note_heard(&self, key: String, answer: Value) {
        let line = Line {
            key,
            answer: self.masked(answer),
        };
        self.lock().heard.push(line);
    }

    /// Notes that nothing answers, and says what there are answers to.
    pub(super) fn note_unanswered(&self, asked: &str, known: &[&str]) -> Option<String> {
        let asked = self.setup.reporter.masked(asked);
        let near = nearest(&asked, known.iter().copied());
        let help = match (near, known) {
            (Some(near), _) => format!("the nearest that has an answer is `{near}`"),
            (None, []) => {
                "give answers with `test::hosts`, `test::http` or `test::sql`, or record them with \
                           `e2bscript test --record`"
                    .to_owned()
            }
            (None, known) => {
                let shown = known.iter().take(8).map(|known| format!("`{known}`"));
                format!(
                    "there are answers to {}",
                    shown.collect::<Vec<_>>().join(", ")
                )
            }
        };
        let failure =
            Failure::new(UNANSWERED, format!("nothing answers `{asked}`")).help(help.clone());
        self.lock().unanswered.push(failure);
        Some(help)
    }

    pub(super) fn masked_text(&self, text: &str) -> String {
        self.setup.reporter.masked(text)
    }

    fn masked(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.setup.reporter.masked(&text)),
            Value::Array(items) => items.into_iter().map(|item| self.masked(item)).collect(),
            Value::Object(fields) => fields
                .into_iter()
                .map(|(name, value)| (name, self.masked(value)))
                .collect(),
            other => other,
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a host's model is recorded.
pub(super) fn model_key(host: &str) -> String {
    format!("{host}: its state")
}
