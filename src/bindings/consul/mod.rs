//! `consul`: members, services and their health, the key-value store, sessions.

mod session;

use std::any::TypeId;
use std::time::Duration;

use rhai::{Array, Dynamic, Map};

use crate::consul::{Change, Consul, Guard, Instance};
use crate::diag::Failure;
use crate::engine::Call;
use crate::engine::raise::Raise;
use crate::engine::registry::{Function, Module, Opt, Param, Property, Type};
use crate::engine::ty::Ty;
use crate::engine::value;
use crate::report::Action;

use super::cluster_api::{
    self, AUTHORITIES, CERTIFICATE, KEY, SERVER_NAME, TOKEN, TOKEN_SOURCE, VIA,
};

const ERRORS: &[&str] = &[
    "consul.unreachable",
    "consul.denied",
    "consul.no_leader",
    "consul.refused",
    "consul.timeout",
];
const KV_KEY: Param = Param::new("key", Ty::Str, "the key; `/` parts it into folders");
const CAS: Opt = Opt::new(
    "cas",
    Ty::Int,
    "",
    "change it only while it is at this index, as `kv_get` gives it; 0: only while there is none",
);

pub static MODULE: Module = Module {
    name: "consul",
    doc: "Consul's HTTP API, from this machine or through hosts' connections: no port is opened here. Under `--plan` \
          what would change is shown and not done.",
    functions: &[
        Function {
            name: "connect",
            doc: "A handle for a Consul cluster. What is not given comes from `CONSUL_HTTP_ADDR`, `CONSUL_HTTP_TOKEN`, \
              `CONSUL_HTTP_TOKEN_FILE`, `CONSUL_HTTP_SSL`, `CONSUL_CACERT`, `CONSUL_CLIENT_CERT`, `CONSUL_CLIENT_KEY` and `CONSUL_TLS_SERVER_NAME`; \
              certificates are always checked. Nothing is sent until something is asked of it.",
            options: &[
                Opt::new(
                    "address",
                    Ty::Str,
                    "\"http://127.0.0.1:8500\"",
                    "where the API is, as the host of `via` sees it",
                ),
                TOKEN,
                TOKEN_SOURCE,
                VIA,
                AUTHORITIES,
                CERTIFICATE,
                KEY,
                SERVER_NAME,
            ],
            returns: "a Consul",
            errors: &["consul.address", "consul.setting", "consul.connection"],
            example: "consul::connect(#{ address: \"http://127.0.0.1:8500\" }).address",
            body: |call| {
                let with = cluster_api::connection(call, "consul", Vec::new())?;
                let consul = Consul::new(with.http, with.peers, with.given, with.hooks)?;
                cluster_api::keep_token(call, consul.token());
                Ok(Dynamic::from(consul))
            },
            ..Function::BASE
        },
        session::LOCK,
    ],
    types: &[&TYPE],
};

