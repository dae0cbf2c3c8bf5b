//! The program's face: one file per command.

pub mod apply;
pub mod args;
pub mod check;
pub mod complete;
pub mod completions;
pub mod declared;
pub mod definitions;
pub mod docs;
pub mod explain;
pub mod fmt;
pub mod man;
mod pages;
pub mod repl;
pub mod run;
pub mod runs;
pub mod save;
mod saved;
pub mod std;
pub mod test;
pub mod watch;

use ::std::ffi::OsString;
use ::std::io::{self, Write};
use ::std::process::ExitCode;

use args::{Cli, Command};
use clap::CommandFactory;

use crate::diag::{Class, Failure};
use crate::report::Reporter;

/// Parses, does what was asked, and returns the exit code.
pub fn main(argv: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match args::parse(argv) {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let code = match (&cli.command, &cli.script) {
        (Some(Command::Watch(watch)), _) => {
            watch::watch(&watch.options, &watch.script, &cli.script_args)
        }
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
        (Some(Command::Completions { shell }), _) => {
            say("completions", Ok(completions::script(*shell).to_owned()))
        }
        (Some(Command::Complete(args)), _) => say("complete", Ok(complete::complete(&args.words))),
        (None, Some(script)) if cli.options.watch => {
            watch::watch(&cli.options, script, &cli.script_args)
        }
        (None, Some(_)) if cli.options.apply => {
            return usage(&Cli::command().error(
                clap::error::ErrorKind::MissingRequiredArgument,
                "`--apply` belongs to `--watch`; without it a run makes its changes anyway",
            ));
        }
        (None, Some(script)) => run::run(&cli.options, script, &cli.script_args),
        (None, None) => {
            return usage(&Cli::command().error(
                clap::error::ErrorKind::MissingRequiredArgument,
                "name a script to run, for example `e2bscript deploy.rhai`",
            ));
        }
    };
    ExitCode::from(code)
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
