//! Which request goes where, and what every answer has: cross-origin headers, and the access token asked for.

use std::sync::Arc;

use hyper::body::Incoming;
use hyper::{Method, Request, Response};
use serde_json::json;

use super::state::State;
use super::{files, rest, rpc, upload};
use crate::http::{self, Answer, Reply};

/// Where scripts of web pages may look.
const EXPOSED: &str = "Grpc-Status, Grpc-Message, Grpc-Status-Details-Bin, Location, Cache-Control, X-Content-Type-Options";
const PREFLIGHT: &str = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers";

/// Answers a request.
pub async fn answer(state: &Arc<State>, request: Request<Incoming>) -> Answer {
    let headers = request.headers();
    let has_origin = headers.contains_key("origin");
    let asked = http::header(headers, "access-control-request-method").to_owned();
    if request.method() == Method::OPTIONS && !asked.is_empty() {
        let wanted = http::header(headers, "access-control-request-headers").to_owned();
        return Ok(preflight(&asked, &wanted));
    }
    let mut response = route(state, request).await?;
    http::set(&mut response, "vary", "Origin");
    if has_origin {
        http::set(&mut response, "access-control-allow-origin", "*");
        http::set(&mut response, "access-control-expose-headers", EXPOSED);
    }
    Ok(response)
}

fn preflight(method: &str, headers: &str) -> Response<Reply> {
    let mut response = http::answer(204, "", "");
    http::set(&mut response, "access-control-allow-origin", "*");
    http::set(&mut response, "access-control-allow-methods", method);
    if !headers.is_empty() {
        http::set(&mut response, "access-control-allow-headers", headers);
    }
    http::set(&mut response, "access-control-max-age", "7200");
    http::set(&mut response, "vary", PREFLIGHT);
    response
}

async fn route(state: &Arc<State>, request: Request<Incoming>) -> Answer {
    let path = request.uri().path().to_owned();
    let method = request.method().clone();
    let is_free = matches!(
        (method.as_str(), path.as_str()),
        ("GET", "/health") | ("GET" | "POST", "/files")
    );
    if !is_free && !has_token(state, &request) {
        return Ok(error(401, UNAUTHORIZED));
    }
    Ok(match (method.as_str(), path.as_str()) {
        ("GET", "/health") => rest::empty(),
        ("GET", "/metrics") => rest::metrics(),
        ("GET", "/envs") => rest::variables(state),
        ("POST", "/init") => rest::init(state, request).await,
        ("GET", "/files") => files::answer(state, &request).await,
        ("POST", "/files") => upload::answer(state, request).await,
        (_, "/health" | "/metrics" | "/envs") => not_allowed("GET"),
        (_, "/init") => not_allowed("POST"),
        (_, "/files") => not_allowed("GET, POST"),
        _ => return rpc::answer(state, request).await,
    })
}

const UNAUTHORIZED: &str =
    "unauthorized access, please provide a valid access token or method signing if supported";

/// Whether a request shows the access token, or there is none to show.
pub fn has_token(state: &State, request: &Request<Incoming>) -> bool {
    let shown = http::header(request.headers(), "x-access-token");
    state.token().is_none_or(|token| token == shown)
}

/// The error object of the REST part.
pub fn error(code: u16, message: &str) -> Response<Reply> {
    let mut response = http::json(code, &json!({"code": code, "message": message}));
    http::set(&mut response, "x-content-type-options", "nosniff");
    response
}

/// The path is right, the method is not.
pub fn not_allowed(allowed: &str) -> Response<Reply> {
    let mut response = http::answer(405, "", "");
    http::set(&mut response, "allow", allowed);
    response
}
