//! What the API answers.

use serde_json::{Value, json};

/// The body and with it the content type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// No body, and no content type.
    Empty,
    /// `application/json`.
    Json(String),
    /// `text/plain`.
    Text(String),
}

/// An answer before it is put on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub content: Content,
    /// Headers besides the content type.
    pub headers: Vec<(&'static str, String)>,
}

/// A handler's result: refusals are answers too, and `?` hands them on.
pub type Outcome = Result<Answer, Answer>;

impl Answer {
    /// A status alone: success without a body, or a crash that the server caught.
    pub fn empty(status: u16) -> Answer {
        Answer {
            status,
            content: Content::Empty,
            headers: Vec::new(),
        }
    }

    /// A JSON body.
    pub fn json(status: u16, body: &Value) -> Answer {
        Answer {
            content: Content::Json(body.to_string()),
            ..Answer::empty(status)
        }
    }

    /// A body of plain text.
    pub fn text(status: u16, body: impl Into<String>) -> Answer {
        Answer {
            content: Content::Text(body.into()),
            ..Answer::empty(status)
        }
    }

    /// The error object.
    pub fn problem(status: u16, message: impl Into<String>) -> Answer {
        Answer::json(status, &json!({"code": status, "message": message.into()}))
    }

    /// The error object with upstream's machine-readable reason.
    pub fn problem_with(status: u16, reason: &str, message: impl Into<String>) -> Answer {
        Answer::json(
            status,
            &json!({"code": status, "message": message.into(), "error_code": reason}),
        )
    }

    /// What the OpenAPI middleware refuses.
    pub fn invalid(status: u16, message: impl AsRef<str>) -> Answer {
        Answer::problem(status, format!("validation error: {}", message.as_ref()))
    }

    /// The error object as text: what a handler says of a body that the middleware let pass.
    pub fn unparsed(message: &str) -> Answer {
        let message = format!("Error when parsing request: error when parsing request: {message}");
        Answer::text(400, json!({"code": 400, "message": message}).to_string())
    }

    /// With one more header.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Answer {
        self.headers.push((name, value.into()));
        self
    }
}
