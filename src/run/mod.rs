//! The run itself: its id, mode, limits and counters, its journal, and how it is stopped.

pub mod id;
pub mod inputs;
pub mod journal;
pub mod limit;
pub mod log;
pub mod past;
pub mod signals;
pub mod stats;
pub mod step;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Instant;

use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use crate::diag::{Class, Failure};
use crate::report::{
    Event, HostSummary, Level, Mode, Outcome, Reporter, Tally, Verbosity, seconds,
};

pub use id::RunId;
pub use inputs::Inputs;
use journal::End;
pub use journal::{Journal, JournalError};
pub use limit::{Limit, LimitError};
pub use past::{Life, Past};
pub use signals::Signal;
pub use stats::{HostCounters, Wire};
pub use step::Step;

/// What the command line decided about a run.
#[derive(Clone, Debug, Default)]
pub struct RunOptions {
    /// The script as the user named it.
    pub script: String,
    /// The script's own arguments.
    pub args: Vec<String>,
    pub mode: Mode,
    /// `--limit`.
    pub limit: Limit,
    /// `--yes`: questions are answered with yes.
    pub yes: bool,
    pub verbosity: Verbosity,
    /// `--stats`: the counters of the wire are shown at the end.
    pub stats: bool,
    /// `--detailed-exitcode`: a plan with changes ends with code 10.
    pub detailed_exit_code: bool,
}

/// A run in progress; cheap to clone.
#[derive(Clone)]
pub struct Run {
    inner: Arc<Inner>,
}

struct Inner {
    id: RunId,
    options: RunOptions,
    reporter: Reporter,
    handle: Handle,
    /// Another one after [`Run::resume`].
    cancel: RwLock<CancellationToken>,
    /// Nothing runs just now: see [`Run::set_idle`].
    idle: AtomicBool,
    /// The signal that asked the run to stop.
    signal: Mutex<Option<Signal>>,
    /// The second signal came: nothing waits for anything any more.
    hard_stop: AtomicBool,
    /// Parts of the run that only show what they would change.
    planning: AtomicUsize,
    /// Nobody wants the outcome any more.
    abandoned: AtomicBool,
    wire: Wire,
    inputs: Inputs,
    /// What marks the configuration as production, where a script said so.
    production: Mutex<Option<String>>,
    started: Instant,
    journal: Option<Journal>,
    finished: AtomicBool,
}

impl Run {
    /// Starts the run and reports so. `journal` is the one that `reporter` writes to, if any.
    pub fn start(
        id: RunId,
        options: RunOptions,
        reporter: Reporter,
        journal: Option<Journal>,
        handle: Handle,
    ) -> Run {
        reporter.emit(Event::RunStarted {
            script: options.script.clone(),
            args: options.args.clone(),
            mode: options.mode,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            journal: journal
                .as_ref()
                .map(|journal| journal.events_path().display().to_string()),
            log: journal
                .as_ref()
                .map(|journal| journal.log_path())
                .filter(|path| path.exists())
                .map(|path| path.display().to_string()),
            console: reporter.appearance(),
        });
        let begun = journal
            .as_ref()
            .map(|journal| journal.begin(&options.script, options.mode));
        if let Some(Err(error)) = begun {
            warn(&reporter, &error);
        }
        Run {
            inner: Arc::new(Inner {
                id,
                options,
                reporter,
                handle,
                cancel: RwLock::default(),
                idle: AtomicBool::new(false),
                signal: Mutex::new(None),
                hard_stop: AtomicBool::new(false),
                planning: AtomicUsize::new(0),
                abandoned: AtomicBool::new(false),
                wire: Wire::default(),
                inputs: Inputs::default(),
                production: Mutex::new(None),
                started: Instant::now(),
                journal,
                finished: AtomicBool::new(false),
            }),
        }
    }

    /// A run without sinks or journal, for tests.
    pub fn silent(mode: Mode, handle: Handle) -> Run {
        let options = RunOptions {
            script: "test.rhai".to_owned(),
            mode,
            ..RunOptions::default()
        };
        Run::start(RunId::new(), options, Reporter::silent(), None, handle)
    }

