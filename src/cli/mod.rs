//! The program's face: one file per command.

pub mod apply;
pub mod args;
pub mod check;
pub mod complete;
pub mod completions;
mod config;
pub mod declared;
pub mod definitions;
pub mod docs;
pub mod explain;
pub mod fmt;
pub mod given;
mod help;
mod init;
pub mod man;
mod pages;
pub mod repl;
pub mod run;
pub mod runs;
pub mod save;
mod saved;
mod settings;
pub mod std;
pub mod test;
pub mod watch;

use ::std::ffi::OsString;
use ::std::io::{self, Write};
use ::std::process::ExitCode;

use args::{Cli, Command, ConfigCommand, RunArgs};
use clap::CommandFactory;

use crate::diag::{Class, Failure};
use crate::explain::RenderOptions;
use crate::report::{Event, Reporter};
use settings::{Merged, Refused};

/// Parses, does what was asked, and returns the exit code.
pub fn main(argv: impl IntoIterator<Item = OsString>) -> ExitCode {
    let argv: Vec<OsString> = argv.into_iter().collect();
    if argv.iter().skip(1).eq(["help", "options"]) {
        let text = Cli::command().render_long_help().to_string();
        return ExitCode::from(say("help", Ok(text)));
    }
    let line = match args::parse(argv) {
        Ok(line) => line,
        Err(error) => return usage(&error),
    };
    let options = line.cli.options.clone();
    let Merged {
        cli,
        matches,
        settings,
    } = match settings::merge(line) {
        Ok(merged) => merged,
        Err(refused) => return ExitCode::from(refuse(&options, &refused)),
    };
    let code = match (&cli.command, &cli.script) {
        (Some(Command::Watch(watch)), _) => match saved(&watch.script) {
            Ok(()) => watch::watch(&watch.options, &watch.script, &cli.script_args),
            Err(error) => return usage(&error),
        },
        (Some(Command::Apply(args)), _) => apply::apply(args),
        (Some(Command::Check(check)), _) => check::check(check),
        (Some(Command::Test(args)), _) => test::test(args),
        (Some(Command::Fmt(args)), _) => fmt::fmt(args),
        (Some(Command::Std(std)), _) => std::std(std),
        (Some(Command::Docs(args)), _) => docs::docs(args),
        (Some(Command::Explain(args)), _) => say("explain", explain::explain(args)),
        (Some(Command::Repl(args)), _) => repl::repl(args),
        (Some(Command::Runs(args)), _) => runs::runs(args),
        (Some(Command::Definitions(args)), _) => say("definitions", definitions::definitions(args)),
        (Some(Command::Man(args)), _) => say("man", man::man(args)),
        (Some(Command::Init(args)), _) => say("init", init::init(args)),
        (Some(Command::Config(config)), _) => {
            let ConfigCommand::Show(args) = &config.command;
            say("config", config::show(args, &matches, &settings))
        }
        (Some(Command::Completions { shell }), _) => {
            say("completions", Ok(completions::script(*shell).to_owned()))
        }
        (Some(Command::Complete(args)), _) => say("complete", Ok(complete::complete(&args.words))),
        (None, None) if cli.code.is_none() => {
            return usage(&Cli::command().error(
                clap::error::ErrorKind::MissingRequiredArgument,
                "name a script to run, for example `e2bscript deploy.rhai`",
            ));
        }
        (None, _) => match script(&cli) {
            Ok(code) => code,
            Err(error) => return usage(&error),
        },
    };
    ExitCode::from(code)
}

/// Runs or watches the script that the command line gives, in whichever way.
fn script(cli: &Cli) -> Result<u8, clap::Error> {
    let (name, given) = match (&cli.code, cli.script.as_deref()) {
        (Some(code), _) => (given::CODE, Some(given::code(code))),
        (None, name) => (name.unwrap_or_default(), None),
    };
    let refused = |kind, text: &str| Err(Cli::command().error(kind, text));
    if cli.options.watch {
        saved(name)?;
        return Ok(watch::watch(&cli.options, name, &cli.script_args));
    }
    if cli.options.apply {
        return refused(
            clap::error::ErrorKind::MissingRequiredArgument,
            "`--apply` belongs to `--watch`; without it a run makes its changes anyway",
        );
    }
    if cli.options.out.is_some() && (given.is_some() || given::is_stream(name)) {
        return refused(
            clap::error::ErrorKind::ArgumentConflict,
            "`--out` needs a script in a file: `e2bscript apply` plans it again",
        );
    }
    let given = match given {
        None => match given::stream(name) {
            Ok(found) => found,
            Err(failure) => {
                let reporter = Reporter::builder("run").console(run::console(&cli.options));
                return Ok(run::refuse(&reporter.build(), &failure));
            }
        },
        given => given,
    };
    let options = RunArgs {
        given,
        ..cli.options.clone()
    };
    Ok(run::run(&options, name, &cli.script_args))
}

/// Nobody saves what is no file.
fn saved(script: &str) -> Result<(), clap::Error> {
    if script != given::CODE && !given::is_stream(script) {
        return Ok(());
    }
    Err(Cli::command().error(
        clap::error::ErrorKind::ArgumentConflict,
        "`--watch` needs a script in a file, since it waits for the file to be saved",
    ))
}

/// Tells what is wrong in files of settings; the exit code.
fn refuse(options: &RunArgs, refused: &Refused) -> u8 {
    let console = run::console(options);
    let usual = RenderOptions::default();
    let (failure, report) = refused.told(RenderOptions {
        color: console.color,
        width: console.width.map_or(usual.width, usize::from),
        ..usual
    });
    let reporter = Reporter::builder("settings");
    let reporter = match options.json {
        true => reporter.json().build(),
        false => reporter.console(console).build(),
    };
    let code = failure.class.exit_code();
    reporter.emit(Event::Failure {
        failure,
        report: Some(report),
        colored: None,
    });
    reporter.flush();
    code
}

/// Help and version are what was asked for; everything else is a usage error.
fn usage(error: &clap::Error) -> ExitCode {
    // Nobody is left to tell when the terminal itself is gone.
    let _ = error.print();
    ExitCode::from(if error.use_stderr() { 2 } else { 0 })
}

/// Prints what a command says, or reports its failure; the exit code.
fn say(command: &str, said: Result<String, Failure>) -> u8 {
    match said.and_then(|text| print(&text)) {
        Ok(()) => 0,
        Err(failure) => run::refuse(
            &Reporter::builder(command)
                .console(Default::default())
                .build(),
            &failure,
        ),
    }
}

/// Prints a command's result on stdout. Readers that go away, as `head` does, are no failure.
fn print(text: &str) -> Result<(), Failure> {
    match io::stdout().write_all(text.as_bytes()) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Failure::from_error("cli.output", &error).class(Class::Failed)),
    }
}
