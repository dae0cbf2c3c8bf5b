//! Recordings: what real hosts and services answered, as lines of JSON beside the tests.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::diag::Failure;

/// Where the recording of a file of tests is.
pub fn path_of(file: &Path) -> PathBuf {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let stem = name.strip_suffix(".test.rhai").unwrap_or(&name).to_owned();
    file.with_file_name(format!("{stem}.recording.jsonl"))
}

/// What was answered in one test, by what was asked.
#[derive(Debug, Default)]
pub struct Recording {
    answers: BTreeMap<String, VecDeque<Value>>,
}

/// A line that is to be recorded.
#[derive(Debug, Clone)]
pub struct Line {
    /// What it answers, as it is looked up.
    pub key: String,
    pub answer: Value,
}

impl Recording {
    /// What was recorded for the test `name` of a file; nothing where nothing was.
    ///
    /// # Errors
    /// A recording that cannot be read.
    pub fn load(file: &Path, name: &str) -> Result<Recording, Failure> {
        let path = path_of(file);
        let mut recording = Recording::default();
        for line in lines(&path)? {
            let text = |field: &str| line.get(field).and_then(Value::as_str).unwrap_or_default();
            if text("test") == name {
                let answers = recording
                    .answers
                    .entry(text("asked").to_owned())
                    .or_default();
                answers.push_back(line.get("answer").cloned().unwrap_or_default());
            }
        }
        Ok(recording)
    }

    pub fn is_empty(&self) -> bool {
        self.answers.is_empty()
    }

    /// What was answered; the last answer stays.
    pub fn answer(&mut self, key: &str) -> Option<Value> {
        let answers = self.answers.get_mut(key)?;
        match answers.len() {
            0 | 1 => answers.front().cloned(),
            _ => answers.pop_front(),
        }
    }

    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.answers.keys().map(String::as_str)
    }

    /// Writes what was heard in tests of a file; what other tests of it had stays.
    ///
    /// # Errors
    /// A recording that cannot be read or written.
    pub fn save(file: &Path, heard: &BTreeMap<String, Vec<Line>>) -> Result<(), Failure> {
        let path = path_of(file);
        let mut kept = lines(&path)?;
        kept.retain(|line| {
            let test = line.get("test").and_then(Value::as_str).unwrap_or_default();
            !heard.contains_key(test)
        });
        for (test, lines) in heard {
            let lines = lines.iter();
            kept.extend(
                lines.map(|line| json!({ "test": test, "asked": line.key, "answer": line.answer })),
            );
        }
        // Stable: what was asked at once comes in another order every time.
        kept.sort_by(|a, b| {
            let key = |line: &Value| {
                let text = |field: &str| line.get(field).map(Value::to_string);
                (text("test"), text("asked"))
            };
            key(a).cmp(&key(b))
        });
        let text: String = kept.iter().map(|line| format!("{line}\n")).collect();
        std::fs::write(&path, text).map_err(|error| unusable(&path, "write", &error.to_string()))
    }
}

fn lines(path: &Path) -> Result<Vec<Value>, Failure> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unusable(path, "read", &error.to_string())),
    };
    let mut lines = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = serde_json::from_str(line)
            .map_err(|error| unusable(path, "read", &format!("line {}: {error}", number + 1)))?;
        lines.push(line);
    }
    Ok(lines)
}

fn unusable(path: &Path, what: &str, why: &str) -> Failure {
    let message = format!("cannot {what} the recording `{}`", path.display());
    Failure::new("test.recording", message)
        .cause(why)
        .help("`e2bscript test --record` makes it anew")
}
