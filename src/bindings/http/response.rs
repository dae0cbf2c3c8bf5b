//! `Response`: what came back.

use std::any::TypeId;
use std::sync::Arc;

use rhai::{Dynamic, Map};

use crate::diag::Failure;
use crate::engine::Call;
use crate::engine::raise::Raise;
use crate::engine::registry::{Function, Param, Property, Type};
use crate::engine::ty::Ty;
use crate::engine::value;
use crate::http::Response;

/// An answer, or the place of one that a plan did not ask for.
#[derive(Clone)]
pub enum Answer {
    Got(Arc<Response>),
    Planned,
}

pub static RESPONSE: Type = Type {
    name: "Response",
    doc: "What a server answered. Under `--plan`, the answer to a request that was not sent: status 0, nothing in it.",
    id: TypeId::of::<Answer>,
    rust_name: std::any::type_name::<Answer>,
    methods: &[
        Function {
            name: "text",
            doc: "The body as text.",
            returns: "a string",
            errors: &["http.body"],
            example: "response.text()",
            body: |call| {
                let body = body(call)?;
                let text = String::from_utf8(body).map_err(|_| {
                    Failure::new("http.body", "the answer's body is no UTF-8 text")
                        .help("take it as bytes: `.bytes()`")
                })?;
                Ok(text.into())
            },
            ..Function::BASE
        },
        Function {
            name: "json",
            doc: "The body read as JSON; `()` for an empty one.",
            returns: "the value",
            errors: &["http.body"],
            example: "response.json()",
            body: |call| {
                let body = body(call)?;
                if body.is_empty() {
                    return Ok(Dynamic::UNIT);
                }
                let read = serde_json::from_slice(&body).map_err(|error| {
                    let mut failure = super::super::json::unreadable(&error);
                    failure.kind = "http.body".into();
                    failure.message = format!("the answer is not JSON: {}", failure.message);
                    failure.output = first_lines(&body);
                    failure
                })?;
                Ok(value::from_json(read))
            },
            ..Function::BASE
        },
        Function {
            name: "bytes",
            doc: "The body as it came.",
            returns: "a blob",
            example: "response.bytes()",
            body: |call| Ok(Dynamic::from_blob(body(call)?)),
            ..Function::BASE
        },
        Function {
            name: "header",
            doc: "A header's value, whatever the case of its name.",
            params: &[Param::new("name", Ty::Str, "such as `content-type`")],
            returns: "a string, or `()`",
            example: "response.header(\"etag\")",
            body: |call| {
                let name = call.string(0)?.to_lowercase();
                let Answer::Got(response) = call.receiver::<Answer>()? else {
                    return Ok(Dynamic::UNIT);
                };
                let value = response
                    .headers
                    .get(name)
                    .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
                Ok(value.map_or(Dynamic::UNIT, Dynamic::from))
            },
            ..Function::BASE
        },
    ],
    properties: &[
        Property {
            name: "status",
            doc: "The status, an integer.",
            get: |value| {
                Ok(got(value)?
                    .map_or(0, |response| i64::from(response.status.as_u16()))
                    .into())
            },
        },
        Property {
            name: "ok",
            doc: "Whether the status is 2xx.",
            get: |value| {
                Ok(got(value)?
                    .is_some_and(|response| response.status.is_success())
                    .into())
            },
        },
        Property {
            name: "url",
            doc: "Where the answer came from, after redirects.",
            get: |value| {
                Ok(got(value)?
                    .map_or_else(String::new, |response| response.url.to_string())
                    .into())
            },
        },
        Property {
            name: "headers",
            doc: "Headers by their lower-case names; several of one name are joined with `, `.",
            get: |value| {
                let mut map = Map::new();
                let Some(response) = got(value)? else {
                    return Ok(map.into());
                };
                for name in response.headers.keys() {
                    let values: Vec<_> = response
                        .headers
                        .get_all(name)
                        .iter()
                        .map(|value| String::from_utf8_lossy(value.as_bytes()))
                        .collect();
                    map.insert(name.as_str().into(), values.join(", ").into());
                }
                Ok(map.into())
            },
        },
    ],
};

fn got(value: &mut Dynamic) -> Result<Option<Arc<Response>>, Raise> {
    match value.read_lock::<Answer>().as_deref() {
        Some(Answer::Got(response)) => Ok(Some(response.clone())),
        Some(Answer::Planned) => Ok(None),
        None => Err(Raise::internal(
            "a property of `Response` was read of another value",
        )),
    }
}

fn body(call: &mut Call) -> Result<Vec<u8>, Raise> {
    Ok(match call.receiver::<Answer>()? {
        Answer::Got(response) => response.body.to_vec(),
        Answer::Planned => Vec::new(),
    })
}

fn first_lines(body: &[u8]) -> Vec<String> {
    let start = body.get(..body.len().min(1 << 10)).unwrap_or_default();
    String::from_utf8_lossy(start)
        .lines()
        .take(8)
        .map(str::to_owned)
        .collect()
}
