//! The cluster itself: leader, servers, client nodes.

use serde::{Deserialize, Serialize};

use super::Nomad;
use crate::hashi::Error as ApiError;

/// A server as the others see it.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default, rename_all(deserialize = "PascalCase"))]
pub struct Member {
    pub name: String,
    #[serde(rename(deserialize = "Addr"))]
    pub address: String,
    /// `alive`, `failed`, `left`.
    pub status: String,
    /// Version, region, datacenter and more.
    pub tags: std::collections::BTreeMap<String, String>,
}

/// A client node.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default, rename_all(deserialize = "PascalCase"))]
pub struct Node {
    #[serde(rename(deserialize = "ID"))]
    pub id: String,
    pub name: String,
    #[serde(rename(deserialize = "NodeClass"))]
    pub class: String,
    pub datacenter: String,
    pub address: String,
    pub version: String,
    /// `ready`, `down`, `initializing`, `disconnected`.
    pub status: String,
    #[serde(rename(deserialize = "SchedulingEligibility"))]
    pub eligibility: String,
    pub drain: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Members {
    #[serde(default)]
    members: Vec<Member>,
}

impl Nomad {
    /// The leader's address, host and port of its RPC; empty while there is none.
    pub async fn leader(&self) -> Result<String, ApiError> {
        self.api.get("/v1/status/leader", &[]).await
    }

    /// The servers that the asked agent knows.
    pub async fn members(&self) -> Result<Vec<Member>, ApiError> {
        let members: Members = self.api.get("/v1/agent/members", &[]).await?;
        Ok(members.members)
    }

    /// All client nodes.
    pub async fn list_nodes(&self) -> Result<Vec<Node>, ApiError> {
        self.api.get("/v1/nodes", &[]).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_read_by_nomads_names_and_shown_by_ours() {
        let json = r#"{"ID":"n1","Name":"api-1","NodeClass":"api","Datacenter":"lab","Address":"10.0.0.1",
            "Version":"1.6.2","Status":"ready","SchedulingEligibility":"eligible","Drain":false,"Drivers":{}}"#;
        let node: Node = serde_json::from_str(json).unwrap();
        assert_eq!(
            (node.class.as_str(), node.eligibility.as_str()),
            ("api", "eligible")
        );
        let shown = serde_json::to_value(&node).unwrap();
        assert_eq!(shown["id"], "n1");
        assert_eq!(shown["class"], "api");
    }
}
