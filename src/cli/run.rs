//! `e2bscript SCRIPT`: check the script, run it, report how it ended.

use std::path::PathBuf;
use std::sync::Arc;

use rhai::Dynamic;
use tokio::runtime::{Handle, Runtime};

use crate::bindings::REGISTRY;
use crate::diag::scan::{Kind, pieces};
use crate::diag::{Class, Failure};
use crate::engine::context;
use crate::engine::library::{Found, Library, Override};
use crate::engine::raise::failure_of;
use crate::engine::value::{self, Secrets};
use crate::engine::{Host, Outcome, Session, Settings};
use crate::explain::{RenderOptions, render, render_failure};
use crate::report::{
    ConsoleOptions, Event, Level, LineSink, Mode, Reporter, ReporterBuilder, Verbosity, attend,
};
use crate::run::{Journal, Limit, Run, RunId, RunOptions, journal, signals};

use super::args::RunArgs;
use super::check::before_run;
use super::save;

/// Runs `script` and returns the exit code.
pub fn run(args: &RunArgs, script: &str, script_args: &[String]) -> u8 {
    let console = console(args);
    let started = runtime().and_then(|runtime| {
        let start = Start {
            journal: !args.no_journal,
            ..Start::new(args, script, script_args, &console)
        };
        start
            .start(runtime.handle())
            .map(|started| (runtime, started))
    });
    let (runtime, started) = match started {
        Ok(started) => started,
        Err(failure) => {
            let reporter = Reporter::builder(RunId::new().as_str());
            return refuse(&reporter.console(console).build(), &failure);
        }
    };
    let run = &started.run;
    let session = Session::new(run.clone(), settings(args));
    let result = execute(args, &session).and_then(|code| match &args.out {
        Some(file) if code == 0 => save::save(args, file, &started).map(|()| code),
        Some(_) => {
            let message = format!("the plan is not saved: the script ended with exit code {code}");
            run.reporter().log(Level::Warn, message);
            Ok(code)
        }
        None => Ok(code),
    });
    let code = started.finish(&result);
    // Abandoned work (a stuck local command, say) must not hold up the exit.
    runtime.shutdown_background();
    code
}

/// Where clients work.
pub(super) fn runtime() -> Result<Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::from_error("internal", &error).class(Class::Internal))
}

/// What the command line says to the clients.
pub(super) fn settings(args: &RunArgs) -> Settings {
    Settings {
        accept_new_host_keys: args.accept_new_host_keys,
        ssh_config: args.ssh_config.clone(),
        variables: args.kept.variables.clone(),
        ..Settings::default()
    }
}

/// How a run is started.
pub(super) struct Start<'a> {
    pub args: &'a RunArgs,
    pub script: &'a str,
    pub script_args: &'a [String],
    pub console: &'a ConsoleOptions,
    pub mode: Mode,
    /// A record of the run is kept.
    pub journal: bool,
    /// Only failures are shown.
    pub silent: bool,
}

/// A run that has started.
pub(super) struct Started {
    pub run: Run,
    /// What it shows.
    pub changes: crate::report::Changes,
    _listening: signals::Listening,
}

