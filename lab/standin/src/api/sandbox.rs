//! The sandboxes that run, as the API remembers them.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Duration, SubsecRound, Utc};
use serde_json::{Map, Value, json};

use super::cluster;
use super::connect::{Failure, integer, text};
use super::node::Node;
use super::platform::Platform;
use super::team::Team;
use super::time;

/// What runs, or is about to.
#[derive(Debug, Clone)]
pub struct Sandbox {
    /// `i` and 20 letters and digits.
    pub id: String,
    /// The template it runs: its own snapshot's after a resume.
    pub template: String,
    /// The template it was made from at first.
    pub base_template: String,
    /// The build of the template.
    pub build: String,
    /// The template's first alias.
    pub alias: Option<String>,
    /// The team it belongs to.
    pub team: String,
    /// The cluster in whose catalog it is.
    pub cluster: Option<String>,
    /// The node it runs on.
    pub node: String,
    /// This run of it.
    pub execution: String,
    /// When it was started.
    pub started: DateTime<Utc>,
    /// When it ends.
    pub ends: DateTime<Utc>,
    /// How long it may run at most.
    pub max_hours: i64,
    /// Processors.
    pub vcpu: i64,
    /// Memory.
    pub ram_mb: i64,
    /// Disk.
    pub disk_mb: i64,
    /// The kernel of the build.
    pub kernel: String,
    /// The Firecracker of the build.
    pub firecracker: String,
    /// The envd of the build.
    pub envd_version: String,
    /// What the client calls it; `None` when it said nothing.
    pub metadata: Option<Map<String, Value>>,
    /// Variables of all its processes.
    pub env: Map<String, Value>,
    /// What its envd wants to be shown.
    pub token: Option<String>,
    /// Whether it is paused at its end.
    pub auto_pause: bool,
    /// Whether it starts from a snapshot.
    pub resumed: bool,
}

impl Sandbox {
    /// The orchestrator's `SandboxCreateRequest`.
    pub fn request(&self) -> Value {
        let mut config = json!({
            "templateId": self.template,
            "buildId": self.build,
            "kernelVersion": self.kernel,
            "firecrackerVersion": self.firecracker,
            "hugePages": false,
            "sandboxId": self.id,
            "envVars": self.env,
            "metadata": self.metadata.clone().unwrap_or_default(),
            "envdVersion": self.envd_version,
            "vcpu": self.vcpu,
            "ramMb": self.ram_mb,
            "teamId": self.team,
            "maxSandboxLength": self.max_hours,
            "totalDiskSizeMb": self.disk_mb,
            "snapshot": self.resumed,
            "baseTemplateId": self.base_template,
            "autoPause": self.auto_pause,
            "executionId": self.execution,
        });
        if let Some(fields) = config.as_object_mut() {
            for (name, value) in [("alias", &self.alias), ("envdAccessToken", &self.token)] {
                if let Some(value) = value {
                    fields.insert(name.to_owned(), json!(value));
                }
            }
        }
        json!({
            "sandbox": config,
            "startTime": time::text(self.started),
            "endTime": time::text(self.ends),
        })
    }

    /// What an orchestrator lists.
    fn read(running: &Value, node: &Node) -> Option<Sandbox> {
        let config = running.get("config")?;
        let moment = |name: &str| time::parse(running.get(name)?.as_str()?);
        let word = |name: &str| {
            config
                .get(name)
                .and_then(Value::as_str)
                .filter(|word| !word.is_empty())
                .map(str::to_owned)
        };
        let map = |name: &str| config.get(name).and_then(Value::as_object).cloned();
        Some(Sandbox {
            id: word("sandboxId")?,
            template: text(config, "templateId"),
            base_template: word("baseTemplateId").unwrap_or_else(|| text(config, "templateId")),
            build: text(config, "buildId"),
            alias: word("alias"),
            team: word("teamId")?,
            cluster: None,
            node: node.id.clone(),
            execution: text(config, "executionId"),
            started: moment("startTime")?,
            ends: moment("endTime")?,
            max_hours: integer(config.get("maxSandboxLength")),
            vcpu: integer(config.get("vcpu")),
            ram_mb: integer(config.get("ramMb")),
            disk_mb: integer(config.get("totalDiskSizeMb")),
            kernel: text(config, "kernelVersion"),
            firecracker: text(config, "firecrackerVersion"),
            envd_version: text(config, "envdVersion"),
            metadata: map("metadata").filter(|metadata| !metadata.is_empty()),
            env: map("envVars").unwrap_or_default(),
            token: word("envdAccessToken"),
            auto_pause: config.get("autoPause").and_then(Value::as_bool) == Some(true),
            resumed: config.get("snapshot").and_then(Value::as_bool) == Some(true),
        })
    }

    /// When it must end at the latest.
    pub fn last_end(&self) -> DateTime<Utc> {
        time::after(self.started, self.max_hours.saturating_mul(3600))
    }
}

/// Now, as exactly as the database keeps it.
pub fn now() -> DateTime<Utc> {
    Utc::now().trunc_subsecs(6)
}

#[derive(Debug, Default)]
struct State {
    running: HashMap<String, Sandbox>,
    /// Teams of those that are being started, by id.
    starting: HashMap<String, String>,
    /// Those that are being paused or killed: orchestrators may still list them.
    leaving: HashSet<String>,
    /// Which were made for which idempotency keys.
    made: HashMap<String, String>,
}

/// All of them.
#[derive(Debug, Default)]
pub struct Sandboxes(Mutex<State>);

