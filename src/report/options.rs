//! How the console looks and how much it tells: decided once, before anything is shown.

use std::io::IsTerminal as _;
use std::os::fd::AsFd;
use std::sync::Arc;

use super::changes::Shown;
use super::color::{self, ColorChoice};

/// How much the console tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
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
            results_on_terminal: results,
            progress: verbosity > Verbosity::Quiet && color::progress(talk, env),
            width: width_of(std::io::stderr()),
            before: None,
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
}