impl<'a> Start<'a> {
    /// A run as the command line says, of which no record is kept.
    pub fn new(
        args: &'a RunArgs,
        script: &'a str,
        script_args: &'a [String],
        console: &'a ConsoleOptions,
    ) -> Start<'a> {
        Start {
            args,
            script,
            script_args,
            console,
            mode: if args.plan { Mode::Plan } else { Mode::Apply },
            journal: false,
            silent: false,
        }
    }

    /// Everything that can go wrong before the run exists.
    pub fn start(&self, handle: &Handle) -> Result<Started, Failure> {
        let args = self.args;
        let id = RunId::new();
        let limit = Limit::parse(&args.limit)
            .map_err(|error| Failure::from_error("cli.limit", &error).class(Class::Usage))?;
        let changes = crate::report::Changes::default();
        let mut builder = Reporter::builder(id.as_str());
        builder = match (args.json, self.silent) {
            (true, false) => builder.json(),
            (false, false) => builder.console(self.console.clone()),
            (_, true) => builder.console(ConsoleOptions {
                verbosity: Verbosity::Quiet,
                progress: false,
                ..self.console.clone()
            }),
        };
        builder = builder.sink(Box::new(changes.clone()) as Box<dyn LineSink>);
        let mut journal = None;
        if self.journal {
            let (sinks, opened) = keep(builder, &id, "--no-journal", args.kept.runs)?;
            builder = sinks;
            journal = Some(opened);
        }
        let options = RunOptions {
            script: self.script.to_owned(),
            args: self.script_args.to_vec(),
            mode: self.mode,
            limit,
            yes: args.yes,
            verbosity: self.console.verbosity,
            stats: args.stats,
            detailed_exit_code: args.detailed_exitcode,
        };
        let reporter = builder.build();
        attend(&reporter, journal.as_ref().map(Journal::log_path));
        let run = Run::start(id, options, reporter, journal, handle.clone());
        let listening =
            signals::listen(&run).map_err(|error| Failure::from_error("internal", &error))?;
        Ok(Started {
            run,
            changes,
            _listening: listening,
        })
    }
}

impl Started {
    /// Reports the end of the run; the exit code.
    pub fn finish(&self, result: &Result<u8, Box<Failure>>) -> u8 {
        let result = result.as_ref().map(|code| *code);
        self.run.finish(result.map_err(|failure| &**failure))
    }
}

/// Keeps a record of the run: its events and its log. `without` is the option that does without, `most`
/// how many runs are kept.
pub(super) fn keep(
    builder: ReporterBuilder,
    id: &RunId,
    without: &str,
    most: Option<usize>,
) -> Result<(ReporterBuilder, Journal), Failure> {
    let opened = journal::state_home(env).and_then(|home| {
        let (journal, events) = Journal::create(&home, id)?;
        let log = journal.open_log()?;
        Ok((journal, events, log))
    });
    let (journal, events, log) = opened.map_err(|error| {
        Failure::from_error("run.journal", &error)
            .class(Class::Usage)
            .help(format!("run with `{without}` to keep no record of the run"))
    })?;
    let builder = builder.sink(Box::new(events)).sink(Box::new(log));
    Ok((builder, journal.keep_runs(most.unwrap_or(journal::KEEP))))
}

/// Checks and runs the script. The failure is reported here, where the script's lines are known.
fn execute(args: &RunArgs, session: &Arc<Session>) -> Result<u8, Box<Failure>> {
    let (host, found) = prepare(args, session)?;
    let run = &session.run;
    if args.no_check {
        let reporter = run.reporter();
        reporter.log(Level::Warn, "the script was not checked (`--no-check`)");
    } else if let Some((failure, text)) = before_run(&host, &found, look(args, run)) {
        return Err(told(run, failure, text));
    }
    perform(args, &host, &found)
}

/// Finds the script and makes the engine that runs it.
pub(super) fn prepare(
    args: &RunArgs,
    session: &Arc<Session>,
) -> Result<(Host, Found), Box<Failure>> {
    let run = &session.run;
    let library = library(&args.std_dirs);
    let found = match &args.given {
        Some(found) => found.clone(),
        None => {
            for candidate in library.script_candidates(&session.script) {
                run.inputs().file(&candidate);
            }
            library
                .find_script(&session.script)
                .map_err(|failure| report(run, failure, look(args, run)))?
        }
    };
    let reporter = run.reporter().clone();
    let announce = Box::new(move |change: &Override| {
        reporter.emit(Event::Override {
            module: change.module.clone(),
            path: change.path.display().to_string(),
            changed_since_eject: change.stale,
        });
    });
    let host = Host::new(REGISTRY, library, session.clone(), announce);
    Ok((host, found))
}

