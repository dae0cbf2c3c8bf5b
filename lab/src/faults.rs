//! Faults: what can be broken in a lab on purpose, and how it is mended.
//!
//! `faults.json` in the lab's directory holds what is in force. It is written before a fault is
//! made, so that `heal` also mends what was half made.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::cgroup::Groups;
use crate::database;
use crate::error::{At, Error, Result};
use crate::helpers::{self, RELAY_PORT};
use crate::keys;
use crate::lab::{Lab, write_file};
use crate::network::{self, OUTSIDE};
use crate::node;
use crate::relay::Wire;
use crate::services::{self, Mode, Service};
use crate::state::State;
use crate::topology::Role;
use crate::work::{self, Work};

/// Something that is broken on purpose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "kebab-case")]
pub enum Fault {
    /// The node is silently cut off.
    Cut { node: String },
    /// The node's SSH service is killed, with every session.
    KillSshd { node: String },
    /// The file system that holds `path` is full to the last byte.
    FillDisk { node: String, path: String },
    /// The node shows host keys that nobody knows.
    NewHostKey { node: String },
    /// Nomad or Consul of the node is stopped; what it runs goes on.
    StopAgent { agent: String, node: String },
    /// Nomad's leader is killed, and stays down.
    KillLeader { node: String },
    /// A service fails wherever it runs.
    BreakService {
        service: Service,
        mode: Mode,
        /// Seconds, for the mode that has some.
        after: u32,
    },
    /// Each byte between this machine and the bastion takes longer, each way.
    Delay { ms: u64 },
    /// The wire to the bastion is narrow, each way.
    Rate { mbit: u64 },
    /// The mirror has nothing.
    #[serde(rename = "mirror-404")]
    Mirror404,
    /// The mirror's files are not what their checksums say.
    MirrorWrongBytes,
    /// PostgreSQL was started anew, and every session ended.
    PgRestart,
    /// Somebody holds a table of PostgreSQL for themselves.
    PgLock { table: String, seconds: u64 },
    /// PostgreSQL takes no writes.
    PgReadonly,
    /// The file system of PostgreSQL's data is full to the last byte.
    PgFull,
    /// Something goes wrong in what the services do.
    Work {
        work: Work,
        /// When it was asked for: what is counted is counted anew.
        serial: u64,
    },
}

impl Fault {
    /// The node it is about, if it is about one.
    pub fn node(&self) -> Option<&str> {
        match self {
            Fault::Cut { node }
            | Fault::KillSshd { node }
            | Fault::FillDisk { node, .. }
            | Fault::NewHostKey { node }
            | Fault::StopAgent { node, .. }
            | Fault::KillLeader { node } => Some(node),
            Fault::PgRestart | Fault::PgLock { .. } | Fault::PgReadonly | Fault::PgFull => {
                Some(database::NODE)
            }
            Fault::BreakService { .. }
            | Fault::Delay { .. }
            | Fault::Rate { .. }
            | Fault::Mirror404
            | Fault::MirrorWrongBytes
            | Fault::Work { .. } => None,
        }
    }

    /// Whether this one takes the other's place.
    fn replaces(&self, other: &Fault) -> bool {
        if let (
            Fault::BreakService { service, .. },
            Fault::BreakService {
                service: broken, ..
            },
        ) = (self, other)
        {
            return service == broken;
        }
        if let (Fault::Work { work, .. }, Fault::Work { work: broken, .. }) = (self, other) {
            return work.replaces(broken);
        }
        self == other
            || matches!(
                (self, other),
                (Fault::Delay { .. }, Fault::Delay { .. })
                    | (Fault::Rate { .. }, Fault::Rate { .. })
                    | (Fault::PgLock { .. }, Fault::PgLock { .. })
            )
    }

    /// A delay or cap of nothing is the way to end one, and a restart is over when it is done.
    fn is_nothing(&self) -> bool {
        matches!(
            self,
            Fault::Delay { ms: 0 } | Fault::Rate { mbit: 0 } | Fault::PgRestart
        )
    }

    /// A few words for `status`.
    pub fn words(&self) -> String {
        match self {
            Fault::Cut { .. } => "cut off".to_owned(),
            Fault::KillSshd { .. } => "sshd killed".to_owned(),
            Fault::FillDisk { path, .. } => format!("disk of {path} full"),
            Fault::NewHostKey { .. } => "new host keys".to_owned(),
            Fault::StopAgent { agent, .. } => format!("{agent} stopped"),
            Fault::KillLeader { .. } => "Nomad's leader killed".to_owned(),
            Fault::BreakService {
                service,
                mode,
                after,
            } => format!("{service} {}", mode.words(*after)),
            Fault::Delay { ms } => format!("delay of {ms} ms each way"),
            Fault::Rate { mbit } => format!("rate of {mbit} Mbit/s each way"),
            Fault::Mirror404 => "mirror answers 404".to_owned(),
            Fault::MirrorWrongBytes => "mirror serves wrong bytes".to_owned(),
            Fault::PgRestart => "PostgreSQL restarted".to_owned(),
            Fault::PgLock { table, seconds } => {
                format!("PostgreSQL's table {table} locked for {seconds} s")
            }
            Fault::PgReadonly => "PostgreSQL read-only".to_owned(),
            Fault::PgFull => "PostgreSQL's disk full".to_owned(),
            Fault::Work { work, .. } => work.words(),
        }
    }
}

