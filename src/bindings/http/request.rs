//! Requests out of a script's options.

use rhai::{Array, Dynamic};

use crate::diag::Failure;
use crate::engine::Call;
use crate::engine::context::Context;
use crate::engine::raise::Raise;
use crate::engine::ty;
use crate::engine::value::{self, Secrets};
use crate::http::header::{HeaderName, HeaderValue};
use crate::http::{self, Error, Expect, Method, Request, Response, Via};
use crate::report::{Action, Event};
use crate::secret::Secret;

use super::response::Answer;

/// Sends the request whose URL is the argument at `index`.
pub fn send(call: &mut Call, method: Method, index: usize) -> Result<Dynamic, Raise> {
    let mut request = build(call, method, index)?;
    // Requests that only read have neither of the two in their table.
    let (json, body) = (call.options().get("json"), call.options().get("body"));
    match (json, body) {
        (Some(_), Some(_)) => return Err(wrong(call, "takes `json` or `body`, not both")),
        (Some(json), None) => {
            let json = value::to_json(json, Secrets::Expose)?;
            request = request.json(json.to_string());
        }
        (None, Some(body)) => request.body = Some(bytes(body).into()),
        (None, None) => {}
    }
    request.expect = expect(call)?;
    request.timeout = call.opt_duration("timeout").unwrap_or(request.timeout);
    request.limit = call.opt_size("limit").unwrap_or(request.limit);
    let wanted = call
        .opt_string("sha256")
        .map(|text| http::checksum(&text))
        .transpose()?;
    if !sent_now(call, &request) {
        return Ok(Dynamic::from(Answer::Planned));
    }
    let (client, way) = (super::client(call)?, super::way(call)?);
    let response = call.wait_ok(async { fetch(&client, &request, &way).await })?;
    if let Some(wanted) = wanted {
        http::check(&request, &response.body, &wanted)?;
    }
    Ok(Dynamic::from(Answer::Got(response.into())))
}

async fn fetch(client: &http::Client, request: &Request, way: &Via) -> Result<Response, Error> {
    client.request(request, way).await
}

/// The parts that requests and downloads share.
pub fn build(call: &Call, method: Method, index: usize) -> Result<Request, Raise> {
    let mut url = http::parse_url(call.text(index)?.expose())?;
    for (name, value) in call.opt_map("query").unwrap_or_default() {
        for value in several(&value) {
            let text = plain(&value).ok_or_else(|| {
                wrong(
                    call,
                    &format!(
                        "cannot put {} into the query as `{name}`",
                        ty::describe(&value)
                    ),
                )
            })?;
            url.query_pairs_mut().append_pair(&name, text.expose());
        }
    }
    let mut request = Request::new(method, url);
    for (name, value) in call.opt_map("headers").unwrap_or_default() {
        let text = plain(&value).ok_or_else(|| {
            wrong(
                call,
                &format!(
                    "cannot send {} as the header `{name}`",
                    ty::describe(&value)
                ),
            )
        })?;
        let known = HeaderName::from_bytes(name.as_bytes())
            .ok()
            .zip(HeaderValue::from_str(text.expose()).ok());
        let (header, mut content) = known.ok_or_else(|| wrong(call, &format!("cannot send the header `{name}`: name or value has characters that no header has")))?;
        content.set_sensitive(value.is::<Secret>());
        request.headers.insert(header, content);
    }
    if let Some(retries) = call.opt_int("retries") {
        request.retries = usize::try_from(retries)
            .map_err(|_| wrong(call, "takes no negative number of `retries`"))?;
    }
    request.on_retry = Some(super::on_retry(call));
    Ok(request)
}

/// Under `--plan`, what may change the server is shown instead of sent.
fn sent_now(call: &Call, request: &Request) -> bool {
    let run = &call.session.run;
    let reads = request.method.is_safe()
        || call
            .options()
            .get("read_only")
            .is_some_and(|value| value.as_bool() == Ok(true));
    if reads || !run.is_plan() {
        return true;
    }
    run.reporter().emit(Event::Change {
        host: crate::workstation::NAME.into(),
        item: format!("request {}", request.shown()),
        action: Action::Run,
        applied: false,
        reason: String::new(),
        diff: None,
        step: Context::step(),
    });
    false
}

fn expect(call: &Call) -> Result<Expect, Raise> {
    let Some(codes) = call
        .opt("expect")
        .and_then(|value| value.read_lock::<Array>())
    else {
        return Ok(Expect::Success);
    };
    if codes.is_empty() {
        return Ok(Expect::Any);
    }
    let codes = codes
        .iter()
        .map(|code| code.as_int().ok().and_then(|code| u16::try_from(code).ok()));
    match codes.collect() {
        Some(codes) => Ok(Expect::Only(codes)),
        None => Err(wrong(
            call,
            "takes statuses such as `[200, 404]` for `expect`",
        )),
    }
}

fn several(value: &Dynamic) -> Vec<Dynamic> {
    match value.read_lock::<Array>() {
        Some(items) => items.clone(),
        None => vec![value.clone()],
    }
}

/// A value as it stands in a header or a query.
fn plain(value: &Dynamic) -> Option<Secret> {
    if let Some(secret) = value.read_lock::<Secret>() {
        return Some(secret.clone());
    }
    match ty::text(value) {
        Some(text) => Some(Secret::new(text)),
        None if value.is_int() || value.is_float() || value.is_bool() => {
            Some(Secret::new(value.to_string()))
        }
        None => None,
    }
}

fn bytes(value: &Dynamic) -> Vec<u8> {
    match value.read_lock::<rhai::Blob>() {
        Some(blob) => blob.clone(),
        None => plain(value)
            .map(|text| text.expose().as_bytes().to_vec())
            .unwrap_or_default(),
    }
}

fn wrong(call: &Call, what: &str) -> Raise {
    Failure::usage("script.option", format!("`{}` {what}", call.name())).into()
}
