//! Lists of sandboxes, and single ones.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::answer::{Answer, Outcome};
use super::call::Call;
use super::cursor::Cursor;
use super::lifetime::missing;
use super::query;
use super::sandbox::Sandbox;
use super::snapshot::Snapshot;
use super::time;

/// The client of those that run nowhere.
const NOWHERE: &str = "00000000";

/// An item of a list.
#[derive(Debug)]
struct Item {
    id: String,
    started: DateTime<Utc>,
    template: String,
    metadata: Option<Map<String, Value>>,
    shown: Value,
    runs: bool,
}

/// What lists show of one that runs; `state` is empty in a node's list.
pub fn shown(sandbox: &Sandbox, state: &str, upstream: bool) -> Value {
    let mut shown = json!({
        "templateID": sandbox.template,
        "sandboxID": sandbox.id,
        "clientID": sandbox.node,
        "startedAt": time::text(sandbox.started),
        "endAt": time::text(sandbox.ends),
        "cpuCount": sandbox.vcpu,
        "memoryMB": sandbox.ram_mb,
        "state": state,
    });
    if let Some(fields) = shown.as_object_mut() {
        complete(fields, sandbox.alias.as_ref(), sandbox.metadata.as_ref());
        if upstream {
            fields.insert("diskSizeMB".to_owned(), json!(sandbox.disk_mb));
            fields.insert("envdVersion".to_owned(), json!(sandbox.envd_version));
        }
    }
    shown
}

fn complete(
    fields: &mut Map<String, Value>,
    alias: Option<&String>,
    metadata: Option<&Map<String, Value>>,
) {
    if let Some(alias) = alias {
        fields.insert("alias".to_owned(), json!(alias));
    }
    if let Some(metadata) = metadata {
        fields.insert("metadata".to_owned(), Value::Object(metadata.clone()));
    }
}

fn paused(snapshot: &Snapshot, upstream: bool) -> Value {
    let mut shown = json!({
        "templateID": snapshot.base_template,
        "sandboxID": snapshot.sandbox,
        "clientID": NOWHERE,
        "startedAt": time::text(snapshot.started),
        "endAt": time::text(snapshot.paused),
        "cpuCount": snapshot.vcpu,
        "memoryMB": snapshot.ram_mb,
        "state": "paused",
    });
    if let Some(fields) = shown.as_object_mut() {
        complete(fields, snapshot.aliases.first(), snapshot.metadata.as_ref());
        if upstream {
            fields.insert(
                "diskSizeMB".to_owned(),
                json!(snapshot.disk_mb.unwrap_or(0)),
            );
            let version = snapshot.envd_version.as_deref().unwrap_or_default();
            fields.insert("envdVersion".to_owned(), json!(version));
        }
    }
    shown
}

/// With what only a single sandbox shows.
fn detail(
    mut shown: Value,
    token: Option<&String>,
    version: &str,
    auto_pause: bool,
    upstream: bool,
) -> Value {
    if let Some(fields) = shown.as_object_mut() {
        fields.insert("envdVersion".to_owned(), json!(version));
        if let Some(token) = token {
            fields.insert("envdAccessToken".to_owned(), json!(token));
        }
        if upstream {
            fields.insert("domain".to_owned(), Value::Null);
            let end = if auto_pause { "pause" } else { "kill" };
            let lifecycle = json!({"autoResume": false, "onTimeout": end});
            fields.insert("lifecycle".to_owned(), lifecycle);
        }
    }
    shown
}

/// `GET /sandboxes/{id}`.
pub async fn get(call: &Call) -> Outcome {
    let team = call.team()?;
    let id = call.sandbox_id()?;
    let upstream = call.is_upstream();
    let running = call.platform.sandboxes.get(id);
    if let Some(sandbox) = running.filter(|sandbox| sandbox.team == team.id) {
        let one = shown(&sandbox, "running", upstream);
        let token = sandbox.token.as_ref();
        let version = &sandbox.envd_version;
        let one = detail(one, token, version, sandbox.auto_pause, upstream);
        return Ok(Answer::json(200, &one));
    }
    let db = call.platform.database.get().await?;
    let found = Snapshot::find(&db, id).await?;
    match found.filter(|snapshot| snapshot.team == team.id) {
        Some(snapshot) if upstream => {
            let version = snapshot.envd_version.as_deref().unwrap_or_default();
            let one = detail(paused(&snapshot, true), None, version, false, true);
            Ok(Answer::json(200, &one))
        }
        // the seed's handler reads what only running ones have, and crashes
        Some(_) => Err(Answer::empty(500)),
        None if upstream => Err(missing(id)),
        None => {
            let text = format!(
                "sandbox \"{}\" doesn't exist or you don't have access to it",
                call.part(0)
            );
            Err(Answer::json(404, &Value::String(text)))
        }
    }
}

