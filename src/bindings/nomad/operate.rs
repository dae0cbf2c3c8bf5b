//! What operators do to a running job: scale, restart, promote, fail, evaluate, dispatch.

use std::time::Duration;

use rhai::Dynamic;
use serde_json::Value;

use crate::bindings::cluster_api;
use crate::diag::Failure;
use crate::engine::Call;
use crate::engine::raise::Raise;
use crate::engine::registry::{Function, Opt, Param};
use crate::engine::ty::{self, Ty};
use crate::engine::value::{self, Secrets};
use crate::nomad::{Dispatched, Nomad, Registered};
use crate::report::Action;

use super::{ALLOCATION, ERRORS, JOB, ask, number};

const DEPLOYMENT: Param = Param::new("deployment", Ty::Str, "its id, or how it begins");
const REGISTERED: &str =
    "a map with `job`, `evaluation`, `index` and `warnings`, for `wait_until_healthy`";

pub const SCALE: Function = Function {
    name: "scale",
    doc: "Sets how many allocations a group of a job has. Under `--plan` it is shown and not done.",
    params: &[JOB, Param::new("count", Ty::Int, "how many")],
    options: &[
        Opt::new("group", Ty::Str, "the only group", "which group"),
        Opt::new("why", Ty::Str, "\"\"", "what Nomad keeps as the reason"),
    ],
    returns: REGISTERED,
    errors: ERRORS,
    example: "nomad.scale(\"api\", 2, #{ why: \"more load\" })",
    body: |call| {
        let (nomad, job) = (call.receiver::<Nomad>()?, call.string(0)?);
        let count = number(call, call.int(1)?)?;
        let diff = Some(format!("~ count: {count}\n"));
        if cluster_api::only_planned(call, "nomad", format!("job {job}"), Action::Update, diff) {
            return planned(job);
        }
        let (group, why) = (call.opt_string("group"), call.opt_string("why"));
        let why = why.unwrap_or_default();
        let scaling = nomad.scale(&job, group.as_deref(), count, &why);
        value::from_serde(&ask(call, &nomad, scaling)?)
    },
    ..Function::BASE
};

pub const EVALUATE: Function = Function {
    name: "evaluate",
    doc: "Has the scheduler look at a job again; allocations that failed are placed anew at once. Under `--plan` it is shown and not done.",
    params: &[JOB],
    returns: REGISTERED,
    errors: ERRORS,
    example: "nomad.evaluate(\"api\")",
    body: |call| {
        let (nomad, job) = (call.receiver::<Nomad>()?, call.string(0)?);
        let item = format!("evaluation of {job}");
        if cluster_api::only_planned(call, "nomad", item, Action::Run, None) {
            return planned(job);
        }
        value::from_serde(&ask(call, &nomad, nomad.evaluate(&job))?)
    },
    ..Function::BASE
};

pub const DISPATCH: Function = Function {
    name: "dispatch",
    doc: "Runs a parameterized job. Under `--plan` it is shown and not done.",
    params: &[JOB],
    options: &[
        Opt::new(
            "payload",
            Ty::Bytes,
            "\"\"",
            "what the job is given as its payload",
        ),
        Opt::new(
            "meta",
            Ty::Map,
            "#{}",
            "values of the keys that the job declares",
        ),
    ],
    returns: "a map with `job` (the id of the run, a job of its own), `evaluation` and `index`, for `wait_until_healthy`",
    errors: ERRORS,
    example: "nomad.wait_until_healthy(nomad.dispatch(\"backup\", #{ meta: #{ target: \"a\" } }))",
    body: |call| {
        let (nomad, job) = (call.receiver::<Nomad>()?, call.string(0)?);
        let item = format!("job {job}");
        if cluster_api::only_planned(call, "nomad", item, Action::Run, None) {
            let job = format!("{job}/dispatch");
            return value::from_serde(&Dispatched {
                job,
                ..Dispatched::default()
            });
        }
        let payload = match call.opt("payload") {
            Some(value) => bytes(value),
            None => Vec::new(),
        };
        let meta = Dynamic::from_map(call.opt_map("meta").unwrap_or_default());
        let meta = match value::to_json(&meta, Secrets::Expose)? {
            Value::Object(meta) => meta,
            _ => serde_json::Map::new(),
        };
        value::from_serde(&ask(call, &nomad, nomad.dispatch(&job, &payload, &meta))?)
    },
    ..Function::BASE
};

pub const PROMOTE: Function = Function {
    name: "promote",
    doc: "Lets a deployment go on from its canaries to all allocations. Under `--plan` it is shown and not done.",
    params: &[DEPLOYMENT],
    returns: REGISTERED,
    errors: ERRORS,
    example: "nomad.promote(nomad.list_deployments(\"api\")[0].id)",
    body: |call| of_deployment(call, true),
    ..Function::BASE
};

