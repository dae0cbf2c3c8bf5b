//! `e2blab status`: what a lab has, what of it lives, and what is broken on purpose.

use crate::cgroup::Groups;
use crate::error::Result;
use crate::faults::{self, Fault};
use crate::helpers;
use crate::lab::Lab;
use crate::namespace;
use crate::node;
use crate::report;
use crate::state::{Machine, State};
use crate::topology::Role;

/// Prints the lab as a table. Says whether everything lives that should.
pub fn status(lab: &Lab) -> Result<bool> {
    let state = State::require(lab)?;
    let groups = Groups::of(lab)?;
    let faults = faults::in_force(&lab.file("faults.json"));
    let mut rows = vec![row(["node", "address", "system", "sshd", "faults"])];
    let mut healthy = true;
    for machine in &state.nodes {
        let (system, sshd) = life(lab, &groups, machine);
        healthy &= system == "running" && sshd;
        let address = match machine.node.role {
            Role::Bastion => format!("{} ({} inside)", state.bastion, machine.node.address),
            _ => machine.node.address.to_string(),
        };
        let own: Vec<_> = words(&faults, |fault| fault.node() == Some(&machine.node.name));
        let sshd = if sshd { "answers" } else { "silent" };
        rows.push(row([
            &machine.node.name,
            &address,
            &system,
            sshd,
            &own.join(", "),
        ]));
    }
    let mirror = helpers::is_listening(lab, "lan", (state.mirror, 80)).unwrap_or(false);
    healthy &= mirror;
    let own = words(&faults, |fault| {
        matches!(fault, Fault::Mirror404 | Fault::MirrorWrongBytes)
    });
    let answers = if mirror { "running" } else { "dead" };
    rows.push(row([
        "mirror",
        &state.mirror.to_string(),
        answers,
        "",
        &own.join(", "),
    ]));
    let own = words(&faults, |fault| {
        matches!(fault, Fault::Delay { .. } | Fault::Rate { .. })
    });
    if !own.is_empty() {
        rows.push(row(["wire", "", "", "", &own.join(", ")]));
    }
    let own = words(&faults, |fault| matches!(fault, Fault::BreakService { .. }));
    if !own.is_empty() {
        rows.push(row(["services", "", "", "", &own.join(", ")]));
    }
    report::result(report::table(&rows));
    Ok(healthy)
}

/// What a node's systemd says, and whether its sshd answers inside the private network.
fn life(lab: &Lab, groups: &Groups, machine: &Machine) -> (String, bool) {
    if !machine.alive(groups) {
        return ("dead".to_owned(), false);
    }
    let system = node::system_state(groups, &machine.node.name);
    let greets = namespace::inside(&lab.namespace(&machine.node.name), || {
        node::greets((machine.node.address, 22))
    });
    (
        system.unwrap_or_else(|| "silent".to_owned()),
        greets.unwrap_or(false),
    )
}

fn words(faults: &[Fault], wanted: impl Fn(&Fault) -> bool) -> Vec<String> {
    faults
        .iter()
        .filter(|fault| wanted(fault))
        .map(Fault::words)
        .collect()
}

fn row<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.into_iter().map(str::to_owned).collect()
}
