//! Stand-in for `client-proxy`: the way of all traffic to sandboxes, and the edge API of a cluster.

mod catalog;
mod discovery;
mod dns;
mod edge;
pub mod host;
mod schema;
mod traffic;

use std::env;
use std::io;
use std::sync::Arc;

use chrono::{SecondsFormat, Utc};

use crate::http;
use crate::service::Options;
use catalog::Catalog;
use discovery::Nodes;

/// What the edge API and the traffic share.
pub struct Proxy {
    /// Which sandbox is where.
    pub catalog: Catalog,
    /// Which orchestrators there are.
    pub nodes: Nodes,
    secret: String,
    node: String,
    address: String,
    port: u16,
    instance: String,
    since: String,
}

/// Serves until it is told to end.
///
/// # Errors
///
/// When a port cannot be had.
pub async fn run(options: Options) -> io::Result<()> {
    let variable = |name: &str| env::var(name).unwrap_or_default();
    let edge = http::listen(options.port).await?;
    let traffic = http::listen(options.traffic).await?;
    let proxy = Arc::new(Proxy {
        catalog: Catalog::default(),
        nodes: Nodes::default(),
        secret: variable("EDGE_SECRET"),
        node: variable("NODE_ID"),
        address: variable("NODE_IP"),
        port: options.port,
        instance: crate::orchestrator::uuid(),
        since: Utc::now().to_rfc3339_opts(SecondsFormat::Nanos, true),
    });
    discovery::start(&proxy);
    let known = Arc::clone(&proxy);
    http::serve(traffic, options.name, move |request| {
        let proxy = Arc::clone(&known);
        http::logged(request, async move |request| {
            Ok(traffic::answer(&proxy, request).await)
        })
    });
    http::serve(edge, options.name, move |request| {
        let proxy = Arc::clone(&proxy);
        http::logged(request, async move |request| {
            Ok(edge::answer(&proxy, request).await)
        })
    });
    http::ended().await;
    Ok(())
}
