//! What the modules `nomad` and `consul` take to reach their API.

use std::sync::Arc;
use std::time::Duration;

use rhai::{Array, Dynamic};

use crate::diag::Failure;
use crate::engine::Call;
use crate::engine::context::Context;
use crate::engine::raise::Raise;
use crate::engine::registry::Opt;
use crate::engine::ty::{self, Ty};
use crate::hashi::{Given, OnRetry, Peer};
use crate::report::{Action, Event, Level};

use super::host::HostHandle;

pub const VIA: Opt = Opt::new(
    "via",
    Ty::Any,
    "this machine",
    "the host from which the API is reached, or an array of hosts that stand in for each other",
);
pub const TOKEN: Opt = Opt::new(
    "token",
    Ty::Text,
    "from the environment",
    "the ACL token; an empty one counts as none",
);

/// The parts of a connection that both modules share.
pub struct Connection {
    pub http: Arc<crate::http::Client>,
    pub peers: Vec<Peer>,
    pub given: Given,
    pub on_retry: Option<OnRetry>,
}

/// Reads the options `address`, `token` and `via`.
pub fn connection(call: &Call, scope: Vec<(&'static str, String)>) -> Result<Connection, Raise> {
    let token = call.opt_text("token");
    Ok(Connection {
        http: super::http::client(call)?,
        peers: peers(call)?,
        given: Given {
            address: call.opt_string("address"),
            token: token.filter(|token| !token.expose().is_empty()),
            scope,
        },
        on_retry: Some(on_retry(call)),
    })
}

fn peers(call: &Call) -> Result<Vec<Peer>, Raise> {
    let Some(given) = call.opt("via") else {
        return Ok(Vec::new());
    };
    let hosts: Vec<Dynamic> = match given.read_lock::<Array>() {
        Some(hosts) => hosts.clone(),
        None => vec![given.clone()],
    };
    let peers = hosts.iter().map(|value| {
        let Some(host) = value.read_lock::<HostHandle>().map(|host| host.clone()) else {
            let failure = Failure::usage(
                "script.option",
                format!(
                    "option `via` of `{}`: expected a Host or an array of them, got {}",
                    call.name(),
                    ty::describe(value)
                ),
            );
            return Err(failure.into());
        };
        Ok(Peer {
            name: host.name().to_owned(),
            via: super::http::through(call, &host)?,
        })
    });
    peers.collect()
}

/// Says that another server is asked.
fn on_retry(call: &Call) -> OnRetry {
    let reporter = call.session.run.reporter().clone();
    let step = Context::step();
    Arc::new(move |message: &str| {
        reporter.emit(Event::Log {
            level: Level::Info,
            message: message.to_owned(),
            fields: serde_json::Map::new(),
            host: None,
            step,
        });
    })
}

/// Under `--plan`, shows what would change instead of letting it happen; says whether it did so.
pub fn only_planned(
    call: &Call,
    cluster: &str,
    item: String,
    action: Action,
    diff: Option<String>,
) -> bool {
    let planned = call.session.run.is_plan();
    changed(call, cluster, item, action, diff, !planned);
    planned
}

/// Reports a change of the cluster.
fn changed(
    call: &Call,
    cluster: &str,
    item: String,
    action: Action,
    diff: Option<String>,
    applied: bool,
) {
    call.session.run.reporter().emit(Event::Change {
        host: cluster.into(),
        item,
        action,
        applied,
        reason: String::new(),
        diff,
        step: Context::step(),
    });
}

/// An option that is a duration, or its default.
pub fn duration(call: &Call, name: &str, default: Duration) -> Duration {
    call.opt_duration(name).unwrap_or(default)
}
