//! Everything people and machines see of a run: one stream of events, masked once, shown by sinks.
//!
//! [`Reporter::emit`] masks secrets, numbers and dates the event, and hands the same record to the
//! console, to `--json` and to the journal, in that order for all. Nothing else in the program
//! writes to stdout or stderr.

pub mod attend;
mod bars;
pub mod builder;
pub mod changes;
mod clock;
pub mod color;
pub mod console;
pub mod event;
mod forms;
pub mod lines;
pub mod mask;
pub mod options;
pub mod output;
mod panic;
mod pause;
mod scrub;
pub mod sink;
mod state;
pub mod tally;
pub mod text;
mod trace;
mod wait;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

pub use attend::attend;
pub use builder::ReporterBuilder;
pub use changes::{Changes, Shown, UNKNOWN};
pub use color::ColorChoice;
pub use event::{
    Action, ApiRequests, CheckStatus, Direction, Event, HostSummary, HostWire, Level, Mode,
    Outcome, Record, StepId, StepOutcome, Stream, WireStats, seconds,
};
pub use lines::{Line, LineSplitter};
pub use mask::Masker;
pub use options::{Appearance, ConsoleOptions, Verbosity, width_of};
pub use output::HostOutput;
pub use pause::Pause;
pub use sink::LineSink;
pub use tally::{HostTally, Tally};
pub use wait::Wait;

use state::State;

/// Takes events and shows them; cheap to clone, safe to share between threads and tasks.
#[derive(Clone)]
pub struct Reporter {
    inner: Arc<Inner>,
}

struct Inner {
    run: String,
    options: ConsoleOptions,
    masker: RwLock<Masker>,
    state: Mutex<State>,
    steps: AtomicU64,
    sources: AtomicU64,
    transfers: AtomicU64,
}

impl Reporter {
    /// Starts a reporter for the run of this id.
    pub fn builder(run: impl Into<String>) -> ReporterBuilder {
        ReporterBuilder::new(run)
    }

    /// A reporter without sinks: for tests, and for programs that only need the counts.
    pub fn silent() -> Reporter {
        ReporterBuilder::new("silent").build()
    }

    /// Shows an event. Secrets are masked before any sink sees it.
    ///
    /// Never fails: a reader that went away is forgotten quietly, a journal that cannot be written
    /// any more is announced once.
    pub fn emit(&self, event: Event) {
        let masker = read(&self.inner.masker);
        self.state().accept(&self.inner.run, &masker, event);
    }

    /// Takes what the program notes for itself; behind the last event nothing is taken any more.
    fn note(&self, event: Event) {
        let masker = read(&self.inner.masker);
        self.state().note(&self.inner.run, &masker, event);
    }

    /// Registers a secret's value: from now on it shows as `***` everywhere, also in base64, hex,
    /// percent-encoded, JSON-escaped and shell-quoted form.
    ///
    /// Values of fewer than [`mask::MIN_CHARS`] characters are not masked: they occur in ordinary
    /// text, and masking them would hide more than it protects.
    pub fn mask(&self, secret: &str) {
        write(&self.inner.masker).add(secret);
    }

    /// Masks what `other` masks as well.
    pub fn mask_as(&self, other: &Reporter) {
        if !Arc::ptr_eq(&self.inner, &other.inner) {
            write(&self.inner.masker).add_all(&read(&other.inner.masker));
        }
    }

    /// The text with every registered secret replaced, for what leaves the program by other ways.
    pub fn masked(&self, text: &str) -> String {
        read(&self.inner.masker).mask(text).into_owned()
    }

    /// Logs a message at a level.
    pub fn log(&self, level: Level, message: impl Into<String>) {
        self.emit(Event::log(level, message));
    }

    /// A number for a new step.
    pub fn next_step(&self) -> StepId {
        StepId(self.inner.steps.fetch_add(1, Ordering::Relaxed))
    }

    /// A number for the output of a command, for [`Event::Output`].
    pub fn next_source(&self) -> u64 {
        self.inner.sources.fetch_add(1, Ordering::Relaxed)
    }

    /// A number for a transfer, for [`Event::Transfer`].
    pub fn next_transfer(&self) -> u64 {
        self.inner.transfers.fetch_add(1, Ordering::Relaxed)
    }

    /// Takes a command's output as it comes and emits its lines.
    pub fn output(&self, host: impl Into<String>, stream: Stream) -> HostOutput {
        HostOutput::new(self.clone(), host.into(), stream)
    }

    /// What was counted so far.
    pub fn tally(&self) -> Tally {
        self.state().tally().clone()
    }

    /// Changes counted in a step and the steps within it.
    pub fn changed_in(&self, step: StepId) -> u64 {
        self.state().tally().changed_in(step)
    }

    /// How the console was set up: colour and width, for those who prepare text for it.
    pub fn console_options(&self) -> &ConsoleOptions {
        &self.inner.options
    }

    /// How the console looks, where there is one; kept with the run.
    pub fn appearance(&self) -> Option<Appearance> {
        let shown = self.state().screen.is_some();
        shown.then(|| self.inner.options.appearance())
    }

    /// Says what is waited for, until the result is dropped: the spinner shows it, and so does the
    /// answer to Ctrl-C. For example `allocation 8f3c on client-1 to become healthy`.
    pub fn wait_for(&self, what: impl AsRef<str>) -> Wait {
        Wait::new(self.clone(), self.masked(what.as_ref()))
    }

    /// What is waited for at the moment: the texts of [`Reporter::wait_for`], else the open steps.
    pub fn waiting(&self) -> Vec<String> {
        self.state().waiting()
    }

    /// Leaves the terminal to somebody else, a prompt, until the result is dropped. Events that
    /// come meanwhile are shown afterwards; the journal gets them at once.
    pub fn pause(&self) -> Pause {
        Pause::new(self.clone())
    }

    /// Hands everything to the terminal, the pipe and the file.
    pub fn flush(&self) {
        self.state().flush();
    }

    /// Takes bars off the terminal and writes what is left to write: the program is about to end.
    pub fn close(&self) {
        let masker = read(&self.inner.masker);
        let mut state = self.state();
        if let Some(screen) = &mut state.screen {
            screen.close();
        }
        state.tell_trouble(&self.inner.run, &masker);
        state.flush();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.inner.state)
    }
}

/// A panic while holding a lock must not silence the report of that panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn read<T>(lock: &RwLock<T>) -> std::sync::RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> std::sync::RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
