//! The builds of this service: what they are, how far they are, and what they said.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::build;
use crate::connect::{Result, error};
use crate::envd;
use crate::orchestrator::held;
use crate::storage;

/// How many lines of a build's log are kept.
const LINES: usize = 10_000;

/// All builds since the start.
#[derive(Default)]
pub struct Jobs {
    known: Mutex<BTreeMap<String, Job>>,
}

struct Job {
    progress: Arc<Progress>,
    task: JoinHandle<()>,
}

/// How far a build is.
#[derive(Default)]
pub struct Progress {
    logs: Mutex<Vec<String>>,
    /// The size of its disk in MiB, or why it failed.
    ended: Mutex<Option<std::result::Result<u64, String>>>,
}

impl Progress {
    /// Adds a line to the log.
    pub fn say(&self, line: impl Into<String>) {
        let mut logs = held(&self.logs);
        if logs.len() < LINES {
            logs.push(line.into());
        }
    }

    fn end(&self, result: std::result::Result<u64, String>) {
        match &result {
            Ok(_) => self.say("Build finished"),
            Err(why) => self.say(format!("Build failed: {why}")),
        }
        *held(&self.ended) = Some(result);
    }
}

/// A field as it is written in messages, in either spelling.
fn id<'a>(message: &'a Value, names: [&str; 2]) -> &'a str {
    let found = names.iter().find_map(|name| message[*name].as_str());
    found.unwrap_or_default()
}

fn build_id(message: &Value) -> &str {
    id(message, ["buildID", "buildId"])
}

impl Jobs {
    /// `TemplateCreate`: begins a build.
    pub fn create(&self, message: &Value) -> Result<Value> {
        let template = &message["template"];
        let build = build_id(template).to_owned();
        if storage::header::id(&build).is_none() {
            let why = format!("build id '{build}' is no UUID");
            return Err(error("invalid_argument", why));
        }
        let mut known = held(&self.known);
        let runs = |job: &Job| !job.task.is_finished();
        if known.get(&build).is_some_and(runs) {
            let why = format!("build '{build}' is running already");
            return Err(error("already_exists", why));
        }
        let progress = Arc::new(Progress::default());
        let own = Arc::clone(&progress);
        let wanted = build::Wanted {
            template: id(template, ["templateID", "templateId"]).to_owned(),
            build: build.clone(),
            config: template.clone(),
            scope: id(message, ["cacheScope", "cache_scope"]).to_owned(),
            upstream: message.get("upstream").cloned(),
        };
        let task = tokio::spawn(async move {
            let built = build::build(&wanted, &own).await;
            own.end(built);
        });
        known.insert(build, Job { progress, task });
        Ok(json!({}))
    }

    /// `TemplateBuildStatus`.
    pub fn status(&self, message: &Value) -> Result<Value> {
        let build = build_id(message);
        let known = held(&self.known);
        let job = known
            .get(build)
            .ok_or_else(|| error("not_found", format!("build '{build}' not found")))?;
        let logs = held(&job.progress.logs).clone();
        Ok(match &*held(&job.progress.ended) {
            None => json!({"status": "Building", "logs": logs}),
            Some(Ok(size)) => json!({
                "status": "Completed",
                "metadata": {"rootfsSizeKey": size, "envdVersionKey": envd::VERSION},
                "logs": logs,
            }),
            Some(Err(why)) => json!({"status": "Failed", "reason": why, "logs": logs}),
        })
    }

    /// `TemplateBuildDelete`: ends a build that runs, and removes what there is of it.
    pub fn delete(&self, message: &Value) -> Result<Value> {
        let build = build_id(message);
        if let Some(job) = held(&self.known).remove(build) {
            job.task.abort();
        }
        storage::remove(build).map_err(|why| error("internal", why))?;
        Ok(json!({}))
    }
}
