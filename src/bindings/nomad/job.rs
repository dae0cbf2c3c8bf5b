//! Jobs: parse, validate, plan, run, stop, revert.

use rhai::Dynamic;
use serde_json::Value;

use crate::diag::Failure;
use crate::engine::Call;
use crate::engine::raise::Raise;
use crate::engine::registry::{Function, Opt, Param};
use crate::engine::ty::Ty;
use crate::engine::value::{self, Secrets};
use crate::nomad::{Nomad, Registered, diff_lines};
use crate::report::Action;

use super::{ERRORS, JOB};
use crate::bindings::cluster_api;

const MAP: Param = Param::new("job", Ty::Map, "a job, as `parse` gives it");

pub const PARSE: Function = Function {
    name: "parse",
    doc: "Has the cluster read a job file. Mistakes are shown with their line.",
    params: &[Param::new(
        "text",
        Ty::Str,
        "HCL, such as `fs::read(\"nomad/api.hcl\")`",
    )],
    options: &[
        Opt::new("name", Ty::Str, "\"job.hcl\"", "what errors call the file"),
        Opt::new(
            "vars",
            Ty::Map,
            "#{}",
            "values of the variables that the file declares; one that it does not declare is an error",
        ),
    ],
    returns: "a map, the job in Nomad's own JSON",
    errors: &[
        "nomad.parse",
        "nomad.unreachable",
        "nomad.denied",
        "nomad.no_leader",
    ],
    example: "nomad.parse(fs::read(\"nomad/api.hcl\"), #{ vars: #{ datacenter: \"lab\" } })",
    body: |call| {
        let (nomad, text) = (call.receiver::<Nomad>()?, call.string(0)?);
        let name = call
            .opt_string("name")
            .unwrap_or_else(|| "job.hcl".to_owned());
        let given = Dynamic::from_map(call.opt_map("vars").unwrap_or_default());
        let vars = match value::to_json(&given, Secrets::Refuse)? {
            Value::Object(vars) => vars,
            _ => serde_json::Map::new(),
        };
        Ok(value::from_json(
            call.wait_ok(nomad.parse(&text, &name, &vars))?,
        ))
    },
    ..Function::BASE
};

pub const VALIDATE: Function = Function {
    name: "validate",
    doc: "Has the cluster look a job over. All that is wrong is told at once.",
    params: &[MAP],
    returns: "a string, the cluster's warnings; empty when it has none",
    errors: &[
        "nomad.invalid",
        "nomad.unreachable",
        "nomad.denied",
        "nomad.no_leader",
    ],
    example: "nomad.validate(nomad.get_job(\"api\"))",
    body: |call| {
        let (nomad, job) = (call.receiver::<Nomad>()?, job(call)?);
        Ok(call.wait_ok(nomad.validate(&job))?.into())
    },
    ..Function::BASE
};

pub const PLAN: Function = Function {
    name: "plan",
    doc: "What registering a job would do. Changes nothing.",
    params: &[MAP],
    returns: "a map with `changed`, `index` (for `register`), `diff` (an array of maps with `path`, `old`, `new`), `lines` (the same as text), \
              `updates` and `unplaced` (by group), `warnings`",
    errors: ERRORS,
    example: "nomad.plan(nomad.get_job(\"api\")).changed",
    body: |call| {
        let (nomad, job) = (call.receiver::<Nomad>()?, job(call)?);
        let plan = call.wait_ok(nomad.plan(&job))?;
        let mut json = serde_json::to_value(&plan).unwrap_or_default();
        if let Some(fields) = json.as_object_mut() {
            fields.insert("lines".to_owned(), diff_lines(&plan.diff).into());
        }
        Ok(value::from_json(json))
    },
    ..Function::BASE
};

pub const REGISTER: Function = Function {
    name: "register",
    doc: "Registers a job and returns at once; `wait_until_healthy` follows it. Under `--plan` the difference is shown and nothing is registered.",
    params: &[MAP],
    options: &[Opt::new(
        "check_index",
        Ty::Int,
        "",
        "the `index` of a plan: the job is refused if somebody has changed it since",
    )],
    returns: "a map with `job`, `evaluation`, `index` and `warnings`, for `wait_until_healthy`",
    errors: &[
        "nomad.conflict",
        "nomad.unreachable",
        "nomad.denied",
        "nomad.no_leader",
        "nomad.refused",
    ],
    example: "nomad.leader(); let job = nomad.get_job(\"api\"); nomad.register(job, #{ check_index: nomad.plan(job).index })",
    body: register,
    ..Function::BASE
};

pub const STOP: Function = Function {
    name: "stop",
    doc: "Stops a job. Its versions stay, and it can be run again. Under `--plan` it is shown and not done.",
    params: &[JOB],
    returns: "a map with `job`, `evaluation` and `index`",
    errors: ERRORS,
    example: "nomad.stop(\"api\")",
    body: |call| {
        let (nomad, id) = (call.receiver::<Nomad>()?, call.string(0)?);
        if cluster_api::only_planned(call, "nomad", format!("job {id}"), Action::Stop, None) {
            return planned(id);
        }
        value::from_serde(&call.wait_ok(nomad.stop(&id))?)
    },
    ..Function::BASE
};

pub const REVERT: Function = Function {
    name: "revert",
    doc: "Runs an older version of a job again, as a new version. Under `--plan` it is shown and not done.",
    params: &[
        JOB,
        Param::new("version", Ty::Int, "the version to go back to"),
    ],
    returns: "a map with `job`, `evaluation` and `index`, for `wait_until_healthy`",
    errors: ERRORS,
    example: "nomad.revert(\"api\", 3)",
    body: |call| {
        let (nomad, id) = (call.receiver::<Nomad>()?, call.string(0)?);
        let version = number(call, call.int(1)?)?;
        if cluster_api::only_planned(call, "nomad", format!("job {id}"), Action::Update, None) {
            return planned(id);
        }
        value::from_serde(&call.wait_ok(nomad.revert(&id, version))?)
    },
    ..Function::BASE
};

fn register(call: &mut Call) -> Result<Dynamic, Raise> {
    let (nomad, job) = (call.receiver::<Nomad>()?, job(call)?);
    let index = call.opt_int("check_index").map(|index| number(call, index));
    let index = index.transpose()?;
    let id = job
        .get("ID")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    let item = format!("job {id}");
    if call.session.run.is_plan() {
        let plan = call.wait_ok(nomad.plan(&job))?;
        let action = if plan.index == 0 {
            Action::Create
        } else {
            Action::Update
        };
        let diff = diff_lines(&plan.diff).join("\n");
        if plan.changed {
            cluster_api::only_planned(call, "nomad", item, action, Some(diff + "\n"));
        }
        return planned(id);
    }
    let registered = call.wait_ok(nomad.register(&job, index))?;
    let action = if index == Some(0) {
        Action::Create
    } else {
        Action::Update
    };
    cluster_api::only_planned(call, "nomad", item, action, None);
    value::from_serde(&registered)
}

/// What a change that was only shown returns.
fn planned(job: String) -> Result<Dynamic, Raise> {
    value::from_serde(&Registered {
        job,
        ..Registered::default()
    })
}

fn job(call: &Call) -> Result<Value, Raise> {
    Ok(value::to_json(
        &Dynamic::from_map(call.map(0)?),
        Secrets::Refuse,
    )?)
}

fn number(call: &Call, given: i64) -> Result<u64, Raise> {
    u64::try_from(given).map_err(|_| {
        let message = format!("`{}` takes no negative number, got {given}", call.name());
        Failure::usage("script.argument", message).into()
    })
}
