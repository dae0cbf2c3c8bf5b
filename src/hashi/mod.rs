//! What the HTTP APIs of Nomad and Consul have in common: address and token with where they came
//! from, servers that stand in for each other, blocking queries.

mod api;
mod error;
mod settings;
mod watch;
mod ways;

pub use api::{Answer, Api, Hooks};
pub use error::Error;
pub use settings::{Given, Product, Setting, Settings, Source, TrustVariables};
pub use watch::Watch;
pub use ways::{Peer, Way, Ways};
