//! `e2bscript runs`: the runs that were, and one of them again.

mod list;
mod show;

pub(super) use list::{command, outcome, when};

use super::args::{RunsArgs, RunsCommand};
use super::run::{env, refuse};
use crate::diag::{Class, Failure};
use crate::report::{ColorChoice, ConsoleOptions, Level, Reporter, Verbosity};
use crate::run::journal;
use crate::run::past::{EventsError, FindError, History};

/// Does what was asked and returns the exit code.
pub fn runs(args: &RunsArgs) -> u8 {
    let color = match &args.command {
        Some(RunsCommand::Show(show)) => show.color.map_or_else(ColorChoice::default, Into::into),
        None => ColorChoice::default(),
    };
    let console = ConsoleOptions::detect(color, Verbosity::Normal);
    let talk = Reporter::builder("runs")
        .console(ConsoleOptions {
            progress: false,
            ..console.clone()
        })
        .build();
    let done = history().and_then(|history| match &args.command {
        None => list::list(args, &history, &talk),
        Some(RunsCommand::Show(args)) => show::show(args, &history, console, &talk),
    });
    match done {
        Ok(()) => 0,
        Err(failure) => refuse(&talk, &failure),
    }
}

/// Where the environment says that runs are kept.
pub(super) fn history() -> Result<History, Failure> {
    let home = journal::state_home(env).map_err(|error| {
        Failure::from_error("run.journal", &error)
            .class(Class::Usage)
            .help("set `E2BSCRIPT_STATE_HOME` to the directory that runs are kept in")
    })?;
    Ok(History::of(&home))
}

fn note(talk: &Reporter, text: impl Into<String>) {
    talk.log(Level::Info, text);
}

/// A journal that is there and cannot be read.
fn unreadable(error: &journal::JournalError) -> Failure {
    Failure::from_error("run.journal", error)
}

fn not_found(error: FindError) -> Failure {
    match error {
        FindError::Journal(error) => unreadable(&error),
        FindError::Ambiguous { ref ids, .. } => {
            const NAMED: usize = 5;
            let mut names: Vec<&str> = ids.iter().rev().map(|id| id.as_str()).collect();
            let more = names.len() > NAMED;
            names.truncate(NAMED);
            let list = names.join("`, `");
            let rest = if more { " and others" } else { "" };
            Failure::usage("run.unknown", error.to_string())
                .help(format!("add a character or more of the id: `{list}`{rest}"))
        }
        FindError::Unknown(_) => Failure::usage("run.unknown", error.to_string())
            .help("`e2bscript runs` lists those that are kept; `last` stands for the newest"),
        FindError::Empty(_) => Failure::usage("run.unknown", error.to_string())
            .help("a run is kept unless it is started with `--no-journal`"),
    }
}

fn unshown(error: EventsError) -> Failure {
    match error {
        EventsError::Journal(error) => unreadable(&error),
        EventsError::Newer { .. } => Failure::new("run.format", error.to_string()).help(
            "use the version that made the run, or a later one: `run.json` beside it names it",
        ),
    }
}
