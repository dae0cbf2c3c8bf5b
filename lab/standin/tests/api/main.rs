//! The API against a real PostgreSQL.

// A test may stop at once; clippy knows that only inside test functions.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr
)]

mod faults;
mod oddities;
mod openapi;
mod peers;
mod postgres;
mod service;
mod shape;
mod upstream;
mod vectors;
mod world;
