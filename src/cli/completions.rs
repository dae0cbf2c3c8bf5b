//! `e2bscript completions SHELL`.

use std::io::Write;

use clap::CommandFactory;
use clap_complete::Shell;

use super::args::Cli;

/// Prints the completion script.
pub fn completions(shell: Shell) -> u8 {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "e2bscript", &mut script);
    match std::io::stdout().write_all(&script) {
        Ok(()) => 0,
        // The reader went away, as `head` does.
        Err(_) => 1,
    }
}
