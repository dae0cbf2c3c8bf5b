//! What there is on the cluster: nodes, jobs, allocations, deployments, evaluations.

use rhai::{Array, Dynamic, Map};

use crate::engine::registry::{Function, Opt, Param};
use crate::engine::ty::Ty;
use crate::engine::value;
use crate::nomad::Nomad;

use super::{ALLOCATION, ERRORS, JOB, ask, int};

pub const VERSION: Function = Function {
    name: "version",
    doc: "Which Nomad answers. The functions here are written for 1.4 to 1.6; what another version does otherwise fails as `nomad.unsupported`.",
    returns: "a map with `text`, `major`, `minor`, `known` (whether it is among those) and `differences` (what is known to be otherwise)",
    errors: ERRORS,
    example: "nomad.version().text",
    body: |call| {
        let nomad = call.receiver::<Nomad>()?;
        let version = ask(call, &nomad, nomad.version())?;
        let differences = version.differences().into_iter();
        let mut map = Map::new();
        map.insert("text".into(), version.text.clone().into());
        map.insert("major".into(), int(version.major).into());
        map.insert("minor".into(), int(version.minor).into());
        map.insert("known".into(), version.is_known().into());
        map.insert(
            "differences".into(),
            differences.map(Dynamic::from).collect::<Array>().into(),
        );
        Ok(map.into())
    },
    ..Function::BASE
};

pub const LEADER: Function = Function {
    name: "leader",
    doc: "The address of the server that leads.",
    returns: "a string, empty while there is none",
    errors: ERRORS,
    example: "nomad.leader()",
    body: |call| {
        let nomad = call.receiver::<Nomad>()?;
        Ok(ask(call, &nomad, nomad.leader())?.into())
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
        value::from_serde(&ask(call, &nomad, nomad.members())?)
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
        value::from_serde(&ask(call, &nomad, nomad.list_nodes())?)
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
        value::from_serde(&ask(call, &nomad, nomad.list_jobs(&prefix))?)
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
        Ok(value::from_json(ask(call, &nomad, nomad.get_job(&id))?))
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
        value::from_serde(&ask(call, &nomad, nomad.list_allocations(&id))?)
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
        value::from_serde(&ask(call, &nomad, nomad.get_allocation(&id))?)
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
        value::from_serde(&ask(call, &nomad, nomad.list_deployments(&id))?)
    },
    ..Function::BASE
};

pub const GET_DEPLOYMENT: Function = Function {
    name: "get_deployment",
    doc: "One deployment.",
    params: &[Param::new(
        "deployment",
        Ty::Str,
        "its id, or how it begins",
    )],
    returns: "a map, as in `list_deployments`",
    errors: ERRORS,
    example: "nomad.get_deployment(\"1f3a\")",
    body: |call| {
        let (nomad, id) = (call.receiver::<Nomad>()?, call.string(0)?);
        value::from_serde(&ask(call, &nomad, nomad.get_deployment(&id))?)
    },
    ..Function::BASE
};

pub const LIST_EVALUATIONS: Function = Function {
    name: "list_evaluations",
    doc: "The evaluations of a job, newest first.",
    params: &[JOB],
    returns: "an array of maps with `id`, `job`, `status`, `description`, `triggered_by`, `blocked`, `unplaced`, `create_index`, `modify_index` and `time` (nanoseconds since 1970)",
    errors: ERRORS,
    example: "nomad.list_evaluations(\"api\")",
    body: |call| {
        let (nomad, id) = (call.receiver::<Nomad>()?, call.string(0)?);
        value::from_serde(&ask(call, &nomad, nomad.list_evaluations(&id))?)
    },
    ..Function::BASE
};
