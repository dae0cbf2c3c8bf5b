//! Teams, their keys, and the nodes.

use rhai::{Dynamic, Map};

use crate::bindings::{cluster_api, keep_secret};
use crate::e2b::{ApiKey, E2b};
use crate::engine::Call;
use crate::engine::raise::Raise;
use crate::engine::registry::{Function, Param};
use crate::engine::ty::Ty;
use crate::engine::value;
use crate::report::Action;

use super::ERRORS;

const KEY: Param = Param::new("id", Ty::Str, "the key's id");
const NODE: Param = Param::new("id", Ty::Str, "the node's id");
const NODE_MAP: &str = "a map with `id`, `status`, `version`, `commit`, `create_fails`, `sandbox_count`, `sandbox_starting_count`, `allocated_cpu`, \
                        `allocated_memory_mib`, `cached_builds` and `sandboxes`; what is not told is `()` or empty";

pub const LIST_TEAMS: Function = Function {
    name: "list_teams",
    doc: "The teams of the user whose access token this is. The seed makes a new API key for each team at every call: ask once. Under `--plan` it is shown and not done.",
    returns: "an array of maps with `id`, `name`, `is_default` and `api_key`, a secret",
    errors: ERRORS,
    example: "api.list_teams().map(|team| team.name)",
    body: |call| {
        let api = call.receiver::<E2b>()?;
        let item = "API key of each team".to_owned();
        if cluster_api::only_planned(call, "e2b", item, Action::Create, None) {
            return Ok(rhai::Array::new().into());
        }
        let mut shown = rhai::Array::new();
        for team in call.wait_ok(api.list_teams())? {
            let key = keep_secret(call, team.api_key.expose());
            let map = value::from_serde(&team)?;
            shown.push(with(map, "api_key", key));
        }
        Ok(shown.into())
    },
    ..Function::BASE
};

pub const LIST_KEYS: Function = Function {
    name: "list_api_keys",
    doc: "The keys of the team; needs `session_token` of `e2b::connect`.",
    returns: "an array of maps with `id`, `name`, `created_at`, `last_used` and `mask`",
    errors: ERRORS,
    example: "api.list_api_keys().map(|key| key.name)",
    body: |call| {
        let api = call.receiver::<E2b>()?;
        value::from_serde(&call.wait_ok(api.list_api_keys())?)
    },
    ..Function::BASE
};

pub const CREATE_KEY: Function = Function {
    name: "create_api_key",
    doc: "Makes a key of the team; needs `session_token` of `e2b::connect`. Nobody can read it again. Under `--plan` it is shown and not done.",
    params: &[Param::new("name", Ty::Str, "what people call it")],
    returns: "a map as `list_api_keys` has them, with `key`, a secret",
    errors: ERRORS,
    example: "api.create_api_key(\"ci\").key",
    body: |call| {
        let (api, name) = (call.receiver::<E2b>()?, call.string(0)?);
        if cluster_api::only_planned(call, "e2b", format!("API key {name}"), Action::Create, None) {
            return Ok(Map::new().into());
        }
        let made: ApiKey = call.wait_ok(api.create_api_key(&name))?;
        let map = value::from_serde(&made)?;
        Ok(match &made.key {
            Some(key) => with(map, "key", keep_secret(call, key.expose())),
            None => map,
        })
    },
    ..Function::BASE
};

pub const RENAME_KEY: Function = Function {
    name: "rename_api_key",
    doc: "Gives a key another name; needs `session_token` of `e2b::connect`. Under `--plan` it is shown and not done.",
    params: &[
        KEY,
        Param::new("name", Ty::Str, "what people call it from now on"),
    ],
    errors: ERRORS,
    example: "api.rename_api_key(\"7a1e9c52-7d6b-4c52-8ee8-0d6a4d1c6d4e\", \"laptop\")",
    body: |call| {
        let (api, id, name) = (call.receiver::<E2b>()?, call.string(0)?, call.string(1)?);
        if !cluster_api::only_planned(call, "e2b", format!("API key {id}"), Action::Update, None) {
            call.wait_ok(api.rename_api_key(&id, &name))?;
        }
        Ok(Dynamic::UNIT)
    },
    ..Function::BASE
};

pub const DELETE_KEY: Function = Function {
    name: "delete_api_key",
    doc: "Takes a key back: who shows it is refused from then on; needs `session_token` of `e2b::connect`. Under `--plan` it is shown and not done.",
    params: &[KEY],
    returns: "whether there was one",
    errors: ERRORS,
    example: "api.delete_api_key(\"7a1e9c52-7d6b-4c52-8ee8-0d6a4d1c6d4e\")",
    body: |call| {
        let (api, id) = (call.receiver::<E2b>()?, call.string(0)?);
        if cluster_api::only_planned(call, "e2b", format!("API key {id}"), Action::Delete, None) {
            return Ok(true.into());
        }
        Ok(call.wait_ok(api.delete_api_key(&id))?.into())
    },
    ..Function::BASE
};

pub const LIST_NODES: Function = Function {
    name: "list_nodes",
    doc: "The orchestrators that the API knows; needs the admin token.",
    returns: "an array of maps as `get_node` gives one",
    errors: ERRORS,
    example: "api.list_nodes().map(|node| node.status)",
    body: |call| {
        let api = call.receiver::<E2b>()?;
        value::from_serde(&call.wait_ok(api.list_nodes())?)
    },
    ..Function::BASE
};

pub const GET_NODE: Function = Function {
    name: "get_node",
    doc: "One orchestrator, with what runs on it; needs the admin token.",
    params: &[NODE],
    returns: NODE_MAP,
    errors: ERRORS,
    example: "api.get_node(\"1f3a5c7e\").sandboxes.len()",
    body: |call| {
        let (api, id) = (call.receiver::<E2b>()?, call.string(0)?);
        value::from_serde(&call.wait_ok(api.get_node(&id))?)
    },
    ..Function::BASE
};

pub const SET_NODE_STATUS: Function = Function {
    name: "set_node_status",
    doc: "Keeps new sandboxes away from an orchestrator (`draining`), or lets them come again (`ready`); needs the admin token. Under `--plan` it is shown and not done.",
    params: &[
        NODE,
        Param::new(
            "status",
            Ty::Choice(&["ready", "draining", "unhealthy"]),
            "`ready`, `draining` or `unhealthy`",
        ),
    ],
    errors: ERRORS,
    example: "api.set_node_status(\"1f3a5c7e\", \"draining\")",
    body: set_node_status,
    ..Function::BASE
};

fn set_node_status(call: &mut Call) -> Result<Dynamic, Raise> {
    let (api, id, status) = (call.receiver::<E2b>()?, call.string(0)?, call.string(1)?);
    let diff = Some(format!("~ status: {status}\n"));
    if !cluster_api::only_planned(call, "e2b", format!("node {id}"), Action::Update, diff) {
        call.wait_ok(api.set_node_status(&id, &status))?;
    }
    Ok(Dynamic::UNIT)
}

/// A map with one more field.
fn with(map: Dynamic, name: &str, field: Dynamic) -> Dynamic {
    let Some(mut map) = map.try_cast::<Map>() else {
        return Dynamic::UNIT;
    };
    map.insert(name.into(), field);
    map.into()
}
