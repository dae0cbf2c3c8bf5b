//! Stand-in for `envd`, the daemon inside a sandbox: commands, terminals and files, as envd 0.2.0 has them.
//!
//! Its REST part is `rest`, `files` and `upload`; its Connect services are `filesystem`, `watch` and `process`.

mod files;
mod filesystem;
mod message;
mod path;
mod process;
mod rest;
mod router;
mod rpc;
mod signature;
mod state;
mod upload;
mod user;
mod watch;

use std::io;
use std::sync::Arc;

use crate::http;
use crate::service::Options;

/// The version whose behaviour this is.
pub const VERSION: &str = "0.2.0";
/// The port inside a sandbox.
pub const PORT: u16 = 49983;

/// Serves until it is told to end.
///
/// # Errors
///
/// When the port cannot be had.
pub async fn run(options: Options) -> io::Result<()> {
    let listener = http::listen(options.port).await?;
    let state = Arc::new(state::State::new());
    http::serve(listener, options.name, move |request| {
        let state = Arc::clone(&state);
        async move { router::answer(&state, request).await }
    });
    http::ended().await;
    Ok(())
}

/// A user's id, group and home.
#[must_use]
pub fn find_user(name: &str) -> Option<(u32, u32, String)> {
    let found = user::User::find(name)?;
    Some((found.id, found.group, found.home))
}
