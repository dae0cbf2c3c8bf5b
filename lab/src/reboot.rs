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

/// How long a node may take to go down and come up again.
const PATIENCE: Duration = Duration::from_secs(240);

/// Reboots the nodes together, waits until all are up, and notes their new processes.
pub fn reboot(lab: &Lab, nodes: &[String]) -> Result<()> {
    let groups = Groups::of(lab)?;
    let _lock = Lock::machine(lab.name())?;
    let mut state = State::require(lab)?;
    for node in nodes {
        state.node(node)?;
    }
    let began = Instant::now();
    for node in nodes {
        node::script(lab, &groups, node, "systemctl reboot --no-block", &[])?;
    }
    for machine in &mut state.nodes {
        if nodes.contains(&machine.node.name) {
            *machine = again(lab, &groups, machine, began + PATIENCE)?;
        }
    }
    state.save(lab)?;
    report::talk(format_args!(
        "{} up again after {:.1} s",
        nodes.join(", "),
        began.elapsed().as_secs_f64()
    ));
    Ok(())
}

/// The node's new machine, once it is up and its sshd answers.
fn again(lab: &Lab, groups: &Groups, old: &Machine, deadline: Instant) -> Result<Machine> {
    let node = &old.node;
    loop {
        let new = Machine::of(node, groups).filter(|new| new.started != old.started);
        let system = new
            .as_ref()
            .and_then(|_| node::system_state(groups, &node.name));
        if let (Some(new), Some("running" | "degraded")) = (new, system.as_deref()) {
            let answers =
                namespace::inside(&lab.namespace("lan"), || node::greets((node.address, 22)))?;
            if answers {
                return Ok(new);
            }
        }
        if Instant::now() > deadline {
            return Err(Error::NotReady {
                node: node.name.clone(),
                what: "come up again",
                seconds: PATIENCE.as_secs(),
                log: lab.node_log(&node.name),
                tail: crate::exec::tail(&lab.node_log(&node.name)),
            });
        }
        sleep(Duration::from_millis(100));
    }
}
