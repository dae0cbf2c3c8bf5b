//! Sandboxes by the platform: made, found, listed, ended.

use std::collections::BTreeMap;
use std::time::Duration;

use rhai::{Dynamic, Map};

use crate::bindings::cluster_api;
use crate::diag::Failure;
use crate::e2b::{E2b, ListSandboxes, NewSandbox};
use crate::engine::Call;
use crate::engine::raise::Raise;
use crate::engine::registry::{Function, Opt, Param};
use crate::engine::ty::{self, Ty};
use crate::engine::value;
use crate::report::Action;
use crate::secret::Secret;

use super::handle::SandboxHandle;
use super::{ERRORS, made, seconds};

/// What holds where the platform's own 15 s would.
const LIFE: Duration = Duration::from_secs(300);

const ID: Param = Param::new("id", Ty::Str, "its id; a client behind it is welcome");
const TIMEOUT: Opt = Opt::new(
    "timeout",
    Ty::Duration,
    "\"5m\"",
    "how long it lives from now on",
);

pub const CREATE: Function = Function {
    name: "create_sandbox",
    doc: "Makes a sandbox and waits until it runs. It is killed when the run ends, unless it is to be kept; its metadata says which run made it. \
          It is never asked for twice. Under `--plan` it is shown and not done.",
    params: &[Param::new("template", Ty::Str, "a template's id or alias")],
    options: &[
        TIMEOUT,
        Opt::new(
            "metadata",
            Ty::Map,
            "#{}",
            "strings by which it is found later",
        ),
        Opt::new(
            "env",
            Ty::Map,
            "#{}",
            "variables of every process in it; secrets are welcome",
        ),
        Opt::new(
            "secure",
            Ty::Bool,
            "false",
            "only who has its token may talk to its envd; this handle has it. Of the seed's templates only those with envd 0.2.0 or newer",
        ),
        Opt::new(
            "auto_pause",
            Ty::Bool,
            "false",
            "when its time is up it is paused, not ended",
        ),
        Opt::new(
            "keep",
            Ty::Bool,
            "false",
            "leave it alone when the run ends",
        ),
    ],
    returns: "a Sandbox",
    errors: ERRORS,
    example: "api.create_sandbox(\"base\", #{ timeout: \"10m\", metadata: #{ purpose: \"demo\" } })",
    body: create,
    ..Function::BASE
};

pub const SANDBOX: Function = Function {
    name: "sandbox",
    doc: "A handle of a sandbox that is there already, whoever made it. It is not killed when the run ends.",
    params: &[ID],
    returns: "a Sandbox",
    errors: ERRORS,
    example: "api.sandbox(\"ihq3z5k2m8q1w4e7r0t2y\").info().state",
    body: |call| {
        let (api, id) = (call.receiver::<E2b>()?, call.string(0)?);
        let info = call.wait_ok(api.get_sandbox(&id))?;
        Ok(Dynamic::from(SandboxHandle::new(api, info.sandbox())))
    },
    ..Function::BASE
};

pub const CONNECT: Function = Function {
    name: "connect_sandbox",
    doc: "A handle of a sandbox that runs from now on, whatever it was: one that runs is given more time, one that is paused is resumed. \
          Under `--plan` it is shown and not done.",
    params: &[ID],
    options: &[TIMEOUT],
    returns: "a Sandbox",
    errors: ERRORS,
    example: "api.connect_sandbox(\"ihq3z5k2m8q1w4e7r0t2y\", #{ timeout: \"10m\" }).run([\"true\"])",
    body: |call| {
        let (api, id) = (call.receiver::<E2b>()?, call.string(0)?);
        let life = seconds(call.opt_duration("timeout").unwrap_or(LIFE));
        if cluster_api::only_planned(call, "e2b", format!("sandbox {id}"), Action::Start, None) {
            return Ok(Dynamic::from(SandboxHandle::planned(api, id)));
        }
        let sandbox = call.wait_ok(api.connect_sandbox(&id, life))?;
        Ok(Dynamic::from(SandboxHandle::new(api, sandbox)))
    },
    ..Function::BASE
};

pub const GET: Function = Function {
    name: "get_sandbox",
    doc: "What the platform knows of a sandbox, running or paused.",
    params: &[ID],
    returns: "a map as `list_sandboxes` has them",
    errors: ERRORS,
    example: "api.get_sandbox(\"ihq3z5k2m8q1w4e7r0t2y\").end_at",
    body: |call| {
        let (api, id) = (call.receiver::<E2b>()?, call.string(0)?);
        value::from_serde(&call.wait_ok(api.get_sandbox(&id))?)
    },
    ..Function::BASE
};

