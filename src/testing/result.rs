//! What became of tests.

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use crate::diag::Failure;
use crate::replay::Line;
use crate::run::Inputs;

/// How a test ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Passed,
    Failed,
    /// It said itself that it cannot run here.
    Skipped,
}

/// A test that was run, or the file that could not be.
#[derive(Clone)]
pub struct Tested {
    pub file: PathBuf,
    /// The function; empty where the file itself is wrong.
    pub name: String,
    pub outcome: Outcome,
    pub took: Duration,
    /// Why it failed or was skipped.
    pub failure: Option<Failure>,
    /// The same as people read it, with the script's lines.
    pub report: String,
    /// What it logged and printed.
    pub output: Vec<String>,
    /// What real hosts and services answered, while recording.
    pub heard: Vec<Line>,
    /// What the tests of its file have read of this machine; all of them share it.
    pub inputs: Inputs,
}

impl Tested {
    /// `stdlib/stage.test.rhai: test_a_fresh_host`.
    pub fn title(&self) -> String {
        match self.name.as_str() {
            "" => self.file.display().to_string(),
            name => format!("{}: {name}", self.file.display()),
        }
    }
}

/// Everything that was run, in the order of the files.
#[derive(Clone, Default)]
pub struct Summary {
    pub tests: Vec<Tested>,
    pub took: Duration,
    /// Not everything was run: the run was interrupted.
    pub interrupted: bool,
}

impl Summary {
    pub fn count(&self, outcome: Outcome) -> usize {
        let same = self.tests.iter().filter(|test| test.outcome == outcome);
        same.count()
    }

    /// Whether nothing failed.
    pub fn is_good(&self) -> bool {
        !self.interrupted && self.count(Outcome::Failed) == 0
    }

    /// `12 passed, 1 failed, 1 skipped`.
    pub fn words(&self) -> String {
        let mut words = format!(
            "{} passed, {} failed",
            self.count(Outcome::Passed),
            self.count(Outcome::Failed)
        );
        match self.count(Outcome::Skipped) {
            0 => {}
            skipped => words.push_str(&format!(", {skipped} skipped")),
        }
        if self.interrupted {
            words.push_str(", interrupted");
        }
        words
    }
}
