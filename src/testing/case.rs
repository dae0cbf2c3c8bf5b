//! One test: a fresh engine and session, the script's top level, the function.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::bindings::{self, REGISTRY};
use crate::diag::Failure;
use crate::engine::raise::failure_of;
use crate::engine::{Host, Outcome as Ended, Session, Settings, context};
use crate::explain::{render, render_failure};
use crate::replay::{SKIPPED, Setup, Stage, UNANSWERED};
use crate::report::event::Record;
use crate::report::{Event, Level, LineSink, Mode, Reporter};
use crate::run::{Run, RunId, RunOptions};

use super::prepare::Prepared;
use super::result::{Outcome, Tested};
use super::suite::Options;

/// Runs the test `name` of a file. `parent` is the run that its cancellation comes from.
pub fn run(prepared: &Prepared, name: &str, options: &Options, parent: &Run) -> Tested {
    let began = Instant::now();
    let mut tested = Tested {
        file: prepared.file.clone(),
        name: name.to_owned(),
        outcome: Outcome::Passed,
        took: Duration::ZERO,
        failure: None,
        report: String::new(),
        output: Vec::new(),
        heard: Vec::new(),
        inputs: prepared.inputs.clone(),
    };
    let output = Output::default();
    let run = start(name, &output, options, parent);
    let stopper = stop_with(parent, &run);
    let settings = Settings {
        // Nothing of the operator's own makes a test pass here and fail elsewhere.
        ssh_config: Some("none".into()).filter(|_| !options.record),
        no_pauses: !options.record,
        variables: match options.record {
            true => options.variables.clone(),
            false => Default::default(),
        },
        ..Settings::default()
    };
    let session = Session::new(run.clone(), settings);
    let made = Stage::new(Setup {
        file: prepared.file.clone(),
        test: name.to_owned(),
        update: options.update,
        record: options.record,
        reporter: run.reporter().clone(),
    });
    let ended = match made {
        Ok(stage) => {
            let stage = session.client(|| stage);
            let host = Host::new(
                REGISTRY,
                options.library.clone(),
                session.clone(),
                Box::new(|_| {}),
            );
            let ended = outcome(&host, prepared, name, options, &stage);
            tested.heard = stage.heard();
            ended
        }
        Err(failure) => {
            let text = render_failure(&failure, options.look);
            Err((failure, text))
        }
    };
    if let Err((failure, report)) = ended {
        tested.outcome = match failure.kind.as_str() {
            SKIPPED => Outcome::Skipped,
            _ => Outcome::Failed,
        };
        tested.failure = Some(failure);
        tested.report = report;
    }
    stopper.abort();
    bindings::e2b::settle(&session);
    bindings::pg::settle(&session);
    bindings::host::settle(&session);
    run.reporter().close();
    tested.inputs.join(run.inputs());
    tested.output = output.take();
    tested.took = began.elapsed();
    tested
}

fn outcome(
    host: &Host,
    prepared: &Prepared,
    name: &str,
    options: &Options,
    stage: &Stage,
) -> Result<(), (Failure, String)> {
    let look = options.look;
    let failed = |error: Box<rhai::EvalAltResult>| {
        (failure_of(&error), render(&error, host.sources(), look))
    };
    let ast = host.compile(&prepared.found).map_err(failed)?;
    let ended = context::with_deadline("the test", options.timeout, || host.call(&ast, name));
    let unanswered = stage.unanswered();
    match (ended, unanswered) {
        // It comes with its place where the script let it through.
        (Err(error), Some(_)) if failure_of(&error).kind == UNANSWERED => Err(failed(error)),
        // It is the reason, whatever the script made of it.
        (_, Some(failure)) => {
            let text = render_failure(&failure, look);
            Err((failure, text))
        }
        (ended, None) => match ended {
            Ok(Ended::Value(_)) => Ok(()),
            Ok(Ended::Exit(code)) => {
                let failure = Failure::new("test.exit", format!("it ended with `exit({code})`"))
                    .help("`test::exits(code, || …)` expects that");
                let text = render_failure(&failure, look);
                Err((failure, text))
            }
            Err(error) => Err(failed(error)),
        },
    }
}

/// The run of one test: nothing of it is shown or kept but what `output` takes.
fn start(name: &str, output: &Output, options: &Options, parent: &Run) -> Run {
    let id = RunId::new();
    let reporter = Reporter::builder(id.as_str())
        .sink(Box::new(output.clone()))
        .build();
    let run_options = RunOptions {
        script: name.to_owned(),
        mode: Mode::Apply,
        yes: true,
        verbosity: options.verbosity,
        ..RunOptions::default()
    };
    Run::start(id, run_options, reporter, None, parent.handle().clone())
}

/// Passes on what stops the whole.
fn stop_with(parent: &Run, run: &Run) -> tokio::task::JoinHandle<()> {
    let (parent, run) = (parent.clone(), run.clone());
    let handle = parent.handle().clone();
    handle.spawn(async move {
        parent.cancel().cancelled().await;
        match parent.signal() {
            Some(signal) => {
                run.stop(signal);
            }
            None => run.abandon(),
        }
    })
}

/// The lines that a test logged and printed, and what it changed.
#[derive(Clone, Default)]
struct Output(Arc<Mutex<Vec<String>>>);

impl Output {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl LineSink for Output {
    fn name(&self) -> String {
        "the test's output".to_owned()
    }

    fn write(&mut self, record: &Record, _line: &str) -> io::Result<()> {
        let line = match &record.event {
            Event::Log { level, message, .. } if *level >= Level::Info => message.clone(),
            Event::Result { value } => match value.as_str() {
                Some(text) => text.to_owned(),
                None => value.to_string(),
            },
            Event::Change {
                host, item, action, ..
            } => format!("{host}: {item}: {action:?}").to_lowercase(),
            _ => return Ok(()),
        };
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.push(line);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
