//! `e2b`: the platform's API, its sandboxes, and what runs in them.

mod admin;
mod command;
mod connect;
mod files;
mod handle;
mod made;
mod output;
mod process;
mod sandboxes;
mod state;
mod templates;

use std::any::TypeId;
use std::time::Duration;

use rhai::Dynamic;

use crate::diag::Failure;
use crate::e2b::E2b;
use crate::engine::Call;
use crate::engine::raise::Raise;
use crate::engine::registry::{Function, Module, Property, Type};
use crate::engine::value;

pub use made::settle;

/// What any request may end in.
const ERRORS: &[&str] = &[
    "e2b.credential",
    "e2b.unreachable",
    "e2b.unauthorized",
    "e2b.forbidden",
    "e2b.not_found",
    "e2b.conflict",
    "e2b.limit",
    "e2b.refused",
    "e2b.server",
    "e2b.not_json",
    "e2b.answer",
    "e2b.connection",
    "e2b.timeout",
];

/// What a call to envd may end in.
const ENVD_ERRORS: &[&str] = &[
    "envd.not_found",
    "envd.unauthenticated",
    "envd.invalid_argument",
    "envd.deadline_exceeded",
    "envd.cut",
    "e2b.unreachable",
    "e2b.server",
    "e2b.connection",
    "plan.unknown",
];

pub static MODULE: Module = Module {
    name: "e2b",
    doc: "The E2B platform's API in both of its generations (`seed`, of mid 2025, and `upstream`), and envd inside its sandboxes, from this \
          machine or through hosts' connections. Which credential an endpoint takes is known here. A sandbox that a script made is \
          killed when the run ends, however it ends, unless it was made with `keep: true`. Requests that make something are never sent twice. Under \
          `--plan` what would change the platform is shown and not done.",
    functions: &[connect::CONNECT],
    types: &[&TYPE, &handle::TYPE, &process::TYPE],
};

static TYPE: Type = Type {
    name: "Api",
    doc: "A platform. What is listed are maps with names of their own.",
    id: TypeId::of::<E2b>,
    rust_name: std::any::type_name::<E2b>,
    methods: &[
        HEALTH,
        PROFILE,
        sandboxes::CREATE,
        sandboxes::SANDBOX,
        sandboxes::CONNECT,
        sandboxes::GET,
        sandboxes::LIST,
        sandboxes::KILL,
        templates::LIST,
        templates::FIND,
        templates::GET,
        templates::CREATE,
        templates::REBUILD,
        templates::START_BUILD,
        templates::GET_BUILD,
        templates::FOLLOW_BUILD,
        templates::SET_PUBLIC,
        templates::DELETE,
        admin::LIST_TEAMS,
        admin::LIST_KEYS,
        admin::CREATE_KEY,
        admin::RENAME_KEY,
        admin::DELETE_KEY,
        admin::LIST_NODES,
        admin::GET_NODE,
        admin::SET_NODE_STATUS,
    ],
    properties: &[
        Property {
            name: "address",
            doc: "where the API is",
            get: |value| read(value, |api| api.address().into()),
        },
        Property {
            name: "domain",
            doc: "the domain of sandboxes' host names",
            get: |value| read(value, |api| api.domain().to_owned().into()),
        },
        Property {
            name: "requests",
            doc: "how many requests were sent so far, to all services of the platform",
            get: |value| {
                read(value, |api| {
                    i64::try_from(api.requests()).unwrap_or(i64::MAX).into()
                })
            },
        },
    ],
};

const HEALTH: Function = Function {
    name: "health",
    doc: "What the API and the client-proxy say of themselves, both asked at once. A service that does not answer is no failure.",
    returns: "a map with `api` and `proxy`, each a map with `ok`, `status` (0: nobody answered), `said` and `cause`",
    example: "api.health().api.ok",
    body: |call| {
        let api = call.receiver::<E2b>()?;
        let (of_api, of_proxy) =
            call.wait(async { futures_util::join!(api.api_health(), api.proxy_health()) })?;
        value::from_serde(&serde_json::json!({ "api": of_api, "proxy": of_proxy }))
    },
    ..Function::BASE
};

const PROFILE: Function = Function {
    name: "profile",
    doc: "Which generation answers; the first time it is asked for, by one request.",
    returns: "`\"seed\"` or `\"upstream\"`",
    errors: ERRORS,
    example: "api.profile() == \"seed\"",
    body: |call| {
        let api = call.receiver::<E2b>()?;
        Ok(call.wait_ok(api.profile())?.word().into())
    },
    ..Function::BASE
};

fn read(value: &mut Dynamic, get: impl Fn(&E2b) -> Dynamic) -> Result<Dynamic, Raise> {
    match value.read_lock::<E2b>() {
        Some(api) => Ok(get(&api)),
        None => Err(Raise::internal(
            "a property of Api was read on another value",
        )),
    }
}

/// A duration as the platform's whole seconds, rounded up.
fn seconds(duration: Duration) -> u32 {
    let whole = duration.as_secs() + u64::from(duration.subsec_nanos() > 0);
    u32::try_from(whole).unwrap_or(u32::MAX)
}

/// An option that is one of a few words.
fn one_of(call: &Call, option: &str, words: &[&str], fallback: &str) -> Result<String, Raise> {
    let given = call
        .opt_string(option)
        .unwrap_or_else(|| fallback.to_owned());
    if words.contains(&given.as_str()) {
        return Ok(given);
    }
    let message = format!("option `{option}` of `{}` is \"{given}\"", call.name());
    Err(Failure::usage("script.option", message)
        .help(format!("it takes {}", words.join(", ")))
        .into())
}
