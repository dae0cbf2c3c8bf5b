//! Running this machine's own commands, with errors that show the command and what it said.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::error::{Error, Result};

/// The programs the lab calls, and the Debian package of each.
const TOOLS: &[(&str, &str)] = &[
    ("systemd-nspawn", "systemd-container"),
    ("ip", "iproute2"),
    ("bridge", "iproute2"),
    ("nft", "nftables"),
    ("ssh", "openssh-client"),
    ("ssh-keygen", "openssh-client"),
    ("nsenter", "util-linux"),
    ("setsid", "util-linux"),
    ("setpriv", "util-linux"),
    ("unshare", "util-linux"),
];

/// The directories of administrators' programs; a PATH from `su` or cron often lacks them.
const SYSTEM_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Fails, naming every missing program and the packages that bring them.
pub fn require_tools() -> Result<()> {
    require(TOOLS)
}

/// As [`require_tools`], for building the image.
pub fn require_image_tools() -> Result<()> {
    require(&[("mmdebstrap", "mmdebstrap"), ("chroot", "coreutils")])
}

fn require(wanted: &[(&str, &str)]) -> Result<()> {
    let missing: Vec<_> = wanted
        .iter()
        .filter(|(tool, _)| find(tool).is_none())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let mut packages: Vec<String> = missing
        .iter()
        .map(|(_, package)| (*package).to_owned())
        .collect();
    packages.dedup();
    Err(Error::MissingTools {
        tools: missing.iter().map(|(tool, _)| (*tool).to_owned()).collect(),
        packages,
    })
}

/// Where a program is, on PATH or in the system's own directories.
pub fn find(program: &str) -> Option<PathBuf> {
    std::env::split_paths(&search_path())
        .map(|directory| directory.join(program))
        .find(|candidate| candidate.is_file())
}

/// PATH with the system's directories added.
pub fn search_path() -> String {
    match std::env::var("PATH") {
        Ok(path) if !path.is_empty() => format!("{path}:{SYSTEM_PATH}"),
        _ => SYSTEM_PATH.to_owned(),
    }
}

/// A command with the lab's PATH and a locale whose messages are the same everywhere.
pub fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    command.env("PATH", search_path()).env("LC_ALL", "C.UTF-8");
    command
}

/// Runs a program to its end and returns what it printed.
pub fn run<A: AsRef<OsStr>>(
    program: &str,
    arguments: impl IntoIterator<Item = A>,
) -> Result<String> {
    let mut command = command(program);
    command.args(arguments).stdin(Stdio::null());
    let output = command.output().map_err(|source| start(program, source))?;
    checked(&command, output)
}

/// Runs a program with `input` on its stdin.
pub fn run_with_input<A: AsRef<OsStr>>(
    program: &str,
    arguments: impl IntoIterator<Item = A>,
    input: &str,
) -> Result<String> {
    let mut command = command(program);
    command
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|source| start(program, source))?;
    if let Some(mut stdin) = child.stdin.take() {
        // a program that ends before it read everything says why on its own stderr
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child
        .wait_with_output()
        .map_err(|source| start(program, source))?;
    checked(&command, output)
}

/// What a program printed, or an error with the command and what it complained about.
pub fn checked(command: &Command, output: Output) -> Result<String> {
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(Error::Command {
        command: shown(command),
        status: output.status.to_string(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

fn start(program: &str, source: std::io::Error) -> Error {
    Error::Start {
        program: program.to_owned(),
        source,
    }
}

fn shown(command: &Command) -> String {
    let words: Vec<_> = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(OsStr::to_string_lossy)
        .collect();
    words.join(" ")
}

/// The last lines of a log, for an error message.
pub fn tail(log: &Path) -> String {
    let text = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let first = lines.len().saturating_sub(15);
    lines.get(first..).unwrap_or_default().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_shows_the_command_its_status_and_its_words() {
        let error = run("sh", ["-c", "echo no such thing >&2; exit 3"]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`sh -c echo no such thing >&2; exit 3` failed with exit status: 3: no such thing"
        );
    }

    #[test]
    fn input_reaches_the_program() {
        assert_eq!(run_with_input("cat", ["-"], "lines\n").unwrap(), "lines\n");
    }

    #[test]
    fn a_program_that_is_nowhere_is_named_with_its_package() {
        let error = require(&[("sh", "dash"), ("no-such-tool", "no-such-package")]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`no-such-tool` not found on this machine: `apt-get install no-such-package`"
        );
    }
}
