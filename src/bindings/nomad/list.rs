//! What there is on the cluster: nodes, jobs, allocations, deployments, evaluations, logs.

use crate::diag::Failure;
use crate::engine::registry::{Function, Opt, Param};
use crate::engine::ty::Ty;
use crate::engine::value;
use crate::nomad::{LogOptions, Nomad, Stream};

use super::{ERRORS, JOB};

const ALLOCATION: Param = Param::new("allocation", Ty::Str, "its id, or how it begins");

pub const LEADER: Function = Function {
    name: "leader",
    doc: "The address of the server that leads.",
    returns: "a string, empty while there is none",
    errors: ERRORS,
    example: "nomad.leader()",
    body: |call| {
        let nomad = call.receiver::<Nomad>()?;
        Ok(call.wait_ok(nomad.leader())?.into())
    },
    ..Function::BASE
};

pub const LIST_MEMBERS: Function = Function {
    name: "list_members",
    doc: "The servers that the asked agent knows.",
    returns: "an array of maps with `name`, `address`, `status` (`alive`, `failed`, `left`) and `tags`",
    errors: ERRORS,
    example: "nomad.list_members()",
    body: |call| {
        let nomad = call.receiver::<Nomad>()?;
        value::from_serde(&call.wait_ok(nomad.members())?)
    },
    ..Function::BASE
};

pub const LIST_NODES: Function = Function {
    name: "list_nodes",
    doc: "The client nodes.",
    returns: "an array of maps with `id`, `name`, `class`, `datacenter`, `address`, `version`, `status`, `eligibility` and `drain`",
    errors: ERRORS,
    example: "nomad.list_nodes()",
    body: |call| {
        let nomad = call.receiver::<Nomad>()?;
        value::from_serde(&call.wait_ok(nomad.list_nodes())?)
    },
    ..Function::BASE
};

pub const LIST_JOBS: Function = Function {
    name: "list_jobs",
    doc: "The jobs, stopped ones too.",
    options: &[Opt::new("prefix", Ty::Str, "\"\"", "how their ids begin")],
    returns: "an array of maps with `id`, `kind`, `status`, `priority`, `stopped`, `modify_index` and `job_modify_index`",
    errors: ERRORS,
    example: "nomad.list_jobs()",
    body: |call| {
        let nomad = call.receiver::<Nomad>()?;
        let prefix = call.opt_string("prefix").unwrap_or_default();
        value::from_serde(&call.wait_ok(nomad.list_jobs(&prefix))?)
    },
    ..Function::BASE
};

pub const GET_JOB: Function = Function {
    name: "get_job",
    doc: "A job as it is registered.",
    params: &[JOB],
    returns: "a map, the job in Nomad's own JSON",
    errors: ERRORS,
    example: "nomad.get_job(\"api\").Version",
    body: |call| {
        let (nomad, id) = (call.receiver::<Nomad>()?, call.string(0)?);
        Ok(value::from_json(call.wait_ok(nomad.get_job(&id))?))
    },
    ..Function::BASE
};

pub const LIST_ALLOCATIONS: Function = Function {
    name: "list_allocations",
    doc: "The allocations of a job, of all its versions, newest first.",
    params: &[JOB],
    returns: "an array of maps with `id`, `name`, `job`, `version`, `group`, `node`, `node_id`, `status`, `description`, `desired`, \
              `desired_description`, `task_states`, `deployment`, `followup`, `create_index` and `modify_index`",
    errors: ERRORS,
    example: "nomad.list_allocations(\"api\")",
    body: |call| {
        let (nomad, id) = (call.receiver::<Nomad>()?, call.string(0)?);
        value::from_serde(&call.wait_ok(nomad.list_allocations(&id))?)
    },
    ..Function::BASE
};

pub const GET_ALLOCATION: Function = Function {
    name: "get_allocation",
    doc: "One allocation.",
    params: &[ALLOCATION],
    returns: "a map, as in `list_allocations`",
    errors: ERRORS,
    example: "nomad.get_allocation(\"1f3a\")",
    body: |call| {
        let (nomad, id) = (call.receiver::<Nomad>()?, call.string(0)?);
        value::from_serde(&call.wait_ok(nomad.get_allocation(&id))?)
    },
    ..Function::BASE
};

pub const LIST_DEPLOYMENTS: Function = Function {
    name: "list_deployments",
    doc: "The deployments of a job, newest first.",
    params: &[JOB],
    returns: "an array of maps with `id`, `job`, `version`, `status`, `description`, `groups`, `create_index` and `modify_index`",
    errors: ERRORS,
    example: "nomad.list_deployments(\"api\")",
    body: |call| {
        let (nomad, id) = (call.receiver::<Nomad>()?, call.string(0)?);
        value::from_serde(&call.wait_ok(nomad.list_deployments(&id))?)
    },
    ..Function::BASE
};

pub const LIST_EVALUATIONS: Function = Function {
    name: "list_evaluations",
    doc: "The evaluations of a job, newest first.",
    params: &[JOB],
    returns: "an array of maps with `id`, `job`, `status`, `description`, `triggered_by`, `blocked`, `unplaced`, `create_index` and `modify_index`",
    errors: ERRORS,
    example: "nomad.list_evaluations(\"api\")",
    body: |call| {
        let (nomad, id) = (call.receiver::<Nomad>()?, call.string(0)?);
        value::from_serde(&call.wait_ok(nomad.list_evaluations(&id))?)
    },
    ..Function::BASE
};

pub const LOGS: Function = Function {
    name: "logs",
    doc: "The end of what a task has printed.",
    params: &[ALLOCATION],
    options: &[
        Opt::new(
            "task",
            Ty::Str,
            "the allocation's only task",
            "which of its tasks",
        ),
        Opt::new("stream", Ty::Str, "\"stderr\"", "`stderr` or `stdout`"),
        Opt::new(
            "tail",
            Ty::Size,
            "\"64KiB\"",
            "at most so much, from the end",
        ),
    ],
    returns: "a string; empty when nothing was printed, or nothing is kept",
    errors: ERRORS,
    example: "nomad.logs(nomad.list_allocations(\"api\")[0].id, #{ stream: \"stdout\" })",
    body: |call| {
        let (nomad, id) = (call.receiver::<Nomad>()?, call.string(0)?);
        let stream = match call.opt_string("stream").as_deref() {
            None | Some("stderr") => Stream::Stderr,
            Some("stdout") => Stream::Stdout,
            Some(other) => {
                let message = format!("`stream` is `stderr` or `stdout`, not `{other}`");
                return Err(Failure::usage("script.option", message).into());
            }
        };
        let (task, tail) = (
            call.opt_string("task"),
            call.opt_size("tail").unwrap_or(64 << 10),
        );
        let text = call.wait_ok(async {
            let allocation = nomad.get_allocation(&id).await?;
            let mut tasks = allocation.task_states.keys().cloned();
            let task = task.or_else(|| tasks.next()).unwrap_or_default();
            nomad
                .logs(&allocation.id, &LogOptions { task, stream, tail })
                .await
        })?;
        Ok(text.into())
    },
    ..Function::BASE
};
