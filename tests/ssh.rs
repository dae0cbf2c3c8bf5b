//! SSH against real OpenSSH servers on loopback.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test fails by panicking

mod common;

#[path = "ssh/auth.rs"]
mod auth;
#[path = "ssh/commands.rs"]
mod commands;
#[path = "ssh/faults.rs"]
mod faults;
#[path = "ssh/host_keys.rs"]
mod host_keys;
#[path = "ssh/odd_servers.rs"]
mod odd_servers;
#[path = "ssh/routes.rs"]
mod routes;
#[path = "ssh/scripts.rs"]
mod scripts;
#[path = "ssh/streams.rs"]
mod streams;
