//! `e2bscript repl`: the script language on a cluster, line by line.

mod commands;
mod complete;
mod editor;
mod history;
mod show;

use ::std::path::Path;

use rhai::EvalAltResult;

use super::args::ReplArgs;
use super::print;
use super::run::{keep, library, refuse, told};
use crate::bindings::REGISTRY;
use crate::diag::{Class, Failure};
use crate::engine::interactive::Interactive;
use crate::engine::raise::failure_of;
use crate::engine::{Host, Outcome, Session, Settings};
use crate::explain::{RenderOptions, render};
use crate::report::{ConsoleOptions, Event, Level, Mode, Reporter, Verbosity, attend, width_of};
use crate::run::{Journal, Limit, Run, RunId, RunOptions, signals};

use editor::{Editor, Line};

const WELCOME: &str =
    "`c` is the cluster, made when it is first used; `:help` lists the commands, Ctrl-D ends.\n";

/// Reads, runs and shows until Ctrl-D; returns the exit code.
pub fn repl(args: &ReplArgs) -> u8 {
    let console = ConsoleOptions::detect(
        args.color.into(),
        Verbosity::from_flags(false, args.verbose),
    );
    let id = RunId::new();
    let reporter = || Reporter::builder(id.as_str()).console(console.clone());
    let (runtime, run) = match start(args, &id, reporter(), console.verbosity) {
        Ok(started) => started,
        Err(failure) => return refuse(&reporter().build(), &failure),
    };
    let listening = {
        let _entered = runtime.enter();
        signals::listen(&run)
    };
    let result = match &listening {
        Ok(_) => converse(args, &run),
        Err(error) => Err(Failure::from_error("internal", error)),
    };
    // What ended the last call is no outcome of the session.
    run.resume();
    let code = run.finish(result.as_ref().map(|code| *code));
    runtime.shutdown_background();
    code
}

fn start(
    args: &ReplArgs,
    id: &RunId,
    mut builder: crate::report::ReporterBuilder,
    verbosity: Verbosity,
) -> Result<(tokio::runtime::Runtime, Run), Failure> {
    let internal = |error: &::std::io::Error| Failure::from_error("internal", error);
    let limit = Limit::parse(&args.limit)
        .map_err(|error| Failure::from_error("cli.limit", &error).class(Class::Usage))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| internal(&error).class(Class::Internal))?;
    let mut kept = None;
    if !args.no_history {
        let (sinks, journal) = keep(builder, id, "--no-history", args.kept.runs)?;
        builder = sinks;
        kept = Some(journal);
    }
    let options = RunOptions {
        script: "repl".to_owned(),
        mode: if args.plan { Mode::Plan } else { Mode::Apply },
        limit,
        verbosity,
        ..RunOptions::default()
    };
    let handle = runtime.handle().clone();
    let reporter = builder.build();
    attend(&reporter, kept.as_ref().map(Journal::log_path));
    let run = Run::start(id.clone(), options, reporter, kept, handle);
    Ok((runtime, run))
}

/// Answers line after line.
fn converse(args: &ReplArgs, run: &Run) -> Result<u8, Failure> {
    let settings = Settings {
        accept_new_host_keys: args.accept_new_host_keys,
        ssh_config: args.ssh_config.clone(),
        variables: args.kept.variables.clone(),
        ..Settings::default()
    };
    let session = Session::new(run.clone(), settings);
    let reporter = run.reporter().clone();
    let announce = move |change: &crate::engine::library::Override| {
        reporter.emit(Event::Override {
            module: change.module.clone(),
            path: change.path.display().to_string(),
            changed_since_eject: change.stale,
        });
    };
    let library = library(&args.std_dirs);
    let host = Host::new(
        REGISTRY,
        library.clone(),
        session.clone(),
        Box::new(announce),
    );
    let mut desk = Desk {
        interactive: Interactive::new(host),
        library,
        run: run.clone(),
        look: look(run),
    };
    desk.interactive.declare("c", cluster(&args.env_file));
    let mut editor = Editor::new(args, run)?;
    print(WELCOME)?;
    let result = loop {
        run.set_idle(true);
        let line = editor.read(&desk);
        run.set_idle(false);
        match line {
            Ok(Line::Text(text)) => {
                let answer = desk.answer(&text);
                // Behind the call: by now its secrets are known.
                editor.remember(&text, run);
                match answer {
                    Ok(None) => {}
                    Ok(Some(code)) => break Ok(code),
                    Err(failure) => break Err(failure),
                }
            }
            Ok(Line::GivenUp) => {}
            Ok(Line::End) => break Ok(0),
            Err(failure) => break Err(failure),
        }
    };
    crate::bindings::e2b::settle(&session);
    crate::bindings::pg::settle(&session);
    crate::bindings::host::settle(&session);
    result
}

/// The script behind `c`.
fn cluster(env_file: &Path) -> String {
    let file = env_file.display().to_string();
    let quoted = serde_json::Value::from(file).to_string();
    format!(
        "import \"std/config\" as config;\nimport \"std/cluster\" as cluster;\ncluster::open(config::load({quoted}))\n"
    )
}

fn look(run: &Run) -> RenderOptions {
    let console = run.reporter().console_options();
    let fallback = RenderOptions::default();
    RenderOptions {
        color: console.color,
        width: width_of(::std::io::stdout()).map_or(fallback.width, usize::from),
        ..fallback
    }
}

/// What lines are answered from.
struct Desk {
    interactive: Interactive,
    library: crate::engine::library::Library,
    run: Run,
    look: RenderOptions,
}

impl Desk {
    /// Answers a line; the exit code when it ends the session.
    fn answer(&mut self, text: &str) -> Result<Option<u8>, Failure> {
        if text.trim_start().starts_with(':') {
            return self.command(text.trim());
        }
        match self.evaluate(text) {
            Some(Outcome::Value(value)) => {
                self.show(&value);
                Ok(None)
            }
            Some(Outcome::Exit(code)) => Ok(Some(code)),
            None => Ok(None),
        }
    }

    /// Runs a piece of script; a failure is told and is no end.
    fn evaluate(&mut self, text: &str) -> Option<Outcome> {
        // A signal that came between two calls cancels neither.
        self.run.resume();
        match self.interactive.evaluate(text) {
            Ok(outcome) => Some(outcome),
            Err(error) => {
                self.tell(&error);
                None
            }
        }
    }

    fn tell(&self, error: &EvalAltResult) {
        if self.run.is_cancelled() {
            self.run.reporter().log(Level::Info, "cancelled");
            return;
        }
        let report = render(error, self.interactive.host().sources(), self.look);
        told(&self.run, failure_of(error), report);
    }

    fn show(&self, value: &rhai::Dynamic) {
        let text = show::pretty(value, self.interactive.host().engine());
        if !text.is_empty() {
            let value = text.into();
            self.run.reporter().emit(Event::Result { value });
        }
    }
}
