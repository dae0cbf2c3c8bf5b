//! Templates: what sandboxes are made of.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::answer::{Answer, Outcome};
use super::build;
use super::builder;
use super::call::Call;
use super::database::Lease;
use super::id;
use super::options::Profile;
use super::team::Team;
use super::time;

/// A template that a sandbox can be made of.
#[derive(Debug, Clone)]
pub struct Template {
    /// Its id.
    pub id: String,
    /// Its aliases.
    pub aliases: Vec<String>,
    /// Its newest finished build.
    pub build: String,
    /// Processors.
    pub vcpu: i64,
    /// Memory.
    pub ram_mb: i64,
    /// Disk.
    pub disk_mb: Option<i64>,
    /// The kernel of the build.
    pub kernel: String,
    /// The Firecracker of the build.
    pub firecracker: String,
    /// The envd of the build.
    pub envd_version: Option<String>,
    /// Whether it was made of a sandbox.
    pub is_snapshot: bool,
}

/// A template of which only the row is wanted.
#[derive(Debug, Clone)]
pub struct Env {
    /// Its id.
    pub id: String,
    /// The team it belongs to.
    pub team: String,
    /// Whether everybody may use it.
    pub public: bool,
    /// The cluster that its builds are for.
    pub cluster: Option<String>,
    /// The aliases it has.
    pub aliases: Vec<String>,
}

/// Splits `[namespace/]name[:tag]`.
pub fn split_name(text: &str) -> (&str, Option<&str>) {
    let bare = text.rsplit_once('/').map_or(text, |(_, name)| name);
    bare.split_once(':')
        .map_or((bare, None), |(name, tag)| (name, Some(tag)))
}

impl Env {
    /// The template of that id or alias; of several with that alias the team's own.
    pub async fn find(
        db: &Lease,
        profile: Profile,
        name: &str,
        team: Option<&str>,
    ) -> Result<Option<Env>, Answer> {
        let alive = match profile {
            Profile::Seed => "",
            Profile::Upstream => "AND e.deleted_at IS NULL",
        };
        let query = format!(
            "SELECT e.id, e.team_id::text, e.public, e.cluster_id::text,
                ARRAY(SELECT a.alias FROM public.env_aliases a WHERE a.env_id = e.id ORDER BY a.alias)
             FROM public.envs e
             WHERE (e.id = $1 OR EXISTS (SELECT FROM public.env_aliases a WHERE a.env_id = e.id AND a.alias = $1)) {alive}
             ORDER BY e.id = $1 DESC, coalesce(e.team_id = $2::text::uuid, false) DESC LIMIT 1"
        );
        let row = db.query_opt(query.as_str(), &[&name, &team]).await?;
        Ok(row.map(|row| Env {
            id: row.get(0),
            team: row.get(1),
            public: row.get(2),
            cluster: row.get(3),
            aliases: row.get(4),
        }))
    }

    /// Whether who asks is of its team.
    pub async fn is_own(&self, call: &Call, db: &Lease) -> Result<bool, Answer> {
        if let Some(team) = &call.principal.team {
            return Ok(team.id == self.team);
        }
        let teams = Team::of_user(db, call.profile(), call.user()?).await?;
        Ok(teams.iter().any(|team| team.id == self.team))
    }
}

