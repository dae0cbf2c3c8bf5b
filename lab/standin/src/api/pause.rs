//! Pauses, and upstream's snapshots of sandboxes that go on.

use serde_json::{Value, json};

use super::answer::{Answer, Outcome};
use super::call::Call;
use super::cluster;
use super::connect::Failure;
use super::id;
use super::lifetime::missing;
use super::platform::Platform;
use super::sandbox::Sandbox;
use super::snapshot::{Snapshot, insert_build};

/// `POST /sandboxes/{id}/pause`.
pub async fn handle(call: &Call) -> Outcome {
    let team = call.team()?;
    let id = call.sandbox_id()?;
    let refuse = |status: u16, why: String| {
        Err(Answer::problem(
            status,
            format!("Error pausing sandbox - {why}"),
        ))
    };
    match call.platform.sandboxes.get(id) {
        None => {
            let db = call.platform.database.get().await?;
            let found = Snapshot::find(&db, id).await?;
            return match found.filter(|snapshot| snapshot.team == team.id) {
                Some(_) => refuse(409, format!("sandbox '{id}' is already paused")),
                None if call.is_upstream() => Err(missing(id)),
                None => refuse(404, format!("snapshot for sandbox '{id}' was not found")),
            };
        }
        Some(sandbox) if sandbox.team != team.id => {
            if call.is_upstream() {
                return Err(missing(id));
            }
            let why = format!("sandbox '{id}' does not belong to your team '{}'", team.id);
            return refuse(401, why);
        }
        Some(_) => {}
    }
    let Some(sandbox) = call.platform.sandboxes.take(id) else {
        return refuse(404, format!("snapshot for sandbox '{id}' was not found"));
    };
    match pause(&call.platform, &sandbox).await {
        Ok(()) => Ok(Answer::empty(204)),
        Err(Refused::Database(answer)) => Err(answer),
        Err(Refused::Node(failure)) if failure.code == "resource_exhausted" => Err(
            Answer::problem(500, "Error pausing sandbox: The pause queue is exhausted"),
        ),
        Err(Refused::Node(failure)) => Err(Answer::problem(
            500,
            format!(
                "Error pausing sandbox: error pausing sandbox: failed to pause sandbox '{id}': {failure}"
            ),
        )),
    }
}

/// Why a pause failed.
#[derive(Debug)]
pub enum Refused {
    /// The rows could not be written.
    Database(Answer),
    /// The orchestrator did not do it.
    Node(Failure),
}

/// Pauses a sandbox that was taken. One that cannot be paused runs on.
pub async fn pause(platform: &Platform, sandbox: &Sandbox) -> Result<(), Refused> {
    let done = write(platform, sandbox).await;
    match &done {
        Ok(()) => {
            cluster::leave(platform, sandbox).await;
            platform.sandboxes.left(&sandbox.id);
        }
        // it is not tried again at once when its time is over
        Err(_) if sandbox.ends > super::sandbox::now() => {
            platform.sandboxes.insert(sandbox.clone());
        }
        Err(_) => {
            let _ = super::sandbox::kill(platform, sandbox).await;
        }
    }
    done
}

async fn write(platform: &Platform, sandbox: &Sandbox) -> Result<(), Refused> {
    let database = |failure: super::database::Failure| Refused::Database(failure.into());
    let (template, build) = {
        let db = platform.database.get().await.map_err(database)?;
        let profile = platform.database.profile();
        Snapshot::begin(&db, profile, sandbox)
            .await
            .map_err(database)?
    };
    let done = order(platform, sandbox, &template, &build).await;
    let status = if done.is_ok() { "success" } else { "failed" };
    let db = platform.database.get().await.map_err(database)?;
    Snapshot::end(&db, &build, status).await.map_err(database)?;
    done.map(drop).map_err(Refused::Node)
}

