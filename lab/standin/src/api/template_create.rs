//! The rows of templates and of their next builds.

use serde_json::{Value, json};

use super::alias;
use super::answer::{Answer, Outcome};
use super::call::Call;
use super::cluster;
use super::database::{Failure, Lease};
use super::id;
use super::options::{Options, Profile};
use super::team::Team;
use super::template::Env;
use super::time;

const CPU: i64 = 2;
const MEMORY_MB: i64 = 1024;

/// What a new build is told.
#[derive(Debug)]
pub struct Plan {
    /// Processors.
    pub vcpu: i64,
    /// Memory.
    pub ram_mb: i64,
    /// Text that is stored, and never built.
    pub dockerfile: Option<String>,
    /// What runs in every sandbox.
    pub start: Option<String>,
    /// What says that it runs.
    pub ready: Option<String>,
    /// The node of the cluster that builds it.
    pub node: Option<String>,
}

impl Plan {
    /// What the body asks for, within what the team may have.
    pub fn read(call: &Call, team: &Team) -> Result<Plan, Answer> {
        let vcpu = call.integer("cpuCount").unwrap_or(CPU);
        let ram_mb = call.integer("memoryMB").unwrap_or(MEMORY_MB);
        let refuse = |text: String| Err(Answer::problem(400, text));
        let more = "(if you need to increase this limit, please contact support)";
        if vcpu > team.max_vcpu {
            let most = team.max_vcpu;
            return refuse(format!("CPU count can't be higher than {most} {more}"));
        }
        if ram_mb % 2 != 0 {
            return refuse("Memory must be divisible by 2".to_owned());
        }
        if ram_mb > team.max_ram_mb {
            let most = team.max_ram_mb;
            return refuse(format!("Memory can't be higher than {most} MiB {more}"));
        }
        let text = |name: &str| call.text(name).map(str::to_owned);
        Ok(Plan {
            vcpu,
            ram_mb,
            dockerfile: text("dockerfile"),
            start: text("startCmd"),
            ready: text("readyCmd"),
            node: None,
        })
    }

    /// A new build of a template, which waits.
    pub async fn insert(
        &self,
        db: &Lease,
        profile: Profile,
        options: &Options,
        template: &str,
        team: &Team,
    ) -> Result<String, Failure> {
        let build = id::uuid();
        let (kernel, firecracker) = match profile {
            Profile::Seed => ("vmlinux-6.1.102", "v1.10.1_1fcdaec"),
            Profile::Upstream => (options.kernel.as_str(), options.firecracker.as_str()),
        };
        let insert = "
            INSERT INTO public.env_builds (id, env_id, created_at, updated_at, status, dockerfile, start_cmd, ready_cmd, vcpu,
                ram_mb, free_disk_size_mb, kernel_version, firecracker_version, cluster_node_id)
            VALUES ($1::text::uuid, $2, clock_timestamp(), now(), 'waiting', $3, $4, $5, $6, $7, $8, $9, $10, $11)";
        db.execute(
            insert,
            &[
                &build,
                &template,
                &self.dockerfile,
                &self.start,
                &self.ready,
                &self.vcpu,
                &self.ram_mb,
                &team.disk_mb,
                &kernel,
                &firecracker,
                &self.node,
            ],
        )
        .await?;
        Ok(build)
    }
}

/// The row of a new template.
pub async fn insert_env(
    db: &Lease,
    template: &str,
    team: &Team,
    user: Option<&str>,
) -> Result<(), Failure> {
    let insert = "
        INSERT INTO public.envs (id, team_id, created_by, public, updated_at, cluster_id)
        VALUES ($1, $2::text::uuid, $3::text::uuid, false, now(), $4::text::uuid)";
    db.execute(insert, &[&template, &team.id, &user, &team.cluster])
        .await?;
    Ok(())
}

/// The team that a template is for: the one that is named, else the user's default one.
async fn wanted_team(call: &Call, db: &Lease) -> Result<Team, Answer> {
    let wanted = call
        .text("teamID")
        .map(|text| {
            id::parse_uuid(text)
                .map_err(|_| Answer::problem(400, format!("Invalid team ID: {text}")))
        })
        .transpose()?;
    let teams = Team::of_user(db, call.profile(), call.user()?).await?;
    let mut teams = teams.into_iter();
    let found = match &wanted {
        Some(id) => teams.find(|team| team.id == *id),
        None => teams.find(|team| team.is_default),
    };
    found
        .ok_or_else(|| match wanted {
            Some(id) => Answer::problem(404, format!("Team '{id}' not found")),
            None => Answer::problem(500, "Default team not found"),
        })?
        .admit()
}

