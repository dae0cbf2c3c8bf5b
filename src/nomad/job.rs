//! Jobs: validate, plan, register, list, stop, go back to an older version.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::diff::{self, Change};
use super::evaluation::Placement;
use super::{Error, Nomad, path};
use crate::hashi::Error as ApiError;
use crate::http::Method;

/// A job as lists show it.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
#[serde(default, rename_all(deserialize = "PascalCase"))]
pub struct JobStub {
    #[serde(rename(deserialize = "ID"))]
    pub id: String,
    /// `service`, `system`, `batch`, `sysbatch`.
    #[serde(rename(deserialize = "Type"))]
    pub kind: String,
    /// `pending`, `running`, `dead`.
    pub status: String,
    pub priority: i64,
    #[serde(rename(deserialize = "Stop"))]
    pub stopped: bool,
    pub modify_index: u64,
    pub job_modify_index: u64,
}

/// What registering a job would do.
#[derive(Clone, Debug, Serialize, PartialEq)]
pub struct Plan {
    pub job: String,
    /// Whether anything of the job is new or different.
    pub changed: bool,
    /// The job's index now; 0 for a job that is not there. For [`Nomad::register`].
    pub index: u64,
    pub diff: Vec<Change>,
    /// By group, how many allocations would be placed, stopped, replaced and so on; zeros left out.
    pub updates: BTreeMap<String, BTreeMap<String, u64>>,
    /// By group, why it could not be placed.
    pub unplaced: BTreeMap<String, Vec<String>>,
    pub warnings: String,
}

/// A version of a job that Nomad keeps.
#[derive(Clone, Debug, Default, Serialize, PartialEq)]
pub struct JobVersion {
    pub version: u64,
    /// Whether a deployment of it was successful.
    pub stable: bool,
    /// When it was registered, in seconds since 1970.
    pub submitted: i64,
    /// What is other than in the version before it; empty for the oldest that is kept.
    pub diff: Vec<Change>,
    /// The `meta` of its tasks, by name; of equal names the last.
    pub meta: BTreeMap<String, String>,
}

/// A job that was registered, stopped or reverted.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
#[serde(default, rename_all(deserialize = "PascalCase"))]
pub struct Registered {
    #[serde(skip_deserializing)]
    pub job: String,
    /// What places it; empty for a job that starts nothing by itself.
    #[serde(rename(deserialize = "EvalID"))]
    pub evaluation: String,
    #[serde(rename(deserialize = "JobModifyIndex"))]
    pub index: u64,
    pub warnings: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[derive(Default)]
struct PlanAnswer {
    annotations: Option<Annotations>,
    diff: Option<Value>,
    #[serde(rename = "FailedTGAllocs")]
    failed: Option<BTreeMap<String, Placement>>,
    job_modify_index: u64,
    warnings: String,
}

#[derive(Deserialize)]
struct Annotations {
    #[serde(rename = "DesiredTGUpdates")]
    updates: Option<BTreeMap<String, BTreeMap<String, u64>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[derive(Default)]
struct Validity {
    validation_errors: Option<Vec<String>>,
    warnings: String,
}

/// The id in a job's own JSON.
pub fn id_of(job: &Value) -> &str {
    job.get("ID").and_then(Value::as_str).unwrap_or_default()
}

impl Nomad {
    /// Has the cluster look the job over; its warnings, if it has any.
    pub async fn validate(&self, job: &Value) -> Result<String, Error> {
        let validity: Validity = self
            .api
            .send(
                Method::POST,
                "/v1/validate/job",
                &[],
                &json!({ "Job": job }),
            )
            .await?;
        match validity.validation_errors {
            Some(problems) if !problems.is_empty() => Err(Error::Invalid {
                job: id_of(job).to_owned(),
                problems,
            }),
            _ => Ok(validity.warnings),
        }
    }

