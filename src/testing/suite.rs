//! Many files of tests: prepared, run side by side, told in their order.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::bindings::REGISTRY;
use crate::engine::library::Library;
use crate::engine::{Host, Session, Settings};
use crate::explain::{RenderOptions, render_failure};
use crate::replay::Recording;
use crate::report::{Mode, Verbosity};
use crate::run::Run;

use super::case;
use super::prepare::{Prepared, prepare};
use super::result::{Outcome, Summary, Tested};

/// How tests are run.
#[derive(Clone)]
pub struct Options {
    /// Where standard modules come from.
    pub library: Library,
    /// Only tests whose title has this in it.
    pub filter: Option<String>,
    /// How many run at once; at least one.
    pub jobs: usize,
    /// For each test.
    pub timeout: Duration,
    /// Golden texts that differ are written anew.
    pub update: bool,
    /// What is asked goes to real hosts and services, and is recorded.
    pub record: bool,
    /// What stands for variables of the environment while recording.
    pub variables: BTreeMap<String, String>,
    pub verbosity: Verbosity,
    /// How reports look.
    pub look: RenderOptions,
}

impl Options {
    /// As many tests at once as there are processors, a minute for each, nothing written.
    pub fn new(library: Library) -> Options {
        Options {
            library,
            filter: None,
            jobs: thread::available_parallelism().map_or(1, usize::from),
            timeout: Duration::from_secs(60),
            update: false,
            record: false,
            variables: BTreeMap::new(),
            verbosity: Verbosity::default(),
            look: RenderOptions::default(),
        }
    }
}

/// Hears of the tests of a file when all of them are done.
pub type Tell<'a> = dyn FnMut(&[Tested]) + Send + 'a;

/// Runs the tests of `files`; `parent` is what stops them. `tell` hears of each file in turn.
pub fn run(files: &[PathBuf], options: &Options, parent: &Run, tell: &mut Tell<'_>) -> Summary {
    let began = Instant::now();
    let prepared = side_by_side(files, options.jobs, parent, |file| {
        prepared(file, options, parent)
    });
    let board = Mutex::new(Board::new(files.len(), tell));
    let mut work = Vec::new();
    for (index, file) in prepared.iter().enumerate() {
        let (names, refused) = match file {
            Some(Ok(file)) => (selected(file, options), None),
            Some(Err(refused)) => (
                Vec::new(),
                wanted(&refused.title(), options).then(|| (**refused).clone()),
            ),
            None => (Vec::new(), None),
        };
        if let Some(Ok(file)) = file {
            work.extend(names.iter().map(|name| (index, file, name.clone())));
        }
        lock(&board).expect(index, names, refused);
    }
    side_by_side(&work, options.jobs, parent, |(index, file, name)| {
        let tested = case::run(file, name, options, parent);
        lock(&board).done(*index, tested);
    });
    let mut tests: Vec<Tested> = board
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner)
        .into_tests();
    if options.record {
        save(&mut tests, options);
    }
    Summary {
        tests,
        took: began.elapsed(),
        interrupted: parent.cancel().is_cancelled(),
    }
}

/// Writes what passing tests heard; a recording that cannot be written fails its tests.
fn save(tests: &mut [Tested], options: &Options) {
    for tests in tests.chunk_by_mut(|a, b| a.file == b.file) {
        let mut heard = BTreeMap::new();
        for test in tests.iter_mut() {
            let lines = std::mem::take(&mut test.heard);
            // What led to a failure is no answer to build on.
            if test.outcome == Outcome::Passed && !lines.is_empty() {
                heard.insert(test.name.clone(), lines);
            }
        }
        let Some(first) = tests.first_mut().filter(|_| !heard.is_empty()) else {
            continue;
        };
        if let Err(failure) = Recording::save(&first.file, &heard) {
            first.outcome = Outcome::Failed;
            first.report = render_failure(&failure, options.look);
            first.failure = Some(failure);
        }
    }
}