/// Whether somebody can build for the team: where it has a cluster, only a builder of that cluster counts.
async fn builder_of(call: &Call, team: &Team) -> Result<Option<String>, Answer> {
    let Some(id) = &team.cluster else {
        return Ok(None);
    };
    if call.is_upstream() || call.platform.options.cluster_builds {
        return Ok(None);
    }
    match cluster::builder(&call.platform, id).await {
        Err(()) => {
            let text = format!("Cluster with ID '{id}' not found");
            Err(Answer::problem(400, text))
        }
        Ok(None) => Err(Answer::problem(
            500,
            "Error when getting available template builder: available template builder not found",
        )),
        Ok(Some((node, _))) => Ok(Some(node)),
    }
}

fn wanted_alias(call: &Call) -> Result<Option<String>, Answer> {
    let Some(alias) = call.text("alias") else {
        return Ok(None);
    };
    let alias = alias.trim().to_lowercase();
    if id::is_name(&alias) {
        Ok(Some(alias))
    } else {
        // the text ends here: the real one shows the alias that it could not make
        Err(Answer::problem(400, "Invalid alias: "))
    }
}

/// `POST /templates`: makes the rows of a template and of its first build, which waits.
pub async fn create(call: &Call) -> Outcome {
    let db = call.platform.database.get().await?;
    let team = wanted_team(call, &db).await?;
    let template = id::template();
    let build = write(call, &db, &team, &template, true).await?;
    shown(call, &template, &build)
}

/// `POST /templates/{id}`: a further build; the id alone will do, no alias.
pub async fn rebuild(call: &Call) -> Outcome {
    let db = call.platform.database.get().await?;
    let team = wanted_team(call, &db).await?;
    let asked = call.part(0);
    let found = Env::find(&db, call.profile(), asked, Some(&team.id)).await?;
    let env = found
        .filter(|env| env.id == asked && env.team == team.id)
        .ok_or_else(|| {
            let text = format!(
                "Error when getting template '{asked}' for team '{}'",
                team.id
            );
            Answer::problem(404, text)
        })?;
    let build = write(call, &db, &team, &env.id, false).await?;
    shown(call, &env.id, &build)
}

async fn write(
    call: &Call,
    db: &Lease,
    team: &Team,
    template: &str,
    is_new: bool,
) -> Result<String, Answer> {
    let profile = call.profile();
    let mut plan = Plan::read(call, team)?;
    let wanted = wanted_alias(call)?;
    if let Some(wanted) = &wanted {
        alias::check(db, profile, wanted, template, team).await?;
    }
    plan.node = builder_of(call, team).await?;
    if is_new {
        insert_env(db, template, team, call.principal.user.as_deref()).await?;
    } else {
        let older = "UPDATE public.env_builds SET status = 'failed', finished_at = now(), updated_at = now() WHERE env_id = $1 AND status = 'waiting'";
        db.execute(older, &[&template]).await?;
        let count = "UPDATE public.envs SET build_count = build_count + 1, updated_at = now() WHERE id = $1";
        db.execute(count, &[&template]).await?;
    }
    let build = plan
        .insert(db, profile, &call.platform.options, template, team)
        .await?;
    if profile == Profile::Upstream {
        alias::assign_tag(db, template, &build, "default").await?;
    }
    if let Some(wanted) = &wanted {
        alias::set(db, profile, template, wanted).await?;
    }
    Ok(build)
}

/// What a request for a build is answered: ids, and Go's zero values.
fn shown(call: &Call, template: &str, build: &str) -> Outcome {
    let aliases = wanted_alias(call)?.map(|alias| vec![alias]);
    let mut shown = json!({
        "templateID": template,
        "buildID": build,
        "cpuCount": 0,
        "memoryMB": 0,
        "public": false,
        "aliases": aliases,
        "createdAt": time::ZERO,
        "updatedAt": time::ZERO,
        "createdBy": null,
        "lastSpawnedAt": time::ZERO,
        "spawnCount": 0,
        "buildCount": 0,
    });
    if let Some(fields) = shown.as_object_mut().filter(|_| call.is_upstream()) {
        for (name, value) in [
            ("aliases", json!(aliases.unwrap_or_default())),
            ("diskSizeMB", json!(0)),
            ("envdVersion", json!("")),
            ("lastSpawnedAt", Value::Null),
        ] {
            fields.insert(name.to_owned(), value);
        }
    }
    Ok(Answer::json(202, &shown))
}