static TYPE: Type = Type {
    name: "Consul",
    doc: "A Consul cluster.",
    id: TypeId::of::<Consul>,
    rust_name: std::any::type_name::<Consul>,
    methods: &[
        Function {
            name: "leader",
            doc: "The address of the server that leads.",
            returns: "a string, empty while there is none",
            errors: ERRORS,
            example: "consul.leader()",
            body: |call| {
                let consul = call.receiver::<Consul>()?;
                Ok(call.wait_ok(consul.leader())?.into())
            },
            ..Function::BASE
        },
        Function {
            name: "list_members",
            doc: "Every agent that the asked one knows, those that left or failed too.",
            returns: "an array of maps with `name`, `address`, `status` (`alive`, `leaving`, `left`, `failed`) and `tags`",
            errors: ERRORS,
            example: "consul.list_members()",
            body: |call| {
                let consul = call.receiver::<Consul>()?;
                value::from_serde(&call.wait_ok(consul.members())?)
            },
            ..Function::BASE
        },
        Function {
            name: "list_nodes",
            doc: "The nodes of the catalog, those too that do not answer any more.",
            returns: "an array of maps with `id`, `name`, `address` and `datacenter`",
            errors: ERRORS,
            example: "consul.list_nodes()",
            body: |call| {
                let consul = call.receiver::<Consul>()?;
                value::from_serde(&call.wait_ok(consul.list_nodes())?)
            },
            ..Function::BASE
        },
        Function {
            name: "list_checks",
            doc: "The checks of all services and nodes, or those in one state.",
            params: &[Param::optional(
                "state",
                Ty::Choice(&["passing", "warning", "critical"]),
                "`passing`, `warning` or `critical`",
            )],
            returns: "an array of maps with `name`, `node`, `status`, `output` and `service` (empty for a node's own)",
            errors: ERRORS,
            example: "consul.list_checks(\"critical\")",
            body: |call| {
                let consul = call.receiver::<Consul>()?;
                let state = match call.has(0) {
                    true => call.string(0)?,
                    false => "any".to_owned(),
                };
                value::from_serde(&call.wait_ok(consul.list_checks(&state))?)
            },
            ..Function::BASE
        },
        Function {
            name: "list_services",
            doc: "The names of all services.",
            returns: "an array of strings",
            errors: ERRORS,
            example: "consul.list_services()",
            body: |call| {
                let consul = call.receiver::<Consul>()?;
                let services = call.wait_ok(consul.list_services())?;
                Ok(services
                    .into_keys()
                    .map(Dynamic::from)
                    .collect::<Array>()
                    .into())
            },
            ..Function::BASE
        },
        Function {
            name: "health",
            doc: "The instances of a service, with the checks of each and of its node.",
            params: &[Param::new("service", Ty::Str, "its name")],
            returns: "an array of maps with `id`, `service`, `node`, `address`, `port`, `healthy` and `checks` (`name`, `node`, `status`, `output`, `service`)",
            errors: ERRORS,
            example: "consul.health(\"api\")",
            body: |call| {
                let (consul, service) = (call.receiver::<Consul>()?, call.string(0)?);
                instances(&call.wait_ok(consul.health(&service))?)
            },
            ..Function::BASE
        },
        Function {
            name: "wait_until_healthy",
            doc: "Waits until a service has instances, and all checks of all of them pass. Learns of changes as they happen.",
            params: &[Param::new("service", Ty::Str, "its name")],
            options: &[
                Opt::new("count", Ty::Int, "1", "the fewest instances"),
                Opt::new("timeout", Ty::Duration, "\"60s\"", "the end of patience"),
            ],
            returns: "its instances, as `health` gives them",
            errors: &[
                "consul.unhealthy",
                "consul.unreachable",
                "consul.denied",
                "consul.no_leader",
            ],
            example: "consul.wait_until_healthy(\"api\", #{ timeout: \"30s\" })",
            body: wait_until_healthy,
            ..Function::BASE
        },
        Function {
            name: "kv_get",
            doc: "The entry of a key.",
            params: &[KV_KEY],
            returns: "a map with `key`, `value` (a string, or a blob if it is no text), `index` and `session`; `()` when there is none",
            errors: ERRORS,
            example: "consul.kv_get(\"a/b\")",
            body: |call| {
                let (consul, key) = (call.receiver::<Consul>()?, call.string(0)?);
                let Some(entry) = call.wait_ok(consul.kv_get(&key))? else {
                    return Ok(Dynamic::UNIT);
                };
                let mut map = Map::new();
                map.insert("key".into(), entry.key.into());
                map.insert("value".into(), super::bytes_or_text(entry.value));
                map.insert("index".into(), index(entry.index).into());
                map.insert("session".into(), entry.session.into());
                Ok(map.into())
            },
            ..Function::BASE
        },
        Function {
            name: "kv_list",
            doc: "The keys below a prefix, sorted.",
            params: &[Param::new(
                "prefix",
                Ty::Str,
                "how they begin; empty for all",
            )],
            returns: "an array of strings",
            errors: ERRORS,
            example: "consul.kv_list(\"a/\")",
            body: |call| {
                let (consul, prefix) = (call.receiver::<Consul>()?, call.string(0)?);
                let keys = call.wait_ok(consul.kv_list(&prefix))?;
                Ok(keys
                    .into_iter()
                    .map(Dynamic::from)
                    .collect::<Array>()
                    .into())
            },
            ..Function::BASE
        },
        Function {
            name: "kv_put",
            doc: "Sets a key. Under `--plan` it is shown and not done.",
            params: &[KV_KEY, Param::new("value", Ty::Bytes, "what it is set to")],
            options: &[
                CAS,
                Opt::new(
                    "acquire",
                    Ty::Str,
                    "",
                    "a session's id: take the key as its lock; set only if nobody else holds it",
                ),
                Opt::new("release", Ty::Str, "", "a session's id: give its lock back"),
            ],
            returns: "whether it was set: `false` when `cas` did not hold, or the lock is not this session's",
            errors: ERRORS,
            example: "consul.kv_put(\"a/b\", \"text\", #{ cas: 0 })",
            body: |call| {
                let (consul, key) = (call.receiver::<Consul>()?, call.string(0)?);
                let value = call.bytes(1)?;
                let change = Change {
                    guard: guard(call)?,
                    acquire: call.opt_string("acquire"),
                    release: call.opt_string("release"),
                };
                if cluster_api::only_planned(
                    call,
                    "consul",
                    format!("key {key}"),
                    Action::Update,
                    None,
                ) {
                    return Ok(true.into());
                }
                Ok(call.wait_ok(consul.kv_put(&key, value, &change))?.into())
            },
            ..Function::BASE
        },
        Function {
            name: "kv_delete",
            doc: "Removes a key; one that is not there is no failure. Under `--plan` it is shown and not done.",
            params: &[KV_KEY],
            options: &[CAS],
            returns: "whether it was removed: `false` when `cas` did not hold",
            errors: ERRORS,
            example: "consul.kv_delete(\"a/b\")",
            body: |call| {
                let (consul, key) = (call.receiver::<Consul>()?, call.string(0)?);
                let guard = guard(call)?;
                if cluster_api::only_planned(
                    call,
                    "consul",
                    format!("key {key}"),
                    Action::Delete,
                    None,
                ) {
                    return Ok(true.into());
                }
                Ok(call.wait_ok(consul.kv_delete(&key, guard))?.into())
            },
            ..Function::BASE
        },
        session::CREATE_SESSION,
        session::RENEW_SESSION,
        session::DESTROY_SESSION,
        session::LIST_SESSIONS,
    ],
    properties: &[
        Property {
            name: "address",
            doc: "where the API is",
            get: |value| read(value, |consul| consul.address().into()),
        },
        Property {
            name: "requests",
            doc: "how many requests were sent so far",
            get: |value| read(value, |consul| index(consul.requests()).into()),
        },
    ],
};

