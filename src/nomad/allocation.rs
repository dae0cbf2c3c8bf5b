//! Allocations: a group of tasks on a node, and what happened to them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::{Nomad, path};
use crate::hashi::{Error as ApiError, Watch};

/// An allocation as lists show it.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
#[serde(default, rename_all(deserialize = "PascalCase"))]
pub struct Allocation {
    #[serde(rename(deserialize = "ID"))]
    pub id: String,
    /// `api.api[0]`.
    pub name: String,
    #[serde(rename(deserialize = "JobID"))]
    pub job: String,
    #[serde(rename(deserialize = "JobVersion"))]
    pub version: u64,
    #[serde(rename(deserialize = "TaskGroup"))]
    pub group: String,
    #[serde(rename(deserialize = "NodeID"))]
    pub node_id: String,
    #[serde(rename(deserialize = "NodeName"))]
    pub node: String,
    /// `pending`, `running`, `complete`, `failed`, `lost`, `unknown`.
    #[serde(rename(deserialize = "ClientStatus"))]
    pub status: String,
    #[serde(rename(deserialize = "ClientDescription"))]
    pub description: String,
    /// `run`, `stop`, `evict`.
    #[serde(rename(deserialize = "DesiredStatus"))]
    pub desired: String,
    /// What the scheduler says about it, such as why it is lost.
    #[serde(rename(deserialize = "DesiredDescription"))]
    pub desired_description: String,
    #[serde(deserialize_with = "or_default")]
    pub task_states: BTreeMap<String, TaskState>,
    #[serde(rename(deserialize = "DeploymentStatus"))]
    pub deployment: Option<AllocationHealth>,
    /// The allocation that took this one's place; empty when none did.
    #[serde(rename(deserialize = "FollowupEvalID"))]
    pub followup: String,
    pub create_index: u64,
    pub modify_index: u64,
}

/// What a deployment thinks of an allocation.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
#[serde(default, rename_all(deserialize = "PascalCase"))]
pub struct AllocationHealth {
    /// `None` while it is not known.
    pub healthy: Option<bool>,
    /// When that was found, in ISO 8601, by the node's clock; empty while it is not known.
    #[serde(deserialize_with = "or_default")]
    pub timestamp: String,
    pub canary: bool,
}

/// A task and what happened to it.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
#[serde(default, rename_all(deserialize = "PascalCase"))]
pub struct TaskState {
    /// `pending`, `running`, `dead`.
    pub state: String,
    pub failed: bool,
    pub restarts: u64,
    #[serde(deserialize_with = "or_default")]
    pub events: Vec<TaskEvent>,
}

/// Something that happened to a task.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
#[serde(default, rename_all(deserialize = "PascalCase"))]
pub struct TaskEvent {
    /// `Started`, `Terminated`, `Driver Failure`, `Restarting` and others.
    #[serde(rename(deserialize = "Type"))]
    pub kind: String,
    #[serde(rename(deserialize = "DisplayMessage"))]
    pub message: String,
    /// In nanoseconds since 1970, by the node's clock.
    pub time: i64,
    #[serde(deserialize_with = "or_default")]
    pub details: BTreeMap<String, String>,
}

/// Nomad writes `null` for nothing.
fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

impl Allocation {
    /// The first eight characters, as people write it.
    pub fn short(&self) -> &str {
        self.id.get(..8).unwrap_or(&self.id)
    }

    /// When a task of it was started last, in nanoseconds since 1970.
    pub fn started(&self) -> i64 {
        let events = self.task_states.values().flat_map(|task| &task.events);
        let started = events.filter(|event| event.kind == "Started");
        started.map(|event| event.time).max().unwrap_or_default()
    }

    fn runs_since(&self, since: i64) -> bool {
        let mut running = self
            .task_states
            .values()
            .filter(|task| task.state == "running")
            .peekable();
        let all_run = self
            .task_states
            .values()
            .all(|task| task.state == "running" || (task.state == "dead" && !task.failed));
        running.peek().is_some()
            && all_run
            && running.all(|task| {
                let started = |event: &TaskEvent| event.kind == "Started" && event.time > since;
                task.events.iter().any(started)
            })
    }

    /// How often its tasks were started anew.
    pub fn restarts(&self) -> u64 {
        self.task_states.values().map(|task| task.restarts).sum()
    }
}

impl Nomad {
    /// The allocations of a job, of all its versions, newest first.
    pub async fn list_allocations(&self, job: &str) -> Result<Vec<Allocation>, ApiError> {
        let mut found: Vec<Allocation> = self
            .api
            .get(&path(&["job", job, "allocations"]), &[("all", "true")])
            .await?;
        found.sort_by_key(|allocation| std::cmp::Reverse(allocation.create_index));
        Ok(found)
    }

    /// The allocation whose id is, or begins with, `id`.
    pub async fn get_allocation(&self, id: &str) -> Result<Allocation, ApiError> {
        // an id in full is found by prefix too, and lists need no other shape than details
        let found: Vec<Allocation> = self
            .api
            .get(
                "/v1/allocations",
                &[("prefix", id), ("task_states", "true")],
            )
            .await?;
        match <[Allocation; 1]>::try_from(found) {
            Ok([one]) => Ok(one),
            Err(other) => Err(ApiError::NotFound {
                product: self.api.product(),
                request: format!("allocation {id}"),
                why: match other.len() {
                    0 => "there is none of that id".to_owned(),
                    many => format!("{many} begin with it: give more of the id"),
                },
            }),
        }
    }

    /// Waits by blocking queries until the tasks of an allocation that run have been started after
    /// `since` (nanoseconds since 1970, by the node's clock); gives the allocation as it is then,
    /// and whether it was within the time.
    pub async fn wait_until_started(
        &self,
        allocation: &Allocation,
        since: i64,
        timeout: Duration,
    ) -> Result<(bool, Allocation), ApiError> {
        let end = Instant::now() + timeout;
        let mut watch = self.watch_allocations(&allocation.job);
        let mut known = allocation.clone();
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let Ok(list) = tokio::time::timeout(left, watch.next()).await else {
                return Ok((false, known));
            };
            let mine = list?.into_iter().find(|one| one.id == allocation.id);
            known = mine.unwrap_or(known);
            if known.status != "running" && known.status != "pending" {
                return Ok((false, known));
            }
            if known.runs_since(since) {
                return Ok((true, known));
            }
        }
    }

    pub(super) fn watch_allocations(&self, job: &str) -> Watch<'_, Vec<Allocation>> {
        Watch::new(
            &self.api,
            path(&["job", job, "allocations"]),
            vec![("all", "true".to_owned())],
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_allocation_that_has_not_started_has_no_tasks_yet() {
        let json = r#"{"ID":"0123456789","JobVersion":3,"ClientStatus":"pending","TaskStates":null,"DeploymentStatus":null}"#;
        let allocation: Allocation = serde_json::from_str(json).unwrap();
        assert_eq!(allocation.short(), "01234567");
        assert_eq!(allocation.version, 3);
        assert_eq!(allocation.restarts(), 0);
        assert!(allocation.deployment.is_none());
    }
}
