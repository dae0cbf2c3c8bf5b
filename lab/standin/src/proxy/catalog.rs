//! Which sandbox runs on which orchestrator: in memory, and gone with a restart, as without Redis.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::orchestrator::held;

/// The entries, by sandbox.
#[derive(Default)]
pub struct Catalog {
    entries: Mutex<HashMap<String, Entry>>,
}

struct Entry {
    orchestrator: String,
    execution: String,
    expires: Instant,
}

impl Catalog {
    /// Remembers what a request says.
    pub fn add(&self, message: &Value) {
        let text = |name: &str| message[name].as_str().unwrap_or_default().to_owned();
        let hours = message["sandboxMaxLength"]
            .as_u64()
            .unwrap_or(1)
            .clamp(1, 24 * 365);
        let entry = Entry {
            orchestrator: text("orchestratorId"),
            execution: text("executionId"),
            expires: Instant::now() + Duration::from_secs(hours * 3600),
        };
        let mut entries = held(&self.entries);
        entries.retain(|_, entry| entry.expires > Instant::now());
        entries.insert(text("sandboxId"), entry);
    }

    /// Forgets a sandbox, unless it has gone on as another execution; `false` when it is unknown.
    pub fn remove(&self, sandbox: &str, execution: &str) -> bool {
        let mut entries = held(&self.entries);
        let Some(entry) = entries.get(sandbox) else {
            return false;
        };
        if entry.execution == execution {
            entries.remove(sandbox);
        }
        true
    }

    /// The orchestrator of a sandbox.
    pub fn orchestrator(&self, sandbox: &str) -> Option<String> {
        let entries = held(&self.entries);
        let entry = entries.get(sandbox)?;
        Some(entry.orchestrator.clone())
    }
}