impl Template {
    /// The one that a team asks for by id or alias.
    pub async fn for_sandbox(
        db: &Lease,
        profile: Profile,
        asked: &str,
        team: &Team,
    ) -> Result<Template, Answer> {
        let (name, tag) = match profile {
            Profile::Seed => (asked, None),
            Profile::Upstream => split_name(asked.trim()),
        };
        let name = id::clean_template(name).map_err(|refusal| match profile {
            Profile::Seed => refusal,
            Profile::Upstream => {
                Answer::problem(400, format!("Invalid template reference: {asked}"))
            }
        })?;
        let missing = || {
            let shown = match profile {
                Profile::Seed => name.as_str(),
                Profile::Upstream => asked,
            };
            Answer::problem(404, format!("template '{shown}' not found"))
        };
        let env = Env::find(db, profile, &name, Some(&team.id))
            .await?
            .ok_or_else(missing)?;
        let found = match profile {
            Profile::Seed => {
                "false FROM public.env_builds b WHERE b.env_id = $1 AND b.status = 'uploaded' AND $2::text IS NULL
                 ORDER BY b.created_at DESC LIMIT 1"
            }
            Profile::Upstream => {
                "EXISTS (SELECT FROM public.snapshot_templates s WHERE s.env_id = a.env_id)
                 FROM public.env_build_assignments a JOIN public.env_builds b ON b.id = a.build_id
                 WHERE a.env_id = $1 AND a.tag = coalesce($2::text, 'default') AND b.status IN ('uploaded', 'ready')
                 ORDER BY a.created_at DESC LIMIT 1"
            }
        };
        let query = format!(
            "SELECT b.id::text, b.vcpu, b.ram_mb, b.total_disk_size_mb, b.kernel_version, b.firecracker_version, b.envd_version, {found}"
        );
        let row = db
            .query_opt(query.as_str(), &[&env.id, &tag])
            .await?
            .ok_or_else(missing)?;
        if !env.public && env.team != team.id {
            let text = format!(
                "Team  '{}' does not have access to the template '{name}'",
                team.id
            );
            return Err(Answer::problem(403, text));
        }
        Ok(Template {
            id: env.id,
            aliases: env.aliases,
            build: row.get(0),
            vcpu: row.get(1),
            ram_mb: row.get(2),
            disk_mb: row.get(3),
            kernel: row.get(4),
            firecracker: row.get(5),
            envd_version: row.get(6),
            is_snapshot: row.get(7),
        })
    }
}

/// The team whose templates are listed.
async fn listed_team(call: &Call, db: &Lease) -> Result<Team, Answer> {
    if let Some(team) = &call.principal.team {
        return Ok(team.clone());
    }
    let wanted = call.request.query.get("teamID").filter(|id| !id.is_empty());
    let wanted = wanted
        .map(|text| id::parse_uuid(text).map_err(|_| Answer::problem(400, "Invalid team ID")))
        .transpose()?;
    let teams = Team::of_user(db, call.profile(), call.user()?).await?;
    let mut teams = teams.into_iter();
    let found = match &wanted {
        Some(id) => teams.find(|team| team.id == *id),
        None => teams.find(|team| team.is_default),
    };
    found.ok_or_else(|| match wanted {
        Some(_) => Answer::problem(404, "Team not found"),
        None => Answer::problem(500, "Default team not found"),
    })
}

/// `GET /templates` and `GET /v2/templates`. The seed lists those that have a finished build.
pub async fn list(call: &Call) -> Outcome {
    let db = call.platform.database.get().await?;
    let team = listed_team(call, &db).await?;
    let (join, only) = match call.profile() {
        Profile::Seed => (
            "JOIN LATERAL (SELECT * FROM public.env_builds WHERE env_id = e.id AND status = 'uploaded'
                ORDER BY created_at DESC LIMIT 1) b ON true",
            "NOT EXISTS (SELECT FROM public.snapshots s WHERE s.env_id = e.id)",
        ),
        Profile::Upstream => (
            "LEFT JOIN LATERAL (SELECT * FROM public.env_builds WHERE env_id = e.id
                ORDER BY status IN ('uploaded', 'ready') DESC, created_at DESC LIMIT 1) b ON true",
            "e.source = 'template' AND e.deleted_at IS NULL",
        ),
    };
    let query = format!(
        "SELECT e.id, e.public, e.created_at, e.updated_at, e.created_by::text, u.email, e.last_spawned_at, e.spawn_count,
            e.build_count, ARRAY(SELECT a.alias FROM public.env_aliases a WHERE a.env_id = e.id ORDER BY a.alias),
            b.id::text, b.vcpu, b.ram_mb, b.total_disk_size_mb, b.envd_version, b.status
         FROM public.envs e {join} LEFT JOIN auth.users u ON u.id = e.created_by
         WHERE e.team_id = $1::text::uuid AND {only} ORDER BY e.created_at, e.id"
    );
    let rows = db.query(query.as_str(), &[&team.id]).await?;
    let upstream = call.is_upstream();
    let shown = rows.iter().map(|row| {
        let (id, public): (String, bool) = (row.get(0), row.get(1));
        let (created, updated): (DateTime<Utc>, DateTime<Utc>) = (row.get(2), row.get(3));
        let user: Option<String> = row.get(4);
        let email: Option<String> = row.get(5);
        let (spawned, built): (i64, i32) = (row.get(7), row.get(8));
        let aliases: Vec<String> = row.get(9);
        let build: Option<String> = row.get(10);
        let (vcpu, ram): (Option<i64>, Option<i64>) = (row.get(11), row.get(12));
        let last: Option<DateTime<Utc>> = row.get(6);
        let mut one = json!({
            "templateID": id,
            "buildID": build.unwrap_or_else(|| "00000000-0000-0000-0000-000000000000".to_owned()),
            "cpuCount": vcpu.unwrap_or(0),
            "memoryMB": ram.unwrap_or(0),
            "public": public,
            "aliases": aliases,
            "createdAt": time::text(created),
            "updatedAt": time::text(updated),
            "createdBy": user.map(|id| json!({"id": id, "email": email})),
            "lastSpawnedAt": if upstream { time::or_null(last) } else { json!(time::or_zero(last)) },
            "spawnCount": spawned,
            "buildCount": built,
        });
        if let Some(fields) = one.as_object_mut().filter(|_| upstream) {
            let disk: Option<i64> = row.get(13);
            let version: Option<String> = row.get(14);
            let status: Option<String> = row.get(15);
            let status = status.map_or("waiting", |status| build::shown_status(&status));
            fields.insert("names".to_owned(), json!(aliases));
            fields.insert("diskSizeMB".to_owned(), json!(disk.unwrap_or(0)));
            fields.insert("envdVersion".to_owned(), json!(version.unwrap_or_default()));
            fields.insert("buildStatus".to_owned(), json!(status));
        }
        one
    });
    Ok(Answer::json(200, &Value::Array(shown.collect())))
}

