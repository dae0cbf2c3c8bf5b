//! What operators do to a running job: scale, restart, promote, fail, evaluate, dispatch.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Allocation, Error, Nomad, Registered, path};
use crate::hashi::Error as ApiError;
use crate::http::Method;

/// A run of a parameterized job.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
#[serde(default, rename_all(deserialize = "PascalCase"))]
pub struct Dispatched {
    /// The id of the new job.
    #[serde(rename(deserialize = "DispatchedJobID"))]
    pub job: String,
    #[serde(rename(deserialize = "EvalID"))]
    pub evaluation: String,
    #[serde(rename(deserialize = "JobCreateIndex"))]
    pub index: u64,
}

impl Nomad {
    /// Sets how many allocations a group has; `None` for the only group. `why` is kept by Nomad.
    pub async fn scale(
        &self,
        job: &str,
        group: Option<&str>,
        count: u64,
        why: &str,
    ) -> Result<Registered, Error> {
        let group = match group {
            Some(group) => group.to_owned(),
            None => only_group(job, &self.get_job(job).await?)?,
        };
        let body = json!({ "Count": count, "Target": { "Group": group }, "Message": why });
        let path = path(&["job", job, "scale"]);
        let scaled: Registered = self.api.send(Method::POST, &path, &[], &body).await?;
        Ok(Registered {
            job: job.to_owned(),
            ..scaled
        })
    }

    /// Starts the tasks of an allocation anew, where they are; `None` for those that run.
    pub async fn restart_allocation(&self, id: &str, task: Option<&str>) -> Result<(), ApiError> {
        let body = match task {
            Some(task) => json!({ "TaskName": task }),
            None => json!({}),
        };
        let path = path(&["client", "allocation", id, "restart"]);
        let body = Some(body.to_string().into());
        self.api.call(Method::PUT, &path, &[], body).await?;
        Ok(())
    }

    /// Stops an allocation; the scheduler puts another in its place, perhaps elsewhere.
    pub async fn stop_allocation(&self, allocation: &Allocation) -> Result<Registered, ApiError> {
        let path = path(&["allocation", &allocation.id, "stop"]);
        let stopped: Registered = self.api.send(Method::PUT, &path, &[], &json!({})).await?;
        Ok(Registered {
            job: allocation.job.clone(),
            ..stopped
        })
    }

    /// Has the scheduler look at a job again; allocations that failed are placed anew at once.
    pub async fn evaluate(&self, job: &str) -> Result<Registered, ApiError> {
        let body = json!({ "JobID": job, "EvalOptions": { "ForceReschedule": true } });
        let path = path(&["job", job, "evaluate"]);
        let evaluated: Registered = self.api.send(Method::POST, &path, &[], &body).await?;
        Ok(Registered {
            job: job.to_owned(),
            ..evaluated
        })
    }

    /// Lets a deployment go on from its canaries to all allocations.
    pub async fn promote(&self, deployment: &str, job: &str) -> Result<Registered, ApiError> {
        let body = json!({ "DeploymentID": deployment, "All": true });
        self.of_deployment("promote", deployment, job, &body).await
    }

    /// Ends a deployment; Nomad goes back to the version before where the job says so.
    pub async fn fail(&self, deployment: &str, job: &str) -> Result<Registered, ApiError> {
        self.of_deployment("fail", deployment, job, &json!({}))
            .await
    }

    async fn of_deployment(
        &self,
        verb: &str,
        deployment: &str,
        job: &str,
        body: &Value,
    ) -> Result<Registered, ApiError> {
        let path = path(&["deployment", verb, deployment]);
        let done: Registered = self.api.send(Method::POST, &path, &[], body).await?;
        Ok(Registered {
            job: job.to_owned(),
            ..done
        })
    }

    /// Runs a parameterized job with a payload and meta data.
    pub async fn dispatch(
        &self,
        job: &str,
        payload: &[u8],
        meta: &Map<String, Value>,
    ) -> Result<Dispatched, ApiError> {
        let body = json!({ "Payload": STANDARD.encode(payload), "Meta": meta });
        let path = path(&["job", job, "dispatch"]);
        self.api.send(Method::POST, &path, &[], &body).await
    }
}

fn only_group(job: &str, spec: &Value) -> Result<String, Error> {
    let groups = spec.get("TaskGroups").and_then(Value::as_array);
    let names: Vec<&str> = groups
        .into_iter()
        .flatten()
        .filter_map(|group| group.get("Name")?.as_str())
        .collect();
    match names.as_slice() {
        [one] => Ok((*one).to_owned()),
        _ => Err(Error::Refused(format!(
            "job `{job}` has several groups, and none was named: {}",
            names.join(", ")
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_need_not_be_named_where_there_is_one() {
        let one = json!({ "TaskGroups": [{ "Name": "web" }] });
        assert_eq!(only_group("a", &one).unwrap(), "web");
        let two = json!({ "TaskGroups": [{ "Name": "web" }, { "Name": "db" }] });
        let error = only_group("a", &two).unwrap_err().to_string();
        assert!(error.ends_with("web, db"), "{error}");
    }
}
