//! Templates as today's SDKs make and read them.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::alias;
use super::answer::{Answer, Outcome};
use super::build;
use super::builder;
use super::call::Call;
use super::id;
use super::template::{self, Env, split_name};
use super::template_create::{Plan, insert_env};
use super::time;

/// `POST /v3/templates` and `POST /v2/templates`: the rows of a build, which a second call starts. A name that the team
/// has already means a further build.
pub async fn request(call: &Call) -> Outcome {
    let team = call.team()?;
    let given = call.text("name").or_else(|| call.text("alias"));
    let given = given.unwrap_or_default().trim().to_lowercase();
    let (name, tag) = split_name(&given);
    if !id::is_name(name) {
        let text = format!("Invalid template name: '{given}'");
        return Err(Answer::problem(400, text));
    }
    let mut tags = call.texts("tags");
    tags.extend(tag.map(str::to_owned));
    if tags.is_empty() {
        tags.push("default".to_owned());
    }
    if let Some(tag) = tags.iter().find(|tag| !alias::is_tag(tag)) {
        return Err(Answer::problem(400, format!("Invalid tag: {tag}")));
    }
    let plan = Plan::read(call, team)?;
    let db = call.platform.database.get().await?;
    let profile = call.profile();
    let known = Env::find(&db, profile, name, Some(&team.id)).await?;
    let template = match known.filter(|env| env.team == team.id) {
        Some(env) => {
            let count = "UPDATE public.envs SET build_count = build_count + 1, updated_at = now() WHERE id = $1";
            db.execute(count, &[&env.id]).await?;
            env.id
        }
        None => {
            let template = id::template();
            let user = call.principal.user.as_deref();
            alias::check(&db, profile, name, &template, team).await?;
            insert_env(&db, &template, team, user).await?;
            alias::set(&db, profile, &template, name).await?;
            template
        }
    };
    let build = plan
        .insert(&db, profile, &call.platform.options, &template, team)
        .await?;
    for tag in &tags {
        alias::assign_tag(&db, &template, &build, tag).await?;
    }
    let mut shown = json!({
        "templateID": template,
        "buildID": build,
        "public": false,
        "names": [name],
        "aliases": [name],
        "tags": tags,
    });
    if let Some(fields) = shown
        .as_object_mut()
        .filter(|_| call.request.path.starts_with("/v2/"))
    {
        for (field, value) in [
            ("cpuCount", json!(plan.vcpu)),
            ("memoryMB", json!(plan.ram_mb)),
            ("diskSizeMB", json!(0)),
            ("createdAt", json!(time::ZERO)),
            ("updatedAt", json!(time::ZERO)),
            ("createdBy", Value::Null),
            ("lastSpawnedAt", Value::Null),
            ("spawnCount", json!(0)),
            ("buildCount", json!(0)),
            ("envdVersion", json!("")),
        ] {
            fields.insert(field.to_owned(), value);
        }
    }
    Ok(Answer::json(202, &shown))
}

/// `GET /templates/{id}`: with all its builds.
pub async fn get(call: &Call) -> Outcome {
    let db = call.platform.database.get().await?;
    let env = template::own(call, &db).await?;
    let query = "SELECT created_at, updated_at, last_spawned_at, spawn_count FROM public.envs WHERE id = $1";
    let row = db.query_one(query, &[&env.id]).await?;
    let limit = call.request.query.integer("limit").unwrap_or(100);
    let query = "
        SELECT id::text, status, created_at, updated_at, finished_at, vcpu, ram_mb, total_disk_size_mb, envd_version
        FROM public.env_builds WHERE env_id = $1 ORDER BY created_at DESC LIMIT $2";
    let builds = db.query(query, &[&env.id, &limit]).await?;
    let builds = builds.iter().map(|build| {
        let (id, status): (String, String) = (build.get(0), build.get(1));
        let (created, updated): (DateTime<Utc>, DateTime<Utc>) = (build.get(2), build.get(3));
        let (vcpu, ram): (i64, i64) = (build.get(5), build.get(6));
        let mut shown = json!({
            "buildID": id,
            "status": build::shown_status(&status),
            "createdAt": time::text(created),
            "updatedAt": time::text(updated),
            "cpuCount": vcpu,
            "memoryMB": ram,
        });
        if let Some(fields) = shown.as_object_mut() {
            if let Some(finished) = build.get::<_, Option<DateTime<Utc>>>(4) {
                fields.insert("finishedAt".to_owned(), json!(time::text(finished)));
            }
            if let Some(disk) = build.get::<_, Option<i64>>(7) {
                fields.insert("diskSizeMB".to_owned(), json!(disk));
            }
            if let Some(version) = build.get::<_, Option<String>>(8) {
                fields.insert("envdVersion".to_owned(), json!(version));
            }
        }
        shown
    });
    let builds = Value::Array(builds.collect());
    let (created, updated): (DateTime<Utc>, DateTime<Utc>) = (row.get(0), row.get(1));
    let spawned: i64 = row.get(3);
    Ok(Answer::json(
        200,
        &json!({
            "templateID": env.id,
            "public": env.public,
            "names": env.aliases,
            "aliases": env.aliases,
            "createdAt": time::text(created),
            "updatedAt": time::text(updated),
            "lastSpawnedAt": time::or_null(row.get(2)),
            "spawnCount": spawned,
            "builds": builds,
        }),
    ))
}

/// `GET /templates/{id}/files/{hash}`: whether the files of a COPY step are there, and where they are to be sent.
pub async fn files(call: &Call) -> Outcome {
    let db = call.platform.database.get().await?;
    let env = template::own(call, &db).await?;
    let message = json!({"templateID": env.id, "cacheScope": env.team, "hash": call.part(1)});
    let method = "TemplateService/InitLayerFileUpload";
    match builder::call(&call.platform, None, method, &message).await {
        Ok(answer) => {
            // the protocol leaves out what is false
            let present = answer.get("present") == Some(&Value::Bool(true));
            let mut shown = json!({"present": present});
            if let (Some(fields), Some(url)) = (shown.as_object_mut(), answer.get("url")) {
                fields.insert("url".to_owned(), url.clone());
            }
            Ok(Answer::json(201, &shown))
        }
        Err(failure) if failure.code == "invalid_argument" => {
            Err(Answer::problem(400, "Invalid files hash"))
        }
        Err(failure) => {
            crate::say(&format!("upload of layer files: {failure}"));
            let text = "Error when requesting layer files upload";
            Err(Answer::problem(500, text))
        }
    }
}
