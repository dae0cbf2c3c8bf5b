//! Nomad and Consul as scripts use them, on the real agents of a lab.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout // how soon a verdict came, for `--nocapture`
)] // a test fails by panicking

mod common;

#[path = "hashi/client.rs"]
mod client;
#[path = "hashi/connection.rs"]
mod connection;
#[path = "hashi/faults.rs"]
mod faults;
#[path = "flows/golden.rs"]
mod golden;
#[path = "hashi/jobs.rs"]
mod jobs;
#[path = "hashi/lab.rs"]
mod lab;
#[path = "hashi/newer.rs"]
mod newer;
#[path = "hashi/operators.rs"]
mod operators;
#[path = "hashi/secrets.rs"]
mod secrets;
#[path = "hashi/services.rs"]
mod services;
#[path = "hashi/store.rs"]
mod store;
#[path = "hashi/tls.rs"]
mod tls;
#[path = "hashi/verdicts.rs"]
mod verdicts;
