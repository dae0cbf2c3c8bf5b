//! Every setting as it is in force, and where it came from.

use clap::ArgMatches;
use clap::parser::ValueSource;

use super::Settings;
use super::key::{Key, Value};
use super::merge::{ENV_FILE, color_of_environment, is_typed};
use crate::cli::args::define;
use crate::cli::run::env;

/// A setting in force.
#[derive(Debug, PartialEq, Eq)]
pub struct Shown {
    pub key: Key,
    pub value: Value,
    /// An option, a variable, a line of a file, or `default`.
    pub origin: String,
}

/// All settings of a run with the options in `matches`.
pub fn all(matches: &ArgMatches, settings: &Settings) -> Vec<Shown> {
    let shown = Key::ALL.into_iter().map(|key| {
        let (value, origin) = given(key, matches)
            .or_else(|| {
                let set = settings.values.get(&key)?;
                Some((set.value.clone(), set.origin.clone()))
            })
            .unwrap_or_else(|| (key.usual(), "default".to_owned()));
        Shown { key, value, origin }
    });
    shown.collect()
}

/// What the command line or the environment says.
fn given(key: Key, matches: &ArgMatches) -> Option<(Value, String)> {
    let text = |text: &str| Value::Text(text.to_owned());
    match key {
        Key::EnvFile => {
            let file = env(ENV_FILE).filter(|file| !file.is_empty())?;
            Some((Value::Text(file), ENV_FILE.to_owned()))
        }
        Key::Std => {
            origin(matches, "std_dirs").map(|from| (Value::List(words(matches, "std_dirs")), from))
        }
        Key::Limit => {
            origin(matches, "limit").map(|from| (Value::List(words(matches, "limit")), from))
        }
        Key::SshConfig => word(matches, "ssh_config"),
        Key::Timeout => word(matches, "timeout"),
        Key::AcceptNewHostKeys => flag(matches, "accept_new_host_keys", true),
        Key::Stats => flag(matches, "stats", true),
        Key::Journal => flag(matches, "no_journal", false),
        Key::Color if is_typed(matches, "no_color") => {
            Some((text("never"), "--no-color".to_owned()))
        }
        Key::Color => word(matches, "color").or_else(|| {
            let (value, variable) = color_of_environment()?;
            Some((text(value), variable.to_owned()))
        }),
        Key::Verbosity if is_typed(matches, "quiet") => Some((text("quiet"), "--quiet".to_owned())),
        Key::Verbosity if is_typed(matches, "verbose") => {
            let value = if matches.get_count("verbose") > 1 {
                "debug"
            } else {
                "verbose"
            };
            Some((text(value), "--verbose".to_owned()))
        }
        Key::Verbosity | Key::KeepRuns => None,
    }
}

fn word(matches: &ArgMatches, id: &str) -> Option<(Value, String)> {
    let from = origin(matches, id)?;
    let word = words(matches, id).pop()?;
    Some((Value::Text(word), from))
}

fn flag(matches: &ArgMatches, id: &str, on: bool) -> Option<(Value, String)> {
    let from = origin(matches, id)?;
    Some((Value::Flag(matches.get_flag(id) == on), from))
}

/// The values of an option as they were typed.
fn words(matches: &ArgMatches, id: &str) -> Vec<String> {
    let raw = matches.get_raw(id).into_iter().flatten();
    raw.map(|word| word.to_string_lossy().into_owned())
        .collect()
}

/// The option on the command line, or its variable; `None` where neither is there.
fn origin(matches: &ArgMatches, id: &str) -> Option<String> {
    let command = define();
    let option = command.get_arguments().find(|arg| arg.get_id() == id)?;
    match matches.value_source(id)? {
        ValueSource::CommandLine => option.get_long().map(|long| format!("--{long}")),
        ValueSource::EnvVariable => Some(option.get_env()?.to_string_lossy().into_owned()),
        _ => None,
    }
}
