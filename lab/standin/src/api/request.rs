//! Requests read and answers written.

use std::sync::Arc;

use http_body_util::{BodyExt, Limited};
use hyper::Response;
use hyper::body::{Bytes, Incoming};
use hyper::header::HeaderMap;

use super::answer::{Answer, Content};
use super::dispatch;
use super::platform::Platform;
use super::query::Query;
use crate::http::{self, Cut, Reply};

/// The largest body that is read; a stand-in has little memory.
const BODY_LIMIT: usize = 16 << 20;

/// A request, read to its end.
#[derive(Debug)]
pub struct Request {
    /// `GET` and so on.
    pub method: String,
    /// As it was sent.
    pub path: String,
    /// What is behind the path.
    pub query: Query,
    /// The body.
    pub body: Bytes,
    headers: HeaderMap,
}

impl Request {
    /// A header's value; empty for one that is not there, or no text.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// Whether the header was sent, also empty.
    pub fn has(&self, name: &str) -> bool {
        self.headers.contains_key(name)
    }
}

/// Answers a request; what takes too long is cut, as the real server does it.
pub async fn reply(platform: Arc<Platform>, request: hyper::Request<Incoming>) -> http::Answer {
    let limit = platform.options.request_limit;
    let answered = tokio::time::timeout(limit, answer(platform, request)).await;
    answered.map(write).map_err(|_| Cut)
}

async fn answer(platform: Arc<Platform>, request: hyper::Request<Incoming>) -> Answer {
    let (head, body) = request.into_parts();
    let cross_origin = head.headers.contains_key("origin");
    let mut answer = match Limited::new(body, BODY_LIMIT).collect().await {
        Err(_) => Answer::problem(413, "request body too large"),
        Ok(body) => {
            let request = Request {
                method: head.method.to_string(),
                path: head.uri.path().to_owned(),
                query: Query::parse(head.uri.query().unwrap_or_default()),
                body: body.to_bytes(),
                headers: head.headers,
            };
            // on a task of its own: what was begun is ended, whether or not the client waits for it
            let task = tokio::spawn(strike_or_dispatch(platform, request));
            // a crash is caught, and says nothing
            task.await.unwrap_or_else(|_| Answer::empty(500))
        }
    };
    if cross_origin {
        answer = answer.with("access-control-allow-origin", "*");
    }
    answer
}

async fn strike_or_dispatch(platform: Arc<Platform>, request: Request) -> Answer {
    // health checks would use a fault up that is meant for clients
    let strike = match request.path.as_str() {
        "/health" => None,
        _ => platform.faults.strike(&request.method),
    };
    match strike {
        Some(strike) if strike.after => {
            let _ = dispatch::dispatch(platform, request).await;
            strike.answer
        }
        Some(strike) => strike.answer,
        None => dispatch::dispatch(platform, request)
            .await
            .unwrap_or_else(|refusal| refusal),
    }
}

fn write(answer: Answer) -> Response<Reply> {
    let (kind, body) = match answer.content {
        Content::Empty => ("", String::new()),
        Content::Json(body) => ("application/json; charset=utf-8", body),
        Content::Text(body) => ("text/plain; charset=utf-8", body),
    };
    let mut response = http::answer(answer.status, kind, body);
    for (name, value) in answer.headers {
        http::set(&mut response, name, &value);
    }
    response
}
