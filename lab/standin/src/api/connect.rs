//! Calls of orchestrators and template-managers: Connect's unary calls in JSON.

use std::fmt;
use std::time::Duration;

use serde_json::{Value, json};

/// Pauses write a whole memory.
const LIMIT: Duration = Duration::from_secs(600);

/// A service that is called.
#[derive(Debug, Clone, Copy)]
pub struct Peer<'p> {
    http: &'p reqwest::Client,
    base: &'p str,
}

/// Why a call failed.
#[derive(Debug, Clone)]
pub struct Failure {
    /// Connect's code; `unavailable` when nobody answered.
    pub code: String,
    /// What the service says.
    pub message: String,
}

impl fmt::Display for Failure {
    /// As Go shows a gRPC error.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code: String = self
            .code
            .split('_')
            .map(|word| {
                let mut letters = word.chars();
                letters.next().map_or_else(String::new, |first| {
                    format!("{}{}", first.to_ascii_uppercase(), letters.as_str())
                })
            })
            .collect();
        write!(f, "rpc error: code = {code} desc = {}", self.message)
    }
}

impl Failure {
    fn unavailable(error: &dyn fmt::Display) -> Failure {
        Failure {
            code: "unavailable".to_owned(),
            message: error.to_string(),
        }
    }
}

impl<'p> Peer<'p> {
    /// The service at `base`.
    pub fn new(http: &'p reqwest::Client, base: &'p str) -> Peer<'p> {
        Peer { http, base }
    }

    /// Calls `Service/Method`.
    pub async fn call(&self, method: &str, message: &Value) -> Result<Value, Failure> {
        self.call_within(LIMIT, method, message).await
    }

    /// Calls `Service/Method` of a service that answers soon or is not there.
    pub async fn call_within(
        &self,
        limit: Duration,
        method: &str,
        message: &Value,
    ) -> Result<Value, Failure> {
        let response = self
            .http
            .post(format!("{}/{method}", self.base))
            .header("connect-protocol-version", "1")
            .timeout(limit)
            .json(message)
            .send()
            .await
            .map_err(|error| Failure::unavailable(&error))?;
        let status = response.status().as_u16();
        let body = response
            .bytes()
            .await
            .map_err(|error| Failure::unavailable(&error))?;
        let value: Option<Value> = serde_json::from_slice(&body).ok();
        if status == 200 {
            return Ok(value.unwrap_or(json!({})));
        }
        let text = |name: &str| value.as_ref()?.get(name)?.as_str().map(str::to_owned);
        Err(Failure {
            code: text("code").unwrap_or_else(|| code(status).to_owned()),
            message: text("message").unwrap_or_else(|| format!("HTTP status {status}")),
        })
    }

    /// A list, with a plain GET; empty for whatever is no list.
    pub async fn list(&self, path: &str) -> Vec<Value> {
        let answer = async {
            let response = self
                .http
                .get(format!("{}{path}", self.base))
                .timeout(Duration::from_secs(10))
                .send()
                .await?;
            response.error_for_status()?.json::<Value>().await
        };
        match answer.await {
            Ok(Value::Array(items)) => items,
            _ => Vec::new(),
        }
    }
}

/// What a status means without Connect's own words.
fn code(status: u16) -> &'static str {
    match status {
        400 => "internal",
        401 => "unauthenticated",
        403 => "permission_denied",
        404 => "unimplemented",
        429 | 502 | 503 | 504 => "unavailable",
        _ => "unknown",
    }
}

/// An integer of 64 bits, which JSON writes as a number or as text.
pub fn integer(value: Option<&Value>) -> i64 {
    match value {
        Some(Value::String(text)) => text.parse().unwrap_or(0),
        Some(value) => super::schema::integer(value).unwrap_or(0),
        None => 0,
    }
}

/// A text; empty, as the protocol has it, where there is none.
pub fn text(value: &Value, name: &str) -> String {
    value
        .get(name)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_read_like_grpcs() {
        let failure = Failure {
            code: "resource_exhausted".to_owned(),
            message: "full".to_owned(),
        };
        assert_eq!(
            failure.to_string(),
            "rpc error: code = ResourceExhausted desc = full"
        );
        assert_eq!(integer(Some(&json!("12"))), 12);
        assert_eq!(integer(Some(&json!(12))), 12);
    }
}
