//! How the console looks and how much it tells: decided once, before anything is shown.

use std::io::IsTerminal as _;
use std::os::fd::AsFd;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::changes::Shown;
use super::color::{self, ColorChoice};

/// How much the console tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verbosity {
    /// `-q`: failures and results.
    Quiet,
    /// Changes, messages, and the output that scripts ask to show.
    #[default]
    Normal,
    /// `-v`: also every command's output, items found as wanted, and the slowest steps.
    Verbose,
    /// `-vv`: also what this program notes for itself.
    Debug,
}

impl Verbosity {
    /// From the flags: `-q`, and how often `-v`.
    pub fn from_flags(quiet: bool, verbose: u8) -> Verbosity {
        match (quiet, verbose) {
            (true, _) => Verbosity::Quiet,
            (false, 0) => Verbosity::Normal,
            (false, 1) => Verbosity::Verbose,
            (false, _) => Verbosity::Debug,
        }
    }
}

/// How the console looks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConsoleOptions {
    pub verbosity: Verbosity,
    /// Colour on stderr.
    pub color: bool,
    /// Colour of results on stdout.
    pub color_results: bool,
    /// The talk goes to a terminal.
    pub terminal: bool,
    /// Results go to a terminal, so control characters in them are made visible.
    pub results_on_terminal: bool,
    /// Bars and the line that tells what is waited for.
    pub progress: bool,
    /// Columns of the terminal, where there is one.
    pub width: Option<u16>,
    /// What the plan before this one showed, sorted: what is new since then is marked.
    pub before: Option<Arc<Vec<Shown>>>,
}

impl ConsoleOptions {
    /// What suits this process's stdout, stderr and environment.
    pub fn detect(color: ColorChoice, verbosity: Verbosity) -> ConsoleOptions {
        let env = |name: &str| std::env::var(name).ok();
        let talk = std::io::stderr().is_terminal();
        let results = std::io::stdout().is_terminal();
        ConsoleOptions {
            verbosity,
            color: color.resolve(talk, env),
            color_results: color.resolve(results, env),
            terminal: talk,
            results_on_terminal: results,
            progress: verbosity > Verbosity::Quiet && color::progress(talk, env),
            width: width_of(std::io::stderr()),
            before: None,
        }
    }
}

/// What of the console's look decides what it writes: kept with a run, so that the run can be shown
/// again as it was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Appearance {
    pub verbosity: Verbosity,
    /// Colour on stderr.
    pub color: bool,
    /// Colour of results on stdout.
    pub color_results: bool,
    /// Stderr was a terminal.
    pub terminal: bool,
    /// Stdout was a terminal.
    pub results_on_terminal: bool,
    /// Columns of the terminal, where there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<u16>,
}

impl ConsoleOptions {
    /// What is kept of it with a run. The plan before is not: only `watch` has one, and the journal
    /// does not have those plans.
    pub fn appearance(&self) -> Appearance {
        Appearance {
            verbosity: self.verbosity,
            color: self.color,
            color_results: self.color_results,
            terminal: self.terminal,
            results_on_terminal: self.results_on_terminal,
            width: self.width,
        }
    }

    /// How a run that looked like `was` is shown on this console. An end of the same kind (terminal
    /// or not) shows what it showed then, but no wider than there is room for.
    #[must_use]
    pub fn like(self, was: Appearance) -> ConsoleOptions {
        let same_talk = self.terminal == was.terminal;
        let same_results = self.results_on_terminal == was.results_on_terminal;
        ConsoleOptions {
            verbosity: was.verbosity,
            color: if same_talk { was.color } else { self.color },
            color_results: match same_results {
                true => was.color_results,
                false => self.color_results,
            },
            width: match (same_talk, self.width, was.width) {
                (true, Some(here), Some(then)) => Some(here.min(then)),
                (true, None, then) => then,
                (_, here, _) => here,
            },
            ..self
        }
    }
}

/// Columns of a terminal that is wide enough to fold text for; one that was never sized says 0.
pub fn width_of(terminal: impl AsFd) -> Option<u16> {
    let size = rustix::termios::tcgetwinsize(terminal).ok()?;
    Some(size.ws_col).filter(|width| *width >= 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quiet_comes_before_verbose() {
        assert_eq!(Verbosity::from_flags(true, 2), Verbosity::Quiet);
        assert_eq!(Verbosity::from_flags(false, 0), Verbosity::Normal);
        assert_eq!(Verbosity::from_flags(false, 1), Verbosity::Verbose);
        assert_eq!(Verbosity::from_flags(false, 9), Verbosity::Debug);
    }

    #[test]
    fn an_end_of_the_same_kind_shows_what_it_showed_then() {
        let pipe = ConsoleOptions::default();
        let colored = Appearance {
            color: true,
            verbosity: Verbosity::Verbose,
            ..Appearance::default()
        };
        let shown = pipe.clone().like(colored);
        assert_eq!(shown.appearance(), colored);
        let terminal = |width| ConsoleOptions {
            terminal: true,
            results_on_terminal: true,
            color: true,
            color_results: true,
            width: Some(width),
            ..ConsoleOptions::default()
        };
        let was = terminal(100).appearance();
        assert_eq!(terminal(200).like(was).appearance(), was);
        assert_eq!(terminal(80).like(was).width, Some(80));
        // into a file goes what a file gets
        let shown = pipe.clone().like(was);
        assert_eq!(shown, pipe);
    }
}
