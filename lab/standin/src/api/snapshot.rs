//! Paused sandboxes, as the database keeps them.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use tokio_postgres::Row;

use super::database::{Failure, Lease};
use super::id;
use super::options::Profile;
use super::sandbox::Sandbox;

/// A paused sandbox.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The template that the pause made.
    pub template: String,
    /// The template the sandbox was made from at first.
    pub base_template: String,
    /// The newest finished build of its own template.
    pub build: String,
    /// The sandbox.
    pub sandbox: String,
    /// The team it belongs to.
    pub team: String,
    /// What the client called it.
    pub metadata: Option<Map<String, Value>>,
    /// When the sandbox was started.
    pub started: DateTime<Utc>,
    /// When it was paused.
    pub paused: DateTime<Utc>,
    /// Whether its envd wants a token.
    pub secure: bool,
    /// The aliases of the first template.
    pub aliases: Vec<String>,
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
    /// The node whose disk has the files.
    pub node: Option<String>,
}

const SELECT: &str = "
    SELECT s.env_id, s.base_env_id, b.id::text, s.sandbox_id, e.team_id::text, s.metadata::text, s.sandbox_started_at,
        b.updated_at, s.env_secure, b.vcpu, b.ram_mb, b.total_disk_size_mb, b.kernel_version, b.firecracker_version,
        b.envd_version, b.cluster_node_id,
        ARRAY(SELECT a.alias FROM public.env_aliases a WHERE a.env_id = s.base_env_id ORDER BY a.alias)
    FROM public.snapshots s
    JOIN public.envs e ON e.id = s.env_id
    JOIN LATERAL (SELECT * FROM public.env_builds WHERE env_id = s.env_id AND status = 'success'
        ORDER BY created_at DESC LIMIT 1) b ON true";

fn read(row: &Row) -> Snapshot {
    let metadata: Option<String> = row.get(5);
    Snapshot {
        template: row.get(0),
        base_template: row.get(1),
        build: row.get(2),
        sandbox: row.get(3),
        team: row.get(4),
        metadata: metadata.and_then(|text| serde_json::from_str(&text).ok()),
        started: row.get(6),
        paused: row.get(7),
        secure: row.get(8),
        vcpu: row.get(9),
        ram_mb: row.get(10),
        disk_mb: row.get(11),
        kernel: row.get(12),
        firecracker: row.get(13),
        envd_version: row.get(14),
        node: row.get(15),
        aliases: row.get(16),
    }
}

impl Snapshot {
    /// That of a sandbox, whoever's it is.
    pub async fn find(db: &Lease, sandbox: &str) -> Result<Option<Snapshot>, Failure> {
        let query = format!("{SELECT} WHERE s.sandbox_id = $1");
        let row = db.query_opt(query.as_str(), &[&sandbox]).await?;
        Ok(row.as_ref().map(read))
    }

    /// Those of a team.
    pub async fn of_team(
        db: &Lease,
        profile: Profile,
        team: &str,
    ) -> Result<Vec<Snapshot>, Failure> {
        // the seed lists none whose metadata is JSON's null, which is what a sandbox without metadata leaves
        let shown = match profile {
            Profile::Seed => "AND s.metadata <> 'null'::jsonb",
            Profile::Upstream => "",
        };
        let query = format!("{SELECT} WHERE e.team_id = $1::text::uuid {shown}");
        let rows = db.query(query.as_str(), &[&team]).await?;
        Ok(rows.iter().map(read).collect())
    }

    /// Makes the rows of a pause that begins; returns the template and the build it writes.
    pub async fn begin(
        db: &Lease,
        profile: Profile,
        sandbox: &Sandbox,
    ) -> Result<(String, String), Failure> {
        let known = "SELECT env_id FROM public.snapshots WHERE sandbox_id = $1";
        let template = match db.query_opt(known, &[&sandbox.id]).await? {
            Some(row) => row.get(0),
            None => Snapshot::insert(db, profile, sandbox).await?,
        };
        let build = id::uuid();
        insert_build(db, profile, sandbox, &template, &build, "snapshotting").await?;
        Ok((template, build))
    }