fn read(value: &mut Dynamic, get: impl Fn(&Consul) -> Dynamic) -> Result<Dynamic, Raise> {
    match value.read_lock::<Consul>() {
        Some(consul) => Ok(get(&consul)),
        None => Err(Raise::internal(
            "a property of Consul was read on another value",
        )),
    }
}

/// Nomad's and Consul's indexes stay far below what a script's integer holds.
fn index(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn guard(call: &Call) -> Result<Guard, Raise> {
    let Some(given) = call.opt_int("cas") else {
        return Ok(Guard::None);
    };
    match u64::try_from(given) {
        Ok(index) => Ok(Guard::Index(index)),
        Err(_) => Err(Failure::usage(
            "script.option",
            format!("`{}` takes no negative index for `cas`", call.name()),
        )
        .into()),
    }
}

fn instances(found: &[Instance]) -> Result<Dynamic, Raise> {
    let maps = found.iter().map(|instance| {
        let mut map = value::from_serde(instance)?
            .try_cast::<Map>()
            .unwrap_or_default();
        map.insert("healthy".into(), instance.is_healthy().into());
        Ok(Dynamic::from_map(map))
    });
    Ok(maps.collect::<Result<Array, Raise>>()?.into())
}

fn wait_until_healthy(call: &mut Call) -> Result<Dynamic, Raise> {
    let (consul, service) = (call.receiver::<Consul>()?, call.string(0)?);
    let count = usize::try_from(call.opt_int("count").unwrap_or(1)).unwrap_or(1);
    let timeout = cluster_api::duration(call, "timeout", Duration::from_secs(60));
    let waiting = consul.wait_for_service(&service, count, timeout);
    let (healthy, found) = call.wait_ok(waiting)?;
    if healthy {
        return instances(&found);
    }
    Err(unhealthy(&service, count, timeout, &found).into())
}

/// What of the service is there, and what its failing checks said.
fn unhealthy(service: &str, count: usize, timeout: Duration, found: &[Instance]) -> Failure {
    let after = humantime::format_duration(timeout);
    let failing: Vec<String> = found
        .iter()
        .flat_map(|instance| &instance.checks)
        .filter(|check| check.status != "passing")
        .map(|check| {
            let said = check.output.lines().next().unwrap_or_default();
            format!("{}: {} is {}: {said}", check.node, check.name, check.status)
        })
        .collect();
    let what = match (found.len(), failing.len()) {
        (0, _) => "it has no instance".to_owned(),
        (have, 0) => format!("it has {have} of {count} instances"),
        (_, 1) => "a check does not pass".to_owned(),
        (_, many) => format!("{many} checks do not pass"),
    };
    Failure::new(
        "consul.unhealthy",
        format!("service `{service}` is not healthy after {after}: {what}"),
    )
    .output(failing)
}
