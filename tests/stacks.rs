//! The two OCI stacks: their packages and outputs, the scripts that run on the hosts, and hosts that set themselves up.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test fails by panicking

#[path = "common/lab.rs"]
#[allow(dead_code)]
mod lab;

#[path = "stacks/cleanup.rs"]
mod cleanup;
#[path = "stacks/files.rs"]
mod files;
#[path = "stacks/hosts.rs"]
mod hosts;
#[path = "stacks/terraform.rs"]
mod terraform;