/// The names of the tests that would be run, by file; files that are wrong come as failed tests.
pub fn list(files: &[PathBuf], options: &Options, parent: &Run) -> (Vec<String>, Vec<Tested>) {
    let (mut names, mut wrong) = (Vec::new(), Vec::new());
    for file in files {
        match prepared(file, options, parent) {
            Ok(file) => {
                let shown = file.file.display();
                let own = selected(&file, options).into_iter();
                names.extend(own.map(|name| format!("{shown}: {name}")));
            }
            Err(refused) => wrong.push(*refused),
        }
    }
    (names, wrong)
}

fn prepared(file: &Path, options: &Options, parent: &Run) -> Result<Prepared, Box<Tested>> {
    let began = Instant::now();
    let run = Run::silent(Mode::Plan, parent.handle().clone());
    let inputs = run.inputs().clone();
    let session = Session::new(run, Settings::default());
    let host = Host::new(REGISTRY, options.library.clone(), session, Box::new(|_| {}));
    prepare(file, &host, options.look).map_err(|refused| {
        let (failure, report) = *refused;
        Box::new(Tested {
            file: file.to_path_buf(),
            name: String::new(),
            outcome: Outcome::Failed,
            took: began.elapsed(),
            failure: Some(failure),
            report,
            output: Vec::new(),
            heard: Vec::new(),
            inputs,
        })
    })
}

/// The tests of the file that the filter leaves in.
fn selected(file: &Prepared, options: &Options) -> Vec<String> {
    let title = |name: &String| format!("{}: {name}", file.file.display());
    let names = file.tests.iter();
    let kept = names.filter(|name| wanted(&title(name), options));
    kept.cloned().collect()
}

fn wanted(title: &str, options: &Options) -> bool {
    let filter = options.filter.as_deref();
    filter.is_none_or(|filter| title.contains(filter))
}

/// Works on all items, several at a time; what is not begun when the run is stopped stays undone.
fn side_by_side<T: Sync, R: Send>(
    items: &[T],
    jobs: usize,
    parent: &Run,
    work: impl Fn(&T) -> R + Sync,
) -> Vec<Option<R>> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new(BTreeMap::new());
    let worker = || {
        while !parent.cancel().is_cancelled() {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(index) else { return };
            let result = work(item);
            lock(&results).insert(index, result);
        }
    };
    thread::scope(|scope| {
        for _ in 1..jobs.clamp(1, items.len().max(1)) {
            scope.spawn(worker);
        }
        worker();
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    (0..items.len())
        .map(|index| results.remove(&index))
        .collect()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is done of each file; a file is told as soon as it and all before it are complete.
struct Board<'a> {
    pages: Vec<Page>,
    told: usize,
    tell: &'a mut Tell<'a>,
}

/// One file.
#[derive(Default)]
struct Page {
    /// The names of its tests, in their order; `None` until it is prepared.
    expected: Option<Vec<String>>,
    done: Vec<Tested>,
}

impl<'a> Board<'a> {
    fn new(files: usize, tell: &'a mut Tell<'a>) -> Self {
        let mut pages = Vec::new();
        pages.resize_with(files, Page::default);
        Board {
            pages,
            told: 0,
            tell,
        }
    }

    fn expect(&mut self, file: usize, names: Vec<String>, refused: Option<Tested>) {
        if let Some(page) = self.pages.get_mut(file) {
            page.expected = Some(names);
            page.done.extend(refused);
        }
        self.advance();
    }

    fn done(&mut self, file: usize, tested: Tested) {
        if let Some(page) = self.pages.get_mut(file) {
            page.done.push(tested);
        }
        self.advance();
    }

    fn advance(&mut self) {
        while let Some(page) = self.pages.get_mut(self.told) {
            let Some(names) = &page.expected else { return };
            if page.done.len() < names.len() {
                return;
            }
            let order = |test: &Tested| names.iter().position(|name| *name == test.name);
            page.done.sort_by_key(order);
            if !page.done.is_empty() {
                (self.tell)(&page.done);
            }
            self.told += 1;
        }
    }

    fn into_tests(self) -> Vec<Tested> {
        self.pages.into_iter().flat_map(|page| page.done).collect()
    }
}