pub const LIST: Function = Function {
    name: "list_sandboxes",
    doc: "The team's sandboxes, newest first, running and paused. The seed does not list a paused one that was made without metadata; those that \
          `create_sandbox` makes have some.",
    options: &[
        Opt::new(
            "state",
            Ty::Choice(&["running", "paused"]),
            "both",
            "`running` or `paused`",
        ),
        Opt::new(
            "metadata",
            Ty::Map,
            "#{}",
            "only those that have all of these strings",
        ),
        Opt::new(
            "template",
            Ty::Str,
            "any",
            "only those of this template, by id or alias",
        ),
        Opt::new("limit", Ty::Int, "all", "at most so many"),
    ],
    returns: "an array of maps with `id`, `client`, `template`, `alias`, `state`, `started_at`, `end_at`, `cpu_count`, `memory_mb`, `disk_mb`, \
              `metadata` and `envd_version`; what a generation does not tell is `()`",
    errors: ERRORS,
    example: "api.list_sandboxes(#{ state: \"running\" }).map(|one| one.id)",
    body: list,
    ..Function::BASE
};

pub const KILL: Function = Function {
    name: "kill_sandbox",
    doc: "Ends a sandbox, running or paused; of a paused one its snapshot goes too. Under `--plan` it is shown and not done.",
    params: &[ID],
    returns: "whether there was one",
    errors: ERRORS,
    example: "api.kill_sandbox(\"ihq3z5k2m8q1w4e7r0t2y\")",
    body: |call| {
        let (api, id) = (call.receiver::<E2b>()?, call.string(0)?);
        kill(call, &api, &id)
    },
    ..Function::BASE
};

/// Ends a sandbox; it need not be thought of any more.
pub fn kill(call: &Call, api: &E2b, id: &str) -> Result<Dynamic, Raise> {
    if cluster_api::only_planned(call, "e2b", format!("sandbox {id}"), Action::Delete, None) {
        return Ok(true.into());
    }
    let there = call.wait_ok(api.kill_sandbox(id))?;
    if let Some(made) = call.session.existing::<made::Made>() {
        made.forget(id.split('-').next().unwrap_or(id));
    }
    Ok(there.into())
}

fn create(call: &mut Call) -> Result<Dynamic, Raise> {
    let (api, template) = (call.receiver::<E2b>()?, call.string(0)?);
    let item = format!("sandbox of {template}");
    if cluster_api::only_planned(call, "e2b", item, Action::Create, None) {
        return Ok(Dynamic::from(SandboxHandle::planned(
            api,
            format!("of {template}"),
        )));
    }
    let new = NewSandbox {
        template,
        timeout: Some(seconds(call.opt_duration("timeout").unwrap_or(LIFE))),
        metadata: strings(call, "metadata")?,
        env: texts(call, "env")?,
        secure: call.opt_bool("secure") == Some(true),
        auto_pause: call.opt_bool("auto_pause") == Some(true),
    };
    let keep = call.opt_bool("keep") == Some(true);
    let sandbox = made::create(call, &api, new, keep)?;
    if let Some(token) = &sandbox.envd_access_token {
        cluster_api::keep_token(call, Some(token));
    }
    Ok(Dynamic::from(SandboxHandle::new(api, sandbox)))
}

fn list(call: &mut Call) -> Result<Dynamic, Raise> {
    let api = call.receiver::<E2b>()?;
    let states = match call.opt_string("state") {
        Some(_) => vec![super::one_of(call, "state", &["running", "paused"], "")?],
        None => Vec::new(),
    };
    let limit = match call.opt_int("limit") {
        Some(limit) => Some(usize::try_from(limit).map_err(|_| {
            Failure::usage(
                "script.option",
                format!("`limit` of `{}` is not negative", call.name()),
            )
        })?),
        None => None,
    };
    let wanted = ListSandboxes {
        metadata: strings(call, "metadata")?,
        states,
        template: call.opt_string("template"),
        limit,
    };
    value::from_serde(&call.wait_ok(api.list_sandboxes(&wanted))?)
}

/// A map of strings.
fn strings(call: &Call, option: &str) -> Result<BTreeMap<String, String>, Raise> {
    let map = call.opt_map(option).unwrap_or_default();
    each(call, option, map, "a string", ty::text)
}

/// A map of strings and secrets.
pub fn texts(call: &Call, option: &str) -> Result<BTreeMap<String, Secret>, Raise> {
    let map = call.opt_map(option).unwrap_or_default();
    each(call, option, map, "a string or a secret", |value| {
        let secret = value.read_lock::<Secret>().map(|secret| secret.clone());
        secret.or_else(|| ty::text(value).map(Secret::new))
    })
}

fn each<T>(
    call: &Call,
    option: &str,
    map: Map,
    kind: &str,
    read: impl Fn(&Dynamic) -> Option<T>,
) -> Result<BTreeMap<String, T>, Raise> {
    let mut found = BTreeMap::new();
    for (name, value) in map {
        let Some(text) = read(&value) else {
            let message = format!(
                "`{option}.{name}` of `{}` must be {kind}, got {}",
                call.name(),
                ty::describe(&value)
            );
            return Err(Failure::usage("script.option", message).into());
        };
        found.insert(name.to_string(), text);
    }
    Ok(found)
}
