//! What integration tests share.
#![allow(dead_code)] // no test uses all of it
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test fails by panicking

pub mod lab;
pub mod pages;
pub mod script;
pub mod sshd;
