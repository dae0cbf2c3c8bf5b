//! `e2bscript apply FILE`: a saved plan is carried out, if planning again gives the same.

use std::sync::Arc;

use super::args::{ApplyArgs, RunArgs};
use super::run::{Start, Started, console, perform, prepare, refuse, runtime, settings};
use super::saved::{Saved, compare_changes};
use crate::diag::Failure;
use crate::engine::{Clients, Session};
use crate::report::{ConsoleOptions, Event, Level, Mode, Reporter};

/// Carries a saved plan out; the exit code.
pub fn apply(args: &ApplyArgs) -> u8 {
    let asked = RunArgs {
        json: args.json,
        verbose: args.verbose,
        quiet: args.quiet,
        color: args.color,
        stats: args.stats,
        yes: args.yes,
        no_journal: args.no_journal,
        kept: args.kept.clone(),
        ..RunArgs::default()
    };
    let console = console(&asked);
    let talk = Reporter::builder("apply");
    let talk = match args.json {
        true => talk.json().build(),
        false => talk
            .console(ConsoleOptions {
                progress: false,
                ..console.clone()
            })
            .build(),
    };
    let saved = match Saved::read(&args.file) {
        Ok(saved) => saved,
        Err(failure) => return refuse(&talk, &failure),
    };
    let planned = saved.run_args();
    let run_args = RunArgs {
        limit: planned.limit,
        std_dirs: planned.std_dirs,
        ssh_config: planned.ssh_config,
        ..asked
    };
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(failure) => return refuse(&talk, &failure),
    };
    let apply = Apply {
        args: &run_args,
        saved: &saved,
        console: &console,
        talk: &talk,
        lasting: Clients::default(),
        handle: runtime.handle(),
    };
    let code = apply.plan_again().and_then(|plan| apply.carry_out(plan));
    crate::bindings::host::close(&apply.lasting, runtime.handle());
    talk.close();
    runtime.shutdown_background();
    code.unwrap_or_else(|code| code)
}

struct Apply<'a> {
    args: &'a RunArgs,
    saved: &'a Saved,
    console: &'a ConsoleOptions,
    talk: &'a Reporter,
    /// Both runs use the same connections.
    lasting: Clients,
    handle: &'a tokio::runtime::Handle,
}

impl Apply<'_> {
    /// Plans again and compares; the error is the exit code.
    fn plan_again(&self) -> Result<Started, u8> {
        let start = Start {
            mode: Mode::Plan,
            silent: true,
            ..self.start()
        };
        let plan = start.start(self.handle);
        let plan = plan.map_err(|failure| refuse(self.talk, &failure))?;
        let result = self.work(&plan);
        let code = plan.finish(&result);
        self.talk.mask_as(plan.run.reporter());
        if code != 0 {
            return Err(code);
        }
        let now = Saved::of(self.args, &plan.run, &plan.changes, Some(self.saved.salt()));
        let now = now.map_err(|failure| refuse(self.talk, &failure))?;
        let differences = self.saved.differences(&now);
        if differences.is_empty() {
            return Ok(plan);
        }
        for line in &differences {
            self.talk.log(Level::Warn, line.clone());
        }
        let message = format!(
            "the plan of {} no longer holds: nothing was changed",
            self.saved.made
        );
        let failure = Failure::usage("plan.moved", message);
        Err(refuse(
            self.talk,
            &failure.help("plan again with `--plan --out`, and look at what is new"),
        ))
    }

    /// Runs the script; what it changed must be what the plan showed.
    fn carry_out(&self, plan: Started) -> Result<u8, u8> {
        if let Some(path) = plan.run.inputs().moved().first() {
            let message = format!(
                "`{}` has changed meanwhile: nothing was changed",
                path.display()
            );
            return Err(refuse(self.talk, &Failure::usage("plan.moved", message)));
        }
        drop(plan);
        let start = Start {
            journal: !self.args.no_journal,
            ..self.start()
        };
        let started = start.start(self.handle);
        let started = started.map_err(|failure| refuse(self.talk, &failure))?;
        started.run.reporter().mask_as(self.talk);
        let result = self.work(&started).and_then(|code| {
            let done = started.changes.sorted();
            let differences = compare_changes(&self.saved.changes, &done, true);
            match differences.as_slice() {
                [] => Ok(code),
                lines => Err(self.strayed(&started, lines)),
            }
        });
        Ok(started.finish(&result))
    }

    fn strayed(&self, started: &Started, lines: &[String]) -> Box<Failure> {
        let reporter = started.run.reporter();
        for line in lines {
            reporter.log(Level::Warn, line.clone());
        }
        let failure = Failure::new(
            "plan.strayed",
            "the run did not change exactly what the plan showed",
        )
        .help("somebody else may have changed the hosts meanwhile; look with `--plan` at how things stand");
        reporter.emit(Event::Failure {
            failure: failure.clone(),
            report: None,
            colored: None,
        });
        Box::new(failure)
    }

    fn start(&self) -> Start<'_> {
        let saved = self.saved;
        Start::new(self.args, &saved.script, &saved.args, self.console)
    }

    fn work(&self, started: &Started) -> Result<u8, Box<Failure>> {
        let session = Session::among(started.run.clone(), settings(self.args), &self.lasting);
        let session: Arc<Session> = session;
        let (host, found) = prepare(self.args, &session)?;
        perform(self.args, &host, &found)
    }
}
