//! Everything that can go wrong in the lab, worded for the person who types `e2blab`.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// The result of every lab operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, where, and what to do next.
#[derive(Debug, Error)]
pub enum Error {
    #[error("e2blab makes machines, mounts and networks and needs root: run it with `sudo`")]
    NotRoot,
    #[error("{} not found on this machine: `apt-get install {}`", listed(.tools), .packages.join(" "))]
    MissingTools {
        tools: Vec<String>,
        packages: Vec<String>,
    },
    #[error(
        "no cgroup v2 hierarchy is mounted here, and the nodes' systemd needs one: `mount -t cgroup2 none /sys/fs/cgroup`"
    )]
    NoCgroup,
    #[error(
        "`{0}` is no name for a lab: use up to 16 lower-case letters, digits and dashes, a letter first"
    )]
    BadName(String),
    #[error("a lab holds at most {most} {role} nodes, not {wanted}")]
    TooMany {
        role: &'static str,
        wanted: u8,
        most: u8,
    },
    #[error(
        "every subnet from 10.77.1.0/24 to 10.77.250.0/24 overlaps a route of this machine or belongs to another lab: see `ip route` and `ip link`"
    )]
    NoSubnet,
    #[error("lab `{name}` is not up: `e2blab up --name {name}` starts it")]
    NotUp { name: String },
    #[error(
        "lab `{name}` is up with {found}, not with {wanted}: `e2blab down --name {name}` first, or take another `--name`"
    )]
    OtherTopology {
        name: String,
        found: String,
        wanted: String,
    },
    #[error(
        "lab `{name}` of this machine keeps its files in `{found}`, not `{wanted}`: set E2BLAB_STATE to match, or take another `--name`"
    )]
    OtherDirectory {
        name: String,
        found: String,
        wanted: String,
    },
    #[error("there is no node `{node}` in lab `{lab}`: it has {}", listed(.known))]
    NoSuchNode {
        node: String,
        lab: String,
        known: Vec<String>,
    },
    #[error(
        "node `{node}` of lab `{lab}` is not running: `e2blab up --name {lab}` starts the lab anew"
    )]
    NodeDown { node: String, lab: String },
    #[error(
        "the stand-in for the platform's binaries is not beside e2blab (no `{missing}` in `{directory}`): `cargo build -p standin`"
    )]
    NoStandins { missing: String, directory: PathBuf },
    #[error(
        "the database has no keys of teams in clear: name the key, `e2blab fault expire-key KEY`"
    )]
    NoKeys,
    #[error("`e2bscript` is neither beside e2blab in `{directory}` nor on PATH: `cargo build`")]
    NoScriptHost { directory: PathBuf },
    #[error("node `{node}` did not {what} within {seconds} s; the end of `{log}`:\n{tail}")]
    NotReady {
        node: String,
        what: &'static str,
        seconds: u64,
        log: PathBuf,
        tail: String,
    },
    #[error("node `{node}` ended while it booted; the end of `{log}`:\n{tail}")]
    Died {
        node: String,
        log: PathBuf,
        tail: String,
    },
    #[error("node `{node}` is up but its systemd says `{state}`:\n{units}")]
    Degraded {
        node: String,
        state: String,
        units: String,
    },
    #[error("the image could not be built; the end of `{log}`:\n{tail}")]
    Image { log: PathBuf, tail: String },
    #[error(
        "no {title} {version} on PATH, and {what} to build it is missing: install either, or leave the agents out with `e2blab up --no-agents`"
    )]
    NoAgent {
        title: &'static str,
        version: &'static str,
        what: &'static str,
    },
    #[error("{title} {version} could not be built; the end of `{log}`:\n{tail}")]
    AgentBuild {
        title: &'static str,
        version: &'static str,
        log: PathBuf,
        tail: String,
    },
    #[error(
        "the agents did not {what} within {seconds} s: see `e2blab exec --name {lab} server-1 -- journalctl -u consul -u nomad`"
    )]
    AgentsNotReady {
        what: &'static str,
        seconds: u64,
        lab: String,
    },
    #[error("`{path}` cannot be part of an overlay mount: it has a `:`, a `,` or a `\\` in it")]
    BadPath { path: PathBuf },
    #[error("`{command}` failed with {status}{}", said(.stderr))]
    Command {
        command: String,
        status: String,
        stderr: String,
    },
    #[error("cannot make the certificate of `{node}`: {source}")]
    Certificate { node: String, source: rcgen::Error },
    #[error("cannot start `{program}`: {source}")]
    Start { program: String, source: io::Error },
    #[error("cannot {what} `{path}`: {source}")]
    Io {
        what: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("`{path}` is not what e2blab writes there: {source}")]
    Json {
        path: PathBuf,
        source: serde_json::Error,
    },
    #[error("`{command}` printed what e2blab cannot read: {detail}")]
    Output { command: String, detail: String },
    #[error(
        "{0} still there after taking the lab down: what holds them shows in `lsof` and `ip netns pids`"
    )]
    Leftovers(String),
    #[error(
        "no `terraform` on PATH, which renders the user_data: install it (https://developer.hashicorp.com/terraform/install)"
    )]
    NoTerraform,
    #[error(
        "there is no cluster stack in `{directory}` (no user-data/main.tf): start in the project's directory, or give `--from-user-data=DIR`"
    )]
    NoStack { directory: PathBuf },
    #[error("the {0} ended at once: see `{1}`")]
    HelperDied(&'static str, PathBuf),
}

impl Error {
    /// The exit status of the program: 2 when the command line or the caller is at fault.
    pub fn exit_code(&self) -> u8 {
        match self {
            Error::NotRoot
            | Error::BadName(_)
            | Error::TooMany { .. }
            | Error::NoStack { .. }
            | Error::NoSuchNode { .. } => 2,
            _ => 1,
        }
    }
}

/// Says which file an I/O error is about.
pub trait At<T> {
    /// `what` completes the sentence "cannot … `path`".
    fn at(self, what: &'static str, path: impl AsRef<Path>) -> Result<T>;
}

impl<T, E: Into<io::Error>> At<T> for std::result::Result<T, E> {
    fn at(self, what: &'static str, path: impl AsRef<Path>) -> Result<T> {
        self.map_err(|source| Error::Io {
            what,
            path: path.as_ref().to_owned(),
            source: source.into(),
        })
    }
}

/// "`a`, `b` and `c`".
fn listed(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        None => "nothing".to_owned(),
        Some((only, [])) => only.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}

fn said(stderr: &str) -> String {
    match stderr.trim() {
        "" => String::new(),
        text => format!(": {text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_tools_come_with_the_line_that_installs_them() {
        let error = Error::MissingTools {
            tools: vec!["nft".into(), "mmdebstrap".into()],
            packages: vec!["nftables".into(), "mmdebstrap".into()],
        };
        assert_eq!(
            error.to_string(),
            "`nft` and `mmdebstrap` not found on this machine: `apt-get install nftables mmdebstrap`"
        );
    }

    #[test]
    fn a_silent_command_ends_without_a_colon() {
        let error = Error::Command {
            command: "ip link".into(),
            status: "exit status 1".into(),
            stderr: "\n".into(),
        };
        assert_eq!(error.to_string(), "`ip link` failed with exit status 1");
    }
}
