//! The command line over what the files set.

use std::collections::BTreeMap;

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches};

use super::key::{Key, NONE};
use super::{Refused, Settings};
use crate::cli::args::{Cli, Command, Line, define};
use crate::cli::run::env;

/// The variable by which scripts are told of `deploy.env`.
pub const ENV_FILE: &str = "E2BSCRIPT_ENV_FILE";

/// What has no option on the command line.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    /// How many runs the journal keeps.
    pub runs: Option<usize>,
    /// What stands for variables of the environment that are not set.
    pub variables: BTreeMap<String, String>,
}

/// A command line with everything that the files say in it.
pub struct Merged {
    pub cli: Cli,
    pub matches: ArgMatches,
    pub settings: Settings,
}

/// Reads the files and fills in what the command line leaves open, unless the command has no use for it.
pub fn merge(line: Line) -> Result<Merged, Refused> {
    let settings = match uses_settings(&line.cli) {
        true => Settings::read()?,
        false => Settings::default(),
    };
    let line = match settings.values.is_empty() {
        true => line,
        false => again(line, &settings),
    };
    let Line {
        mut cli, matches, ..
    } = line;
    keep(&mut cli, &settings.kept());
    Ok(Merged {
        cli,
        matches,
        settings,
    })
}

fn uses_settings(cli: &Cli) -> bool {
    !matches!(
        cli.command,
        Some(
            Command::Fmt(_)
                | Command::Docs(_)
                | Command::Explain(_)
                | Command::Definitions(_)
                | Command::Man(_)
                | Command::Init(_)
                | Command::Completions { .. }
                | Command::Complete(_)
        )
    )
}

/// The same words, with the files' values as what holds without an option.
fn again(line: Line, settings: &Settings) -> Line {
    let command = with_defaults(define(), &line.matches, settings);
    // The values are those that the options take: what was understood before is understood again.
    Line::of(command, line.words.clone(), line.cli.script_args.clone()).unwrap_or(line)
}

fn with_defaults(
    command: clap::Command,
    matches: &ArgMatches,
    settings: &Settings,
) -> clap::Command {
    let name = command.get_name().to_owned();
    let command = command.mut_args(|arg| with_default(arg, &name, matches, settings));
    match matches.subcommand() {
        Some((name, below)) => {
            command.mut_subcommand(name, |command| with_defaults(command, below, settings))
        }
        None => command,
    }
}

fn with_default(arg: Arg, command: &str, matches: &ArgMatches, settings: &Settings) -> Arg {
    let text = |key| settings.text(key).map(|text| vec![text.to_owned()]);
    let list = |key| settings.list(key).map(<[String]>::to_vec);
    let flag = |key, on: bool| {
        let flag = settings.flag(key)?;
        Some(vec![(flag == on).to_string()])
    };
    let verbosity = || settings.text(Key::Verbosity);
    let default = match arg.get_id().as_str() {
        "env_file" => text(Key::EnvFile),
        "std_dirs" => list(Key::Std),
        "ssh_config" => text(Key::SshConfig),
        "accept_new_host_keys" => flag(Key::AcceptNewHostKeys, true),
        "limit" => list(Key::Limit),
        // that of `test` is for each test
        "timeout" if command != "test" => text(Key::Timeout).filter(|given| *given != [NONE]),
        "color" if !is_typed(matches, "no_color") && color_of_environment().is_none() => {
            text(Key::Color)
        }
        "quiet" if !is_typed(matches, "verbose") && verbosity() == Some("quiet") => {
            Some(vec!["true".to_owned()])
        }
        "verbose" if !is_typed(matches, "quiet") => match verbosity() {
            Some("verbose") => Some(vec!["1".to_owned()]),
            Some("debug") => Some(vec!["2".to_owned()]),
            _ => None,
        },
        "stats" => flag(Key::Stats, true),
        "no_journal" | "no_history" => flag(Key::Journal, false),
        _ => None,
    };
    match default {
        Some(values) => arg.default_values(values),
        None => arg,
    }
}

/// Whether the option stands on the command line.
pub fn is_typed(matches: &ArgMatches, id: &str) -> bool {
    matches.ids().any(|known| known == id)
        && matches.value_source(id) == Some(ValueSource::CommandLine)
}

/// What the usual variables say of colour, and which of them.
pub fn color_of_environment() -> Option<(&'static str, &'static str)> {
    let set = |name: &str| env(name).filter(|value| !value.is_empty());
    if set("NO_COLOR").is_some() {
        return Some(("never", "NO_COLOR"));
    }
    ["FORCE_COLOR", "CLICOLOR_FORCE"]
        .into_iter()
        .find(|name| set(name).is_some_and(|value| value != "0"))
        .map(|name| ("always", name))
}

impl Settings {
    fn kept(&self) -> Kept {
        let file = self.text(Key::EnvFile).map(str::to_owned);
        Kept {
            runs: self.number(Key::KeepRuns),
            variables: file
                .map(|file| (ENV_FILE.to_owned(), file))
                .into_iter()
                .collect(),
        }
    }
}

fn keep(cli: &mut Cli, kept: &Kept) {
    cli.options.kept = kept.clone();
    match &mut cli.command {
        Some(Command::Watch(args)) => args.options.kept = kept.clone(),
        Some(Command::Apply(args)) => args.kept = kept.clone(),
        Some(Command::Test(args)) => args.kept = kept.clone(),
        Some(Command::Repl(args)) => args.kept = kept.clone(),
        _ => {}
    }
}