/// A place among those that a team may run, until the sandbox is started or has failed.
#[derive(Debug)]
pub struct Starting<'s> {
    sandboxes: &'s Sandboxes,
    id: String,
}

impl Drop for Starting<'_> {
    fn drop(&mut self) {
        self.sandboxes.with(|state| state.starting.remove(&self.id));
    }
}

impl Sandboxes {
    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes a place for a sandbox of the team; `None` when it has no more.
    pub fn begin(&self, id: &str, team: &str, most: i64) -> Option<Starting<'_>> {
        let begun = self.with(|state| {
            let running = state
                .running
                .values()
                .filter(|sandbox| sandbox.team == team);
            let starting = state.starting.values().filter(|other| *other == team);
            let count = running.count() + starting.count();
            let room = i64::try_from(count).is_ok_and(|count| count < most);
            if room {
                state.starting.insert(id.to_owned(), team.to_owned());
            }
            room
        });
        begun.then(|| Starting {
            sandboxes: self,
            id: id.to_owned(),
        })
    }

    /// Whether it is being started.
    pub fn is_starting(&self, id: &str) -> bool {
        self.with(|state| state.starting.contains_key(id))
    }

    /// Remembers one that runs.
    pub fn insert(&self, sandbox: Sandbox) {
        self.with(|state| {
            state.leaving.remove(&sandbox.id);
            state.running.insert(sandbox.id.clone(), sandbox)
        });
    }

    /// The one that was made for an idempotency key, while it runs.
    pub fn made_for(&self, key: &str) -> Option<Sandbox> {
        self.with(|state| state.running.get(state.made.get(key)?).cloned())
    }

    /// Remembers which was made for an idempotency key.
    pub fn remember(&self, key: String, id: &str) {
        self.with(|state| state.made.insert(key, id.to_owned()));
    }

    /// A copy of one that runs.
    pub fn get(&self, id: &str) -> Option<Sandbox> {
        self.with(|state| state.running.get(id).cloned())
    }

    /// Copies of those that run.
    pub fn all(&self) -> Vec<Sandbox> {
        self.with(|state| state.running.values().cloned().collect())
    }

    /// How many run on a node.
    pub fn count_on(&self, node: &str) -> usize {
        self.with(|state| {
            let on = state
                .running
                .values()
                .filter(|sandbox| sandbox.node == node);
            on.count()
        })
    }

    /// Takes one away: it is being paused or killed.
    pub fn take(&self, id: &str) -> Option<Sandbox> {
        self.with(|state| {
            let sandbox = state.running.remove(id)?;
            state.leaving.insert(id.to_owned());
            Some(sandbox)
        })
    }

    /// One that was taken is gone from its node.
    pub fn left(&self, id: &str) {
        self.with(|state| state.leaving.remove(id));
    }

    /// Those whose time is over, taken away.
    pub fn take_expired(&self, now: DateTime<Utc>) -> Vec<Sandbox> {
        let over: Vec<String> = self.with(|state| {
            let over = state.running.values().filter(|sandbox| sandbox.ends <= now);
            over.map(|sandbox| sandbox.id.clone()).collect()
        });
        over.iter().filter_map(|id| self.take(id)).collect()
    }

    /// Sets when one ends; `None` when it does not run.
    pub fn set_end(&self, id: &str, ends: DateTime<Utc>) -> Option<Sandbox> {
        self.with(|state| {
            let sandbox = state.running.get_mut(id)?;
            sandbox.ends = ends;
            Some(sandbox.clone())
        })
    }
}

/// Ends one that was taken, on its node and in the catalog.
pub async fn kill(platform: &Platform, sandbox: &Sandbox) -> Result<(), Failure> {
    let done = match platform.nodes.get(&sandbox.node) {
        Some(node) => {
            let message = json!({"sandboxId": sandbox.id});
            platform
                .peer(&node.base)
                .call("SandboxService/Delete", &message)
                .await
                .map(drop)
        }
        None => Ok(()),
    };
    cluster::leave(platform, sandbox).await;
    platform.sandboxes.left(&sandbox.id);
    done
}

/// Compares what the API remembers of a node with what runs there: an API that was started anew learns its sandboxes, one
/// whose orchestrator was started anew forgets them.
pub async fn sync(platform: &Arc<Platform>, node: &Node) {
    let limit = std::time::Duration::from_secs(10);
    let peer = platform.peer(&node.base);
    let Ok(listed) = peer
        .call_within(limit, "SandboxService/List", &json!({}))
        .await
    else {
        return;
    };
    let listed: Vec<Sandbox> = listed
        .get("sandboxes")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|running| Sandbox::read(running, node))
        .collect();
    let settled = Utc::now() - Duration::seconds(10);
    platform.sandboxes.with(|state| {
        state.running.retain(|id, sandbox| {
            sandbox.node != node.id
                || sandbox.started > settled
                || listed.iter().any(|other| other.id == *id)
        });
    });
    for mut sandbox in listed {
        let known = platform.sandboxes.with(|state| {
            state.running.contains_key(&sandbox.id)
                || state.starting.contains_key(&sandbox.id)
                || state.leaving.contains(&sandbox.id)
        });
        if known {
            continue;
        }
        if let Ok(db) = platform.database.get().await
            && let Ok(Some(team)) =
                Team::by_id(&db, platform.database.profile(), &sandbox.team).await
        {
            sandbox.cluster = team.cluster;
        }
        platform.sandboxes.insert(sandbox);
    }
}
