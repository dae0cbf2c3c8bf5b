//! What the service says of itself: who it is, since when, and whether it takes sandboxes.

use std::env;
use std::sync::atomic::{AtomicU8, Ordering};

use chrono::{SecondsFormat, Utc};
use hyper::Response;
use serde_json::{Value, json};

use crate::connect::{self, error};
use crate::http::{self, Reply};

const STATES: [&str; 3] = [
    "OrchestratorHealthy",
    "OrchestratorDraining",
    "OrchestratorUnhealthy",
];

/// A service of a client node.
pub struct Info {
    node: String,
    service: String,
    since: String,
    role: &'static str,
    state: AtomicU8,
}

impl Info {
    /// The service that starts now.
    pub fn new(role: &'static str) -> Info {
        Info {
            node: env::var("NODE_ID").unwrap_or_else(|_| "unknown".to_owned()),
            service: uuid(),
            since: Utc::now().to_rfc3339_opts(SecondsFormat::Nanos, true),
            role,
            state: AtomicU8::new(0),
        }
    }

    /// The first part of the node's id, by which the platform calls a node.
    pub fn client_id(&self) -> String {
        self.node.chars().take(8).collect()
    }

    /// Takes nothing new from now on.
    pub fn drain(&self) {
        self.state.store(1, Ordering::Relaxed);
    }

    /// Whether new work is taken.
    pub fn is_open(&self) -> bool {
        self.state.load(Ordering::Relaxed) == 0
    }

    fn state(&self) -> &'static str {
        let state = usize::from(self.state.load(Ordering::Relaxed));
        STATES.get(state).copied().unwrap_or_default()
    }

    /// `ServiceStatusOverride`.
    pub fn set(&self, message: &Value) -> connect::Result<Value> {
        let wanted = &message["serviceStatus"];
        let number = match wanted.as_str() {
            Some(name) => STATES.iter().position(|state| *state == name),
            None => usize::try_from(wanted.as_u64().unwrap_or_default()).ok(),
        };
        let number = number.and_then(|number| u8::try_from(number).ok());
        let number = number
            .filter(|number| *number < 3)
            .ok_or_else(|| error("invalid_argument", "there is no such status"))?;
        self.state.store(number, Ordering::Relaxed);
        Ok(json!({}))
    }

    /// `ServiceInfo`, with nothing running.
    pub fn service_info(&self) -> Value {
        json!({
            "nodeId": self.node,
            "serviceId": self.service,
            "serviceVersion": env!("CARGO_PKG_VERSION"),
            "serviceCommit": "",
            "serviceStatus": self.state(),
            "serviceRoles": [self.role],
            "serviceStartup": self.since,
            "metricVcpuUsed": 0,
            "metricMemoryUsedMb": 0,
            "metricDiskMb": 0,
            "metricSandboxesRunning": 0,
        })
    }

    /// `GET /health`.
    pub fn health(&self) -> Response<Reply> {
        let state = self.state().trim_start_matches("Orchestrator");
        let status = if state == "Unhealthy" { 503 } else { 200 };
        let version = concat!("standin-", env!("CARGO_PKG_VERSION"));
        let body = json!({"status": state.to_lowercase(), "version": version});
        http::answer(status, "application/json", body.to_string())
    }
}

/// A new id; the kernel makes them.
pub fn uuid() -> String {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/uuid");
    text.unwrap_or_default().trim().to_owned()
}
