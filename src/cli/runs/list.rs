//! The list of runs: newest first, a line for each.

use chrono::{DateTime, Local};
use serde_json::{Map, Value, json};

use super::super::args::RunsArgs;
use super::super::print;
use super::{note, unreadable};
use crate::diag::Failure;
use crate::report::text::{count, duration, visible};
use crate::report::{Level, Mode, Outcome, Reporter};
use crate::run::past::{History, Life, Past};

pub fn list(args: &RunsArgs, history: &History, talk: &Reporter) -> Result<(), Failure> {
    let (runs, troubles) = history.all().map_err(|error| unreadable(&error))?;
    for error in &troubles {
        let failure = unreadable(error);
        let cause = failure.causes.first().map_or("", String::as_str);
        talk.log(Level::Warn, format!("{}: {cause}", failure.message));
    }
    let total = runs.len();
    let wanted = |past: &&Past| match &args.script {
        Some(script) => names(&past.file.script, script),
        None => true,
    };
    let mut runs: Vec<&Past> = runs.iter().filter(wanted).collect();
    let found = runs.len();
    runs.truncate(args.last);
    if args.json {
        let lines: Vec<String> = runs
            .iter()
            .map(|past| format!("{}\n", line(past)))
            .collect();
        return print(&lines.concat());
    }
    match (&args.script, total, found) {
        (_, 0, _) => note(talk, "no run is kept yet"),
        (Some(script), _, 0) => {
            let others = count(total as u64, "run");
            note(
                talk,
                format!("no run of `{script}` is kept; {others} of other scripts"),
            );
        }
        _ => print(&table(&runs))?,
    }
    if found > runs.len() {
        let shown = runs.len();
        note(
            talk,
            format!("the newest {shown} of {found}: `--last {found}` shows all"),
        );
    }
    Ok(())
}

/// Whether somebody who says `asked` means this script: by its path, or its name with or without ending.
fn names(script: &str, asked: &str) -> bool {
    let name = |path: &str| {
        let name = path.rsplit('/').next().unwrap_or_default().to_owned();
        name.strip_suffix(".rhai")
            .map(str::to_owned)
            .unwrap_or(name)
    };
    script == asked || (!asked.contains('/') && name(script) == name(asked))
}

/// How it stands or ended, in a word.
pub fn outcome(past: &Past) -> &'static str {
    match (past.life, past.file.outcome) {
        (Life::Running, _) => "running",
        (Life::Killed, _) | (Life::Finished, None) => "killed",
        (_, Some(Outcome::Ok)) => "ok",
        (_, Some(Outcome::Failed)) => "failed",
        (_, Some(Outcome::Cancelled)) => "stopped",
    }
}

/// The script and its arguments as a person would type them.
pub fn command(past: &Past) -> String {
    let script = match past.file.script.as_str() {
        "" => "?",
        script => script,
    };
    let args = past.file.args.iter().flatten().map(String::as_str);
    let words = std::iter::once(script).chain(args);
    let text = shlex::try_join(words).unwrap_or_else(|_| script.to_owned());
    visible(&text).into_owned()
}

/// When it began, by the clock on this wall.
pub fn when(past: &Past) -> String {
    match DateTime::parse_from_rfc3339(&past.file.started) {
        Ok(started) => started
            .with_timezone(&Local)
            .format("%Y-%m-%d %H:%M:%S")
            .to_string(),
        Err(_) => past.file.started.clone(),
    }
}

fn table(runs: &[&Past]) -> String {
    const RIGHT: [bool; 8] = [false, false, false, false, true, true, true, false];
    let head = [
        "run", "when", "mode", "outcome", "exit", "took", "changes", "script",
    ];
    let mut rows = vec![head.map(str::to_owned)];
    rows.extend(runs.iter().map(|past| {
        let file = &past.file;
        let mode = match file.mode {
            Mode::Apply => "run",
            Mode::Plan => "plan",
        };
        let number = |number: Option<u64>| number.map(|n| n.to_string()).unwrap_or_default();
        [
            file.id.to_string(),
            when(past),
            mode.to_owned(),
            outcome(past).to_owned(),
            number(file.exit_code.map(u64::from)),
            file.seconds.map(duration).unwrap_or_default(),
            number(file.changed),
            command(past),
        ]
    }));
    let mut widths = [0; 8];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let lines = rows.iter().map(|row| {
        let cells = row.iter().zip(widths).zip(RIGHT);
        let cells: Vec<String> = cells
            .map(|((cell, width), right)| match right {
                true => format!("{cell:>width$}"),
                false => format!("{cell:width$}"),
            })
            .collect();
        format!("{}\n", cells.join("  ").trim_end())
    });
    lines.collect()
}

/// The run as one line of JSON.
fn line(past: &Past) -> Value {
    let file = &past.file;
    let mut line = Map::new();
    let mut put = |name: &str, value: Value| {
        if !value.is_null() {
            line.insert(name.to_owned(), value);
        }
    };
    put("id", json!(file.id));
    put("started", json!(file.started));
    put("finished", json!(file.finished));
    put("script", json!(file.script));
    put("args", json!(file.args));
    put("mode", json!(file.mode));
    put(
        "state",
        json!(match past.life {
            Life::Finished => "finished",
            Life::Running => "running",
            Life::Killed => "killed",
        }),
    );
    put("outcome", json!(file.outcome));
    put("exit_code", json!(file.exit_code));
    put("seconds", json!(file.seconds));
    put("changed", json!(file.changed));
    put("version", json!(file.version));
    put("directory", json!(past.directory));
    Value::Object(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_meant_by_its_path_or_its_name() {
        for asked in ["deploy", "deploy.rhai", "scripts/deploy.rhai"] {
            assert!(names("scripts/deploy.rhai", asked), "{asked}");
        }
        for asked in ["deploy-services", "my/deploy.rhai", ""] {
            assert!(!names("scripts/deploy.rhai", asked), "{asked}");
        }
    }
}
