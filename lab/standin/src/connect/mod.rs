//! The Connect protocol's two shapes: unary calls, and streams of envelopes.

pub mod envelope;
pub mod message;
pub mod proto;

use hyper::Response;
use serde_json::{Value, json};

use crate::http::{self, Reply};

/// A failed call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// Such as `not_found`.
    pub code: &'static str,
    /// What people read.
    pub message: String,
}

/// The result of a call.
pub type Result<T> = std::result::Result<T, Error>;

/// Makes an error of a code and a message.
pub fn error(code: &'static str, message: impl Into<String>) -> Error {
    let message = message.into();
    Error { code, message }
}

impl Error {
    /// The HTTP status of a unary call that ends so.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self.code {
            "canceled" => 499,
            "invalid_argument" | "failed_precondition" | "out_of_range" => 400,
            "deadline_exceeded" => 504,
            "not_found" => 404,
            "already_exists" | "aborted" => 409,
            "permission_denied" => 403,
            "resource_exhausted" => 429,
            "unimplemented" => 501,
            "unavailable" => 503,
            "unauthenticated" => 401,
            _ => 500,
        }
    }

    /// As it is written in an answer.
    #[must_use]
    pub fn json(&self) -> Value {
        json!({"code": self.code, "message": self.message})
    }

    /// Reads an answer's error; one that is no such thing becomes `unknown`.
    #[must_use]
    pub fn read(value: &Value) -> Error {
        let text = value["code"].as_str().unwrap_or_default();
        let code = CODES.iter().find(|code| **code == text);
        error(
            code.copied().unwrap_or("unknown"),
            value["message"].as_str().unwrap_or_default(),
        )
    }
}

const CODES: [&str; 15] = [
    "canceled",
    "invalid_argument",
    "failed_precondition",
    "out_of_range",
    "deadline_exceeded",
    "not_found",
    "already_exists",
    "aborted",
    "permission_denied",
    "resource_exhausted",
    "unimplemented",
    "unavailable",
    "unauthenticated",
    "internal",
    "data_loss",
];

/// The answer to a unary call in JSON.
#[must_use]
pub fn unary(result: Result<Value>) -> Response<Reply> {
    match result {
        Ok(value) => http::answer(200, "application/json", value.to_string()),
        Err(error) => http::answer(error.status(), "application/json", error.json().to_string()),
    }
}

/// Calls a unary method of another service.
///
/// # Errors
///
/// What the service answers; `unavailable` when it does not.
pub async fn call(address: &str, method: &str, message: &Value) -> Result<Value> {
    let answer = http::call(address, &format!("/{method}"), &[], Some(message)).await;
    let (status, body) = answer.map_err(|why| error("unavailable", why.to_string()))?;
    let value: Value = serde_json::from_slice(&body).unwrap_or_default();
    if status == 200 {
        return Ok(value);
    }
    Err(Error::read(&value))
}
