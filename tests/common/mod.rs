//! What integration tests share.
#![allow(dead_code)]

pub mod script;
pub mod sshd;
