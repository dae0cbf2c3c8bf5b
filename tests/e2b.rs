//! The client of the E2B platform against recorded answers, its interface files, and a small stand-in.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test fails by panicking

mod common;

#[path = "e2b/answers.rs"]
mod answers;
#[path = "e2b/envd.rs"]
mod envd;
#[path = "e2b/examples.rs"]
mod examples;
#[path = "e2b/fake.rs"]
mod fake;
#[path = "e2b/flows.rs"]
mod flows;
#[path = "e2b/replay.rs"]
mod replay;
#[path = "e2b/requests.rs"]
mod requests;
#[path = "e2b/scripts.rs"]
mod scripts;
#[path = "e2b/tunnel.rs"]
mod tunnel;
