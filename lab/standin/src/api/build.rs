//! How builds stand, and what they say.

use chrono::Utc;
use serde_json::{Value, json};

use super::answer::{Answer, Outcome};
use super::builder;
use super::call::Call;
use super::database::Lease;
use super::id;
use super::options::Profile;
use super::team::Team;
use super::time;

/// The API's word for the database's.
pub fn shown_status(status: &str) -> &'static str {
    match status {
        "waiting" | "pending" => "waiting",
        "uploaded" | "ready" => "ready",
        "building" | "snapshotting" | "in_progress" | "success" => "building",
        _ => "error",
    }
}

/// A build and what there is to tell of it.
#[derive(Debug)]
struct Progress {
    status: &'static str,
    lines: Vec<String>,
    reason: Option<String>,
}

fn build_id(call: &Call) -> Result<String, Answer> {
    id::parse_uuid(call.part(1)).map_err(|_| Answer::problem(400, "Invalid build id"))
}

async fn may_see(call: &Call, db: &Lease, team: &str) -> Result<bool, Answer> {
    if let Some(own) = &call.principal.team {
        return Ok(own.id == team);
    }
    let teams = Team::of_user(db, call.profile(), call.user()?).await?;
    Ok(teams.iter().any(|own| own.id == team))
}

async fn progress(call: &Call) -> Result<Progress, Answer> {
    let build = build_id(call)?;
    let db = call.platform.database.get().await?;
    let reason = match call.profile() {
        Profile::Seed => "NULL::text",
        Profile::Upstream => "b.reason->>'message'",
    };
    let query = format!(
        "SELECT b.status, e.id, e.team_id::text, {reason} FROM public.env_builds b JOIN public.envs e ON e.id = b.env_id
         WHERE b.id = $1::text::uuid"
    );
    let asked = call.part(0);
    let row = db.query_opt(query.as_str(), &[&build]).await?;
    let row = row.ok_or_else(|| {
        if call.is_upstream() {
            Answer::problem(404, format!("Build '{build}' not found"))
        } else {
            Answer::problem(500, "Error when getting template")
        }
    })?;
    let (status, template, team): (String, String, String) = (row.get(0), row.get(1), row.get(2));
    if !may_see(call, &db, &team).await? {
        let text = format!("You don't have access to this sandbox template ({asked})");
        return Err(Answer::problem(403, text));
    }
    drop(db);
    let status = shown_status(&status);
    let mut reason: Option<String> = row.get(3);
    let mut lines = Vec::new();
    // what nobody has started has said nothing; a template-manager that does not answer leaves the lines out
    if status != "waiting"
        && let Ok(report) = builder::report(&call.platform, &template, &build).await
    {
        lines = report.logs;
        reason = reason.or_else(|| Some(report.reason).filter(|text| !text.is_empty()));
    }
    Ok(Progress {
        status,
        lines,
        reason,
    })
}

fn entry(line: &String) -> Value {
    let level = if line.to_lowercase().starts_with("error") {
        "error"
    } else {
        "info"
    };
    json!({"timestamp": time::text(Utc::now()), "level": level, "message": line})
}

/// `GET /templates/{id}/builds/{bid}/status`. The path's template is not looked at, only echoed.
pub async fn status(call: &Call) -> Outcome {
    let mut progress = progress(call).await?;
    let upstream = call.is_upstream();
    let failed = progress.status == "error";
    // the seed has no field for it: a reason that is in no line becomes the last one
    if let Some(reason) = progress.reason.as_ref().filter(|_| failed && !upstream)
        && !progress
            .lines
            .iter()
            .any(|line| line.contains(reason.as_str()))
    {
        let last = reason.clone();
        progress.lines.push(last);
    }
    let query = &call.request.query;
    let offset = query.integer("logsOffset").unwrap_or(0);
    let offset = usize::try_from(offset).unwrap_or(usize::MAX);
    let limit = if upstream {
        query.integer("limit").unwrap_or(100)
    } else {
        i64::MAX
    };
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let lines: Vec<String> = progress
        .lines
        .into_iter()
        .skip(offset)
        .take(limit)
        .collect();
    let mut shown = json!({
        "templateID": call.part(0),
        "buildID": call.part(1),
        "status": progress.status,
        "logs": lines,
    });
    if let Some(fields) = shown.as_object_mut().filter(|_| upstream) {
        let entries = lines.iter().map(entry).collect();
        fields.insert("logEntries".to_owned(), Value::Array(entries));
        if failed {
            let message = progress.reason.unwrap_or_else(|| "build failed".to_owned());
            let reason = json!({"message": message, "logEntries": []});
            fields.insert("reason".to_owned(), reason);
        }
    }
    Ok(Answer::json(200, &shown))
}

/// `GET /templates/{id}/builds/{bid}/logs`.
pub async fn logs(call: &Call) -> Outcome {
    let progress = progress(call).await?;
    let limit = call.request.query.integer("limit").unwrap_or(100);
    let limit = usize::try_from(limit).unwrap_or(0);
    let entries: Vec<Value> = progress.lines.iter().take(limit).map(entry).collect();
    Ok(Answer::json(200, &json!({ "logs": entries })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_databases_words_are_translated() {
        for (status, shown) in [
            ("waiting", "waiting"),
            ("snapshotting", "building"),
            ("success", "building"),
            ("uploaded", "ready"),
            ("failed", "error"),
        ] {
            assert_eq!(shown_status(status), shown);
        }
    }
}
