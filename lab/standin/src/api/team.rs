//! Teams, their limits, and whose they are.

use serde_json::{Value, json};
use tokio_postgres::Row;

use super::answer::{Answer, Outcome};
use super::api_key;
use super::call::Call;
use super::database::{Failure, Lease};
use super::options::Profile;

/// A team as a request has to do with it.
#[derive(Debug, Clone, Default)]
pub struct Team {
    /// Its UUID.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Whether it is the default one of the user who was asked for.
    pub is_default: bool,
    /// Nobody of it gets in.
    pub is_banned: bool,
    /// Nobody of it gets in for the time being.
    pub is_blocked: bool,
    /// Where its sandboxes can be reached; without one, only the API knows them.
    pub cluster: Option<String>,
    /// How many sandboxes may run at once.
    pub concurrent: i64,
    /// How many hours a sandbox may run.
    pub max_hours: i64,
    /// The processors a template may have.
    pub max_vcpu: i64,
    /// The memory a template may have, in MB.
    pub max_ram_mb: i64,
    /// The disk a template has, in MB.
    pub disk_mb: i64,
}

const SEED_LIMITS: &str =
    "l.concurrent_instances, l.max_length_hours, l.max_vcpu, l.max_ram_mb, l.disk_mb
    FROM public.teams t JOIN public.tiers l ON l.id = t.tier";
const UPSTREAM_LIMITS: &str = "l.concurrent_sandboxes::int8, l.max_length_hours::int8, l.max_vcpu::int8, l.max_ram_mb::int8, l.disk_mb::int8
    FROM public.teams t JOIN public.team_limits l ON l.id = t.id";

/// `SELECT … FROM teams t`, to which a caller adds how it comes to the team.
fn select(profile: Profile, is_default: &str) -> String {
    let limits = match profile {
        Profile::Seed => SEED_LIMITS,
        Profile::Upstream => UPSTREAM_LIMITS,
    };
    format!(
        "SELECT t.id::text, t.name, t.is_banned, t.is_blocked, t.cluster_id::text, {is_default} AS is_default, {limits}"
    )
}

fn read(row: &Row) -> Team {
    Team {
        id: row.get(0),
        name: row.get(1),
        is_banned: row.get(2),
        is_blocked: row.get(3),
        cluster: row.get(4),
        is_default: row.get(5),
        concurrent: row.get(6),
        max_hours: row.get(7),
        max_vcpu: row.get(8),
        max_ram_mb: row.get(9),
        disk_mb: row.get(10),
    }
}

impl Team {
    /// The team of a key: the seed compares the key itself, upstream its hash.
    pub async fn of_key(db: &Lease, profile: Profile, key: &str) -> Result<Option<Team>, Failure> {
        let (column, wanted) = match profile {
            Profile::Seed => ("api_key", Some(key.to_owned())),
            Profile::Upstream => ("api_key_hash", super::key::hash(key, super::key::TEAM)),
        };
        let Some(wanted) = wanted else {
            return Ok(None);
        };
        let query = format!(
            "{} JOIN public.team_api_keys k ON k.team_id = t.id WHERE k.{column} = $1",
            select(profile, "false")
        );
        let row = db.query_opt(query.as_str(), &[&wanted]).await?;
        if row.is_some() {
            // a database that takes no writes still lets people in
            let touch =
                format!("UPDATE public.team_api_keys SET last_used = now() WHERE {column} = $1");
            let _ = db.execute(touch.as_str(), &[&wanted]).await;
        }
        Ok(row.as_ref().map(read))
    }

    /// The team of that id.
    pub async fn by_id(db: &Lease, profile: Profile, id: &str) -> Result<Option<Team>, Failure> {
        let query = format!("{} WHERE t.id = $1::text::uuid", select(profile, "false"));
        let row = db.query_opt(query.as_str(), &[&id]).await?;
        Ok(row.as_ref().map(read))
    }

    /// The teams of a user, the default one first.
    pub async fn of_user(db: &Lease, profile: Profile, user: &str) -> Result<Vec<Team>, Failure> {
        let query = format!(
            "{} JOIN public.users_teams u ON u.team_id = t.id WHERE u.user_id = $1::text::uuid
             ORDER BY u.is_default DESC, u.id",
            select(profile, "u.is_default")
        );
        let rows = db.query(query.as_str(), &[&user]).await?;
        Ok(rows.iter().map(read).collect())
    }

    /// Refuses teams that are shut out.
    pub fn admit(self) -> Result<Team, Answer> {
        let refuse = |prefix: &str, what: &str| {
            Err(Answer::problem(
                403,
                format!("{prefix}: error while getting the team: team is {what}"),
            ))
        };
        if self.is_banned {
            return refuse("forbidden", "banned");
        }
        if self.is_blocked {
            return refuse("blocked", "blocked");
        }
        Ok(self)
    }
}

/// `GET /teams`: makes, and shows, a new key for each team on every call.
pub async fn list(call: &Call) -> Outcome {
    let user = call.user()?;
    let profile = call.profile();
    let db = call.platform.database.get().await?;
    let mut shown = Vec::new();
    for team in Team::of_user(&db, profile, user).await? {
        let (key, _) =
            api_key::insert(&db, profile, &team.id, Some(user), "CLI login/configure").await?;
        shown.push(json!({
            "teamID": team.id,
            "name": team.name,
            "apiKey": key.value,
            "isDefault": team.is_default,
        }));
    }
    Ok(Answer::json(200, &Value::Array(shown)))
}
