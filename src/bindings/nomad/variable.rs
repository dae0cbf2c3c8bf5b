//! Nomad's own variables: maps of values, often secrets, under a path.

use std::collections::BTreeMap;

use rhai::{Dynamic, Map};

use crate::bindings::cluster_api;
use crate::diag::Failure;
use crate::engine::Call;
use crate::engine::raise::Raise;
use crate::engine::registry::{Function, Opt, Param};
use crate::engine::ty::{self, Ty};
use crate::engine::value;
use crate::nomad::Nomad;
use crate::report::Action;
use crate::secret::Secret;

use super::{ERRORS, ask, int, number};

const PATH: Param = Param::new("path", Ty::Str, "where it is, such as `nomad/jobs/api`");
const CAS: Opt = Opt::new(
    "cas",
    Ty::Int,
    "",
    "change it only while it is at this index, as `get_variable` gives it; 0: only while there is none",
);
const CHANGING: &[&str] = &[
    "nomad.conflict",
    "nomad.unreachable",
    "nomad.denied",
    "nomad.no_leader",
    "nomad.refused",
    "nomad.timeout",
    "nomad.unsupported",
];

pub const GET_VARIABLE: Function = Function {
    name: "get_variable",
    doc: "A variable of Nomad's. Its values are secrets.",
    params: &[PATH],
    returns: "a map with `path`, `items` (a map of secrets) and `index`; `()` when there is none",
    errors: ERRORS,
    example: "nomad.get_variable(\"nomad/jobs/api\")",
    body: |call| {
        let (nomad, path) = (call.receiver::<Nomad>()?, call.string(0)?);
        let Some(variable) = ask(call, &nomad, nomad.get_variable(&path))? else {
            return Ok(Dynamic::UNIT);
        };
        let reporter = call.session.run.reporter();
        let items = variable.items.into_iter().map(|(name, value)| {
            reporter.mask(value.expose());
            (name.into(), Dynamic::from(value))
        });
        let items: Map = items.collect();
        let mut map = Map::new();
        map.insert("items".into(), items.into());
        map.insert("path".into(), variable.path.into());
        map.insert("index".into(), int(variable.index).into());
        Ok(map.into())
    },
    ..Function::BASE
};

pub const LIST_VARIABLES: Function = Function {
    name: "list_variables",
    doc: "The variables of Nomad's, without their values.",
    options: &[Opt::new("prefix", Ty::Str, "\"\"", "how their paths begin")],
    returns: "an array of maps with `path`, `namespace` and `index`",
    errors: ERRORS,
    example: "nomad.list_variables(#{ prefix: \"nomad/jobs/\" })",
    body: |call| {
        let nomad = call.receiver::<Nomad>()?;
        let prefix = call.opt_string("prefix").unwrap_or_default();
        value::from_serde(&ask(call, &nomad, nomad.list_variables(&prefix))?)
    },
    ..Function::BASE
};

pub const PUT_VARIABLE: Function = Function {
    name: "put_variable",
    doc: "Sets a variable of Nomad's, all of it: what `items` does not have is gone. Under `--plan` it is shown, by its names alone, and not done.",
    params: &[
        PATH,
        Param::new("items", Ty::Map, "its values by name: strings or secrets"),
    ],
    options: &[CAS],
    returns: "its new index; 0 under `--plan`",
    errors: CHANGING,
    example: "nomad.put_variable(\"nomad/jobs/api\", #{ key: \"value\" }, #{ cas: 0 })",
    body: |call| {
        let (nomad, path) = (call.receiver::<Nomad>()?, call.string(0)?);
        let (items, check) = (items(call)?, check(call)?);
        let names: Vec<&str> = items.keys().map(String::as_str).collect();
        let diff = Some(format!("~ {}\n", names.join(", ")));
        let item = format!("variable {path}");
        if cluster_api::only_planned(call, "nomad", item, Action::Update, diff) {
            return Ok(0_i64.into());
        }
        let index = ask(call, &nomad, nomad.put_variable(&path, &items, check))?;
        Ok(int(index).into())
    },
    ..Function::BASE
};

pub const DELETE_VARIABLE: Function = Function {
    name: "delete_variable",
    doc: "Removes a variable of Nomad's; one that is not there is no failure. Under `--plan` it is shown and not done.",
    params: &[PATH],
    options: &[CAS],
    errors: CHANGING,
    example: "nomad.delete_variable(\"nomad/jobs/api\")",
    body: |call| {
        let (nomad, path) = (call.receiver::<Nomad>()?, call.string(0)?);
        let check = check(call)?;
        let item = format!("variable {path}");
        if !cluster_api::only_planned(call, "nomad", item, Action::Delete, None) {
            ask(call, &nomad, nomad.delete_variable(&path, check))?;
        }
        Ok(Dynamic::UNIT)
    },
    ..Function::BASE
};

fn items(call: &Call) -> Result<BTreeMap<String, Secret>, Raise> {
    let items = call.map(1)?;
    let items = items.iter().map(|(name, value)| {
        let secret = value.read_lock::<Secret>().map(|secret| secret.clone());
        match secret.or_else(|| ty::text(value).map(Secret::new)) {
            Some(value) => Ok((name.to_string(), value)),
            None => {
                let message = format!(
                    "`{name}` of a variable is a string or a secret, not {}",
                    ty::describe(value)
                );
                Err(Failure::usage("script.argument", message).into())
            }
        }
    });
    items.collect()
}

fn check(call: &Call) -> Result<Option<u64>, Raise> {
    let index = call.opt_int("cas").map(|index| number(call, index));
    index.transpose()
}
