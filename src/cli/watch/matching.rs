//! The tests of a round: those that belong to the script, as far as what they read has moved.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use super::super::run::{library, look, report, told};
use super::super::test::{failing as shown, short};
use super::Bench;
use crate::diag::Failure;
use crate::engine::library::Found;
use crate::replay;
use crate::report::Level;
use crate::run::Inputs;
use crate::run::Run;
use crate::run::inputs::Look;
use crate::testing::{self, Belonging, Options, Outcome, Tested};

/// The kind of the failure that ends a round before its plan.
pub const FAILED: &str = "watch.tests";

/// The files of tests that passed, and what they read.
#[derive(Default)]
pub struct Passed(BTreeMap<PathBuf, Passing>);

#[derive(Default)]
struct Passing {
    inputs: Inputs,
    passed: usize,
    skipped: usize,
}

impl Passed {
    /// Runs what must be run, and says how it went. What the tests read counts as read by `run`.
    ///
    /// # Errors
    /// One of them failed, which was told, or the round has ended.
    pub fn test(
        &mut self,
        bench: &Bench<'_>,
        run: &Run,
        script: &Found,
    ) -> Result<(), Box<Failure>> {
        let began = Instant::now();
        let library = library(&bench.args.std_dirs);
        let belonging = testing::belonging_to(script, &library)
            .map_err(|failure| report(run, failure, look(bench.args, run)))?;
        note(run.inputs(), &belonging);
        let files: Vec<PathBuf> = belonging.files.iter().map(|file| short(file)).collect();
        self.0.retain(|file, _| files.contains(file));
        self.0.retain(|_, kept| kept.inputs.moved().is_empty());
        for kept in self.0.values() {
            run.inputs().join(&kept.inputs);
        }
        let mut count = Count::default();
        for kept in self.0.values() {
            count.unchanged += kept.passed;
            count.skipped += kept.skipped;
        }
        let due: Vec<PathBuf> = files
            .into_iter()
            .filter(|file| !self.0.contains_key(file))
            .collect();
        for file in &due {
            run.inputs().file(file);
            run.inputs().file(&replay::path_of(file));
        }
        let options = Options {
            look: look(bench.args, run),
            ..Options::new(library)
        };
        let summary = testing::run(&due, &options, run, &mut |tests| {
            if let Some(first) = tests.first() {
                run.inputs().join(&first.inputs);
            }
        });
        if summary.interrupted {
            let message = "the tests did not come to their end";
            return Err(Box::new(Failure::new("run.cancelled", message)));
        }
        for test in &summary.tests {
            match test.outcome {
                Outcome::Passed => count.passed += 1,
                Outcome::Failed => count.failed += 1,
                Outcome::Skipped => count.skipped += 1,
            }
        }
        let failing = summary.tests.iter();
        let failing: Vec<&Tested> = failing
            .filter(|test| test.outcome == Outcome::Failed)
            .collect();
        let failure = failure(&failing, count.all());
        let failure = failure.map(|(failure, text)| told(run, failure, text));
        self.keep(&summary.tests);
        if count.all() > 0 {
            let words = count.words(began.elapsed().as_millis());
            run.reporter().log(Level::Info, words);
            run.reporter().flush();
        }
        failure.map_or(Ok(()), Err)
    }

    /// Remembers the files in which nothing failed.
    fn keep(&mut self, tests: &[Tested]) {
        for tests in tests.chunk_by(|a, b| a.file == b.file) {
            let count = |outcome| tests.iter().filter(|test| test.outcome == outcome).count();
            if let (Some(first), 0) = (tests.first(), count(Outcome::Failed)) {
                let passing = Passing {
                    inputs: first.inputs.clone(),
                    passed: count(Outcome::Passed),
                    skipped: count(Outcome::Skipped),
                };
                self.0.insert(first.file.clone(), passing);
            }
        }
    }
}

