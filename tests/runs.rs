//! Looking back at runs: the console again, the log, the list.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test fails by panicking

#[path = "runs/damage.rs"]
mod damage;
#[path = "runs/list.rs"]
mod list;
#[path = "runs/replay.rs"]
mod replay;
#[path = "common/sshd.rs"]
#[allow(dead_code)] // of the servers, what this file needs
mod sshd;
#[path = "runs/world.rs"]
mod world;
