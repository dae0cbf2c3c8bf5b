//! Stand-in for `orchestrator`, the service that runs a client node's sandboxes.
//!
//! A sandbox is a process tree in namespaces of its own, with the template's files as root and an envd inside. Calls
//! come as Connect JSON, traffic for sandboxes to a port of its own.

mod envd;
mod fleet;
mod info;
mod lifetime;
mod metrics;
mod network;
mod pause;
mod sandbox;
mod sweep;
mod traffic;

use std::io;
use std::sync::Arc;

use hyper::Request;
use hyper::body::Incoming;
use serde_json::{Value, json};

use crate::connect::{self, error};
use crate::http::{self, Answer};
use crate::service::Options;
use fleet::Fleet;
pub use fleet::held;
pub use info::{Info, uuid};

/// Serves until it is told to end; its sandboxes end first.
///
/// # Errors
///
/// When a port cannot be had, or the node's leftovers cannot be swept.
pub async fn run(options: Options) -> io::Result<()> {
    let calls = http::listen(options.port).await?;
    let traffic = http::listen(options.traffic).await?;
    sweep::sweep().await;
    let fleet = Arc::new(Fleet::new());
    lifetime::start(&fleet);
    let known = Arc::clone(&fleet);
    http::serve(traffic, options.name, move |request| {
        let fleet = Arc::clone(&known);
        async move { Ok(traffic::answer(&fleet, request).await) }
    });
    let known = Arc::clone(&fleet);
    http::serve(calls, options.name, move |request| {
        let fleet = Arc::clone(&known);
        async move { answer(&fleet, request).await }
    });
    http::ended().await;
    fleet.info.drain();
    fleet.end_all().await;
    Ok(())
}

async fn answer(fleet: &Arc<Fleet>, request: Request<Incoming>) -> Answer {
    let path = request.uri().path().to_owned();
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    match (request.method().as_str(), parts.as_slice()) {
        ("GET", ["health"]) => Ok(fleet.info.health()),
        ("GET", ["sandboxes", id, "logs"]) => {
            let number = |key| http::query(request.uri(), key).unwrap_or_default();
            let (start, limit) = (number("start").parse().ok(), number("limit").parse().ok());
            Ok(list(
                fleet.find(id).map(|sandbox| sandbox.logs(start, limit)),
            ))
        }
        ("GET", ["sandboxes", id, "metrics"]) => {
            Ok(list(fleet.find(id).map(|sandbox| metrics::list(&sandbox))))
        }
        ("POST", [service, method]) => {
            let (service, method) = ((*service).to_owned(), (*method).to_owned());
            let result = match http::whole(request.into_body()).await {
                Some(body) => call(fleet, &service, &method, &body).await,
                None => Err(error("canceled", "the body broke off")),
            };
            Ok(connect::unary(result))
        }
        _ => Ok(http::error_text(404, "404 page not found")),
    }
}

fn list(found: connect::Result<Value>) -> hyper::Response<http::Reply> {
    match found {
        Ok(list) => http::json(200, &list),
        Err(why) => http::json(why.status(), &why.json()),
    }
}

async fn call(
    fleet: &Arc<Fleet>,
    service: &str,
    method: &str,
    body: &[u8],
) -> connect::Result<Value> {
    let message: Value = match body.is_empty() {
        true => json!({}),
        false => serde_json::from_slice(body)
            .map_err(|why| error("invalid_argument", format!("unmarshal message: {why}")))?,
    };
    match (service, method) {
        ("SandboxService", "Create") => fleet.create(&message).await,
        ("SandboxService", "Update") => fleet.update(&message),
        ("SandboxService", "List") => Ok(fleet.list()),
        ("SandboxService", "Delete") => fleet.delete(&message).await,
        ("SandboxService", "Pause") => pause::pause(fleet, &message).await,
        ("SandboxService", "ListCachedBuilds") => Ok(fleet.cached_builds()),
        ("SandboxService", "Exec") => fleet.exec(&message).await,
        ("InfoService", "ServiceInfo") => Ok(fleet.service_info()),
        ("InfoService", "ServiceStatusOverride") => fleet.info.set(&message),
        _ => Err(error(
            "unimplemented",
            format!("unknown method {method} for service {service}"),
        )),
    }
}