    /// What registering the job would do. Changes nothing.
    pub async fn plan(&self, job: &Value) -> Result<Plan, Error> {
        let id = id_of(job);
        let answer: PlanAnswer = self
            .api
            .send(
                Method::POST,
                &path(&["job", id, "plan"]),
                &[],
                &json!({ "Job": job, "Diff": true }),
            )
            .await?;
        let diff = answer.diff.unwrap_or_default();
        let updates = answer.annotations.and_then(|all| all.updates);
        let updates = updates.unwrap_or_default().into_iter();
        let unplaced = answer.failed.unwrap_or_default().into_iter();
        Ok(Plan {
            job: id.to_owned(),
            changed: diff.get("Type").and_then(Value::as_str) != Some("None"),
            index: answer.job_modify_index,
            diff: diff::changes(&diff),
            updates: updates
                .map(|(group, counts)| {
                    let counts = counts.into_iter().filter(|(_, count)| *count > 0);
                    (
                        group,
                        counts.map(|(what, count)| (words(&what), count)).collect(),
                    )
                })
                .collect(),
            unplaced: unplaced
                .map(|(group, placement)| (group, placement.reasons()))
                .collect(),
            warnings: answer.warnings,
        })
    }

    /// Registers the job; with `check_index` only if the job is still at that index (0: not there).
    pub async fn register(
        &self,
        job: &Value,
        check_index: Option<u64>,
    ) -> Result<Registered, Error> {
        let id = id_of(job).to_owned();
        let mut body = json!({ "Job": job });
        if let (Some(index), Some(fields)) = (check_index, body.as_object_mut()) {
            fields.insert("EnforceIndex".to_owned(), true.into());
            fields.insert("JobModifyIndex".to_owned(), index.into());
        }
        let sent = self.api.send(Method::POST, "/v1/jobs", &[], &body).await;
        let registered: Registered = sent.map_err(|error| conflict(error, &id, check_index))?;
        Ok(Registered {
            job: id,
            ..registered
        })
    }

    /// All jobs, or those whose ids begin with `prefix`.
    pub async fn list_jobs(&self, prefix: &str) -> Result<Vec<JobStub>, ApiError> {
        self.api.get("/v1/jobs", &[("prefix", prefix)]).await
    }

    /// A job in Nomad's own JSON; `None` when there is none of that id.
    pub async fn find_job(&self, id: &str) -> Result<Option<Value>, ApiError> {
        self.api.find(&path(&["job", id]), &[]).await
    }

    /// A job in Nomad's own JSON.
    pub async fn get_job(&self, id: &str) -> Result<Value, ApiError> {
        self.api.get(&path(&["job", id]), &[]).await
    }

    /// The versions of a job that Nomad keeps, newest first.
    pub async fn list_versions(&self, id: &str) -> Result<Vec<JobVersion>, ApiError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Versions {
            versions: Vec<Value>,
            diffs: Option<Vec<Value>>,
        }
        let query = [("diffs", "true")];
        let path = path(&["job", id, "versions"]);
        let found: Versions = self.api.get(&path, &query).await?;
        let diffs = found.diffs.unwrap_or_default();
        let versions = found.versions.iter().enumerate().map(|(index, job)| {
            let number = |name: &str| job.get(name).and_then(Value::as_i64).unwrap_or_default();
            JobVersion {
                version: u64::try_from(number("Version")).unwrap_or_default(),
                stable: job.get("Stable").and_then(Value::as_bool).unwrap_or(false),
                submitted: number("SubmitTime") / 1_000_000_000,
                diff: diffs.get(index).map(diff::changes).unwrap_or_default(),
                meta: metas(job),
            }
        });
        Ok(versions.collect())
    }

    /// The names under which a job's services are known.
    pub async fn services_of(&self, id: &str) -> Result<Vec<String>, ApiError> {
        Ok(services(&self.get_job(id).await?))
    }

    /// Stops a job. It stays known, with its versions, and can be run again.
    pub async fn stop(&self, id: &str) -> Result<Registered, ApiError> {
        let query = [("purge", "false")];
        let answer = self
            .call(Method::DELETE, &path(&["job", id]), &query)
            .await?;
        let stopped: Registered = self.api.read(&answer)?;
        Ok(Registered {
            job: id.to_owned(),
            ..stopped
        })
    }