/// The template that the path names, if who asks is of its team.
pub async fn own(call: &Call, db: &Lease) -> Result<Env, Answer> {
    let asked = call.part(0);
    let team = call.principal.team.as_ref().map(|team| team.id.as_str());
    let env = Env::find(db, call.profile(), asked, team)
        .await?
        .ok_or_else(|| {
            Answer::problem(404, format!("the sandbox template '{asked}' wasn't found"))
        })?;
    if env.is_own(call, db).await? {
        return Ok(env);
    }
    let who = call.principal.user.as_deref().or(team).unwrap_or_default();
    let text = format!("You ({who}) don't have access to sandbox template '{asked}'");
    Err(Answer::problem(403, text))
}

/// `PATCH /templates/{id}`.
pub async fn update(call: &Call) -> Outcome {
    let db = call.platform.database.get().await?;
    let env = own(call, &db).await?;
    if let Some(public) = call.flag("public") {
        let update = "UPDATE public.envs SET public = $2, updated_at = now() WHERE id = $1";
        db.execute(update, &[&env.id, &public]).await?;
    }
    if call.request.path.starts_with("/v2/") {
        return Ok(Answer::json(200, &json!({"names": env.aliases})));
    }
    Ok(Answer::json(200, &Value::Null))
}

/// `DELETE /templates/{id}`: 200 with `null`, whatever the seed declares; 204 upstream.
pub async fn delete(call: &Call) -> Outcome {
    let db = call.platform.database.get().await?;
    let env = own(call, &db).await?;
    let paused = "SELECT EXISTS (SELECT FROM public.snapshots WHERE base_env_id = $1)";
    if db.query_one(paused, &[&env.id]).await?.get(0) {
        let text = format!(
            "cannot delete template '{}' because there are paused sandboxes using it",
            env.id
        );
        return Err(Answer::problem(400, text));
    }
    let builds = "DELETE FROM public.env_builds WHERE env_id = $1 RETURNING id::text";
    let rows = db.query(builds, &[&env.id]).await?;
    let builds: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    let delete = match call.profile() {
        Profile::Seed => "DELETE FROM public.envs WHERE id = $1",
        // the row stays: a sandbox that still runs may be paused, and its snapshot refers to it
        Profile::Upstream => {
            "WITH aliases AS (DELETE FROM public.env_aliases WHERE env_id = $1)
             UPDATE public.envs SET deleted_at = now(), updated_at = now() WHERE id = $1"
        }
    };
    db.execute(delete, &[&env.id]).await?;
    builder::forget(&call.platform, &env.id, &builds);
    Ok(if call.is_upstream() {
        Answer::empty(204)
    } else {
        Answer::json(200, &Value::Null)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_namespaces_and_tags() {
        assert_eq!(split_name("team/base:v1"), ("base", Some("v1")));
        assert_eq!(split_name("base"), ("base", None));
    }
}
