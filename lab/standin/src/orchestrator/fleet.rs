//! All sandboxes of a node, and the calls about them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Duration, Utc};
use serde_json::{Value, json};

use super::info::Info;
use super::network::{SLOTS, Slot};
use super::sandbox::{Sandbox, number, stamp, text};
use super::{envd, lifetime};
use crate::connect::{Result, error};
use crate::field::Field;
use crate::misfortune;
use crate::storage::Layers;

/// The node's sandboxes.
pub struct Fleet {
    /// What the service says of itself.
    pub info: Info,
    pub layers: Layers,
    running: Mutex<BTreeMap<String, Arc<Sandbox>>>,
    /// Those that start just now.
    starting: Mutex<BTreeSet<String>>,
    slots: Mutex<BTreeSet<u32>>,
}

/// What a lock guards: a panic elsewhere has not harmed it.
pub fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Fleet {
    pub fn new() -> Fleet {
        Fleet {
            info: Info::new("Orchestrator"),
            layers: Layers::default(),
            running: Mutex::default(),
            starting: Mutex::default(),
            slots: Mutex::default(),
        }
    }

    /// The sandbox of an id.
    ///
    /// # Errors
    ///
    /// When it does not run here.
    pub fn find(&self, id: &str) -> Result<Arc<Sandbox>> {
        let found = held(&self.running).get(id).cloned();
        found.ok_or_else(|| error("not_found", format!("sandbox '{id}' not found")))
    }

    /// All of them.
    pub fn all(&self) -> Vec<Arc<Sandbox>> {
        held(&self.running).values().cloned().collect()
    }

    /// Takes one out, so that nobody else ends it.
    pub fn take(&self, id: &str) -> Result<Arc<Sandbox>> {
        let taken = held(&self.running).remove(id);
        taken.ok_or_else(|| error("not_found", format!("sandbox '{id}' not found")))
    }

    /// Gives back what a sandbox held that is gone.
    pub fn free(&self, slot: u32) {
        held(&self.slots).remove(&slot);
    }

    /// `Create`.
    pub async fn create(self: &Arc<Self>, message: &Value) -> Result<Value> {
        if misfortune::no_capacity() {
            let why = "no capacity on this node (on purpose)";
            return Err(error("resource_exhausted", why));
        }
        if !self.info.is_open() {
            return Err(error("unavailable", "the node is draining"));
        }
        let config = message["sandbox"].clone();
        let id = text(&config, "sandboxId").to_owned();
        if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(error(
                "invalid_argument",
                format!("invalid sandbox id '{id}'"),
            ));
        }
        let started = moment(message, "startTime").unwrap_or_else(Utc::now);
        let ends = moment(message, "endTime").unwrap_or_else(|| started + Duration::seconds(15));
        if held(&self.running).contains_key(&id) || !held(&self.starting).insert(id.clone()) {
            let why = format!("sandbox '{id}' is already running");
            return Err(error("already_exists", why));
        }
        // on a task of its own: a caller that goes away must not leave half a sandbox
        let fleet = Arc::clone(self);
        let begun = tokio::spawn(async move {
            let begun = fleet.begin(id.clone(), config, started, ends).await;
            held(&fleet.starting).remove(&id);
            begun
        });
        begun
            .await
            .map_err(|why| error("internal", why.to_string()))??;
        Ok(json!({"clientId": self.info.client_id()}))
    }

    async fn begin(
        &self,
        id: String,
        config: Value,
        started: DateTime<Utc>,
        ends: DateTime<Utc>,
    ) -> Result<()> {
        let slot = {
            let mut slots = held(&self.slots);
            let free = (1..=SLOTS).find(|slot| !slots.contains(slot));
            let free = free
                .ok_or_else(|| error("resource_exhausted", "no free network slot on this node"))?;
            slots.insert(free);
            Slot::new(free)
        };
        let number = slot.number;
        match Sandbox::start(&self.layers, slot, config, (started, ends)).await {
            Ok(sandbox) => {
                held(&self.running).insert(id, Arc::new(sandbox));
                Ok(())
            }
            Err(why) => {
                self.free(number);
                let why = format!("failed to create sandbox: {why}");
                crate::say(&why);
                Err(error("internal", why))
            }
        }
    }

    /// `Update`: another end.
    pub fn update(&self, message: &Value) -> Result<Value> {
        let sandbox = self.find(text(message, "sandboxId"))?;
        let ends = moment(message, "endTime")
            .ok_or_else(|| error("invalid_argument", "end time is required"))?;
        *held(&sandbox.ends) = ends;
        Ok(json!({}))
    }

    /// `List`.
    pub fn list(&self) -> Value {
        let client = self.info.client_id();
        let shown = self.all().into_iter().map(|sandbox| {
            json!({
                "config": sandbox.config,
                "clientId": client,
                "startTime": stamp(sandbox.started),
                "endTime": stamp(*held(&sandbox.ends)),
            })
        });
        json!({"sandboxes": shown.collect::<Vec<_>>()})
    }

    /// `Delete`.
    pub async fn delete(self: &Arc<Self>, message: &Value) -> Result<Value> {
        let sandbox = self.take(text(message, "sandboxId"))?;
        let fleet = Arc::clone(self);
        // on a task of its own, as above
        let ended = tokio::spawn(async move { fleet.end(&sandbox).await });
        ended
            .await
            .map_err(|why| error("internal", why.to_string()))?;
        Ok(json!({}))
    }

    /// Ends a sandbox that was taken out.
    pub async fn end(&self, sandbox: &Sandbox) {
        sandbox.end().await;
        self.free(sandbox.slot.number);
    }

    /// Ends all of them.
    pub async fn end_all(&self) {
        let all = std::mem::take(&mut *held(&self.running));
        for sandbox in all.values() {
            sandbox.end().await;
        }
    }

    /// `ListCachedBuilds`.
    pub fn cached_builds(&self) -> Value {
        let expires = stamp(Utc::now() + lifetime::CACHED);
        let builds = self.layers.cached();
        let builds = builds
            .iter()
            .map(|build| json!({"buildId": build, "expirationTime": expires}));
        json!({"builds": builds.collect::<Vec<_>>()})
    }

    /// `ServiceInfo`.
    pub fn service_info(&self) -> Value {
        let all = self.all();
        let sum = |name| {
            all.iter()
                .map(|sandbox| number(&sandbox.config, name))
                .sum::<u64>()
        };
        let mut info = self.info.service_info();
        info.put("metricVcpuUsed", sum("vcpu"));
        info.put("metricMemoryUsedMb", sum("ramMb"));
        info.put("metricDiskMb", sum("totalDiskSizeMb"));
        info.put("metricSandboxesRunning", all.len());
        info
    }

    /// `Exec`: one program, as root, to its end.
    pub async fn exec(&self, message: &Value) -> Result<Value> {
        let sandbox = self.find(text(message, "sandboxId"))?;
        let execution = text(message, "executionId");
        if !execution.is_empty() && execution != text(&sandbox.config, "executionId") {
            let why = "execution id does not match active sandbox session";
            return Err(error("permission_denied", why));
        }
        if text(message, "command").is_empty() {
            return Err(error("invalid_argument", "command is required"));
        }
        let mut process = json!({
            "cmd": message["command"],
            "args": message["args"].as_array().cloned().unwrap_or_default(),
            "envs": message["env"].as_object().cloned().unwrap_or_default(),
        });
        if let Some(directory) = message["cwd"].as_str() {
            process.put("cwd", directory);
        }
        let token = message["accessToken"]
            .as_str()
            .filter(|token| !token.is_empty());
        let token = sandbox.token().or(token);
        let seconds = number(message, "timeoutSeconds");
        let ran = envd::run(sandbox.slot.address, "root", token, seconds, &process).await;
        let ran = ran.map_err(|why| {
            error(
                "internal",
                format!("stream error: {}: {}", why.code, why.message),
            )
        })?;
        let utf8 = |bytes| {
            let why = "string field contains invalid UTF-8";
            String::from_utf8(bytes).map_err(|_| error("internal", why))
        };
        let mut status = text(&ran.end, "status").to_owned();
        if let Some(why) = ran.end.of("error").as_str() {
            status = format!("{status}: {why}");
        }
        Ok(json!({
            "stdout": utf8(ran.stdout)?,
            "stderr": utf8(ran.stderr)?,
            "exitCode": ran.end.of("exitCode").as_i64().unwrap_or_default(),
            "status": status,
        }))
    }
}

fn moment(message: &Value, name: &str) -> Option<DateTime<Utc>> {
    let parsed = DateTime::parse_from_rfc3339(message[name].as_str()?).ok()?;
    Some(parsed.to_utc())
}