    /// Registers an older version of a job anew.
    pub async fn revert(&self, id: &str, version: u64) -> Result<Registered, ApiError> {
        let body = json!({ "JobID": id, "JobVersion": version });
        let path = path(&["job", id, "revert"]);
        let reverted: Registered = self.api.send(Method::POST, &path, &[], &body).await?;
        Ok(Registered {
            job: id.to_owned(),
            ..reverted
        })
    }
}

/// The `meta` of all tasks.
fn metas(job: &Value) -> BTreeMap<String, String> {
    let list = |value: &Value, name: &str| -> Vec<Value> {
        let list = value.get(name).and_then(Value::as_array);
        list.cloned().unwrap_or_default()
    };
    let mut found = BTreeMap::new();
    for group in list(job, "TaskGroups") {
        for task in list(&group, "Tasks") {
            let meta = task.get("Meta").and_then(Value::as_object);
            for (name, value) in meta.into_iter().flatten() {
                found.insert(name.clone(), value.as_str().unwrap_or_default().to_owned());
            }
        }
    }
    found
}

/// The services that a job's groups and tasks register.
fn services(job: &Value) -> Vec<String> {
    let list = |value: &Value, name: &str| -> Vec<Value> {
        let list = value.get(name).and_then(Value::as_array);
        list.cloned().unwrap_or_default()
    };
    let mut found = Vec::new();
    for group in list(job, "TaskGroups") {
        let tasks = list(&group, "Tasks");
        for holder in std::iter::once(&group).chain(&tasks) {
            for service in list(holder, "Services") {
                found.extend(
                    service
                        .get("Name")
                        .and_then(Value::as_str)
                        .map(str::to_owned),
                );
            }
        }
    }
    found
}

fn conflict(error: ApiError, job: &str, wanted: Option<u64>) -> Error {
    match error {
        ApiError::Refused { lines, .. }
            if lines
                .iter()
                .any(|line| line.contains("Enforcing job modify index")) =>
        {
            let line = lines.first().map(String::as_str).unwrap_or_default();
            let why = match line.rsplit_once(": ") {
                Some((_, index)) if index.bytes().all(|byte| byte.is_ascii_digit()) => {
                    format!("and is now at {index}")
                }
                _ if line.contains("does not exist") => "and is gone now".to_owned(),
                _ => "and exists now".to_owned(),
            };
            Error::Conflict {
                job: job.to_owned(),
                wanted: wanted.unwrap_or_default(),
                why,
            }
        }
        other => other.into(),
    }
}

/// `DestructiveUpdate` as words.
fn words(name: &str) -> String {
    let mut words = String::new();
    for (index, letter) in name.chars().enumerate() {
        if letter.is_uppercase() && index > 0 {
            words.push(' ');
        }
        words.extend(letter.to_lowercase());
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conflict_says_at_which_index_the_job_is_now() {
        let refused = |line: &str| ApiError::Refused {
            product: &super::super::PRODUCT,
            request: String::new(),
            status: 500,
            lines: vec![line.to_owned()],
        };
        let error = conflict(
            refused(
                "Enforcing job modify index 7: job exists with conflicting job modify index: 12",
            ),
            "api",
            Some(7),
        );
        assert_eq!(
            error.to_string(),
            "job `api` was changed by someone else: it was at index 7, and is now at 12"
        );
        let error = conflict(
            refused("Enforcing job modify index 0: job already exists"),
            "api",
            Some(0),
        );
        assert!(error.to_string().ends_with("and exists now"), "{error}");
        let other = conflict(refused("boom"), "api", None);
        assert!(matches!(other, Error::Api(_)));
    }

    #[test]
    fn counts_have_names_that_people_read() {
        assert_eq!(words("DestructiveUpdate"), "destructive update");
        assert_eq!(words("Place"), "place");
    }
}
