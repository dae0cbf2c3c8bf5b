//! Runs scripts through the real engine and keeps what the run said.

use std::io;
use std::sync::{Arc, Mutex};

use e2bscript::bindings::REGISTRY;
use e2bscript::diag::Failure;
use e2bscript::engine::library::{Found, Library};
use e2bscript::engine::raise::{Raise, failure_of};
use e2bscript::engine::registry::{Function, Module, Param, Registry};
use e2bscript::engine::ty::Ty;
use e2bscript::engine::{Call, Host, Outcome, Session, Settings};
use e2bscript::report::event::Record;
use e2bscript::report::{Event, LineSink, Mode, Reporter};
use e2bscript::run::{Run, RunId, RunOptions};
use rhai::Dynamic;

/// What scripts under test say about themselves: `expect::equal`, `expect::failure`.
pub static EXPECT: Module = Module {
    name: "expect",
    doc: "Assertions of test scripts.",
    functions: &[
        Function {
            name: "equal",
            doc: "Fails unless both print alike and are of one type.",
            params: &[
                Param::new("found", Ty::Any, "what the test got"),
                Param::new("wanted", Ty::Any, "what it should be"),
            ],
            body: |call| {
                let (found, wanted) = (call.value(0)?, call.value(1)?);
                let same = found.type_name() == wanted.type_name()
                    && format!("{found:?}") == format!("{wanted:?}");
                same.then_some(Dynamic::UNIT).ok_or_else(|| {
                    Failure::new(
                        "expect",
                        format!(
                            "found {found:?} ({}), wanted {wanted:?} ({})",
                            found.type_name(),
                            wanted.type_name()
                        ),
                    )
                    .into()
                })
            },
            ..Function::BASE
        },
        Function {
            name: "failure",
            doc: "Calls the closure, which must fail with this kind; returns the failure.",
            params: &[
                Param::new("kind", Ty::Str, "the kind of failure"),
                Param::new("body", Ty::Callback(0), "what must fail"),
            ],
            body: expect_failure,
            ..Function::BASE
        },
    ],
    types: &[],
};

fn expect_failure(call: &mut Call) -> Result<Dynamic, Raise> {
    let kind = call.string(0)?;
    match call.invoke(&call.callback(1)?, ()) {
        Err(Raise::Script(error)) => {
            let failure = failure_of(&error);
            if failure.kind == kind {
                return Ok(Dynamic::from(failure));
            }
            Err(Failure::new(
                "expect",
                format!(
                    "wanted `{kind}`, got `{}`: {}",
                    failure.kind, failure.message
                ),
            )
            .into())
        }
        Err(other) => Err(other),
        Ok(value) => Err(Failure::new(
            "expect",
            format!("wanted `{kind}`, got the value {value:?}"),
        )
        .into()),
    }
}

/// The registry of the program and the assertions.
pub fn registry() -> Registry {
    let modules: Vec<&'static Module> = REGISTRY.modules().chain([&EXPECT]).collect();
    Registry::new(Box::leak(modules.into_boxed_slice()))
}

/// How a script is run.
#[derive(Clone, Default)]
pub struct Setup {
    pub args: Vec<String>,
    pub mode: Mode,
    pub yes: bool,
    /// Constants that the script sees.
    pub given: Vec<(&'static str, String)>,
}

/// What became of a script.
pub struct Ran {
    pub result: Result<Outcome, Failure>,
    pub events: Vec<Event>,
    /// All events as `--json` shows them.
    pub lines: String,
}

impl Ran {
    /// The value of the last expression.
    pub fn value(self) -> Dynamic {
        match self.result {
            Ok(Outcome::Value(value)) => value,
            Ok(Outcome::Exit(code)) => panic!("the script ended with exit({code})"),
            Err(failure) => panic!(
                "{}: {} {:?} {:?}",
                failure.kind, failure.message, failure.help, failure.failures
            ),
        }
    }

    /// The script ran to its end.
    pub fn passed(self) {
        drop(self.value());
    }

    pub fn failure(self) -> Failure {
        match self.result {
            Err(failure) => failure,
            Ok(_) => panic!("the script did not fail"),
        }
    }

    /// Messages that were logged.
    pub fn messages(&self) -> Vec<String> {
        self.events
            .iter()
            .filter_map(|event| match event {
                Event::Log { message, .. } => Some(message.clone()),
                _ => None,
            })
            .collect()
    }
}

/// Runs `text` as a script of its own.
pub fn run(text: &str) -> Ran {
    run_with(text, &Setup::default())
}

pub fn run_with(text: &str, setup: &Setup) -> Ran {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    run_on(text, setup, runtime.handle().clone())
}

/// As [`run_with`], on a runtime that the test has other work on.
pub fn run_on(text: &str, setup: &Setup, handle: tokio::runtime::Handle) -> Ran {
    let seen = Seen::default();
    let id = RunId::new();
    let reporter = Reporter::builder(id.to_string())
        .sink(Box::new(seen.clone()))
        .build();
    let options = RunOptions {
        script: "test.rhai".into(),
        args: setup.args.clone(),
        mode: setup.mode,
        yes: setup.yes,
        ..RunOptions::default()
    };
    let run = Run::start(id, options, reporter, None, handle);
    let session = Session::new(run, Settings::default());
    let host = Host::new(registry(), Library::default(), session, Box::new(|_| {}));
    // On the first line, so that the script's lines keep their numbers.
    let given: String = setup
        .given
        .iter()
        .map(|(name, value)| format!("const {name} = {value:?}; "))
        .collect();
    let found = Found {
        id: "test.rhai".into(),
        path: None,
        text: format!("{given}{text}"),
    };
    let result = host
        .compile(&found)
        .and_then(|ast| host.run(&ast))
        .map_err(|error| failure_of(&error));
    let records = seen.0.lock().unwrap();
    Ran {
        result,
        events: records.iter().map(|(event, _)| event.clone()).collect(),
        lines: records
            .iter()
            .map(|(_, line)| format!("{line}\n"))
            .collect(),
    }
}

#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<(Event, String)>>>);

impl LineSink for Seen {
    fn name(&self) -> String {
        "the test".into()
    }

    fn write(&mut self, record: &Record, line: &str) -> io::Result<()> {
        self.0
            .lock()
            .unwrap()
            .push((record.event.clone(), line.to_owned()));
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