/// Runs the script that was prepared.
pub(super) fn perform(args: &RunArgs, host: &Host, found: &Found) -> Result<u8, Box<Failure>> {
    let session = host.session();
    let run = &session.run;
    let result = host.compile(found).and_then(|ast| match args.timeout {
        Some(limit) => context::with_deadline("--timeout", limit, || host.run(&ast)),
        None => host.run(&ast),
    });
    // before the connections that it takes are ended
    crate::bindings::e2b::settle(session);
    crate::bindings::pg::settle(session);
    crate::bindings::host::settle(session);
    match result {
        Ok(Outcome::Value(value)) if has_result(&found.text) => show(run, &value),
        Ok(Outcome::Value(_)) => Ok(0),
        Ok(Outcome::Exit(code)) => Ok(code),
        Err(error) if run.is_abandoned() => Err(Box::new(failure_of(&error))),
        Err(error) => Err(told(
            run,
            failure_of(&error),
            render(&error, host.sources(), look(args, run)),
        )),
    }
}

/// Whether the script's last statement is an expression without `;`. Rhai gives the value of the
/// last statement either way, and a flow that was only called would print what it returned.
fn has_result(text: &str) -> bool {
    let pieces = pieces(text);
    let last = pieces.iter().rfind(|piece| piece.kind != Kind::Comment);
    last.is_some_and(|last| text.get(last.range.clone()) != Some(";"))
}

/// A script's last value is its result.
fn show(run: &Run, value: &Dynamic) -> Result<u8, Box<Failure>> {
    if value.is_unit() {
        return Ok(0);
    }
    match value::to_json(value, Secrets::Mask) {
        Ok(value) => run.reporter().emit(Event::Result { value }),
        // A script may well end with a handle or a closure; that is no result, and no mistake.
        Err(_) => tracing::debug!("the script's last value is no plain data"),
    }
    Ok(0)
}

/// A failure that has no place in the script.
pub(super) fn report(run: &Run, failure: Failure, look: RenderOptions) -> Box<Failure> {
    let text = render_failure(&failure, look);
    told(run, failure, text)
}

pub(super) fn told(run: &Run, failure: Failure, text: String) -> Box<Failure> {
    run.reporter().emit(Event::Failure {
        failure: failure.clone(),
        report: Some(text),
        colored: None,
    });
    Box::new(failure)
}

/// A failure before there is a run.
pub fn refuse(reporter: &Reporter, failure: &Failure) -> u8 {
    reporter.emit(Event::Failure {
        failure: failure.clone(),
        report: None,
        colored: None,
    });
    reporter.flush();
    failure.class.exit_code()
}

/// How error reports look on this console.
pub(super) fn look(args: &RunArgs, run: &Run) -> RenderOptions {
    let console = run.reporter().console_options();
    let fallback = RenderOptions::default();
    RenderOptions {
        color: console.color,
        width: console.width.map_or(fallback.width, usize::from),
        trace: args.trace,
        ..fallback
    }
}

/// The search path as seen from the current directory.
pub fn library(std_dirs: &[PathBuf]) -> Library {
    let cwd = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
    let home = std::env::home_dir();
    Library::discover(std_dirs.to_vec(), &cwd, home.as_deref(), config_home())
}

/// Where the user's configuration is.
pub(super) fn config_home() -> Option<PathBuf> {
    env("XDG_CONFIG_HOME")
        .filter(|dir| !dir.is_empty())
        .map(PathBuf::from)
        .or_else(|| env("HOME").map(|home| PathBuf::from(home).join(".config")))
}

pub fn console(args: &RunArgs) -> ConsoleOptions {
    let verbosity = Verbosity::from_flags(args.quiet, args.verbose);
    let console = ConsoleOptions::detect(args.color_choice(), verbosity);
    ConsoleOptions {
        progress: console.progress && !args.json,
        ..console
    }
}

pub(super) fn env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_that_ends_with_a_semicolon_has_no_result() {
        for text in [
            "stage::run(c)",
            "a;\nb // ;",
            "if x { 1; }",
            "#{ a: 1 }\n/* ; */",
        ] {
            assert!(has_result(text), "{text}");
        }
        for text in [
            "stage::run(c);",
            "a; // b",
            "a;\n\n/* b */\n",
            "",
            "// nothing",
        ] {
            assert!(!has_result(text), "{text}");
        }
    }
}
