//! Paused sandboxes go on.

use super::answer::{Answer, Outcome};
use super::call::Call;
use super::create;
use super::id;
use super::key;
use super::lifetime::{self, missing};
use super::sandbox::{Sandbox, now};
use super::snapshot::Snapshot;
use super::time;

/// `POST /sandboxes/{id}/resume`. The seed wants `<sandboxID>-<clientID>`, and takes any client.
pub async fn resume(call: &Call) -> Outcome {
    let team = call.team()?;
    let given = call.part(0);
    let mut client = None;
    if !call.is_upstream() {
        match given.split('-').collect::<Vec<_>>().as_slice() {
            [_, part] => client = Some((*part).to_owned()),
            _ => {
                let text = format!("Invalid sandbox ID — missing client ID part: {given}");
                return Err(Answer::problem(400, text));
            }
        }
    }
    let id = call.sandbox_id()?;
    let length = create::length(call, team)?;
    if call.platform.sandboxes.get(id).is_some() {
        let text = format!("Sandbox {id} is already running");
        return Err(Answer::problem(409, text));
    }
    let sandbox = restore(call, id, client, length).await?;
    Ok(Answer::json(201, &create::made(call, &sandbox)))
}

/// `POST /sandboxes/{id}/connect`: 200 for one that runs, whose time is only prolonged, 201 for one that was paused.
pub async fn connect(call: &Call) -> Outcome {
    let team = call.team()?;
    let id = call.sandbox_id()?;
    let length = create::length(call, team)?;
    match call.platform.sandboxes.get(id) {
        Some(sandbox) if sandbox.team == team.id => {
            let ends = time::after(now(), length);
            if ends > sandbox.ends {
                lifetime::end_at(call, id, ends).await?;
            }
            Ok(Answer::json(200, &create::made(call, &sandbox)))
        }
        Some(_) => Err(missing(id)),
        None => {
            let sandbox = restore(call, id, None, length).await?;
            Ok(Answer::json(201, &create::made(call, &sandbox)))
        }
    }
}

async fn restore(
    call: &Call,
    id: &str,
    client: Option<String>,
    length: i64,
) -> Result<Sandbox, Answer> {
    let team = call.team()?;
    let platform = &call.platform;
    let found = {
        let db = platform.database.get().await?;
        Snapshot::find(&db, id).await?
    };
    let snapshot = found
        .filter(|snapshot| snapshot.team == team.id)
        .ok_or_else(|| {
            if call.is_upstream() {
                missing(id)
            } else {
                Answer::problem(404, "Sandbox snapshot not found")
            }
        })?;
    let being_started = || {
        let text = format!("Sandbox {id} is already being started");
        Answer::problem(409, text)
    };
    if platform.sandboxes.is_starting(id) {
        return Err(being_started());
    }
    let _starting = platform
        .sandboxes
        .begin(id, &team.id, team.concurrent)
        .ok_or_else(|| create::too_many(team))?;
    let started = now();
    let preferred = client.or(snapshot.node);
    let sandbox = Sandbox {
        id: id.to_owned(),
        template: snapshot.template,
        base_template: snapshot.base_template,
        build: snapshot.build,
        alias: snapshot.aliases.into_iter().next(),
        team: team.id.clone(),
        cluster: team.cluster.clone(),
        node: String::new(),
        execution: id::uuid(),
        started,
        ends: time::after(started, length),
        max_hours: team.max_hours,
        vcpu: snapshot.vcpu,
        ram_mb: snapshot.ram_mb,
        disk_mb: snapshot.disk_mb.unwrap_or(0),
        kernel: snapshot.kernel,
        firecracker: snapshot.firecracker,
        envd_version: snapshot.envd_version.unwrap_or_default(),
        metadata: snapshot.metadata,
        env: serde_json::Map::new(),
        token: snapshot
            .secure
            .then(|| key::envd_token(&platform.options.token_seed, id)),
        auto_pause: call.flag("autoPause") == Some(true),
        resumed: true,
    };
    create::place(platform, sandbox, preferred.as_deref()).await
}
