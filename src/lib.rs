//! The host that runs deployment scripts against an E2B cluster.
//!
//! Layers look down only: `cli` → `engine` → `bindings` → clients → `wire`; `diag` and `report`
//! are leaves that everything may use. `docs/architecture.md` tells the whole story.

pub mod args;
pub mod bindings;
pub mod chance;
pub mod check;
pub mod cli;
pub mod consul;
pub mod diag;
pub mod e2b;
pub mod engine;
pub mod env_file;
pub mod explain;
pub mod files;
pub mod format;
pub mod hashi;
pub mod http;
pub mod manual;
pub mod nomad;
pub mod postgres;
pub mod replay;
pub mod report;
pub mod run;
pub mod secret;
pub mod ssh;
pub mod suggest;
pub mod testing;
pub mod units;
pub mod wire;
pub mod workstation;
