//! Nomad and Consul as scripts use them, on the real agents of a lab.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test fails by panicking

mod common;

#[path = "hashi/connection.rs"]
mod connection;
#[path = "hashi/jobs.rs"]
mod jobs;
#[path = "hashi/lab.rs"]
mod lab;
#[path = "hashi/services.rs"]
mod services;
#[path = "hashi/store.rs"]
mod store;
#[path = "hashi/verdicts.rs"]
mod verdicts;
