//! Traffic for sandboxes: by the catalog to the orchestrator of the sandbox, whose proxy knows the rest of the way.

use std::env;

use hyper::body::Incoming;
use hyper::{Request, Response};

use super::Proxy;
use super::host::{Host, unknown_sandbox};
use crate::http::{self, Reply};

/// Where an orchestrator takes traffic.
const PORT: u16 = 5007;

/// Answers with what the sandbox answers.
pub async fn answer(proxy: &Proxy, request: Request<Incoming>) -> Response<Reply> {
    let host = match Host::of(&request) {
        Ok(host) => host,
        Err(why) => return http::error_text(400, why),
    };
    let unknown = unknown_sandbox(&host.sandbox, request.headers());
    let orchestrator = proxy.catalog.orchestrator(&host.sandbox);
    let node = orchestrator.and_then(|id| proxy.nodes.find(&id));
    let Some(node) = node else { return unknown };
    // the platform's is fixed; tests have several on one machine
    let port = env::var("ORCHESTRATOR_PROXY_PORT").ok();
    let port = port.and_then(|text| text.parse().ok()).unwrap_or(PORT);
    match http::connect(&format!("{}:{port}", node.host())).await {
        Ok(stream) => http::pass(stream, request).await.unwrap_or(unknown),
        Err(_) => unknown,
    }
}