/// The faults in force, from a lab's `faults.json`. No file, and a file that cannot be read, mean
/// none: the mirror and the relay go on.
pub fn in_force(file: &Path) -> Vec<Fault> {
    let bytes = fs::read(file).unwrap_or_default();
    serde_json::from_slice(&bytes).unwrap_or_default()
}

fn list(lab: &Lab) -> Vec<Fault> {
    in_force(&lab.file("faults.json"))
}

fn save(lab: &Lab, faults: &[Fault]) -> Result<()> {
    let path = lab.file("faults.json");
    let text = serde_json::to_string_pretty(faults).map_err(|source| Error::Json {
        path: path.clone(),
        source,
    })?;
    write_file(&path, text + "\n", 0o600)
}

/// Breaks something.
pub fn inject(lab: &Lab, groups: &Groups, state: &State, fault: &Fault) -> Result<()> {
    if let Some(name) = fault.node() {
        state.node(name)?;
    }
    let fault = &match fault.clone() {
        Fault::Work { work, serial } => Fault::Work {
            work: work.complete(lab, groups, state)?,
            serial,
        },
        other => other,
    };
    let mut faults = list(lab);
    faults.retain(|other| !fault.replaces(other));
    if !fault.is_nothing() {
        faults.push(fault.clone());
    }
    save(lab, &faults)?;
    match fault {
        Fault::Cut { node } => set_cut(lab, state, node, true),
        Fault::KillSshd { node } => node::script(lab, groups, node, KILL_SSHD, &[]),
        Fault::FillDisk { node, path } => node::script(lab, groups, node, FILL_DISK, &[path]),
        Fault::NewHostKey { node } => {
            let directory = lab.file("hostkeys/changed").join(node);
            keys::create_host_keys(&directory, node)?;
            give_host_keys(lab, groups, node, &directory)
        }
        Fault::StopAgent { agent, node } => {
            node::script(lab, groups, node, "systemctl stop \"$1\"", &[agent])
        }
        Fault::KillLeader { node } => node::script(lab, groups, node, KILL_NOMAD, &[]),
        Fault::BreakService {
            service,
            mode,
            after,
        } => services::break_it(lab, groups, state, *service, (*mode, *after)),
        Fault::Delay { .. } | Fault::Rate { .. } => set_wire(lab, groups, state, &faults),
        // the mirror reads the file for each request
        Fault::Mirror404 | Fault::MirrorWrongBytes => Ok(()),
        Fault::PgRestart | Fault::PgLock { .. } | Fault::PgReadonly | Fault::PgFull => {
            database::break_it(lab, groups, fault)
        }
        Fault::Work { .. } => work::tell(lab, groups, state, &faults),
    }
}

/// Mends what is broken at a node, or everything. Returns what it mended.
pub fn heal(lab: &Lab, groups: &Groups, state: &State, node: Option<&str>) -> Result<Vec<Fault>> {
    if let Some(name) = node {
        state.node(name)?;
    }
    let (healing, staying): (Vec<_>, Vec<_>) = list(lab)
        .into_iter()
        .partition(|fault| node.is_none() || fault.node() == node);
    let mut left = healing.clone();
    left.extend(staying);
    for fault in &healing {
        left.retain(|other| other != fault);
        match fault {
            Fault::Cut { node } => set_cut(lab, state, node, false)?,
            Fault::KillSshd { node } => {
                node::script(lab, groups, node, "systemctl start ssh", &[])?
            }
            Fault::FillDisk { node, path } => {
                node::script(lab, groups, node, "rm -f -- \"$1/.e2blab-fill\"", &[path])?;
            }
            Fault::NewHostKey { node } => give_host_keys(lab, groups, node, &lab.host_keys(node))?,
            Fault::StopAgent { agent, node } => {
                node::script(lab, groups, node, "systemctl start \"$1\"", &[agent])?;
            }
            Fault::KillLeader { node } => {
                node::script(lab, groups, node, "systemctl start nomad", &[])?;
            }
            Fault::BreakService { service, mode, .. } => {
                services::mend(lab, groups, state, *service, *mode)?;
            }
            Fault::Delay { .. } | Fault::Rate { .. } => {
                // these read the file
                save(lab, &left)?;
                set_wire(lab, groups, state, &left)?;
            }
            Fault::Mirror404 | Fault::MirrorWrongBytes => {}
            Fault::PgRestart | Fault::PgLock { .. } | Fault::PgReadonly | Fault::PgFull => {
                database::mend(lab, groups, fault)?;
            }
            Fault::Work { .. } => work::tell(lab, groups, state, &left)?,
        }
        save(lab, &left)?;
    }
    Ok(healing)
}

