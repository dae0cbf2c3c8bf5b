//! The project around the scripts: settings, a new project, and other ways to give a script.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test fails by panicking

#[path = "project/given.rs"]
mod given;
#[path = "project/init.rs"]
mod init;
#[path = "project/settings.rs"]
mod settings;

use std::fs;
use std::path::Path;
use std::process::Command;

/// How a command ended.
struct Ran {
    code: i32,
    out: String,
    err: String,
}

/// A command in a directory that is its home too, with this program on the path and nothing of the
/// environment that this program looks at.
fn command(dir: &Path, program: &str, words: &[&str]) -> Command {
    let own = Path::new(env!("CARGO_BIN_EXE_e2bscript")).parent().unwrap();
    let path = std::env::var("PATH").unwrap();
    let mut command = Command::new(program);
    command
        .args(words)
        .current_dir(dir)
        .env("PATH", format!("{}:{path}", own.display()))
        .env("HOME", dir)
        .env("CI", "1");
    for name in [
        "XDG_STATE_HOME",
        "XDG_CONFIG_HOME",
        "E2BSCRIPT_STATE_HOME",
        "E2BSCRIPT_ENV_FILE",
        "E2BSCRIPT_LIMIT",
        "NO_COLOR",
        "FORCE_COLOR",
        "CLICOLOR_FORCE",
    ] {
        command.env_remove(name);
    }
    command
}

fn ended(mut command: Command) -> Ran {
    let output = command.output().unwrap();
    Ran {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Runs a command in a directory, with `input` on standard input.
fn ran(dir: &Path, program: &str, words: &[&str], input: &str) -> Ran {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), input).unwrap();
    let mut command = command(dir, program, words);
    command.stdin(fs::File::open(file.path()).unwrap());
    ended(command)
}