/// Whether metadata has all of the wanted pairs.
pub fn fits(metadata: Option<&Map<String, Value>>, wanted: &[(String, String)]) -> bool {
    wanted.iter().all(|(name, value)| {
        metadata
            .and_then(|metadata| metadata.get(name))
            .is_some_and(|found| found == value)
    })
}

/// The pairs that the query wants.
pub fn wanted(call: &Call) -> Result<Vec<(String, String)>, Answer> {
    match call.request.query.get("metadata") {
        None => Ok(Vec::new()),
        Some(text) => {
            query::metadata(text).ok_or_else(|| Answer::problem(400, "Error parsing metadata"))
        }
    }
}

fn running_items(call: &Call) -> Result<Vec<Item>, Answer> {
    let team = call.team()?;
    let upstream = call.is_upstream();
    let all = call.platform.sandboxes.all().into_iter();
    let own = all.filter(|sandbox| sandbox.team == team.id);
    Ok(own
        .map(|sandbox| Item {
            shown: shown(&sandbox, "running", upstream),
            id: sandbox.id,
            started: sandbox.started,
            template: sandbox.base_template,
            metadata: sandbox.metadata,
            runs: true,
        })
        .collect())
}

fn newest_first(items: &mut [Item]) {
    items.sort_by(|a, b| b.started.cmp(&a.started).then_with(|| a.id.cmp(&b.id)));
}

/// `GET /sandboxes`: those that run.
pub fn running(call: &Call) -> Outcome {
    let wanted = wanted(call)?;
    let mut items = running_items(call)?;
    items.retain(|item| fits(item.metadata.as_ref(), &wanted));
    newest_first(&mut items);
    let items = items.into_iter().map(|item| item.shown);
    Ok(Answer::json(200, &Value::Array(items.collect())))
}

/// `GET /v2/sandboxes`: also those that are paused, in pages.
pub async fn all(call: &Call) -> Outcome {
    let query = &call.request.query;
    let upstream = call.is_upstream();
    let wanted = wanted(call)?;
    let cursor = match query.get("nextToken").filter(|text| !text.is_empty()) {
        Some(text) => Some(Cursor::decode(text)?),
        None => None,
    };
    let states = query.words("state");
    let shows = |state: &str| states.is_empty() || states.contains(&state);
    let mut items = running_items(call)?;
    if shows("paused") {
        let db = call.platform.database.get().await?;
        let team = call.team()?;
        for snapshot in Snapshot::of_team(&db, call.profile(), &team.id).await? {
            if call.platform.sandboxes.get(&snapshot.sandbox).is_none() {
                items.push(Item {
                    shown: paused(&snapshot, upstream),
                    id: snapshot.sandbox,
                    started: snapshot.started,
                    template: snapshot.base_template,
                    metadata: snapshot.metadata,
                    runs: false,
                });
            }
        }
    }
    items.retain(|item| (!item.runs || shows("running")) && fits(item.metadata.as_ref(), &wanted));
    if let Some(template) = query.get("template").filter(|_| upstream) {
        items.retain(|item| item.template == template);
    }
    let total = items.iter().filter(|item| item.runs).count();
    newest_first(&mut items);
    let ascending = upstream && query.get("order") == Some("asc");
    if ascending {
        items.reverse();
    }
    if let Some(cursor) = cursor {
        items.retain(|item| {
            let here = (std::cmp::Reverse(item.started), &item.id);
            let last = (std::cmp::Reverse(cursor.time), &cursor.id);
            if ascending { here < last } else { here > last }
        });
    }
    let most = if upstream { 100 } else { 1000 };
    let limit = query.integer("limit").unwrap_or(most).clamp(1, most);
    let limit = usize::try_from(limit).unwrap_or(1);
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| more).map(|item| Cursor {
        time: item.started,
        id: item.id.clone(),
    });
    let count = items.len();
    let items = items.into_iter().map(|item| item.shown);
    let mut answer = Answer::json(200, &Value::Array(items.collect()));
    if let Some(next) = next {
        answer = answer.with("x-next-token", next.encode());
    }
    Ok(if upstream {
        answer.with("x-total-running", total.to_string())
    } else {
        answer.with("x-total-items", count.to_string())
    })
}
