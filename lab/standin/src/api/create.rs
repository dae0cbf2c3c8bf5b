//! `POST /sandboxes`, and how a sandbox comes to a node.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::answer::{Answer, Outcome};
use super::call::Call;
use super::cluster;
use super::id;
use super::key;
use super::node::Node;
use super::options::Profile;
use super::platform::Platform;
use super::sandbox::{Sandbox, now};
use super::team::Team;
use super::template::Template;
use super::time;

/// How long a sandbox lives when nobody says: of the older operations, and of the newer ones.
const TIMEOUT: i64 = 15;
const TIMEOUT_V2: i64 = 300;
/// On how many nodes a sandbox is tried.
const ATTEMPTS: u32 = 3;

/// Starts a sandbox of a template.
pub async fn create(call: &Call) -> Outcome {
    let team = call.team()?;
    let profile = call.profile();
    let again = Some(call.request.header("idempotency-key"))
        .filter(|key| is_v2(call) && !key.is_empty())
        .map(|key| format!("{} {key}", team.id));
    if let Some(key) = &again
        && let Some(sandbox) = call.platform.sandboxes.made_for(key)
    {
        return Ok(Answer::json(201, &made(call, &sandbox)));
    }
    let asked = call.text("templateID").unwrap_or_default();
    let template = {
        let db = call.platform.database.get().await?;
        Template::for_sandbox(&db, profile, asked, team).await?
    };
    // the newer operation makes none that are not
    let secure = is_v2(call) || call.flag("secure") == Some(true);
    let Some(envd_version) = template.envd_version.clone() else {
        return Err(if secure {
            Answer::problem(400, "you need to re-build template to allow secure flag")
        } else {
            // the real one crashes here
            Answer::empty(500)
        });
    };
    let length = length(call, team)?;
    let id = id::sandbox();
    let starting = call
        .platform
        .sandboxes
        .begin(&id, &team.id, team.concurrent)
        .ok_or_else(|| too_many(team))?;
    let started = now();
    let sandbox = Sandbox {
        token: secure.then(|| key::envd_token(&call.platform.options.token_seed, &id)),
        id,
        base_template: template.id.clone(),
        template: template.id.clone(),
        build: template.build,
        alias: template.aliases.first().cloned(),
        team: team.id.clone(),
        cluster: team.cluster.clone(),
        node: String::new(),
        execution: id::uuid(),
        started,
        ends: time::after(started, length),
        max_hours: team.max_hours,
        vcpu: template.vcpu,
        ram_mb: template.ram_mb,
        disk_mb: template.disk_mb.unwrap_or(0),
        kernel: template.kernel,
        firecracker: template.firecracker,
        envd_version,
        metadata: call.map("metadata").cloned(),
        env: call.map("envVars").cloned().unwrap_or_default(),
        auto_pause: call.flag("autoPause") == Some(true),
        resumed: template.is_snapshot,
    };
    let sandbox = place(&call.platform, sandbox, None).await?;
    drop(starting);
    if let Some(key) = again {
        call.platform.sandboxes.remember(key, &sandbox.id);
    }
    let db = call.platform.database.get().await?;
    let count = "UPDATE public.envs SET spawn_count = spawn_count + 1, last_spawned_at = now() WHERE id = $1";
    // the sandbox runs, whatever the database takes
    let _ = db.execute(count, &[&template.id]).await;
    Ok(Answer::json(201, &made(call, &sandbox)))
}

/// What a new sandbox is answered.
pub fn made(call: &Call, sandbox: &Sandbox) -> Value {
    let mut shown = json!({
        "templateID": sandbox.template,
        "sandboxID": sandbox.id,
        "clientID": sandbox.node,
        "envdVersion": sandbox.envd_version,
    });
    if let Some(fields) = shown.as_object_mut() {
        if let Some(alias) = &sandbox.alias {
            fields.insert("alias".to_owned(), json!(alias));
        }
        if let Some(token) = &sandbox.token {
            fields.insert("envdAccessToken".to_owned(), json!(token));
        }
        if call.is_upstream() {
            fields.insert("domain".to_owned(), json!(call.platform.options.domain));
            fields.insert("trafficAccessToken".to_owned(), Value::Null);
        }
    }
    shown
}

fn is_v2(call: &Call) -> bool {
    call.request.path.starts_with("/v2/")
}

/// The wished length in seconds, within what the team may have.
pub fn length(call: &Call, team: &Team) -> Result<i64, Answer> {
    let usual = if is_v2(call) { TIMEOUT_V2 } else { TIMEOUT };
    let length = call.integer("timeout").unwrap_or(usual);
    if length > team.max_hours.saturating_mul(3600) {
        let text = format!("Timeout cannot be greater than {} hours", team.max_hours);
        return Err(Answer::problem(400, text));
    }
    if length <= 0 && call.is_upstream() {
        return Err(Answer::problem(400, "Timeout must be greater than 0"));
    }
    Ok(length)
}

/// The refusal of a team that has as many as it may.
pub fn too_many(team: &Team) -> Answer {
    Answer::problem(
        429,
        format!(
            "you have reached the maximum number of concurrent E2B sandboxes ({}). If you need more, please contact us at 'https://e2b.dev/docs/getting-help'",
            team.concurrent
        ),
    )
}

/// Starts a sandbox on a node, the preferred one if it takes sandboxes, and enters it where it is looked for.
pub async fn place(
    platform: &Platform,
    mut sandbox: Sandbox,
    preferred: Option<&str>,
) -> Result<Sandbox, Answer> {
    let profile = platform.database.profile();
    let mut exhausted = false;
    for _ in 0..ATTEMPTS {
        let node = choose(platform, preferred)
            .await
            .ok_or_else(|| no_node(profile))?;
        sandbox.node.clone_from(&node.id);
        platform.nodes.update(&node.id, |node| node.starting += 1);
        let begun = platform
            .peer(&node.base)
            .call("SandboxService/Create", &sandbox.request())
            .await;
        platform.nodes.update(&node.id, |node| {
            node.starting = node.starting.saturating_sub(1);
            match begun {
                Ok(_) => node.successes += 1,
                Err(_) => node.fails += 1,
            }
        });
        match begun {
            Ok(_) => {
                cluster::enter(platform, &sandbox).await;
                platform.sandboxes.insert(sandbox.clone());
                return Ok(sandbox);
            }
            Err(failure) => {
                exhausted = failure.code == "resource_exhausted";
                crate::say(&format!("sandbox on node {}: {failure}", node.id));
            }
        }
    }
    Err(match (profile, exhausted) {
        (Profile::Seed, _) => Answer::problem(500, "Failed to create sandbox"),
        (Profile::Upstream, true) => no_node(profile),
        (Profile::Upstream, false) => Answer::problem_with(
            500,
            "sandbox_create_failed",
            "Failed to place sandbox: the node failed to create it",
        ),
    })
}

fn no_node(profile: Profile) -> Answer {
    match profile {
        Profile::Seed => Answer::problem(500, "Failed to get node to place sandbox on."),
        Profile::Upstream => Answer::problem_with(
            503,
            "sandbox_capacity_unavailable",
            "Failed to place sandbox: no node has capacity for it",
        ),
    }
}

/// Waits for a node that takes sandboxes.
async fn choose(platform: &Platform, preferred: Option<&str>) -> Option<Node> {
    let began = Instant::now();
    loop {
        if platform.faults.no_capacity() {
            return None;
        }
        let load = |node: &str| platform.sandboxes.count_on(node);
        if let Some(node) = platform.nodes.choose(preferred, load) {
            return Some(node);
        }
        if began.elapsed() >= platform.options.placement_limit {
            return None;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
