//! `e2blab reboot`: nodes go down and come up again on the disks they have.

use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::cgroup::Groups;
use crate::error::{Error, Result};
use crate::lab::Lab;
use crate::lock::Lock;
use crate::namespace;
use crate::node;
use crate::report;
use crate::state::{Machine, State};

/// How long a node may take to go down.
const PATIENCE: Duration = Duration::from_secs(120);

/// Reboots the nodes together, waits until all are up, and notes their new processes.
pub fn reboot(lab: &Lab, names: &[String]) -> Result<()> {
    let groups = Groups::of(lab)?;
    let _lock = Lock::machine(lab.name())?;
    let mut state = State::require(lab)?;
    for name in names {
        state.node(name)?;
    }
    let began = Instant::now();
    for name in names {
        node::script(lab, &groups, name, "systemctl reboot --no-block", &[])?;
    }
    for name in names {
        wait_for_end(lab, &groups, name, began + PATIENCE)?;
    }
    // the machine ends where a real one would start again: it is booted once more
    let mut booting = Vec::new();
    for machine in &mut state.nodes {
        if names.contains(&machine.node.name) {
            let child = node::boot(lab, &groups, &machine.node)?;
            booting.push((machine, child));
        }
    }
    for (machine, mut child) in booting {
        let node = machine.node.clone();
        namespace::inside(&lab.namespace("lan"), || {
            node::wait_for_sshd(lab, &node, &mut child)
        })??;
        node::wait_for_systemd(lab, &groups, &node, &mut child)?;
        *machine = Machine::of(&node, &groups).ok_or_else(|| Error::NodeDown {
            node: node.name.clone(),
            lab: lab.name().to_owned(),
        })?;
    }
    state.save(lab)?;
    report::talk(format_args!(
        "{} up again after {:.1} s",
        names.join(", "),
        began.elapsed().as_secs_f64()
    ));
    Ok(())
}

/// Waits until nothing of the node's machine runs any more.
fn wait_for_end(lab: &Lab, groups: &Groups, name: &str, deadline: Instant) -> Result<()> {
    while !groups.processes(name).is_empty() {
        if Instant::now() > deadline {
            return Err(Error::NotReady {
                node: name.to_owned(),
                what: "go down",
                seconds: PATIENCE.as_secs(),
                log: lab.node_log(name),
                tail: crate::exec::tail(&lab.node_log(name)),
            });
        }
        sleep(Duration::from_millis(50));
    }
    Ok(())
}