/// Files of tests that come to be matter as well.
fn note(inputs: &Inputs, belonging: &Belonging) {
    for place in &belonging.places {
        inputs.tree(place, Arc::new(outline));
    }
    for file in &belonging.beside {
        inputs.file(file);
    }
}

/// Which files of tests a directory has.
fn outline(place: &Path) -> Look {
    // One that is not there has none, and one that cannot be read fails where it is looked through.
    let files = match place.is_dir() {
        true => testing::files(&[place.to_owned()], place).unwrap_or_default(),
        false => Vec::new(),
    };
    let mut print = DefaultHasher::new();
    files.hash(&mut print);
    let mut places: Vec<PathBuf> = files
        .iter()
        .filter_map(|file| file.parent())
        .map(Path::to_path_buf)
        .collect();
    let nearest = place.ancestors().find(|place| place.is_dir());
    places.extend(nearest.map(Path::to_path_buf));
    Look {
        print: print.finish(),
        files,
        places,
    }
}

#[derive(Default)]
struct Count {
    passed: usize,
    unchanged: usize,
    failed: usize,
    skipped: usize,
}

impl Count {
    fn all(&self) -> usize {
        self.passed + self.unchanged + self.failed + self.skipped
    }

    /// `tests: 5 passed, 3 of them unchanged (42 ms)`.
    fn words(&self, took: u128) -> String {
        let mut words = String::from("tests: ");
        if self.failed > 0 {
            words.push_str(&format!("{} failed, ", self.failed));
        }
        words.push_str(&format!("{} passed", self.passed + self.unchanged));
        if self.skipped > 0 {
            words.push_str(&format!(", {} skipped", self.skipped));
        }
        match (self.unchanged, self.passed + self.failed) {
            (0, _) => {}
            (_, 0) => return words + ", unchanged",
            (some, _) => words.push_str(&format!(", {some} of them unchanged")),
        }
        format!("{words} ({took} ms)")
    }
}

/// What is wrong with the tests that failed, and how people read it.
fn failure(failing: &[&Tested], all: usize) -> Option<(Failure, String)> {
    let message = match failing.len() {
        0 => return None,
        some => format!("{some} of {all} tests failed: there is no plan"),
    };
    let text: String = failing.iter().map(|test| shown(test)).collect();
    let failures = failing.iter().filter_map(|test| {
        let failure = test.failure.clone()?;
        Some(failure.detail("test", test.title()))
    });
    let failure = Failure {
        failures: failures.collect(),
        ..Failure::new(FAILED, message)
    };
    Some((failure, text.trim_start().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_says_how_the_tests_went() {
        let words = |passed, unchanged, failed, skipped| {
            let count = Count {
                passed,
                unchanged,
                failed,
                skipped,
            };
            count.words(42)
        };
        assert_eq!(words(5, 0, 0, 0), "tests: 5 passed (42 ms)");
        assert_eq!(words(0, 5, 0, 0), "tests: 5 passed, unchanged");
        assert_eq!(
            words(2, 3, 0, 1),
            "tests: 5 passed, 1 skipped, 3 of them unchanged (42 ms)"
        );
        assert_eq!(words(4, 0, 1, 0), "tests: 1 failed, 4 passed (42 ms)");
        assert_eq!(
            words(0, 4, 1, 0),
            "tests: 1 failed, 4 passed, 4 of them unchanged (42 ms)"
        );
    }

    #[test]
    fn a_file_of_tests_that_comes_is_noticed_and_others_are_not() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("tests");
        let inputs = Inputs::default();
        inputs.tree(&place, Arc::new(outline));
        assert_eq!(inputs.places(), [dir.path()]);
        std::fs::create_dir(&place).unwrap();
        std::fs::write(place.join(".a.test.rhai.swp"), "").unwrap();
        std::fs::write(place.join("a.rhai"), "").unwrap();
        assert!(inputs.moved().is_empty());
        std::fs::write(place.join("a.test.rhai"), "").unwrap();
        assert_eq!(inputs.moved(), [place]);
    }
}
