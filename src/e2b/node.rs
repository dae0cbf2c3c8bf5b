//! The nodes that run sandboxes, as the API's administrator sees them.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::http::Method;

use super::access::Need;
use super::api::{Ask, path};
use super::sandbox::or_default;
use super::{E2b, Error, SandboxInfo};

/// A node. What a list or a generation leaves out is `None` or empty.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all(deserialize = "camelCase"))]
pub struct Node {
    #[serde(alias = "nodeID")]
    pub id: String,
    /// `ready`, `draining`, `connecting`, `unhealthy`; upstream also `standby`.
    pub status: String,
    pub version: String,
    pub commit: String,
    pub create_fails: i64,
    #[serde(default)]
    pub sandbox_count: Option<i64>,
    #[serde(default)]
    pub sandbox_starting_count: Option<i64>,
    /// The seed's.
    #[serde(default, rename(deserialize = "allocatedCPU"))]
    pub allocated_cpu: Option<i64>,
    /// The seed's.
    #[serde(default, rename(deserialize = "allocatedMemoryMiB"))]
    pub allocated_memory_mib: Option<i64>,
    /// Builds whose files it has at hand; of one node alone.
    #[serde(default, deserialize_with = "or_default")]
    pub cached_builds: Vec<String>,
    /// What runs on it; of one node alone.
    #[serde(default, deserialize_with = "or_default")]
    pub sandboxes: Vec<SandboxInfo>,
}

impl E2b {
    pub async fn list_nodes(&self) -> Result<Vec<Node>, Error> {
        self.read(Ask::get("/nodes".to_owned(), Need::Admin)).await
    }

    /// One node, with what runs on it.
    pub async fn get_node(&self, id: &str) -> Result<Node, Error> {
        self.read(Ask::get(path(&["nodes", id]), Need::Admin)).await
    }

    /// `draining` keeps new sandboxes away, `ready` lets them come again.
    pub async fn set_node_status(&self, id: &str, status: &str) -> Result<(), Error> {
        let ask = Ask {
            method: Method::POST,
            body: Some(json!({ "status": status })),
            expect: &[204],
            ..Ask::get(path(&["nodes", id]), Need::Admin)
        };
        self.ask(ask).await.map(drop)
    }
}
