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
use crate::hashi::{Given, Hooks, Peer};
use crate::http::Trust;
use crate::report::{Action, Event, Level};
use crate::secret::Secret;

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

pub const TOKEN_SOURCE: Opt = Opt::new(
    "token_source",
    Ty::Str,
    "\"the option `token`\"",
    "what errors call the place that the token comes from, such as \"`NOMAD_TOKEN` in `deploy.env`\"",
);
pub const AUTHORITIES: Opt = Opt::new(
    "ca_file",
    Ty::Str,
    "from the environment, else this machine's authorities",
    "a PEM file of the authorities whose certificates count",
);
pub const CERTIFICATE: Opt = Opt::new(
    "cert_file",
    Ty::Str,
    "from the environment",
    "a PEM file of this side's certificate, for servers that ask for one; needs `key_file`",
);
pub const KEY: Opt = Opt::new(
    "key_file",
    Ty::Str,
    "from the environment",
    "a PEM file of that certificate's key",
);
pub const SERVER_NAME: Opt = Opt::new(
    "server_name",
    Ty::Str,
    "from the environment, else the address's",
    "the name that the server's certificate must bear, such as `server.global.nomad`",
);

/// The parts of a connection that both modules share.
pub struct Connection {
    pub http: Arc<crate::http::Client>,
    pub peers: Vec<Peer>,
    pub given: Given,
    pub hooks: Hooks,
}

/// Reads the options of a connection to `api` (`nomad`, `consul`).
pub fn connection(
    call: &Call,
    api: &'static str,
    scope: Vec<(&'static str, String)>,
) -> Result<Connection, Raise> {
    let token = call.opt_text("token");
    Ok(Connection {
        http: super::http::client(call)?,
        peers: peers(call)?,
        given: Given {
            address: call.opt_string("address"),
            token: token.filter(|token| !token.expose().is_empty()),
            token_source: call.opt_string("token_source").unwrap_or_default(),
            scope,
            trust: trust(call)?,
        },
        hooks: hooks(call, api),
    })
}

/// Has the token masked wherever it would show: one of the environment is not known as a secret yet.
pub fn keep_token(call: &Call, token: Option<&Secret>) {
    if let Some(token) = token {
        call.session.run.reporter().mask(token.expose());
    }
}

fn trust(call: &Call) -> Result<Trust, Raise> {
    let path = |name: &str| call.opt_string(name).map(std::path::PathBuf::from);
    let identity = match (path("cert_file"), path("key_file")) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (None, None) => None,
        _ => {
            let message = format!(
                "`{}` takes `cert_file` and `key_file` together or not at all",
                call.name()
            );
            return Err(Failure::usage("script.option", message).into());
        }
    };
    Ok(Trust {
        authorities: path("ca_file"),
        identity,
        server_name: call.opt_string("server_name"),
    })
}

/// The hosts of the option `via`.
pub fn peers(call: &Call) -> Result<Vec<Peer>, Raise> {
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
            dialer: Some(host.dialer()),
        })
    });
    peers.collect()
}

/// Says that another server is asked, and counts what is asked.
pub fn hooks(call: &Call, api: &'static str) -> Hooks {
    let reporter = call.session.run.reporter().clone();
    let wire = call.session.run.wire().clone();
    Hooks {
        on_retry: Some(Arc::new(move |message: &str| {
            reporter.emit(Event::log(Level::Warn, message));
        })),
        on_request: Some(Arc::new(move |host: &str| wire.add_request(api, host))),
    }
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
pub fn changed(
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
