//! Access tokens of users, for the dashboard.

use serde_json::json;

use super::answer::{Answer, Outcome};
use super::call::Call;
use super::id;
use super::key::{self, Key};
use super::time;

/// `POST /access-tokens`. The answer's `createdAt` is the zero time, as the seed has it; upstream makes none any more.
pub async fn create(call: &Call) -> Outcome {
    let user = call.user()?;
    let name = call.text("name").unwrap_or_default();
    let token = Key::random(key::USER);
    let hash = key::hash(&token.value, key::USER);
    let made = id::uuid();
    let (first, last) = (token.mask_prefix(), token.mask_suffix());
    let db = call.platform.database.get().await?;
    let insert = "
        INSERT INTO public.access_tokens (id, access_token, user_id, name, access_token_hash, access_token_prefix,
            access_token_length, access_token_mask_prefix, access_token_mask_suffix)
        VALUES ($1::text::uuid, $2, $3::text::uuid, $4, $5, $6, $7, $8, $9)";
    db.execute(
        insert,
        &[
            &made,
            &token.value,
            &user,
            &name,
            &hash,
            &token.prefix,
            &token.length(),
            &first,
            &last,
        ],
    )
    .await?;
    Ok(Answer::json(
        201,
        &json!({
            "id": made,
            "name": name,
            "token": token.value,
            "mask": token.mask(),
            "createdAt": time::ZERO,
        }),
    ))
}

/// `DELETE /access-tokens/{id}`.
pub async fn delete(call: &Call) -> Outcome {
    let user = call.user()?;
    let id = id::parse_uuid(call.part(0)).map_err(|why| {
        Answer::problem(400, format!("Error when parsing access token ID: {why}"))
    })?;
    let db = call.platform.database.get().await?;
    let delete =
        "DELETE FROM public.access_tokens WHERE id = $1::text::uuid AND user_id = $2::text::uuid";
    match db.execute(delete, &[&id, &user]).await? {
        0 => Err(Answer::text(404, "id not found")),
        _ => Ok(Answer::empty(204)),
    }
}
