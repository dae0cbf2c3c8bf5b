//! Members, leader, services and their checks.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::Consul;
use crate::hashi::{Error, Watch};
use crate::http::percent_encode;

/// How long an agent that only explains may take to answer.
const AGENT: Duration = Duration::from_secs(2);

/// An agent as the gossip knows it.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default, rename_all(deserialize = "PascalCase"))]
pub struct Member {
    pub name: String,
    #[serde(rename(deserialize = "Addr"))]
    pub address: String,
    /// `alive`, `leaving`, `left`, `failed`.
    #[serde(deserialize_with = "status")]
    pub status: String,
    /// Role, version (`build`), datacenter (`dc`) and more.
    pub tags: BTreeMap<String, String>,
}

/// A node of the catalog.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default, rename_all(deserialize = "PascalCase"))]
pub struct Node {
    #[serde(rename(deserialize = "ID"))]
    pub id: String,
    #[serde(rename(deserialize = "Node"))]
    pub name: String,
    pub address: String,
    pub datacenter: String,
}

/// An instance of a service, with the checks that decide about it.
#[derive(Clone, Debug, Default, Serialize, PartialEq, Eq)]
pub struct Instance {
    pub id: String,
    pub service: String,
    pub node: String,
    pub address: String,
    pub port: u16,
    pub checks: Vec<Check>,
}

/// A check of a service or of its node.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default, rename_all(deserialize = "PascalCase"))]
pub struct Check {
    pub name: String,
    pub node: String,
    /// `passing`, `warning`, `critical`.
    pub status: String,
    /// What the check last said.
    pub output: String,
    #[serde(rename(deserialize = "ServiceName"))]
    pub service: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    node: EntryNode,
    service: EntryService,
    #[serde(default)]
    checks: Vec<Check>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct EntryNode {
    node: String,
    address: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct EntryService {
    #[serde(rename = "ID")]
    id: String,
    service: String,
    address: String,
    port: u16,
}

fn status<'de, D: serde::Deserializer<'de>>(de: D) -> Result<String, D::Error> {
    let word = match u8::deserialize(de)? {
        1 => "alive",
        2 => "leaving",
        3 => "left",
        4 => "failed",
        _ => "unknown",
    };
    Ok(word.to_owned())
}

impl Instance {
    /// Whether no check is critical.
    pub fn is_healthy(&self) -> bool {
        self.checks.iter().all(|check| check.status == "passing")
    }
}

impl From<Entry> for Instance {
    fn from(entry: Entry) -> Instance {
        Instance {
            id: entry.service.id,
            service: entry.service.service,
            address: match entry.service.address.as_str() {
                "" => entry.node.address,
                own => own.to_owned(),
            },
            node: entry.node.node,
            port: entry.service.port,
            checks: entry.checks,
        }
    }
}

impl Consul {
    /// The leader's address, host and port of its RPC; empty while there is none.
    pub async fn leader(&self) -> Result<String, Error> {
        self.api.get("/v1/status/leader", &[]).await
    }

    /// Every agent that the asked one knows, gone ones too.
    pub async fn members(&self) -> Result<Vec<Member>, Error> {
        self.api.get("/v1/agent/members", &[]).await
    }

    /// The nodes of the catalog, those too that do not answer any more.
    pub async fn list_nodes(&self) -> Result<Vec<Node>, Error> {
        self.api.get("/v1/catalog/nodes", &[]).await
    }

    /// All checks in a state: `passing`, `warning`, `critical` or `any`.
    pub async fn list_checks(&self, state: &str) -> Result<Vec<Check>, Error> {
        let path = format!("/v1/health/state/{}", percent_encode(state));
        self.api.get(&path, &[]).await
    }

    /// The names of all services, with their tags.
    pub async fn list_services(&self) -> Result<BTreeMap<String, Vec<String>>, Error> {
        self.api.get("/v1/catalog/services", &[]).await
    }

    /// The instances of a service.
    pub async fn health(&self, service: &str) -> Result<Vec<Instance>, Error> {
        let entries: Vec<Entry> = self.api.get(&health_path(service), &[]).await?;
        Ok(entries.into_iter().map(Instance::from).collect())
    }

    /// The checks of a service as the agent at `host` knows them. The catalog learns what a check
    /// says only when its status changes, or minutes later. `None` when that agent cannot be asked.
    pub async fn checks_at(&self, host: &str, service: &str) -> Option<Vec<Check>> {
        let agent = self.api.at(host)?;
        let asking = agent.get::<BTreeMap<String, Check>>("/v1/agent/checks", &[]);
        let known = tokio::time::timeout(AGENT, asking).await.ok()?.ok()?;
        let own = known.into_values().filter(|check| check.service == service);
        Some(own.collect())
    }

    /// Waits by blocking queries until at least `count` instances of the service are healthy and
    /// none is not. Gives what is known at the end: healthy, or all that time allowed.
    pub async fn wait_for_service(
        &self,
        service: &str,
        count: usize,
        timeout: Duration,
    ) -> Result<(bool, Vec<Instance>), Error> {
        let deadline = Instant::now() + timeout;
        let mut watch = Watch::<Vec<Entry>>::new(&self.api, health_path(service), Vec::new());
        let mut known: Vec<Instance> = Vec::new();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(entries) = tokio::time::timeout(left, watch.next()).await else {
                return Ok((false, known));
            };
            known = entries?.into_iter().map(Instance::from).collect();
            if known.len() >= count && known.iter().all(Instance::is_healthy) {
                return Ok((true, known));
            }
        }
    }
}

fn health_path(service: &str) -> String {
    format!("/v1/health/service/{}", percent_encode(service))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_members_number_becomes_a_word() {
        let json = r#"{"Name":"a","Addr":"10.0.0.1","Status":4,"Tags":{"dc":"lab"}}"#;
        let member: Member = serde_json::from_str(json).unwrap();
        assert_eq!(member.status, "failed");
        assert_eq!(member.tags["dc"], "lab");
    }

    #[test]
    fn an_instance_without_an_address_has_its_nodes() {
        let json = r#"{"Node":{"Node":"api-1","Address":"10.0.0.1"},
            "Service":{"ID":"x","Service":"api","Address":"","Port":50001},
            "Checks":[{"Name":"health","Node":"api-1","Status":"critical","Output":"500","ServiceName":"api"}]}"#;
        let entry: Entry = serde_json::from_str(json).unwrap();
        let instance = Instance::from(entry);
        assert_eq!(instance.address, "10.0.0.1");
        assert!(!instance.is_healthy());
    }
}
