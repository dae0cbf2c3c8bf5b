//! E2B: the platform's HTTP API in both of its generations, and envd inside a sandbox.
//!
//! Two profiles differ in paths, credentials and answers: `seed` (mid 2025, with an `exec` endpoint) and
//! `upstream`. Which one answers is found out by one request, unless it is said. Which credential an
//! endpoint takes is known here, so that no caller mixes them up.

mod access;
mod advice;
mod api;
mod build;
mod envd;
mod error;
mod exec;
mod health;
mod key;
mod link;
mod metric;
mod node;
mod sandbox;
mod sandbox_list;
mod sandbox_state;
mod settings;
mod template;

pub use access::{Credential, Credentials, Need};
pub use api::E2b;
pub use build::{Build, BuildNews, BuildReason, BuildStart, FollowBuild};
pub use envd::codec;
pub use envd::{
    Entry, Envd, FileEvent, Operation, ProcessEnd, ProcessEvent, ProcessInfo, ProcessStream,
    Selector, Start, Watch, signature,
};
pub use error::{Error, Refusal, RpcError};
pub use exec::{Exec, Executed};
pub use health::Health;
pub use key::{ApiKey, Mask, Team};
pub use link::Service;
pub use metric::Metric;
pub use node::Node;
pub use sandbox::{NewSandbox, Sandbox, SandboxInfo};
pub use sandbox_list::ListSandboxes;
pub use sandbox_state::LogLine;
pub use settings::{Given, Settings};
pub use template::{NewTemplate, Requested, Template};

/// Which generation of the platform answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// That of mid 2025, which the published runbook describes.
    Seed,
    /// Today's.
    Upstream,
}

impl Profile {
    /// `seed` or `upstream`.
    pub fn named(name: &str) -> Option<Profile> {
        match name {
            "seed" => Some(Profile::Seed),
            "upstream" => Some(Profile::Upstream),
            _ => None,
        }
    }

    pub fn word(self) -> &'static str {
        match self {
            Profile::Seed => "seed",
            Profile::Upstream => "upstream",
        }
    }
}
