//! Deployments: a job's new version taking the old one's place.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Nomad, path};
use crate::hashi::{Error as ApiError, Watch};

/// A deployment.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
#[serde(default, rename_all(deserialize = "PascalCase"))]
pub struct Deployment {
    #[serde(rename(deserialize = "ID"))]
    pub id: String,
    #[serde(rename(deserialize = "JobID"))]
    pub job: String,
    #[serde(rename(deserialize = "JobVersion"))]
    pub version: u64,
    /// `running`, `paused`, `successful`, `failed`, `cancelled`, `blocked`, `unblocking`, `pending`.
    pub status: String,
    #[serde(rename(deserialize = "StatusDescription"))]
    pub description: String,
    #[serde(rename(deserialize = "TaskGroups"))]
    pub groups: BTreeMap<String, DeploymentGroup>,
    pub create_index: u64,
    pub modify_index: u64,
}

/// How far a deployment is with one group.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
#[serde(default, rename_all(deserialize = "PascalCase"))]
pub struct DeploymentGroup {
    #[serde(rename(deserialize = "DesiredTotal"))]
    pub desired: u64,
    #[serde(rename(deserialize = "PlacedAllocs"))]
    pub placed: u64,
    #[serde(rename(deserialize = "HealthyAllocs"))]
    pub healthy: u64,
    #[serde(rename(deserialize = "UnhealthyAllocs"))]
    pub unhealthy: u64,
    #[serde(rename(deserialize = "DesiredCanaries"))]
    pub canaries: u64,
    pub auto_revert: bool,
    pub auto_promote: bool,
    pub promoted: bool,
}

impl Deployment {
    /// Whether nothing more comes of it.
    pub fn is_over(&self) -> bool {
        matches!(self.status.as_str(), "successful" | "failed" | "cancelled")
    }

    /// Whether Nomad goes back to an older version if it fails.
    pub fn may_revert(&self) -> bool {
        self.groups.values().any(|group| group.auto_revert)
    }

    /// Whether all its canaries are healthy and it waits for somebody to promote it.
    pub fn awaits_promotion(&self) -> bool {
        let mut waiting = self
            .groups
            .values()
            .filter(|group| group.canaries > 0 && !group.promoted && !group.auto_promote)
            .peekable();
        self.status == "running"
            && waiting.peek().is_some()
            && waiting.all(|group| group.healthy >= group.canaries)
    }

    /// The version that Nomad went back to, where it says so.
    pub fn reverted_to(&self) -> Option<u64> {
        let (_, rest) = self
            .description
            .split_once("rolling back to job version ")?;
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    }
}

impl Nomad {
    /// The deployments of a job, newest first.
    pub async fn list_deployments(&self, job: &str) -> Result<Vec<Deployment>, ApiError> {
        let mut found: Vec<Deployment> = self
            .api
            .get(&path(&["job", job, "deployments"]), &[])
            .await?;
        found.sort_by_key(|deployment| std::cmp::Reverse(deployment.create_index));
        Ok(found)
    }

    /// The deployment whose id is, or begins with, `id`.
    pub async fn get_deployment(&self, id: &str) -> Result<Deployment, ApiError> {
        let found: Vec<Deployment> = self.api.get("/v1/deployments", &[("prefix", id)]).await?;
        match <[Deployment; 1]>::try_from(found) {
            Ok([one]) => Ok(one),
            Err(other) => Err(ApiError::NotFound {
                product: self.api.product(),
                request: format!("deployment {id}"),
                why: match other.len() {
                    0 => "there is none of that id".to_owned(),
                    many => format!("{many} begin with it: give more of the id"),
                },
            }),
        }
    }

    pub(super) fn watch_deployments(&self, job: &str) -> Watch<'_, Vec<Deployment>> {
        Watch::new(&self.api, path(&["job", job, "deployments"]), Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canaries_are_waited_for_until_all_of_them_are_healthy() {
        let group = |healthy| DeploymentGroup {
            canaries: 1,
            healthy,
            ..DeploymentGroup::default()
        };
        let mut deployment = Deployment {
            status: "running".to_owned(),
            groups: BTreeMap::from([("a".to_owned(), group(1)), ("b".to_owned(), group(0))]),
            ..Deployment::default()
        };
        assert!(!deployment.awaits_promotion());
        deployment.groups.insert("b".to_owned(), group(1));
        assert!(deployment.awaits_promotion());
        for group in deployment.groups.values_mut() {
            group.promoted = true;
        }
        assert!(!deployment.awaits_promotion());
    }

    #[test]
    fn the_version_that_nomad_went_back_to_is_read() {
        let mut deployment = Deployment {
            description: "Failed due to unhealthy allocations - rolling back to job version 12"
                .to_owned(),
            ..Deployment::default()
        };
        assert_eq!(deployment.reverted_to(), Some(12));
        deployment.description = "Failed due to progress deadline".to_owned();
        assert_eq!(deployment.reverted_to(), None);
    }
}
