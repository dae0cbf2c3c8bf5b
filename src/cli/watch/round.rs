//! One round: check, matching tests, plan. A save ends it early, since its outcome is of yesterday.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::check::verdict;
use super::super::run::{Start, Started, look, perform, prepare, refuse, settings, told};
use super::matching::FAILED;
use super::{Bench, Interrupted, Watch};
use crate::diag::{Class, Failure};
use crate::engine::Session;
use crate::report::{ConsoleOptions, Level, Mode, Shown};
use crate::run::Inputs;

/// How often the files are looked at during a round: those that it reads for the first time are not
/// listened to yet.
const LOOK: Duration = Duration::from_millis(100);

/// What came of a round.
pub struct Round {
    pub inputs: Inputs,
    /// What the plan showed, where it came to its end.
    pub changes: Option<Vec<Shown>>,
    pub interrupted: Option<Interrupted>,
    /// A connection failed.
    pub unreachable: bool,
    /// What marks the configuration as production.
    pub production: Option<String>,
}

impl Watch<'_> {
    /// Checks and plans what there is now. `saved` is when it was noticed that there is something new.
    /// The error is the exit code of what cannot even begin.
    pub fn round(&mut self, saved: Instant) -> Result<Round, u8> {
        let started = self.start(Mode::Plan)?;
        let run = started.run.clone();
        let mut passed = std::mem::take(&mut self.passed);
        let (result, interrupted) = self.follow(&started, true, |bench, session| {
            let (host, found) = prepare(bench.args, session)?;
            let verdict = verdict(&host, &found, look(bench.args, &run));
            let reporter = run.reporter();
            for warning in verdict.warnings {
                reporter.log(Level::Warn, warning);
            }
            let failure = verdict
                .refusal
                .map(|(failure, text)| told(&run, failure, text));
            let took = saved.elapsed().as_millis();
            reporter.log(
                Level::Info,
                format!("check: {} ({took} ms)", verdict.summary),
            );
            reporter.flush();
            if let Some(failure) = failure {
                return Err(failure);
            }
            passed.test(bench, &run, &found)?;
            perform(bench.args, &host, &found)
        });
        self.passed = passed;
        started.finish(&result);
        self.bench.talk.mask_as(run.reporter());
        let done = result.is_ok() && interrupted.is_none();
        Ok(Round {
            inputs: run.inputs().clone(),
            changes: done.then(|| started.changes.sorted()),
            interrupted,
            unreachable: result.is_err_and(|failure| of_connection(&failure)),
            production: run.production(),
        })
    }

    /// Starts a run; the error is the exit code.
    pub fn start(&self, mode: Mode) -> Result<Started, u8> {
        let bench = &self.bench;
        let console = ConsoleOptions {
            before: self.before.clone().filter(|_| mode == Mode::Plan),
            ..bench.console.clone()
        };
        let start = Start {
            mode,
            // The plans of an afternoon would push all other runs out of the journal.
            journal: mode == Mode::Apply && !bench.args.no_journal,
            ..Start::new(bench.args, bench.script, bench.script_args, &console)
        };
        let started = start.start(bench.runtime.handle());
        let started = started.map_err(|failure| refuse(&bench.talk, &failure))?;
        // What was a secret an edit ago must not show now.
        started.run.reporter().mask_as(&bench.talk);
        Ok(started)
    }

    /// Does a run's work, over the connections that are open, and listens meanwhile for stops, and for
    /// saves where those end it.
    pub fn follow(
        &mut self,
        started: &Started,
        until_saved: bool,
        work: impl FnOnce(&Bench<'_>, &Arc<Session>) -> Result<u8, Box<Failure>> + Send,
    ) -> (Result<u8, Box<Failure>>, Option<Interrupted>) {
        let (bench, saves, stops) = (&self.bench, &mut self.saves, &mut self.stops);
        let run = &started.run;
        let session = Session::among(run.clone(), settings(bench.args), &bench.lasting);
        let (done, mut end) = tokio::sync::oneshot::channel();
        let mut interrupted = None;
        let result = std::thread::scope(|scope| {
            let working = scope.spawn(move || {
                let result = work(bench, &session);
                // The other side waits for this and for nothing else.
                let _ = done.send(());
                result
            });
            bench.runtime.block_on(async {
                loop {
                    tokio::select! {
                        biased;
                        _ = &mut end => return,
                        // The run hears the signal itself.
                        () = stops.next() => interrupted = Some(Interrupted::Stopped),
                        () = saves.moved(run.inputs(), LOOK), if until_saved && interrupted.is_none() => {
                            run.abandon();
                            interrupted = Some(Interrupted::Saved);
                        }
                    }
                }
            });
            working.join()
        });
        let broke_off = |_| {
            let failure = Failure::new("internal", "the round broke off");
            Err(Box::new(failure.class(Class::Internal)))
        };
        (result.unwrap_or_else(broke_off), interrupted)
    }
}

/// Whether it was a connection that failed, here or on one of several hosts; those of tests are none.
fn of_connection(failure: &Failure) -> bool {
    if failure.kind == FAILED {
        return false;
    }
    failure.kind.starts_with("ssh.") || failure.failures.iter().any(of_connection)
}