pub const FAIL_DEPLOYMENT: Function = Function {
    name: "fail_deployment",
    doc: "Ends a deployment; Nomad goes back to the version before where the job says `auto_revert`. Under `--plan` it is shown and not done.",
    params: &[DEPLOYMENT],
    returns: REGISTERED,
    errors: ERRORS,
    example: "nomad.fail_deployment(nomad.list_deployments(\"api\")[0].id)",
    body: |call| of_deployment(call, false),
    ..Function::BASE
};

pub const RESTART_ALLOCATION: Function = Function {
    name: "restart_allocation",
    doc: "Starts the tasks of an allocation anew, where they are, and waits until they run. Under `--plan` it is shown and not done.",
    params: &[ALLOCATION],
    options: &[
        Opt::new("task", Ty::Str, "all that run", "which of its tasks"),
        Opt::new(
            "timeout",
            Ty::Duration,
            "\"5m\"",
            "the end of patience; tasks have their `kill_timeout` to end",
        ),
    ],
    errors: &[
        "nomad.unhealthy",
        "nomad.unreachable",
        "nomad.denied",
        "nomad.not_found",
        "nomad.no_leader",
        "nomad.refused",
    ],
    example: "nomad.restart_allocation(nomad.list_allocations(\"api\")[0].id)",
    body: restart,
    ..Function::BASE
};

pub const STOP_ALLOCATION: Function = Function {
    name: "stop_allocation",
    doc: "Stops an allocation; the scheduler puts another in its place, perhaps elsewhere. Under `--plan` it is shown and not done.",
    params: &[ALLOCATION],
    returns: REGISTERED,
    errors: ERRORS,
    example: "nomad.stop_allocation(nomad.list_allocations(\"api\")[0].id)",
    body: |call| {
        let (nomad, id) = (call.receiver::<Nomad>()?, call.string(0)?);
        let allocation = ask(call, &nomad, nomad.get_allocation(&id))?;
        let item = format!(
            "allocation {} of {} on {}",
            allocation.short(),
            allocation.job,
            allocation.node
        );
        if cluster_api::only_planned(call, "nomad", item, Action::Stop, None) {
            return planned(allocation.job);
        }
        value::from_serde(&ask(call, &nomad, nomad.stop_allocation(&allocation))?)
    },
    ..Function::BASE
};

fn of_deployment(call: &mut Call, promote: bool) -> Result<Dynamic, Raise> {
    let (nomad, id) = (call.receiver::<Nomad>()?, call.string(0)?);
    let deployment = ask(call, &nomad, nomad.get_deployment(&id))?;
    let (action, job) = (
        if promote {
            Action::Update
        } else {
            Action::Stop
        },
        deployment.job,
    );
    let item = format!("deployment of {job}");
    if cluster_api::only_planned(call, "nomad", item, action, None) {
        return planned(job);
    }
    let done = match promote {
        true => ask(call, &nomad, nomad.promote(&deployment.id, &job))?,
        false => ask(call, &nomad, nomad.fail(&deployment.id, &job))?,
    };
    value::from_serde(&done)
}

fn restart(call: &mut Call) -> Result<Dynamic, Raise> {
    let (nomad, id) = (call.receiver::<Nomad>()?, call.string(0)?);
    let timeout = cluster_api::duration(call, "timeout", Duration::from_secs(300));
    let task = call.opt_string("task");
    let before = ask(call, &nomad, nomad.get_allocation(&id))?;
    let place = format!(
        "allocation {} of {} on {}",
        before.short(),
        before.job,
        before.node
    );
    if cluster_api::only_planned(call, "nomad", place.clone(), Action::Restart, None) {
        return Ok(Dynamic::UNIT);
    }
    let restarting = nomad.restart_allocation(&before.id, task.as_deref());
    ask(call, &nomad, restarting)?;
    if task.is_some() {
        return Ok(Dynamic::UNIT);
    }
    let waiting = nomad.wait_until_started(&before, before.started(), timeout);
    let (started, now) = ask(call, &nomad, waiting)?;
    if started {
        return Ok(Dynamic::UNIT);
    }
    let events = now.task_states.values().flat_map(|task| &task.events);
    let last = events.max_by_key(|event| event.time);
    let message = format!(
        "{place} was restarted and does not run: it is {}",
        now.status
    );
    let failure = Failure::new("nomad.unhealthy", message)
        .detail("allocation", now.id.clone())
        .output(
            last.map(|event| event.message.clone())
                .into_iter()
                .collect(),
        );
    Err(failure.into())
}

/// What a change that was only shown returns.
fn planned(job: String) -> Result<Dynamic, Raise> {
    value::from_serde(&Registered {
        job,
        ..Registered::default()
    })
}

/// The option's value as bytes; its kind was checked.
fn bytes(value: &Dynamic) -> Vec<u8> {
    if let Some(blob) = value.read_lock::<rhai::Blob>() {
        return blob.clone();
    }
    if let Some(secret) = value.read_lock::<crate::secret::Secret>() {
        return secret.expose().as_bytes().to_vec();
    }
    ty::text(value).unwrap_or_default().into_bytes()
}
