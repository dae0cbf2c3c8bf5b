//! Client nodes that take no more work, or none at all: drain and eligibility.

use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::json;

use super::{Error, Node, Nomad, path};
use crate::hashi::{Error as ApiError, Watch};
use crate::http::Method;

/// How a node is emptied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DrainOptions {
    /// After so long what still runs is stopped by force; `None` waits for ever.
    pub deadline: Option<Duration>,
    /// Leaves system jobs where they are.
    pub keep_system_jobs: bool,
}

/// A node with what its drain has come to.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct NodeDetail {
    drain: bool,
}

impl Nomad {
    /// The node whose id is, or begins with, `given`, or whose name it is.
    pub async fn find_node(&self, given: &str) -> Result<Node, Error> {
        let nodes = self.list_nodes().await?;
        let mut found: Vec<&Node> = nodes.iter().filter(|node| node.name == given).collect();
        // a node that was made anew leaves its old self behind under the same name
        if found.len() > 1 && found.iter().any(|node| node.status == "ready") {
            found.retain(|node| node.status == "ready");
        }
        if found.is_empty() && given.len() >= 4 {
            found = nodes
                .iter()
                .filter(|node| node.id.starts_with(given))
                .collect();
        }
        match found.as_slice() {
            [one] => Ok((*one).clone()),
            [] => Err(ApiError::NotFound {
                product: self.api.product(),
                request: format!("node {given}"),
                why: format!("the nodes are {}", names(&nodes)),
            }
            .into()),
            many => Err(Error::Refused(format!(
                "{} nodes are `{given}`: give the id of one",
                many.len()
            ))),
        }
    }

    /// Moves a node's allocations elsewhere and has it take no more. Returns at once.
    pub async fn drain(&self, node: &str, options: &DrainOptions) -> Result<(), ApiError> {
        // Nomad waits for ever when the deadline is nothing, and not at all when it is negative
        let deadline = match options.deadline {
            None => 0,
            Some(Duration::ZERO) => -1,
            Some(limit) => i64::try_from(limit.as_nanos()).unwrap_or(i64::MAX),
        };
        let spec = json!({ "Deadline": deadline, "IgnoreSystemJobs": options.keep_system_jobs });
        self.set_drain(node, json!({ "DrainSpec": spec })).await
    }

    /// Ends a drain and has the node take work again.
    pub async fn cancel_drain(&self, node: &str) -> Result<(), ApiError> {
        let body = json!({ "DrainSpec": null, "MarkEligible": true });
        self.set_drain(node, body).await
    }

    async fn set_drain(&self, node: &str, body: serde_json::Value) -> Result<(), ApiError> {
        let path = path(&["node", node, "drain"]);
        let body = Some(body.to_string().into());
        self.api.call(Method::POST, &path, &[], body).await?;
        Ok(())
    }

    /// Waits by blocking queries until the node's drain is over; whether it was within the time.
    pub async fn wait_until_drained(
        &self,
        node: &str,
        timeout: Duration,
    ) -> Result<bool, ApiError> {
        let end = Instant::now() + timeout;
        let mut watch = Watch::<NodeDetail>::new(&self.api, path(&["node", node]), Vec::new());
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match tokio::time::timeout(left, watch.next()).await {
                Err(_) => return Ok(false),
                Ok(detail) => {
                    if !detail?.drain {
                        return Ok(true);
                    }
                }
            }
        }
    }

    /// Whether a node may be given work; what runs on it stays.
    pub async fn set_eligibility(&self, node: &str, eligible: bool) -> Result<(), ApiError> {
        let word = if eligible { "eligible" } else { "ineligible" };
        let path = path(&["node", node, "eligibility"]);
        let body = Some(json!({ "Eligibility": word }).to_string().into());
        self.api.call(Method::POST, &path, &[], body).await?;
        Ok(())
    }
}

fn names(nodes: &[Node]) -> String {
    let names: Vec<&str> = nodes.iter().map(|node| node.name.as_str()).collect();
    names.join(", ")
}
