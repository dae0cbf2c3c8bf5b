//! Stand-in for `e2b-api`, the platform's REST API.
//!
//! It answers as the real ones do, also where that is unpleasant: `tests/vectors` holds what they answered. Keys, teams,
//! templates and snapshots are in the platform's own PostgreSQL, sandboxes with the orchestrators that Nomad or Consul
//! know. The database says which generation it is.

mod access_token;
mod alias;
mod answer;
mod api_key;
mod build;
mod build_start;
mod builder;
mod call;
mod cluster;
mod connect;
mod create;
mod credential;
mod cursor;
mod database;
mod discovery;
mod dispatch;
mod exec;
mod expiry;
mod fault;
mod id;
mod jwt;
mod key;
mod lifetime;
mod listing;
mod logs;
mod metrics;
mod node;
mod node_admin;
mod operation;
mod operation_upstream;
mod options;
mod pause;
mod platform;
mod query;
mod request;
mod resume;
mod sandbox;
mod schema;
mod snapshot;
mod team;
mod template;
mod template_create;
mod template_upstream;
mod time;
mod tls;

use std::io;
use std::sync::Arc;

use crate::http;
pub use options::Options;
use platform::Platform;

/// Serves the API until the process ends.
///
/// # Errors
///
/// When the port cannot be had.
pub async fn run(options: Options) -> io::Result<()> {
    let port = options.port;
    let platform = Arc::new(Platform::new(options));
    let listener = http::listen(port).await?;
    discovery::start(&platform);
    cluster::start(&platform);
    expiry::start(&platform);
    builder::start(&platform);
    http::serve(listener, "e2b-api", move |request| {
        let platform = Arc::clone(&platform);
        http::logged(request, move |request| request::reply(platform, request))
    });
    http::ended().await;
    Ok(())
}
