//! The call that has a build made.

use serde_json::{Value, json};

use super::answer::{Answer, Outcome};
use super::builder;
use super::call::Call;
use super::cluster;
use super::database::Lease;
use super::id;
use super::template::Env;

/// A build's row.
#[derive(Debug)]
struct Row {
    status: String,
    start: Option<String>,
    ready: Option<String>,
    vcpu: i64,
    ram_mb: i64,
    disk_mb: i64,
    kernel: String,
    firecracker: String,
}

fn build_id(call: &Call) -> Result<String, Answer> {
    id::parse_uuid(call.part(1))
        .map_err(|why| Answer::problem(400, format!("Invalid build ID: {why}")))
}

async fn env(call: &Call, db: &Lease) -> Result<Env, Answer> {
    let team = call.principal.team.as_ref().map(|team| team.id.as_str());
    let found = Env::find(db, call.profile(), call.part(0), team).await?;
    let env = found.ok_or_else(|| {
        Answer::problem(404, "Error when getting template: models: env not found")
    })?;
    if !env.is_own(call, db).await? {
        let text = "User does not have access to the template";
        return Err(Answer::problem(403, text));
    }
    Ok(env)
}

async fn row(db: &Lease, build: &str, env: &Env) -> Result<Option<Row>, Answer> {
    let query = "
        SELECT status, start_cmd, ready_cmd, vcpu, ram_mb, free_disk_size_mb, kernel_version, firecracker_version
        FROM public.env_builds WHERE id = $1::text::uuid AND env_id = $2";
    let row = db.query_opt(query, &[&build, &env.id]).await?;
    Ok(row.map(|row| Row {
        status: row.get(0),
        start: row.get(1),
        ready: row.get(2),
        vcpu: row.get(3),
        ram_mb: row.get(4),
        disk_mb: row.get(5),
        kernel: row.get(6),
        firecracker: row.get(7),
    }))
}

/// `POST /templates/{id}/builds/{bid}`.
pub async fn start(call: &Call) -> Outcome {
    let build = build_id(call)?;
    let db = call.platform.database.get().await?;
    let env = env(call, &db).await?;
    let Some(row) = row(&db, &build, &env).await? else {
        return Err(if call.is_upstream() {
            Answer::problem(404, "Build not found")
        } else {
            // the real one crashes here
            Answer::empty(500)
        });
    };
    let done = order(call, &db, &env, &build, &row, None).await;
    match done {
        // the seed's handler returns without an answer: 200, and nothing
        Err(Refused::Node(_)) if !call.is_upstream() => Ok(Answer::empty(200)),
        done => answer(done),
    }
}

/// `POST /v2/templates/{id}/builds/{bid}`: from an image or a template, by steps.
pub async fn start_steps(call: &Call) -> Outcome {
    let build = build_id(call)?;
    let (image, template) = (call.text("fromImage"), call.text("fromTemplate"));
    if image.is_some() == template.is_some() {
        let text = "Exactly one of fromImage and fromTemplate must be given";
        return Err(Answer::problem(400, text));
    }
    let db = call.platform.database.get().await?;
    let env = env(call, &db).await?;
    let mut row = row(&db, &build, &env)
        .await?
        .ok_or_else(|| Answer::problem(404, "Build not found"))?;
    let text = |name: &str| call.text(name).map(str::to_owned);
    (row.start, row.ready) = (text("startCmd"), text("readyCmd"));
    let update = "UPDATE public.env_builds SET start_cmd = $2, ready_cmd = $3, updated_at = now() WHERE id = $1::text::uuid";
    db.execute(update, &[&build, &row.start, &row.ready])
        .await?;
    let field = |name: &str, empty: Value| call.body.get(name).cloned().unwrap_or(empty);
    let upstream = json!({
        "fromImage": field("fromImage", json!("")),
        "fromTemplate": field("fromTemplate", json!("")),
        "steps": field("steps", json!([])),
        "startCmd": field("startCmd", json!("")),
        "readyCmd": field("readyCmd", json!("")),
    });
    answer(order(call, &db, &env, &build, &row, Some(upstream)).await)
}

