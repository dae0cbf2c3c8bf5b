//! Everything that handlers share.

use std::time::Duration;

use super::builder::Builds;
use super::cluster::Clusters;
use super::connect::Peer;
use super::database::Database;
use super::fault::Faults;
use super::node::Nodes;
use super::options::Options;
use super::sandbox::Sandboxes;

/// The whole of the API's state.
#[derive(Debug)]
pub struct Platform {
    /// What it was told.
    pub options: Options,
    /// Teams, keys, templates, snapshots.
    pub database: Database,
    /// The orchestrators.
    pub nodes: Nodes,
    /// What runs on them.
    pub sandboxes: Sandboxes,
    /// The builds that are being made.
    pub builds: Builds,
    /// Where teams' sandboxes can be reached.
    pub clusters: Clusters,
    /// How to misbehave.
    pub faults: Faults,
    /// The client of all other services.
    pub http: reqwest::Client,
}

impl Platform {
    /// Nothing is asked yet.
    pub fn new(options: Options) -> Platform {
        let http = reqwest::Client::builder()
            .no_proxy()
            .connect_timeout(Duration::from_secs(3))
            .build()
            .unwrap_or_default();
        Platform {
            database: Database::new(&options.database, options.profile),
            nodes: Nodes::default(),
            sandboxes: Sandboxes::default(),
            builds: Builds::default(),
            clusters: Clusters::default(),
            faults: Faults::new(options.faults.clone()),
            http,
            options,
        }
    }

    /// The service at that address.
    pub fn peer<'p>(&'p self, base: &'p str) -> Peer<'p> {
        Peer::new(&self.http, base)
    }
}
