//! PostgreSQL on a real server behind a real bastion.
//!
//! Needs root and the packages that e2blab itself asks for (`make test` sees to both).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test fails by panicking

#[path = "postgres/canary.rs"]
mod canary;
#[path = "postgres/client.rs"]
mod client;
#[path = "postgres/faults.rs"]
mod faults;
#[path = "postgres/flows.rs"]
mod flows;
#[path = "postgres/goose.rs"]
mod goose;
#[path = "postgres/lab.rs"]
mod lab;
#[path = "postgres/migrate.rs"]
mod migrate;
#[path = "postgres/node.rs"]
mod node;
#[path = "postgres/schema.rs"]
mod schema;
