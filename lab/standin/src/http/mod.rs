//! HTTP as the stand-ins speak it: servers that may cut a connection, answers that go on, requests passed along.

mod body;
mod client;
mod pass;
mod server;

pub use body::{Reply, live};
pub use client::{call, connect, send};
pub use pass::{Failed, pass};
pub use server::{ended, listen, logged, serve};

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use serde_json::Value;

/// A connection that is closed without an answer, as when the real handler crashes.
#[derive(Debug)]
pub struct Cut;

impl std::fmt::Display for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("cut on purpose")
    }
}

impl std::error::Error for Cut {}

/// What a handler gives.
pub type Answer = Result<Response<Reply>, Cut>;

/// The longest request that is read whole.
pub const LIMIT: usize = 64 << 20;

/// An answer with a body of some type; no header when the type is empty text.
#[must_use]
pub fn answer(status: u16, content_type: &'static str, body: impl Into<Bytes>) -> Response<Reply> {
    let mut response = Response::new(Reply::from(body.into()));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if !content_type.is_empty() {
        set(&mut response, "content-type", content_type);
    }
    response
}

/// A JSON answer.
#[must_use]
pub fn json(status: u16, value: &Value) -> Response<Reply> {
    answer(status, "application/json; charset=utf-8", value.to_string())
}

/// An answer as Go's `http.Error` writes it.
#[must_use]
pub fn error_text(status: u16, text: &str) -> Response<Reply> {
    let mut response = answer(status, "text/plain; charset=utf-8", format!("{text}\n"));
    set(&mut response, "x-content-type-options", "nosniff");
    response
}

/// Sets a header; what cannot be one is left out.
pub fn set(response: &mut Response<Reply>, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response
            .headers_mut()
            .insert(HeaderName::from_static(name), value);
    }
}

/// A header's text, empty without one.
#[must_use]
pub fn header<'a>(headers: &'a hyper::HeaderMap, name: &str) -> &'a str {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

/// The media type without its parameters.
#[must_use]
pub fn media_type(headers: &hyper::HeaderMap) -> String {
    let whole = header(headers, CONTENT_TYPE.as_str());
    let bare = whole.split(';').next().unwrap_or_default();
    bare.trim().to_ascii_lowercase()
}

/// The whole body; `None` when it breaks off or is too long.
pub async fn whole<B>(body: B) -> Option<Bytes>
where
    B: hyper::body::Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let body = Limited::new(body, LIMIT).collect().await.ok()?;
    Some(body.to_bytes())
}

/// The value of a query's key, decoded; `None` without one.
#[must_use]
pub fn query(uri: &hyper::Uri, key: &str) -> Option<String> {
    let text = uri.query().unwrap_or_default();
    text.split('&').find_map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decoded(name) == key).then(|| decoded(value))
    })
}

/// Percent signs and plus signs undone.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let mut ahead = rest.clone();
                let digits = (ahead.next().and_then(hex), ahead.next().and_then(hex));
                if let (Some(high), Some(low)) = digits {
                    bytes.push((high << 4) | low);
                    rest = ahead;
                } else {
                    bytes.push(b'%');
                }
            }
            other => bytes.push(other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    u8::try_from(char::from(digit).to_digit(16)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_decoded() {
        let uri: hyper::Uri = "/files?path=%2Fa%20b+c&x&sig=v1_a%2Bb".parse().unwrap();
        assert_eq!(query(&uri, "path").as_deref(), Some("/a b c"));
        assert_eq!(query(&uri, "x").as_deref(), Some(""));
        assert_eq!(query(&uri, "sig").as_deref(), Some("v1_a+b"));
        assert_eq!(query(&uri, "y"), None);
    }
}