async fn order(
    platform: &Platform,
    sandbox: &Sandbox,
    template: &str,
    build: &str,
) -> Result<Value, Failure> {
    let node = platform.nodes.get(&sandbox.node).ok_or_else(|| Failure {
        code: "unavailable".to_owned(),
        message: format!("node '{}' not found", sandbox.node),
    })?;
    let message = json!({"sandboxId": sandbox.id, "templateId": template, "buildId": build});
    platform
        .peer(&node.base)
        .call("SandboxService/Pause", &message)
        .await
}

/// `POST /sandboxes/{id}/snapshots`: a template out of a sandbox, which goes on afterwards.
pub async fn snapshot(call: &Call) -> Outcome {
    let team = call.team()?;
    let id = call.sandbox_id()?;
    let platform = &call.platform;
    let sandbox = platform
        .sandboxes
        .get(id)
        .filter(|sandbox| sandbox.team == team.id)
        .and_then(|sandbox| platform.sandboxes.take(&sandbox.id))
        .ok_or_else(|| missing(id))?;
    let made = write_template(call, &sandbox).await;
    if made.is_err() {
        platform.sandboxes.insert(sandbox);
    }
    let template = made?;
    let name = call.text("name").map(str::to_owned);
    let shown = name.clone().unwrap_or_else(|| template.clone());
    Ok(Answer::json(
        201,
        &json!({
            "snapshotID": format!("{shown}:default"),
            "names": name.map(|name| format!("{name}:default")).into_iter().collect::<Vec<_>>(),
        }),
    ))
}

async fn write_template(call: &Call, sandbox: &Sandbox) -> Result<String, Answer> {
    let platform = &call.platform;
    let (template, build) = (id::template(), id::uuid());
    {
        let db = platform.database.get().await?;
        let env = "INSERT INTO public.envs (id, team_id, public, updated_at, source) VALUES ($1, $2::text::uuid, false, now(), 'snapshot_template')";
        db.execute(env, &[&template, &sandbox.team]).await?;
        let profile = platform.database.profile();
        insert_build(&db, profile, sandbox, &template, &build, "snapshotting").await?;
        let snapshot = "INSERT INTO public.snapshot_templates (env_id, sandbox_id, build_id) VALUES ($1, $2, $3::text::uuid)";
        db.execute(snapshot, &[&template, &sandbox.id, &build])
            .await?;
        if let Some(name) = call.text("name") {
            super::alias::set(&db, profile, &template, &name.to_lowercase()).await?;
        }
    }
    let failed =
        |failure: Failure| Answer::problem(500, format!("Error creating snapshot: {failure}"));
    order(platform, sandbox, &template, &build)
        .await
        .map_err(failed)?;
    let db = platform.database.get().await?;
    Snapshot::end(&db, &build, "uploaded").await?;
    // the orchestrator has let the sandbox go: it goes on from what was written
    let mut again = sandbox.clone();
    (again.template, again.build) = (template.clone(), build);
    again.resumed = true;
    again.execution = id::uuid();
    let node = sandbox.node.clone();
    super::create::place(platform, again, Some(&node)).await?;
    Ok(template)
}

/// `GET /snapshots`: the templates that were made of sandboxes.
pub async fn snapshots(call: &Call) -> Outcome {
    let team = call.team()?;
    let db = call.platform.database.get().await?;
    let query = "
        SELECT s.env_id, ARRAY(SELECT a.alias FROM public.env_aliases a WHERE a.env_id = s.env_id ORDER BY a.alias)
        FROM public.snapshot_templates s JOIN public.envs e ON e.id = s.env_id
        WHERE e.team_id = $1::text::uuid AND e.deleted_at IS NULL AND ($2::text IS NULL OR s.sandbox_id = $2)
        ORDER BY s.created_at DESC";
    let sandbox = call.request.query.get("sandboxID");
    let rows = db.query(query, &[&team.id, &sandbox]).await?;
    let shown = rows.iter().map(|row| {
        let aliases: Vec<String> = row.get(1);
        let id: String = row.get(0);
        let names: Vec<String> = aliases.iter().map(|a| format!("{a}:default")).collect();
        json!({"snapshotID": format!("{}:default", aliases.first().unwrap_or(&id)), "names": names})
    });
    Ok(Answer::json(200, &Value::Array(shown.collect())))
}
