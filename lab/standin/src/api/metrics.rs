//! What sandboxes use, as the orchestrator that runs them measures it.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::answer::{Answer, Outcome};
use super::call::Call;
use super::connect::integer;
use super::lifetime::missing;
use super::listing;
use super::sandbox::Sandbox;
use super::time;

const MIB: i64 = 1 << 20;

/// A measurement, whichever of the platform's units the orchestrator uses.
#[derive(Debug)]
struct Metric {
    moment: DateTime<Utc>,
    cpu: i64,
    cpu_used: f64,
    memory_used: i64,
    memory_total: i64,
    memory_cache: i64,
    disk_used: i64,
    disk_total: i64,
}

impl Metric {
    fn read(value: &Value) -> Metric {
        let bytes = |name: &str, in_mib: &str| match value.get(in_mib) {
            Some(_) => integer(value.get(in_mib)).saturating_mul(MIB),
            None => integer(value.get(name)),
        };
        let unix = integer(value.get("timestampUnix"));
        let moment = value
            .get("timestamp")
            .and_then(Value::as_str)
            .and_then(time::parse)
            .or_else(|| DateTime::from_timestamp(unix, 0).filter(|_| unix > 0));
        Metric {
            moment: moment.unwrap_or_else(Utc::now),
            cpu: integer(value.get("cpuCount")),
            cpu_used: value
                .get("cpuUsedPct")
                .and_then(Value::as_f64)
                .unwrap_or(0.0),
            memory_used: bytes("memUsed", "memUsedMiB"),
            memory_total: bytes("memTotal", "memTotalMiB"),
            memory_cache: bytes("memCache", "memCacheMiB"),
            disk_used: integer(value.get("diskUsed")),
            disk_total: integer(value.get("diskTotal")),
        }
    }

    fn shown(&self, upstream: bool) -> Value {
        if upstream {
            json!({
                "timestamp": time::text(self.moment),
                "timestampUnix": self.moment.timestamp(),
                "cpuCount": self.cpu,
                "cpuUsedPct": self.cpu_used,
                "memUsed": self.memory_used,
                "memTotal": self.memory_total,
                "memCache": self.memory_cache,
                "diskUsed": self.disk_used,
                "diskTotal": self.disk_total,
            })
        } else {
            json!({
                "timestamp": time::text(self.moment),
                "cpuCount": self.cpu,
                "cpuUsedPct": self.cpu_used,
                "memUsedMiB": self.memory_used / MIB,
                "memTotalMiB": self.memory_total / MIB,
            })
        }
    }
}

async fn measured(call: &Call, sandbox: &Sandbox) -> Vec<Metric> {
    let Some(node) = call.platform.nodes.get(&sandbox.node) else {
        return Vec::new();
    };
    let path = format!("/sandboxes/{}/metrics", sandbox.id);
    let listed = call.platform.peer(&node.base).list(&path).await;
    let query = &call.request.query;
    let (start, end) = (query.integer("start"), query.integer("end"));
    listed
        .iter()
        .map(Metric::read)
        .filter(|metric| {
            let at = metric.moment.timestamp();
            start.is_none_or(|start| at >= start) && end.is_none_or(|end| at <= end)
        })
        .collect()
}

/// `GET /sandboxes/{id}/metrics`. The seed has none without a Loki, where it crashes, and none of what it does not know.
pub async fn of_one(call: &Call) -> Outcome {
    let upstream = call.is_upstream();
    if !call.platform.options.logs && !upstream {
        return Err(Answer::empty(500));
    }
    let team = call.team()?;
    let id = call.sandbox_id()?;
    let found = call.platform.sandboxes.get(id);
    let metrics = match found.filter(|sandbox| sandbox.team == team.id) {
        Some(sandbox) => measured(call, &sandbox).await,
        None if upstream => return Err(missing(id)),
        None => Vec::new(),
    };
    let shown = metrics.iter().map(|metric| metric.shown(upstream));
    Ok(Answer::json(200, &Value::Array(shown.collect())))
}

/// `GET /sandboxes/metrics`: of all that run, or upstream of those that are named.
pub async fn of_all(call: &Call) -> Outcome {
    let team = call.team()?;
    let upstream = call.is_upstream();
    let mut own = call.platform.sandboxes.all();
    own.retain(|sandbox| sandbox.team == team.id);
    if upstream {
        let ids = call.request.query.words("sandbox_ids");
        own.retain(|sandbox| ids.contains(&sandbox.id.as_str()));
        let mut newest = Map::new();
        for sandbox in own {
            if let Some(metric) = measured(call, &sandbox).await.last() {
                newest.insert(sandbox.id, metric.shown(true));
            }
        }
        return Ok(Answer::json(200, &json!({ "sandboxes": newest })));
    }
    let wanted = listing::wanted(call)?;
    if !call.platform.options.logs && !own.is_empty() {
        return Err(Answer::empty(500));
    }
    let mut shown = Vec::new();
    for sandbox in own {
        if !listing::fits(sandbox.metadata.as_ref(), &wanted) {
            continue;
        }
        let mut one = listing::shown(&sandbox, "running", false);
        let metrics = measured(call, &sandbox).await;
        if let Some(fields) = one.as_object_mut() {
            fields.remove("state");
            let metrics = metrics.iter().map(|metric| metric.shown(false));
            fields.insert("metrics".to_owned(), Value::Array(metrics.collect()));
        }
        shown.push(one);
    }
    Ok(Answer::json(200, &Value::Array(shown)))
}
