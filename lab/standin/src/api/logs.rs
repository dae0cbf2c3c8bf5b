//! Logs of sandboxes. The real API asks Loki; here the orchestrator that runs the sandbox keeps them, and is asked when
//! the API is told of a Loki.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::answer::{Answer, Outcome};
use super::call::Call;
use super::lifetime::missing;
use super::time;

/// A line as the orchestrator lists it: `{"timestamp", "line"}`.
async fn lines(call: &Call) -> Result<Vec<Value>, Answer> {
    let platform = &call.platform;
    if !platform.options.logs && !call.is_upstream() {
        // the real one crashes without a Loki
        return Err(Answer::empty(500));
    }
    let id = call.sandbox_id()?;
    let team = call.team()?;
    let found = platform.sandboxes.get(id);
    let Some(sandbox) = found.filter(|sandbox| sandbox.team == team.id) else {
        return if call.is_upstream() {
            Err(missing(id))
        } else {
            Ok(Vec::new())
        };
    };
    let Some(node) = platform.nodes.get(&sandbox.node) else {
        return Ok(Vec::new());
    };
    let query = &call.request.query;
    let start = query.integer("start").or_else(|| query.integer("cursor"));
    let limit = query.integer("limit").unwrap_or(1000);
    let path = format!(
        "/sandboxes/{id}/logs?start={}&limit={limit}",
        start.unwrap_or(0)
    );
    let mut lines = platform.peer(&node.base).list(&path).await;
    lines.truncate(usize::try_from(limit).unwrap_or(0));
    Ok(lines)
}

fn moment(line: &Value) -> String {
    let known = line.get("timestamp");
    match known {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number
            .as_i64()
            .and_then(DateTime::from_timestamp_millis)
            .map_or_else(|| time::ZERO.to_owned(), time::text),
        _ => time::text(Utc::now()),
    }
}

fn message(line: &Value) -> &str {
    ["line", "message"]
        .iter()
        .find_map(|name| line.get(name)?.as_str())
        .unwrap_or_default()
}

fn entry(line: &Value) -> Value {
    let level = line.get("level").and_then(Value::as_str).unwrap_or("info");
    let fields = line.get("fields").cloned().unwrap_or_else(|| json!({}));
    json!({"timestamp": moment(line), "level": level, "message": message(line), "fields": fields})
}

/// `GET /sandboxes/{id}/logs`.
pub async fn logs(call: &Call) -> Outcome {
    let lines = lines(call).await?;
    let plain: Vec<Value> = lines
        .iter()
        .map(|line| json!({"timestamp": moment(line), "line": message(line)}))
        .collect();
    Ok(Answer::json(
        200,
        &if call.is_upstream() {
            let entries: Vec<Value> = lines.iter().map(entry).collect();
            json!({"logs": plain, "logEntries": entries})
        } else {
            json!({ "logs": plain })
        },
    ))
}

/// `GET /v2/sandboxes/{id}/logs`.
pub async fn entries(call: &Call) -> Outcome {
    let mut entries: Vec<Value> = lines(call).await?.iter().map(entry).collect();
    if call.request.query.get("direction") == Some("backward") {
        entries.reverse();
    }
    Ok(Answer::json(200, &json!({ "logs": entries })))
}
