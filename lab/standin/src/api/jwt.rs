//! Tokens of the dashboard: JWTs signed with HS256.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::Utc;
use serde_json::Value;

/// Whose token it is, or why it is none, in the platform's words.
pub fn user(token: &str, secrets: &[String]) -> Result<String, String> {
    if secrets.is_empty() {
        return Err("failed to parse supabase token, no secrets found".to_owned());
    }
    let failed = |why: &str| format!("failed to parse supabase token: {why}");
    let (signed, signature) = token
        .rsplit_once('.')
        .ok_or_else(|| failed("token is malformed"))?;
    let (header, claims) = signed
        .split_once('.')
        .ok_or_else(|| failed("token is malformed"))?;
    let signature = URL_SAFE_NO_PAD
        .decode(signature)
        .map_err(|_| failed("token is malformed"))?;
    let read = |part: &str| {
        URL_SAFE_NO_PAD
            .decode(part)
            .ok()
            .and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok())
            .ok_or_else(|| failed("token is malformed"))
    };
    let field = |value: &Value, name: &str| value.get(name).cloned().unwrap_or(Value::Null);
    if field(&read(header)?, "alg") != "HS256" {
        return Err(failed("token is unverifiable"));
    }
    let signed_by = |secret: &String| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        hmac::verify(&key, signed.as_bytes(), &signature).is_ok()
    };
    if !secrets.iter().any(signed_by) {
        return Err(failed("token signature is invalid"));
    }
    let claims = read(claims)?;
    if field(&claims, "exp")
        .as_f64()
        .is_some_and(|end| end < Utc::now().timestamp() as f64)
    {
        return Err(failed("token has invalid claims: token is expired"));
    }
    field(&claims, "sub")
        .as_str()
        .map(str::to_owned)
        .ok_or_else(|| failed("token has invalid claims"))
}
