//! Client nodes that take no more work, or none at all.

use std::time::Duration;

use rhai::Dynamic;

use crate::bindings::cluster_api;
use crate::diag::{Class, Failure};
use crate::engine::Call;
use crate::engine::raise::Raise;
use crate::engine::registry::{Function, Opt, Param};
use crate::engine::ty::Ty;
use crate::nomad::{DrainOptions, Nomad};
use crate::report::Action;

use super::{ERRORS, ask};

const NODE: Param = Param::new("node", Ty::Str, "its name, or its id or how that begins");

pub const DRAIN: Function = Function {
    name: "drain",
    doc: "Moves a node's allocations elsewhere, has it take no more, and waits until it is empty. Under `--plan` it is shown and not done.",
    params: &[NODE],
    options: &[
        Opt::new(
            "deadline",
            Ty::Duration,
            "\"1h\"",
            "after so long what still runs is stopped by force",
        ),
        Opt::new(
            "keep_system_jobs",
            Ty::Bool,
            "false",
            "leave system jobs (the orchestrator is one) where they are",
        ),
        Opt::new("wait", Ty::Bool, "true", "whether to wait until it is over"),
    ],
    errors: &[
        "nomad.drain",
        "nomad.unreachable",
        "nomad.denied",
        "nomad.not_found",
        "nomad.no_leader",
        "nomad.refused",
        "nomad.argument",
    ],
    example: "nomad.drain(\"client-1\", #{ deadline: \"10m\" })",
    body: drain,
    ..Function::BASE
};

pub const CANCEL_DRAIN: Function = Function {
    name: "cancel_drain",
    doc: "Ends a node's drain and has it take work again. Under `--plan` it is shown and not done.",
    params: &[NODE],
    errors: ERRORS,
    example: "nomad.cancel_drain(\"client-1\")",
    body: |call| {
        let (nomad, given) = (call.receiver::<Nomad>()?, call.string(0)?);
        let node = ask(call, &nomad, nomad.find_node(&given))?;
        let item = format!("drain of {}", node.name);
        if !cluster_api::only_planned(call, "nomad", item, Action::Stop, None) {
            ask(call, &nomad, nomad.cancel_drain(&node.id))?;
        }
        Ok(Dynamic::UNIT)
    },
    ..Function::BASE
};

pub const SET_ELIGIBILITY: Function = Function {
    name: "set_eligibility",
    doc: "Says whether a node may be given work; what runs on it stays. Under `--plan` it is shown and not done.",
    params: &[
        NODE,
        Param::new("eligible", Ty::Bool, "whether it may be given work"),
    ],
    errors: ERRORS,
    example: "nomad.set_eligibility(\"client-1\", false)",
    body: |call| {
        let (nomad, given) = (call.receiver::<Nomad>()?, call.string(0)?);
        let eligible = call.value(1)?.as_bool() == Ok(true);
        let node = ask(call, &nomad, nomad.find_node(&given))?;
        let wanted = if eligible { "eligible" } else { "ineligible" };
        if node.eligibility == wanted {
            return Ok(Dynamic::UNIT);
        }
        let action = if eligible {
            Action::Enable
        } else {
            Action::Disable
        };
        let item = format!("scheduling on {}", node.name);
        if !cluster_api::only_planned(call, "nomad", item, action, None) {
            ask(call, &nomad, nomad.set_eligibility(&node.id, eligible))?;
        }
        Ok(Dynamic::UNIT)
    },
    ..Function::BASE
};

/// Beyond the deadline Nomad still has to stop what it stops by force.
const GRACE: Duration = Duration::from_secs(180);

fn drain(call: &mut Call) -> Result<Dynamic, Raise> {
    let (nomad, given) = (call.receiver::<Nomad>()?, call.string(0)?);
    let deadline = cluster_api::duration(call, "deadline", Duration::from_secs(3600));
    let node = ask(call, &nomad, nomad.find_node(&given))?;
    let item = format!("drain of {}", node.name);
    if cluster_api::only_planned(call, "nomad", item, Action::Start, None) {
        return Ok(Dynamic::UNIT);
    }
    let options = DrainOptions {
        deadline: Some(deadline),
        keep_system_jobs: call.opt_bool("keep_system_jobs").unwrap_or(false),
    };
    ask(call, &nomad, nomad.drain(&node.id, &options))?;
    if call.opt_bool("wait") == Some(false) {
        return Ok(Dynamic::UNIT);
    }
    let waiting = nomad.wait_until_drained(&node.id, deadline + GRACE);
    if ask(call, &nomad, waiting)? {
        return Ok(Dynamic::UNIT);
    }
    let message = format!(
        "{} is not empty {} after its drain began",
        node.name,
        humantime::format_duration(deadline + GRACE)
    );
    let failure = Failure::new("nomad.drain", message)
        .class(Class::Failed)
        .help("its allocations may have no other node to go to, or a long `kill_timeout`; `cancel_drain` ends the drain");
    Err(failure.into())
}