/// The service first, or systemd would start it again; then the sessions, which it leaves alone.
const KILL_SSHD: &str = "systemctl stop ssh; pkill -KILL -x sshd || [ $? = 1 ]";

/// As a crash does it, but for good: systemd would start it again after two seconds.
const KILL_NOMAD: &str = "systemctl kill --signal=KILL nomad; systemctl stop nomad";

/// Takes what `df` calls free in one piece, then whatever is left to the last byte.
pub const FILL_DISK: &str = r#"
file=$1/.e2blab-fill
free=$(df --block-size=1 --output=avail -- "$1" | tail -n 1)
fallocate -l "$free" "$file" || true
cat /dev/zero >> "$file" 2> /dev/null || true
# every other writer must now fail as well
! dd if=/dev/zero of="$1/.e2blab-probe" bs=1 count=1 2> /dev/null
rm -f "$1/.e2blab-probe"
"#;

/// Drops everything at the node's port; for the bastion also what goes to and from this machine.
fn set_cut(lab: &Lab, state: &State, node: &str, cut: bool) -> Result<()> {
    network::set_port(lab, node, !cut)?;
    if state.node(node)?.role != Role::Bastion {
        return Ok(());
    }
    let mut rules = "table inet cut\ndelete table inet cut\n".to_owned();
    if cut {
        rules.push_str(&format!(
            "table inet cut {{
                chain incoming {{
                    type filter hook prerouting priority raw; policy accept;
                    iifname \"{OUTSIDE}\" drop
                }}
                chain leaving {{
                    type filter hook postrouting priority raw; policy accept;
                    oifname \"{OUTSIDE}\" drop
                }}
            }}\n"
        ));
    }
    network::router_rules(lab, &rules)
}

/// Puts the relay in the way of new connections to the bastion, or takes it out.
fn set_wire(lab: &Lab, groups: &Groups, state: &State, faults: &[Fault]) -> Result<()> {
    let mut rules = "table ip wire\ndelete table ip wire\n".to_owned();
    if Wire::of(faults).is_plain() {
        network::router_rules(lab, &rules)?;
        helpers::hang_up_relay(groups);
        return Ok(());
    }
    helpers::steer_relay(lab, groups, state.subnets)?;
    rules.push_str(&format!(
        "table ip wire {{
            chain arriving {{
                type nat hook prerouting priority dstnat; policy accept;
                iifname \"{OUTSIDE}\" ip daddr {} tcp dport 22 redirect to :{RELAY_PORT}
            }}
        }}\n",
        state.bastion
    ));
    network::router_rules(lab, &rules)
}

/// Puts host keys into a running node, over what is there, and has its sshd use them.
fn give_host_keys(lab: &Lab, groups: &Groups, node: &str, from: &Path) -> Result<()> {
    let directory = lab.node_root(node).join("etc/ssh");
    for (name, mode) in keys::host_key_files() {
        let file = from.join(&name);
        let key = fs::read(&file).at("read", &file)?;
        write_file(&directory.join(name), key, mode)?;
    }
    node::script(lab, groups, node, "systemctl restart ssh", &[])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_kept_under_their_command_names() {
        let faults = [
            Fault::FillDisk {
                node: "api-1".into(),
                path: "/".into(),
            },
            Fault::Mirror404,
            Fault::Delay { ms: 25 },
        ];
        assert_eq!(
            serde_json::to_string(&faults).unwrap(),
            r#"[{"fault":"fill-disk","node":"api-1","path":"/"},{"fault":"mirror-404"},{"fault":"delay","ms":25}]"#
        );
    }

    #[test]
    fn a_new_delay_takes_the_old_ones_place_and_a_second_cut_does_not_add_up() {
        let cut = |node: &str| Fault::Cut {
            node: node.to_owned(),
        };
        assert!(Fault::Delay { ms: 5 }.replaces(&Fault::Delay { ms: 25 }));
        assert!(!Fault::Delay { ms: 5 }.replaces(&Fault::Rate { mbit: 25 }));
        assert!(cut("api-1").replaces(&cut("api-1")));
        assert!(!cut("api-1").replaces(&cut("client-1")));
    }
}
