//! What a lab says about itself in `state.json`: written last by `up`, read by everything else.

use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::cgroup::Groups;
use crate::error::{At, Error, Result};
use crate::lab::{Lab, write_file};
use crate::node;
use crate::topology::{Node, Subnets, Topology};

/// A lab that came up.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct State {
    /// The layout of this file.
    pub version: u8,
    pub name: String,
    pub subnets: Subnets,
    /// Where this machine reaches the bastion.
    pub bastion: Ipv4Addr,
    /// Where the nodes reach the mirror.
    pub mirror: Ipv4Addr,
    pub topology: Topology,
    /// The directories all roots are overlays of, the topmost first.
    pub layers: Vec<PathBuf>,
    pub nodes: Vec<Machine>,
}

/// A node and its machine's processes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Machine {
    #[serde(flatten)]
    pub node: Node,
    /// The node's PID 1, as this machine numbers it.
    pub pid: u32,
    /// When it started, in clock ticks since this machine's boot: a reused number differs here.
    pub started: u64,
}

impl State {
    /// What the lab's directory says; `None` when no `up` has finished.
    pub fn load(lab: &Lab) -> Result<Option<State>> {
        let path = lab.file("state.json");
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map(Some)
                .map_err(|source| Error::Json { path, source }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).at("read", &path),
        }
    }

    /// As [`State::load`], for commands that need a lab.
    pub fn require(lab: &Lab) -> Result<State> {
        State::load(lab)?.ok_or_else(|| Error::NotUp {
            name: lab.name().to_owned(),
        })
    }

    pub fn save(&self, lab: &Lab) -> Result<()> {
        let path = lab.file("state.json");
        let text = serde_json::to_string_pretty(self).map_err(|source| Error::Json {
            path: path.clone(),
            source,
        })?;
        write_file(&path, text + "\n", 0o600)
    }

    /// The node of that name, or an error that lists the names there are.
    pub fn node(&self, name: &str) -> Result<&Node> {
        let found = self
            .nodes
            .iter()
            .map(|machine| &machine.node)
            .find(|node| node.name == name);
        found.ok_or_else(|| Error::NoSuchNode {
            node: name.to_owned(),
            lab: self.name.clone(),
            known: self
                .nodes
                .iter()
                .map(|machine| machine.node.name.clone())
                .collect(),
        })
    }

    /// Whether every node's machine is the one that was started.
    pub fn all_alive(&self, groups: &Groups) -> bool {
        self.nodes.iter().all(|machine| machine.alive(groups))
    }
}

impl Machine {
    /// Notes the processes of a node that is up.
    pub fn of(node: &Node, groups: &Groups) -> Option<Machine> {
        let pid = node::leader(groups, &node.name)?;
        Some(Machine {
            node: node.clone(),
            pid,
            started: start_time(pid)?,
        })
    }

    pub fn alive(&self, groups: &Groups) -> bool {
        start_time(self.pid) == Some(self.started)
            && groups.processes(&self.node.name).contains(&self.pid)
    }
}

/// The 22nd field of `/proc/<pid>/stat`, counted behind the name, which may hold blanks.
fn start_time(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_a_start_time_and_a_dead_one_has_none() {
        let own = start_time(std::process::id());
        assert!(own.is_some_and(|ticks| ticks > 0));
        assert_eq!(own, start_time(std::process::id()));
        assert_eq!(start_time(u32::MAX), None);
    }
}