    async fn insert(db: &Lease, profile: Profile, sandbox: &Sandbox) -> Result<String, Failure> {
        let template = id::template();
        let metadata = sandbox.metadata.as_ref().map_or_else(
            || "null".to_owned(),
            |m| Value::Object(m.clone()).to_string(),
        );
        let secure = sandbox.token.is_some();
        let (columns, values) = match profile {
            Profile::Seed => ("", ""),
            Profile::Upstream => (", team_id, auto_pause", ", $2::text::uuid, $8::boolean"),
        };
        let auto_pause = sandbox.auto_pause;
        let insert = format!(
            "WITH made AS (
                INSERT INTO public.envs (id, team_id, public, updated_at) VALUES ($1, $2::text::uuid, false, now()) RETURNING id)
             INSERT INTO public.snapshots (env_id, created_at, sandbox_id, base_env_id, metadata, sandbox_started_at, env_secure{columns})
             SELECT made.id, now(), $3::text, $4::text, $5::text::jsonb, $6::timestamptz, $7::boolean{values} FROM made
             WHERE $8::boolean IS NOT NULL"
        );
        db.execute(
            insert.as_str(),
            &[
                &template,
                &sandbox.team,
                &sandbox.id,
                &sandbox.base_template,
                &metadata,
                &sandbox.started,
                &secure,
                &auto_pause,
            ],
        )
        .await?;
        Ok(template)
    }

    /// Says how a pause ended.
    pub async fn end(db: &Lease, build: &str, status: &str) -> Result<(), Failure> {
        let update = "UPDATE public.env_builds SET status = $2, finished_at = now(), updated_at = now() WHERE id = $1::text::uuid";
        db.execute(update, &[&build, &status]).await?;
        Ok(())
    }

    /// Removes what a team has of a paused sandbox; returns the template and its builds, if there was one.
    pub async fn delete(
        db: &Lease,
        sandbox: &str,
        team: &str,
    ) -> Result<Option<(String, Vec<String>)>, Failure> {
        let delete = "
            WITH found AS (
                SELECT s.env_id, ARRAY(SELECT b.id::text FROM public.env_builds b WHERE b.env_id = s.env_id) AS builds
                FROM public.snapshots s JOIN public.envs e ON e.id = s.env_id
                WHERE s.sandbox_id = $1 AND e.team_id = $2::text::uuid),
            gone AS (DELETE FROM public.env_builds WHERE env_id IN (SELECT env_id FROM found)),
            went AS (DELETE FROM public.snapshots WHERE env_id IN (SELECT env_id FROM found))
            SELECT env_id, builds FROM found";
        let Some(row) = db.query_opt(delete, &[&sandbox, &team]).await? else {
            return Ok(None);
        };
        let template: String = row.get(0);
        db.execute("DELETE FROM public.envs WHERE id = $1", &[&template])
            .await?;
        Ok(Some((template, row.get(1))))
    }
}

/// A build's row for what a sandbox is written to.
pub async fn insert_build(
    db: &Lease,
    profile: Profile,
    sandbox: &Sandbox,
    template: &str,
    build: &str,
    status: &str,
) -> Result<(), Failure> {
    let insert = "
        INSERT INTO public.env_builds (id, env_id, created_at, updated_at, status, vcpu, ram_mb, free_disk_size_mb,
            total_disk_size_mb, kernel_version, firecracker_version, envd_version, cluster_node_id)
        VALUES ($1::text::uuid, $2, clock_timestamp(), now(), $3, $4, $5, 0, $6, $7, $8, $9, $10)";
    db.execute(
        insert,
        &[
            &build,
            &template,
            &status,
            &sandbox.vcpu,
            &sandbox.ram_mb,
            &sandbox.disk_mb,
            &sandbox.kernel,
            &sandbox.firecracker,
            &sandbox.envd_version,
            &sandbox.node,
        ],
    )
    .await?;
    if profile == Profile::Upstream {
        super::alias::assign_tag(db, template, build, "default").await?;
    }
    Ok(())
}
