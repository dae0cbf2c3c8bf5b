//! Evaluations: what the scheduler made of a job, and what it could not place.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Nomad, path};
use crate::hashi::{Error as ApiError, Watch};

/// An evaluation.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
#[serde(default, rename_all(deserialize = "PascalCase"))]
pub struct Evaluation {
    #[serde(rename(deserialize = "ID"))]
    pub id: String,
    #[serde(rename(deserialize = "JobID"))]
    pub job: String,
    /// `blocked`, `pending`, `complete`, `failed`, `canceled`.
    pub status: String,
    #[serde(rename(deserialize = "StatusDescription"))]
    pub description: String,
    /// `job-register`, `node-update`, `alloc-failure` and others.
    pub triggered_by: String,
    /// The evaluation that waits for room.
    #[serde(rename(deserialize = "BlockedEval"))]
    pub blocked: String,
    /// By group, why it could not be placed.
    #[serde(
        rename(deserialize = "FailedTGAllocs"),
        deserialize_with = "placements"
    )]
    pub unplaced: BTreeMap<String, Placement>,
    pub create_index: u64,
    pub modify_index: u64,
    /// When the scheduler was done with it, in nanoseconds since 1970, by the server's clock.
    #[serde(rename(deserialize = "ModifyTime"))]
    pub time: i64,
}

/// What the scheduler saw while it looked for a node.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
#[serde(default, rename_all(deserialize = "PascalCase"))]
pub struct Placement {
    pub nodes_evaluated: u64,
    pub nodes_filtered: u64,
    pub nodes_exhausted: u64,
    /// By datacenter.
    #[serde(deserialize_with = "counts")]
    pub nodes_available: BTreeMap<String, u64>,
    #[serde(deserialize_with = "counts")]
    pub class_filtered: BTreeMap<String, u64>,
    #[serde(deserialize_with = "counts")]
    pub constraint_filtered: BTreeMap<String, u64>,
    #[serde(deserialize_with = "counts")]
    pub dimension_exhausted: BTreeMap<String, u64>,
    /// How many more could not be placed for the same reason.
    pub coalesced_failures: u64,
}

fn counts<'de, D: serde::Deserializer<'de>>(de: D) -> Result<BTreeMap<String, u64>, D::Error> {
    Ok(Option::deserialize(de)?.unwrap_or_default())
}

fn placements<'de, D: serde::Deserializer<'de>>(
    de: D,
) -> Result<BTreeMap<String, Placement>, D::Error> {
    Ok(Option::deserialize(de)?.unwrap_or_default())
}

impl Placement {
    /// Whether nothing but a port stands in the way.
    pub fn is_collision(&self) -> bool {
        let mut dimensions = self.dimension_exhausted.keys();
        !self.dimension_exhausted.is_empty()
            && dimensions.all(|what| what.contains("port collision"))
    }

    /// Why no node would do, one reason a line, the telling ones first.
    pub fn reasons(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        let nodes = |count: u64| match count {
            1 => "1 node".to_owned(),
            count => format!("{count} nodes"),
        };
        for (what, count) in &self.dimension_exhausted {
            reasons.push(match what.strip_prefix("network: ") {
                Some(what) => format!("{what} on {}", nodes(*count)),
                None => format!("not enough {what} on {}", nodes(*count)),
            });
        }
        for (constraint, count) in &self.constraint_filtered {
            reasons.push(format!("{} ruled out by `{constraint}`", nodes(*count)));
        }
        if self.nodes_evaluated == 0 {
            reasons.push(match self.nodes_available.is_empty() {
                true => "no node takes work in the job's datacenters".to_owned(),
                false => {
                    let known: Vec<String> = self
                        .nodes_available
                        .iter()
                        .map(|(name, count)| format!("{name}: {count}"))
                        .collect();
                    format!(
                        "no node was looked at (ready nodes by datacenter: {})",
                        known.join(", ")
                    )
                }
            });
        }
        reasons
    }
}

impl Nomad {
    /// The evaluations of a job, newest first.
    pub async fn list_evaluations(&self, job: &str) -> Result<Vec<Evaluation>, ApiError> {
        let mut found: Vec<Evaluation> = self
            .api
            .get(&path(&["job", job, "evaluations"]), &[])
            .await?;
        found.sort_by_key(|evaluation| std::cmp::Reverse(evaluation.create_index));
        Ok(found)
    }

    pub(super) fn watch_evaluations(&self, job: &str) -> Watch<'_, Vec<Evaluation>> {
        Watch::new(&self.api, path(&["job", job, "evaluations"]), Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_that_no_node_has_is_told_by_the_constraint() {
        let json = r#"{"NodesEvaluated":2,"NodesFiltered":2,"NodesAvailable":{"lab":2},
            "ConstraintFiltered":{"${node.class} = gpu":2},"DimensionExhausted":null}"#;
        let placement: Placement = serde_json::from_str(json).unwrap();
        assert_eq!(
            placement.reasons(),
            ["2 nodes ruled out by `${node.class} = gpu`"]
        );
    }

    #[test]
    fn an_empty_datacenter_is_told_with_those_that_are_not() {
        let placement = Placement {
            nodes_available: BTreeMap::from([("lab".to_owned(), 0)]),
            ..Placement::default()
        };
        assert_eq!(
            placement.reasons(),
            ["no node was looked at (ready nodes by datacenter: lab: 0)"]
        );
    }
}
