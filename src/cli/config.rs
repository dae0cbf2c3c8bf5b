//! `e2bscript config show`: the settings in force.

use clap::ArgMatches;
use serde_json::{Map, Value as Json, json};

use super::args::ConfigShowArgs;
use super::settings::{Settings, Shown, all};
use crate::diag::Failure;

/// All settings, as a file of settings would have them, or as one object. `matches` are those of the
/// whole command line.
pub fn show(
    args: &ConfigShowArgs,
    matches: &ArgMatches,
    settings: &Settings,
) -> Result<String, Failure> {
    let own = matches.subcommand_matches("config");
    let own = own.and_then(|config| config.subcommand_matches("show"));
    let shown = all(own.unwrap_or(matches), settings);
    match args.options.json {
        true => object(&shown),
        false => Ok(lines(&shown, args.origin)),
    }
}

fn lines(shown: &[Shown], origin: bool) -> String {
    let lines: Vec<String> = shown
        .iter()
        .map(|setting| format!("{} = {}", setting.key.name(), setting.value))
        .collect();
    let width = lines
        .iter()
        .map(|line| line.chars().count())
        .max()
        .unwrap_or(0);
    let mut text = String::new();
    for (line, setting) in lines.iter().zip(shown) {
        match origin {
            true => text.push_str(&format!("{line:width$}  # {}\n", setting.origin)),
            false => text.push_str(&format!("{line}\n")),
        }
    }
    text
}

fn object(shown: &[Shown]) -> Result<String, Failure> {
    let mut object = Map::new();
    for setting in shown {
        let value = json!({ "value": setting.value, "origin": setting.origin });
        object.insert(setting.key.name().to_owned(), value);
    }
    Ok(format!("{}\n", Json::Object(object)))
}