/// Why a build was not started.
#[derive(Debug)]
enum Refused {
    /// The API says no.
    Here(Answer),
    /// The template-manager did.
    Node(String),
}

impl<E: Into<Answer>> From<E> for Refused {
    fn from(refusal: E) -> Refused {
        Refused::Here(refusal.into())
    }
}

fn answer(done: Result<(), Refused>) -> Outcome {
    match done {
        Ok(()) => Ok(Answer::empty(202)),
        Err(Refused::Here(answer)) => Err(answer),
        Err(Refused::Node(why)) => Err(Answer::problem(
            500,
            format!("Error when starting template build: {why}"),
        )),
    }
}

async fn order(
    call: &Call,
    db: &Lease,
    env: &Env,
    build: &str,
    row: &Row,
    upstream: Option<Value>,
) -> Result<(), Refused> {
    let platform = &call.platform;
    if row.status != "waiting" {
        return Err(Answer::problem(400, "build is not in waiting state").into());
    }
    let base = builder_of(call, env).await?;
    replace_others(call, db, env, build).await?;
    let begin = "UPDATE public.env_builds SET status = 'building', updated_at = now() WHERE id = $1::text::uuid AND status = 'waiting'";
    if db.execute(begin, &[&build]).await? == 0 {
        return Err(Answer::problem(400, "build is not in waiting state").into());
    }
    let mut message = json!({"template": {
        "templateID": env.id,
        "buildID": build,
        "memoryMB": row.ram_mb,
        "vCpuCount": row.vcpu,
        "diskSizeMB": row.disk_mb,
        "kernelVersion": row.kernel,
        "firecrackerVersion": row.firecracker,
        "startCommand": row.start.clone().unwrap_or_default(),
        "readyCommand": row.ready.clone().unwrap_or_default(),
        "hugePages": false,
    }});
    if let (Some(fields), Some(upstream)) = (message.as_object_mut(), upstream) {
        fields.insert("upstream".to_owned(), upstream);
        fields.insert("cacheScope".to_owned(), json!(env.team));
    }
    let method = "TemplateService/TemplateCreate";
    match builder::call(platform, base.as_deref(), method, &message).await {
        Ok(_) => {
            platform.builds.follow(build, &env.id, base);
            Ok(())
        }
        Err(failure) => {
            builder::fail(db, call.profile(), build, &failure.message).await?;
            Err(Refused::Node(failure.to_string()))
        }
    }
}

/// The service that builds for a template; `None`: the template-manager that the API was told of.
async fn builder_of(call: &Call, env: &Env) -> Result<Option<String>, Answer> {
    let Some(id) = &env.cluster else {
        return Ok(None);
    };
    if call.is_upstream() || call.platform.options.cluster_builds {
        return Ok(None);
    }
    match cluster::builder(&call.platform, id).await {
        Ok(Some((_, base))) => Ok(Some(base)),
        _ => Err(Answer::problem(
            500,
            "build is not assigned to a cluster node",
        )),
    }
}

/// A template has one build at a time: others that wait have failed, those that are being made are told to end.
async fn replace_others(call: &Call, db: &Lease, env: &Env, build: &str) -> Result<(), Answer> {
    if call.is_upstream() {
        return Ok(());
    }
    let waiting = "
        UPDATE public.env_builds SET status = 'failed', finished_at = now(), updated_at = now()
        WHERE env_id = $1 AND status = 'waiting' AND id <> $2::text::uuid";
    db.execute(waiting, &[&env.id, &build]).await?;
    let running = "SELECT id::text FROM public.env_builds WHERE env_id = $1 AND status = 'building' AND id <> $2::text::uuid";
    let rows = db.query(running, &[&env.id, &build]).await?;
    let running: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    builder::forget(&call.platform, &env.id, &running);
    Ok(())
}
