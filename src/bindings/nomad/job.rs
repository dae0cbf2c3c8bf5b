//! Jobs: parse, validate, plan, run, stop, revert.

use rhai::{Dynamic, Map};
use serde_json::Value;

use crate::engine::Call;
use crate::engine::raise::Raise;
use crate::engine::registry::{Function, Opt, Param};
use crate::engine::ty::{self, Ty};
use crate::engine::value::{self, Secrets};
use crate::nomad::{Nomad, Registered, diff_lines};
use crate::report::Action;

use super::{ERRORS, JOB, ask, int, number};
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
        Ok(value::from_json(ask(
            call,
            &nomad,
            nomad.parse(&text, &name, &vars),
        )?))
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
        Ok(ask(call, &nomad, nomad.validate(&job))?.into())
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
        let plan = ask(call, &nomad, nomad.plan(&job))?;
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
    options: &[
        Opt::new(
            "check_index",
            Ty::Int,
            "",
            "the `index` of a plan: the job is refused if somebody has changed it since",
        ),
        Opt::new(
            "plan",
            Ty::Map,
            "",
            "what `plan` returned for the job: its index is checked, and its difference is what is shown",
        ),
    ],
    returns: "a map with `job`, `evaluation`, `index` and `warnings`, for `wait_until_healthy`",
    errors: &[
        "nomad.conflict",
        "nomad.unreachable",
        "nomad.denied",
        "nomad.no_leader",
        "nomad.refused",
    ],
    example: "nomad.leader(); let job = nomad.get_job(\"api\"); nomad.register(job, #{ plan: nomad.plan(job) })",
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
        value::from_serde(&ask(call, &nomad, nomad.stop(&id))?)
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
        value::from_serde(&ask(call, &nomad, nomad.revert(&id, version))?)
    },
    ..Function::BASE
};

pub const LIST_VERSIONS: Function = Function {
    name: "list_versions",
    doc: "The versions of a job that Nomad keeps, newest first.",
    params: &[JOB],
    returns: "an array of maps with `version`, `stable` (whether a deployment of it was successful), `submitted` (seconds since 1970), \
              `diff` and `lines` (what is other than in the version before) and `meta` (that of its tasks)",
    errors: ERRORS,
    example: "nomad.list_versions(\"api\")",
    body: |call| {
        let (nomad, id) = (call.receiver::<Nomad>()?, call.string(0)?);
        let versions = ask(call, &nomad, nomad.list_versions(&id))?;
        let json = versions.iter().map(|version| {
            let mut json = serde_json::to_value(version).unwrap_or_default();
            if let Some(fields) = json.as_object_mut() {
                fields.insert("lines".to_owned(), diff_lines(&version.diff).into());
            }
            json
        });
        Ok(value::from_json(json.collect()))
    },
    ..Function::BASE
};

fn register(call: &mut Call) -> Result<Dynamic, Raise> {
    let (nomad, job) = (call.receiver::<Nomad>()?, job(call)?);
    let only_shown = call.session.run.is_plan();
    let id = job
        .get("ID")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    let mut shown = call.opt_map("plan").map(|plan| Shown::of(&plan));
    if only_shown && shown.is_none() {
        let plan = ask(call, &nomad, nomad.plan(&job))?;
        shown = Some(Shown {
            changed: plan.changed,
            index: int(plan.index),
            lines: diff_lines(&plan.diff),
        });
    }
    let given = call.opt_int("check_index");
    let index = given.or(shown.as_ref().map(|plan| plan.index));
    let index = index.map(|index| number(call, index)).transpose()?;
    let registered = match only_shown {
        true => Registered {
            job: id.clone(),
            ..Registered::default()
        },
        false => ask(call, &nomad, nomad.register(&job, index))?,
    };
    if shown.as_ref().is_none_or(|plan| plan.changed) {
        let action = if index == Some(0) {
            Action::Create
        } else {
            Action::Update
        };
        let diff = shown.map(|plan| plan.lines.join("\n") + "\n");
        cluster_api::only_planned(call, "nomad", format!("job {id}"), action, diff);
    }
    value::from_serde(&registered)
}

/// What of a plan is shown with the change.
struct Shown {
    changed: bool,
    index: i64,
    lines: Vec<String>,
}

impl Shown {
    /// Of a plan as a script has it.
    fn of(plan: &Map) -> Shown {
        let bool = |name: &str| plan.get(name).and_then(|value| value.as_bool().ok());
        let int = |name: &str| plan.get(name).and_then(|value| value.as_int().ok());
        Shown {
            changed: bool("changed").unwrap_or(true),
            index: int("index").unwrap_or_default(),
            lines: plan.get("lines").and_then(ty::strings).unwrap_or_default(),
        }
    }
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
