//! The flows as operators run them, on rehearsal clusters of real machines.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test fails by panicking

mod common;

#[path = "flows/deploy.rs"]
mod deploy;
#[path = "flows/faults.rs"]
mod faults;
#[path = "flows/golden.rs"]
mod golden;
#[path = "flows/hops.rs"]
mod hops;
#[path = "flows/options.rs"]
mod options;
#[path = "flows/refusals.rs"]
mod refusals;
#[path = "flows/secrets.rs"]
mod secrets;
#[path = "flows/stage.rs"]
mod stage;
#[path = "flows/stops.rs"]
mod stops;
#[path = "flows/uploads.rs"]
mod uploads;
