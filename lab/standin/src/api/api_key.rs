//! Keys of teams, for the dashboard.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::answer::{Answer, Outcome};
use super::call::Call;
use super::database::{Failure, Lease};
use super::id;
use super::key::{self, Key};
use super::options::Profile;
use super::time;

/// Stores a new key of a team; returns it with its id.
pub async fn insert(
    db: &Lease,
    profile: Profile,
    team: &str,
    user: Option<&str>,
    name: &str,
) -> Result<(Key, String), Failure> {
    let key = Key::random(key::TEAM);
    let hash = key::hash(&key.value, key::TEAM);
    // upstream keeps no key: the parameter is there for both
    let (column, value) = match profile {
        Profile::Seed => (", api_key", ", $9::text"),
        Profile::Upstream => ("", ""),
    };
    let insert = format!(
        "INSERT INTO public.team_api_keys (team_id, name, created_by, updated_at, api_key_hash, api_key_prefix, api_key_length,
            api_key_mask_prefix, api_key_mask_suffix{column})
         SELECT $1::text::uuid, $2::text, $3::text::uuid, now(), $4::text, $5::text, $6::int, $7::text, $8::text{value}
         WHERE $9::text IS NOT NULL RETURNING id::text"
    );
    let (first, last) = (key.mask_prefix(), key.mask_suffix());
    let row = db
        .query_one(
            insert.as_str(),
            &[
                &team,
                &name,
                &user,
                &hash,
                &key.prefix,
                &key.length(),
                &first,
                &last,
                &key.value,
            ],
        )
        .await?;
    let made = row.get(0);
    Ok((key, made))
}

fn person(id: Option<String>, email: Option<String>) -> Value {
    id.map_or(Value::Null, |id| json!({"id": id, "email": email}))
}

/// `GET /api-keys`.
pub async fn list(call: &Call) -> Outcome {
    let team = call.team()?;
    let db = call.platform.database.get().await?;
    // the seed's older keys have no mask: it is made of the key
    let plain = match call.profile() {
        Profile::Seed => "k.api_key",
        Profile::Upstream => "NULL::text",
    };
    let query = format!(
        "SELECT k.id::text, k.name, k.created_at, k.last_used, k.created_by::text, u.email, k.api_key_prefix, k.api_key_length,
            k.api_key_mask_prefix, k.api_key_mask_suffix, {plain}
         FROM public.team_api_keys k LEFT JOIN auth.users u ON u.id = k.created_by
         WHERE k.team_id = $1::text::uuid ORDER BY k.created_at"
    );
    let rows = db.query(query.as_str(), &[&team.id]).await?;
    let shown = rows.iter().map(|row| {
        let (id, name): (String, String) = (row.get(0), row.get(1));
        let created: DateTime<Utc> = row.get(2);
        let prefix: Option<String> = row.get(6);
        let mask = match (prefix, row.get::<_, Option<String>>(10)) {
            (Some(prefix), _) => {
                let text = |at: usize| row.get::<_, Option<String>>(at).unwrap_or_default();
                let length = row.get::<_, Option<i32>>(7).unwrap_or(0);
                key::mask(&prefix, length, &text(8), &text(9))
            }
            (None, value) => Key {
                value: value.unwrap_or_default(),
                prefix: key::TEAM,
            }
            .mask(),
        };
        json!({
            "id": id,
            "name": name,
            "mask": mask,
            "createdAt": time::text(created),
            "createdBy": person(row.get(4), row.get(5)),
            "lastUsed": time::or_null(row.get(3)),
        })
    });
    Ok(Answer::json(200, &Value::Array(shown.collect())))
}

/// `POST /api-keys`.
pub async fn create(call: &Call) -> Outcome {
    let team = call.team()?;
    let user = call.principal.user.as_deref();
    let name = call.text("name").unwrap_or_default();
    let db = call.platform.database.get().await?;
    let (key, made) = insert(&db, call.profile(), &team.id, user, name).await?;
    let query = "SELECT email FROM auth.users WHERE id = $1::text::uuid";
    let email = db.query_opt(query, &[&user]).await?.map(|row| row.get(0));
    let now = time::text(Utc::now());
    Ok(Answer::json(
        201,
        &json!({
            "id": made,
            "name": name,
            "key": key.value,
            "mask": key.mask(),
            "createdAt": now,
            "createdBy": person(user.map(str::to_owned), email),
            "lastUsed": now,
        }),
    ))
}

fn key_id(call: &Call) -> Result<String, Answer> {
    id::parse_uuid(call.part(0))
        .map_err(|why| Answer::problem(400, format!("Error when parsing API key ID: {why}")))
}

fn found(count: u64, status: u16) -> Outcome {
    match count {
        0 => Err(Answer::text(404, "id not found")),
        _ => Ok(Answer::empty(status)),
    }
}

/// `PATCH /api-keys/{id}`: 202, whatever is declared.
pub async fn update(call: &Call) -> Outcome {
    let id = key_id(call)?;
    let team = call.team()?;
    let name = call.text("name").unwrap_or_default();
    let db = call.platform.database.get().await?;
    let update = "UPDATE public.team_api_keys SET name = $3, updated_at = now() WHERE id = $1::text::uuid AND team_id = $2::text::uuid";
    let status = if call.is_upstream() { 200 } else { 202 };
    found(db.execute(update, &[&id, &team.id, &name]).await?, status)
}

/// `DELETE /api-keys/{id}`.
pub async fn delete(call: &Call) -> Outcome {
    let id = key_id(call)?;
    let team = call.team()?;
    let db = call.platform.database.get().await?;
    let delete =
        "DELETE FROM public.team_api_keys WHERE id = $1::text::uuid AND team_id = $2::text::uuid";
    found(db.execute(delete, &[&id, &team.id]).await?, 204)
}
