//! Names of templates: aliases, and upstream's tags of their builds.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::answer::{Answer, Outcome};
use super::call::Call;
use super::database::{Failure, Lease};
use super::id;
use super::options::Profile;
use super::team::Team;
use super::template::{self, Env, split_name};
use super::time;

/// Refuses an alias that another template has. Upstream each team has its own.
pub async fn check(
    db: &Lease,
    profile: Profile,
    alias: &str,
    template: &str,
    team: &Team,
) -> Result<(), Answer> {
    let clash = "SELECT EXISTS (SELECT FROM public.envs WHERE id = $1)";
    if db.query_one(clash, &[&alias]).await?.get(0) {
        let text = format!("Alias '{alias}' is already used");
        return Err(Answer::problem(409, text));
    }
    let own = match profile {
        Profile::Seed => "$3::text IS NOT NULL",
        Profile::Upstream => "e.team_id = $3::text::uuid",
    };
    let taken = format!(
        "SELECT EXISTS (SELECT FROM public.env_aliases a JOIN public.envs e ON e.id = a.env_id
         WHERE a.alias = $1 AND a.env_id <> $2 AND {own})"
    );
    let row = db
        .query_one(taken.as_str(), &[&alias, &template, &team.id])
        .await?;
    if row.get(0) {
        let text = format!("Alias '{alias}' already used");
        return Err(Answer::problem(403, text));
    }
    Ok(())
}

/// Gives a template an alias in place of those it has.
pub async fn set(db: &Lease, profile: Profile, template: &str, alias: &str) -> Result<(), Failure> {
    let old = "DELETE FROM public.env_aliases WHERE env_id = $1 AND is_renamable";
    db.execute(old, &[&template]).await?;
    let insert = match profile {
        Profile::Seed => {
            "INSERT INTO public.env_aliases (alias, env_id, is_renamable) VALUES ($1, $2, true) ON CONFLICT DO NOTHING"
        }
        Profile::Upstream => {
            "INSERT INTO public.env_aliases (alias, env_id, is_renamable, namespace)
             SELECT $1::text, e.id, true, t.slug FROM public.envs e JOIN public.teams t ON t.id = e.team_id WHERE e.id = $2
             ON CONFLICT DO NOTHING"
        }
    };
    db.execute(insert, &[&alias, &template]).await?;
    Ok(())
}

/// Says which build a template has under a tag.
pub async fn assign_tag(db: &Lease, template: &str, build: &str, tag: &str) -> Result<(), Failure> {
    let insert = "INSERT INTO public.env_build_assignments (env_id, build_id, tag, created_at) VALUES ($1, $2::text::uuid, $3, clock_timestamp())";
    db.execute(insert, &[&template, &build, &tag]).await?;
    Ok(())
}

/// `GET /templates/aliases/{alias}`.
pub async fn get(call: &Call) -> Outcome {
    let team = call.team()?;
    let db = call.platform.database.get().await?;
    let (name, _) = split_name(call.part(0));
    let env = Env::find(&db, call.profile(), &name.to_lowercase(), Some(&team.id))
        .await?
        .ok_or_else(|| {
            Answer::problem(404, format!("Template alias '{}' not found", call.part(0)))
        })?;
    if !env.public && env.team != team.id {
        let text = "You don't have access to this template alias";
        return Err(Answer::problem(403, text));
    }
    let shown = json!({"templateID": env.id, "public": env.public});
    Ok(Answer::json(200, &shown))
}

/// `GET /templates/{id}/tags`.
pub async fn tags(call: &Call) -> Outcome {
    let db = call.platform.database.get().await?;
    let env = template::own(call, &db).await?;
    let query = "
        SELECT DISTINCT ON (tag) tag, build_id::text, created_at FROM public.env_build_assignments
        WHERE env_id = $1 ORDER BY tag, created_at DESC";
    let rows = db.query(query, &[&env.id]).await?;
    let shown = rows.iter().map(|row| {
        let (tag, build): (String, String) = (row.get(0), row.get(1));
        let created: Option<DateTime<Utc>> = row.get(2);
        json!({"tag": tag, "buildID": build, "createdAt": time::or_zero(created)})
    });
    Ok(Answer::json(200, &Value::Array(shown.collect())))
}

async fn named(call: &Call, db: &Lease, name: &str) -> Result<Env, Answer> {
    let team = call.team()?;
    let found = Env::find(db, call.profile(), &name.to_lowercase(), Some(&team.id)).await?;
    found
        .filter(|env| env.team == team.id)
        .ok_or_else(|| Answer::problem(404, format!("Template '{name}' not found")))
}

fn wanted(call: &Call) -> Result<Vec<String>, Answer> {
    let tags = call.texts("tags");
    match tags.iter().find(|tag| !is_tag(tag)) {
        Some(tag) => Err(Answer::problem(400, format!("Invalid tag: {tag}"))),
        None if tags.is_empty() => Err(Answer::problem(400, "At least one tag is required")),
        None => Ok(tags),
    }
}

/// Whether a tag has letters that one may have.
pub fn is_tag(tag: &str) -> bool {
    id::is_name(&tag.replace('.', "-"))
}

/// `POST /templates/tags`: further tags for the build that `name:tag` has.
pub async fn assign(call: &Call) -> Outcome {
    let tags = wanted(call)?;
    let (name, tag) = split_name(call.text("target").unwrap_or_default());
    let db = call.platform.database.get().await?;
    let env = named(call, &db, name).await?;
    let query = "
        SELECT build_id::text FROM public.env_build_assignments WHERE env_id = $1 AND tag = coalesce($2, 'default')
        ORDER BY created_at DESC LIMIT 1";
    let build: String = db
        .query_opt(query, &[&env.id, &tag])
        .await?
        .ok_or_else(|| Answer::problem(404, format!("Template '{name}' has no such tag")))?
        .get(0);
    for tag in &tags {
        assign_tag(&db, &env.id, &build, tag).await?;
    }
    let shown = json!({"tags": tags, "buildID": build});
    Ok(Answer::json(201, &shown))
}

/// `DELETE /templates/tags`.
pub async fn remove(call: &Call) -> Outcome {
    let tags = wanted(call)?;
    let (name, _) = split_name(call.text("name").unwrap_or_default());
    let db = call.platform.database.get().await?;
    let env = named(call, &db, name).await?;
    let delete = "DELETE FROM public.env_build_assignments WHERE env_id = $1 AND tag = ANY($2)";
    db.execute(delete, &[&env.id, &tags]).await?;
    Ok(Answer::empty(204))
}