    pub fn id(&self) -> &RunId {
        &self.inner.id
    }

    pub fn options(&self) -> &RunOptions {
        &self.inner.options
    }

    pub fn mode(&self) -> Mode {
        match self.inner.planning.load(Ordering::SeqCst) {
            0 => self.inner.options.mode,
            _ => Mode::Plan,
        }
    }

    /// Does the work as a plan, whatever the mode of the run is.
    pub fn planning<T>(&self, work: impl FnOnce() -> T) -> T {
        struct Restore<'a>(&'a AtomicUsize);
        impl Drop for Restore<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::SeqCst);
            }
        }
        self.inner.planning.fetch_add(1, Ordering::SeqCst);
        let _restore = Restore(&self.inner.planning);
        work()
    }

    /// Nothing may be written anywhere.
    pub fn is_plan(&self) -> bool {
        self.mode() == Mode::Plan
    }

    pub fn reporter(&self) -> &Reporter {
        &self.inner.reporter
    }

    /// The runtime on which clients work.
    pub fn handle(&self) -> &Handle {
        &self.inner.handle
    }

    /// Cancelled by the first signal.
    pub fn cancel(&self) -> CancellationToken {
        let token = self.inner.cancel.read();
        token.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the first signal came.
    pub fn is_cancelled(&self) -> bool {
        let token = self.inner.cancel.read();
        token.unwrap_or_else(PoisonError::into_inner).is_cancelled()
    }

    /// Takes a cancellation back, once everything that it ended has ended: for runs that go on, as an
    /// interactive session does.
    pub fn resume(&self) {
        let token = self.inner.cancel.write();
        *token.unwrap_or_else(PoisonError::into_inner) = CancellationToken::new();
        *self.signal_slot() = None;
        self.inner.hard_stop.store(false, Ordering::SeqCst);
    }

    /// Says whether nothing runs, as while an interactive session waits for a line: SIGINT has
    /// nothing to cancel then, and the other signals end the process at once.
    pub fn set_idle(&self, idle: bool) {
        self.inner.idle.store(idle, Ordering::SeqCst);
    }

    pub fn is_idle(&self) -> bool {
        self.inner.idle.load(Ordering::SeqCst)
    }

    /// Counters of the wire.
    pub fn wire(&self) -> &Wire {
        &self.inner.wire
    }

    /// What the run has read of this machine.
    pub fn inputs(&self) -> &Inputs {
        &self.inner.inputs
    }

    /// What marks the configuration as production, such as `PRODUCTION in deploy.env`.
    pub fn production(&self) -> Option<String> {
        lock(&self.inner.production).clone()
    }

    /// Notes that the run is about production, and what says so.
    pub fn mark_production(&self, what: String) {
        *lock(&self.inner.production) = Some(what);
    }

    /// What was counted so far.
    pub fn tally(&self) -> Tally {
        self.inner.reporter.tally()
    }

    /// The signal that asked the run to stop, if one did.
    pub fn signal(&self) -> Option<Signal> {
        *self.signal_slot()
    }

    /// A second signal came: give up without cleaning up.
    pub fn hard_stop(&self) -> bool {
        self.inner.hard_stop.load(Ordering::SeqCst)
    }

    /// Notes a signal and cancels the run; the second one asks for a hard stop. Returns whether
    /// this was the first.
    pub fn stop(&self, signal: Signal) -> bool {
        let mut slot = self.signal_slot();
        let first = slot.is_none();
        if first {
            *slot = Some(signal);
            self.cancel().cancel();
        } else {
            self.inner.hard_stop.store(true, Ordering::SeqCst);
        }
        first
    }

    /// Cancels the run because another one takes its place.
    pub fn abandon(&self) {
        self.inner.abandoned.store(true, Ordering::SeqCst);
        self.cancel().cancel();
    }

    /// Another run takes this one's place: how it ends matters to nobody.
    pub fn is_abandoned(&self) -> bool {
        self.inner.abandoned.load(Ordering::SeqCst)
    }

    /// Starts a step; see [`Step`].
    pub fn step(&self, parent: Option<crate::report::StepId>, name: impl Into<String>) -> Step {
        Step::start(self.reporter().clone(), parent, name.into())
    }

    /// Reports the end of the run and closes the journal. Returns the process's exit code. Only the
    /// first call reports.
    ///
    /// A failure is reported before by whoever can show the script's lines; here it only decides
    /// the code. A signal comes first, then the failure's class, then `exit(n)` of the script,
    /// then pending changes where they were asked for.
    pub fn finish(&self, result: Result<u8, &Failure>) -> u8 {
        let tally = self.tally();
        let (outcome, exit_code) = match (self.signal(), result) {
            (Some(signal), _) => (Outcome::Cancelled, signal.exit_code()),
            (None, _) if self.is_abandoned() => (Outcome::Cancelled, Signal::Interrupt.exit_code()),
            (None, Err(failure)) => (Outcome::Failed, failure.class.exit_code()),
            (None, Ok(0)) if self.pending(&tally) => (Outcome::Ok, Class::Pending.exit_code()),
            (None, Ok(0)) => (Outcome::Ok, 0),
            (None, Ok(code)) => (Outcome::Failed, code),
        };
        if self.inner.finished.swap(true, Ordering::SeqCst) {
            return exit_code;
        }
        let took = seconds(self.inner.started.elapsed());
        self.close_journal(End {
            args: Vec::new(),
            outcome,
            exit_code,
            seconds: took,
            changed: tally.changed(),
        });
        self.inner.reporter.emit(Event::RunFinished {
            outcome,
            exit_code,
            seconds: took,
            changed: tally.changed(),
            ok: tally.ok(),
            failed: tally.failed(),
            hosts: self.host_summaries(&tally),
            stats: self.inner.options.stats.then(|| self.inner.wire.summary()),
        });
        self.inner.reporter.flush();
        exit_code
    }

    /// What is known before the last event, so that a trouble can still be told.
    fn close_journal(&self, mut end: End) {
        let Some(journal) = &self.inner.journal else {
            return;
        };
        let reporter = &self.inner.reporter;
        let args = self.inner.options.args.iter();
        end.args = args.map(|arg| reporter.masked(arg)).collect();
        let closed = journal.finish(end).and_then(|()| journal.prune());
        if let Err(error) = closed {
            warn(reporter, &error);
        }
    }

    fn pending(&self, tally: &Tally) -> bool {
        self.is_plan() && self.inner.options.detailed_exit_code && tally.changed() > 0
    }

    fn host_summaries(&self, tally: &Tally) -> Vec<HostSummary> {
        let mut names: Vec<String> = tally.hosts.keys().cloned().collect();
        names.extend(self.inner.wire.names());
        limit::sort_names(&mut names);
        names.dedup();
        names
            .into_iter()
            .map(|host| {
                let counted = tally.hosts.get(&host).cloned().unwrap_or_default();
                let wire = self.inner.wire.get(&host);
                HostSummary {
                    ok: counted.ok,
                    changed: counted.changed,
                    failed: counted.failed,
                    unreachable: counted.unreachable,
                    seconds: wire.as_ref().map_or(0.0, |wire| seconds(wire.busy())),
                    round_trips: wire.as_ref().map_or(0, |wire| wire.round_trips()),
                    host,
                }
            })
            .collect()
    }

    fn signal_slot(&self) -> MutexGuard<'_, Option<Signal>> {
        lock(&self.inner.signal)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The journal is not worth the run: a trouble with it is told, once, and the run goes on.
fn warn(reporter: &Reporter, error: &JournalError) {
    let failure = Failure::from_error("run.journal", error);
    let cause = failure.causes.first().map_or("", String::as_str);
    reporter.log(Level::Warn, format!("{failure}: {cause}"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Action, StepId};

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
    }

    fn change(run: &Run, host: &str) {
        run.reporter().emit(Event::Change {
            host: host.to_owned(),
            item: "file /etc/x".to_owned(),
            action: Action::Update,
            applied: !run.is_plan(),
            reason: String::new(),
            diff: None,
            step: Some(StepId(1)),
        });
    }

    #[test]
    fn the_exit_code_says_how_the_run_ended() {
        let runtime = runtime();
        let run = || Run::silent(Mode::Apply, runtime.handle().clone());
        assert_eq!(run().finish(Ok(0)), 0);
        assert_eq!(run().finish(Ok(42)), 42);
        let failure = Failure::new("ssh.exit", "m").class(Class::SomeHosts);
        assert_eq!(run().finish(Err(&failure)), 4);
        let stopped = run();
        assert!(stopped.stop(Signal::Terminate));
        assert!(stopped.is_cancelled() && !stopped.hard_stop());
        assert!(!stopped.stop(Signal::Interrupt));
        assert!(stopped.hard_stop());
        // The first signal decides.
        assert_eq!(stopped.finish(Err(&failure)), 143);
    }

    #[test]
    fn a_run_that_goes_on_can_be_cancelled_again() {
        let runtime = runtime();
        let run = Run::silent(Mode::Apply, runtime.handle().clone());
        for _ in 0..2 {
            let token = run.cancel();
            assert!(run.stop(Signal::Interrupt));
            assert!(token.is_cancelled() && run.is_cancelled());
            run.resume();
            assert!(!run.is_cancelled() && run.signal().is_none() && !run.hard_stop());
        }
        assert_eq!(run.finish(Ok(0)), 0);
    }

    #[test]
    fn pending_changes_show_in_the_exit_code_where_asked_for() {
        let runtime = runtime();
        for (mode, detailed, changes, code) in [
            (Mode::Plan, true, true, 10),
            (Mode::Plan, true, false, 0),
            (Mode::Plan, false, true, 0),
            (Mode::Apply, true, true, 0),
        ] {
            let options = RunOptions {
                mode,
                detailed_exit_code: detailed,
                ..RunOptions::default()
            };
            let reporter = Reporter::silent();
            let run = Run::start(
                RunId::new(),
                options,
                reporter,
                None,
                runtime.handle().clone(),
            );
            if changes {
                change(&run, "api-1");
            }
            assert_eq!(run.finish(Ok(0)), code, "{mode:?} {detailed} {changes}");
        }
    }

    #[test]
    fn the_summary_names_every_host_that_was_touched() {
        let runtime = runtime();
        let run = Run::silent(Mode::Apply, runtime.handle().clone());
        change(&run, "client-10");
        change(&run, "client-2");
        run.wire().host("bastion").add_round_trips(3);
        run.wire()
            .host("client-2")
            .add_busy(std::time::Duration::from_millis(1500));
        let hosts = run.host_summaries(&run.tally());
        let names: Vec<&str> = hosts.iter().map(|host| host.host.as_str()).collect();
        assert_eq!(names, ["bastion", "client-2", "client-10"]);
        assert_eq!(hosts[0].round_trips, 3);
        assert_eq!((hosts[1].changed, hosts[1].seconds), (1, 1.5));
    }

    #[test]
    fn the_journal_holds_the_run_from_first_to_last() {
        let runtime = runtime();
        let state = tempfile::tempdir().unwrap();
        let id = RunId::new();
        let (journal, events) = Journal::create(state.path(), &id).unwrap();
        let path = journal.events_path();
        let reporter = Reporter::builder(id.as_str())
            .sink(Box::new(events))
            .build();
        reporter.mask("hunter2");
        let options = RunOptions {
            script: "deploy.rhai".to_owned(),
            args: vec!["--token=hunter2".to_owned()],
            ..RunOptions::default()
        };
        let run = Run::start(
            id,
            options,
            reporter,
            Some(journal),
            runtime.handle().clone(),
        );
        assert_eq!(run.finish(Ok(7)), 7);
        assert_eq!(run.finish(Ok(0)), 0, "a second end is not reported");
        let text = std::fs::read_to_string(&path).unwrap();
        let types: Vec<&str> = text
            .lines()
            .filter_map(|line| line.split("\"type\":\"").nth(1)?.split('"').next())
            .collect();
        assert_eq!(types, ["run_started", "run_finished"]);
        let file = journal::read_run(path.parent().unwrap()).unwrap();
        assert_eq!(file.args.unwrap(), ["--token=***"]);
        assert_eq!(
            (file.exit_code, file.outcome),
            (Some(7), Some(Outcome::Failed))
        );
    }
}
