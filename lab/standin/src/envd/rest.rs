//! The small calls: health, metrics, variables, and what the orchestrator sets at the start.

use std::fs;
use std::thread;

use chrono::Utc;
use hyper::body::Incoming;
use hyper::{Request, Response};
use serde_json::{Value, json};

use super::router;
use super::state::{State, held};
use crate::field::Field;
use crate::http::{self, Reply};

/// Done, and nothing to say.
pub fn empty() -> Response<Reply> {
    let mut response = http::answer(204, "", "");
    http::set(&mut response, "content-type", "");
    http::set(&mut response, "cache-control", "no-store");
    response
}

fn stored(value: &Value) -> Response<Reply> {
    let mut response = http::answer(200, "application/json", format!("{value}\n"));
    http::set(&mut response, "cache-control", "no-store");
    response
}

/// `GET /envs`.
pub fn variables(state: &State) -> Response<Reply> {
    stored(&json!(*held(&state.variables)))
}

/// `GET /metrics`: of the machine, which here is the node's own.
pub fn metrics() -> Response<Reply> {
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib = |name: &str| -> u64 {
        let line = memory.lines().find_map(|line| line.strip_prefix(name));
        let word = line.and_then(|line| line.split_whitespace().next());
        word.and_then(|word| word.parse().ok()).unwrap_or_default()
    };
    let (total, available) = (kib("MemTotal:"), kib("MemAvailable:"));
    let processors = thread::available_parallelism().map_or(1, usize::from);
    stored(&json!({
        "ts": Utc::now().timestamp(),
        "cpu_count": processors,
        "cpu_used_pct": load(processors),
        "mem_total_mib": total / 1024,
        "mem_used_mib": total.saturating_sub(available) / 1024,
    }))
}

/// The load of the last minute, as a share of all processors.
fn load(processors: usize) -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let word = text.split_whitespace().next();
    let load: f64 = word.and_then(|word| word.parse().ok()).unwrap_or_default();
    let most = u32::try_from(processors).map_or(1.0, f64::from);
    (load / most * 10_000.0).round().min(10_000.0) / 100.0
}

/// `POST /init`: variables, and the access token of a secure sandbox.
pub async fn init(state: &State, request: Request<Incoming>) -> Response<Reply> {
    let Some(body) = http::whole(request.into_body()).await else {
        return router::error(400, "the body broke off");
    };
    let value: Value = match body.is_empty() {
        true => json!({}),
        false => match serde_json::from_slice(&body) {
            Ok(value) => value,
            Err(_) => return http::answer(400, "", ""),
        },
    };
    if let Some(token) = value.of("accessToken").as_str()
        && !state.set_token(token)
    {
        return http::answer(409, "", "");
    }
    if let Some(variables) = value.of("envVars").as_object() {
        let mut known = held(&state.variables);
        for (name, value) in variables {
            let text = value.as_str().unwrap_or_default();
            known.insert(name.clone(), text.to_owned());
        }
    }
    empty()
}
