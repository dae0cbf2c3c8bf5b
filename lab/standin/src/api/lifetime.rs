//! When sandboxes end: sooner, later, now.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::answer::{Answer, Outcome};
use super::builder;
use super::call::Call;
use super::sandbox::{self, Sandbox, now};
use super::snapshot::Snapshot;
use super::time;

/// The shortest that `refreshes` prolongs by.
const LEAST: i64 = 15;

/// Upstream's 404 for what is not there, or is somebody else's.
pub fn missing(id: &str) -> Answer {
    let text = format!("Sandbox \"{id}\" doesn't exist or you don't have access to it");
    Answer::problem(404, text)
}

/// The sandbox that the path names. The seed does not ask whose it is.
pub fn exists(call: &Call) -> Result<Sandbox, Answer> {
    let id = call.sandbox_id()?;
    let found = call.platform.sandboxes.get(id);
    if call.is_upstream() {
        let team = call.team()?;
        return found
            .filter(|sandbox| sandbox.team == team.id)
            .ok_or_else(|| missing(id));
    }
    found.ok_or_else(|| Answer::problem(404, format!("Sandbox '{id}' not found")))
}

/// `POST /sandboxes/{id}/timeout`: so many seconds from now, also fewer than there are left.
pub async fn timeout(call: &Call) -> Outcome {
    let length = call
        .integer("timeout")
        .ok_or_else(|| Answer::unparsed("EOF"))?;
    if length <= 0 && call.is_upstream() {
        return Err(Answer::problem(400, "Timeout must be greater than 0"));
    }
    let sandbox = exists(call)?;
    end_at(call, &sandbox.id, time::after(now(), length)).await?;
    Ok(Answer::empty(204))
}

/// `POST /sandboxes/{id}/refreshes`: so many seconds from now, unless it has more.
pub async fn refresh(call: &Call) -> Outcome {
    let sandbox = exists(call)?;
    let length = call.integer("duration").unwrap_or(LEAST).max(LEAST);
    let ends = time::after(now(), length);
    if sandbox.last_end() <= now() {
        let text = format!("Sandbox '{}' reached maximal allowed uptime", sandbox.id);
        return Err(Answer::problem(403, text));
    }
    if ends > sandbox.ends {
        end_at(call, &sandbox.id, ends).await?;
    }
    Ok(Answer::empty(204))
}

/// Sets the end of a sandbox, here and on its node; never after what its team may have.
pub async fn end_at(call: &Call, id: &str, ends: DateTime<Utc>) -> Result<(), Answer> {
    let platform = &call.platform;
    let last = platform.sandboxes.get(id).map(|sandbox| sandbox.last_end());
    let ends = last.map_or(ends, |last| ends.min(last));
    let Some(sandbox) = platform.sandboxes.set_end(id, ends) else {
        return Err(Answer::problem(404, format!("Sandbox '{id}' not found")));
    };
    if let Some(node) = platform.nodes.get(&sandbox.node) {
        let message = json!({"sandboxId": id, "endTime": time::text(ends)});
        let told = platform
            .peer(&node.base)
            .call("SandboxService/Update", &message)
            .await;
        if let Err(failure) = told {
            if failure.code == "not_found" {
                platform.sandboxes.take(id);
                platform.sandboxes.left(id);
                return Err(Answer::problem(404, format!("Sandbox '{id}' not found")));
            }
            crate::say(&format!("end of {id}: {failure}"));
        }
    }
    Ok(())
}

/// `DELETE /sandboxes/{id}`: one that runs, one that is paused, or what is left of both.
pub async fn kill(call: &Call) -> Outcome {
    let team = call.team()?;
    let platform = &call.platform;
    let id = call.sandbox_id()?;
    let refuse = |status: u16, why: String| {
        Err(Answer::problem(
            status,
            format!("Error deleting sandbox - {why}"),
        ))
    };
    let running = platform.sandboxes.get(id);
    if running
        .as_ref()
        .is_some_and(|sandbox| sandbox.team != team.id)
    {
        if call.is_upstream() {
            return Err(missing(id));
        }
        let why = format!("sandbox '{id}' does not belong to your team '{}'", team.id);
        return refuse(401, why);
    }
    let taken = running.and_then(|_| platform.sandboxes.take(id));
    if let Some(sandbox) = &taken
        && let Err(failure) = sandbox::kill(platform, sandbox).await
        && failure.code != "not_found"
    {
        return refuse(500, failure.to_string());
    }
    let deleted = {
        let db = platform.database.get().await?;
        Snapshot::delete(&db, id, &team.id).await?
    };
    match deleted {
        Some((template, builds)) => {
            builder::forget(platform, &template, &builds);
            Ok(Answer::empty(204))
        }
        None if taken.is_some() => Ok(Answer::empty(204)),
        None if call.is_upstream() => Err(missing(id)),
        None => refuse(404, format!("sandbox '{id}' not found")),
    }
}
