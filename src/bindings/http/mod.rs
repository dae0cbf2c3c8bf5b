//! `http`: requests and downloads, from the workstation or through a host.

mod download;
mod request;
mod response;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::diag::Failure;
use crate::engine::Call;
use crate::engine::raise::Raise;
use crate::engine::registry::{Function, Module, Opt, Param};
use crate::engine::ty::Ty;
use crate::http::{Client, Error, Method, Tunnel, Via};
use crate::replay::Stage;

use super::host::HostHandle;

const URL: Param = Param::new(
    "url",
    Ty::Text,
    "an `http://` or `https://` URL; a secret if it holds one",
);

const HEADERS: Opt = Opt::new(
    "headers",
    Ty::Map,
    "#{}",
    "headers by name; values are strings or secrets",
);
const QUERY: Opt = Opt::new(
    "query",
    Ty::Map,
    "#{}",
    "parameters to add to the URL: strings, secrets, numbers, bools, or arrays of them",
);
const TIMEOUT: Opt = Opt::new(
    "timeout",
    Ty::Duration,
    "\"30s\"",
    "for one attempt, answer included",
);
const RETRIES: Opt = Opt::new(
    "retries",
    Ty::Int,
    "3",
    "further attempts after a failed connection and, where the method is idempotent, after a broken connection, a timeout and the answers 429, 502, 503 and 504",
);
const EXPECT: Opt = Opt::new(
    "expect",
    Ty::Array,
    "any 2xx",
    "the statuses that are no failure; `[]` takes every one",
);
const SHA256: Opt = Opt::new(
    "sha256",
    Ty::Str,
    "",
    "the checksum that the answer's body must have",
);
const LIMIT: Opt = Opt::new(
    "limit",
    Ty::Size,
    "\"16MiB\"",
    "the largest body that is read",
);
const VIA: Opt = Opt::new(
    "via",
    Ty::Handle("Host"),
    "",
    "the host from which the connection is made; it also resolves the URL's name",
);
const JSON: Opt = Opt::new("json", Ty::Any, "", "a value to send as JSON");
const BODY: Opt = Opt::new(
    "body",
    Ty::Bytes,
    "",
    "a string, a secret or a blob to send",
);
const READ_ONLY: Opt = Opt::new(
    "read_only",
    Ty::Bool,
    "false",
    "the request changes nothing on the server, so `--plan` sends it too",
);

const READING: &[Opt] = &[HEADERS, QUERY, TIMEOUT, RETRIES, EXPECT, SHA256, LIMIT, VIA];
const WRITING: &[Opt] = &[
    HEADERS, QUERY, JSON, BODY, TIMEOUT, RETRIES, EXPECT, SHA256, LIMIT, VIA, READ_ONLY,
];

const ERRORS: &[&str] = &[
    "http.url",
    "http.connect",
    "http.tls",
    "http.timeout",
    "http.status",
    "http.body",
    "http.checksum",
];

pub static MODULE: Module = Module {
    name: "http",
    doc: "HTTP requests from the workstation, or through a host's connection with the option `via`. An answer with another \
          status than 2xx is a failure unless `expect` says otherwise. Under `--plan` only requests that read are sent; others are shown as changes, \
          and their answer is empty, with status 0.",
    functions: &[
        Function {
            name: "get",
            doc: "Sends a `GET`.",
            params: &[URL],
            options: READING,
            returns: "a Response",
            errors: ERRORS,
            example: "try { http::get(\"http://127.0.0.1:1/health\", #{ retries: 0 }) } catch (e) { e.kind }",
            body: |call| request::send(call, Method::GET, 0),
            ..Function::BASE
        },
        Function {
            name: "head",
            doc: "Sends a `HEAD`: headers come back, and no body.",
            params: &[URL],
            options: READING,
            returns: "a Response",
            errors: ERRORS,
            example: "try { http::head(\"http://127.0.0.1:1/\", #{ retries: 0 }) } catch (e) { e.kind }",
            body: |call| request::send(call, Method::HEAD, 0),
            ..Function::BASE
        },
        Function {
            name: "post",
            doc: "Sends a `POST`. It is not sent again once it may have arrived.",
            params: &[URL],
            options: WRITING,
            returns: "a Response",
            errors: ERRORS,
            example: "try { http::post(\"http://127.0.0.1:1/x\", #{ json: #{ a: 1 }, retries: 0 }) } catch (e) { e.kind }",
            body: |call| request::send(call, Method::POST, 0),
            ..Function::BASE
        },
        Function {
            name: "put",
            doc: "Sends a `PUT`.",
            params: &[URL],
            options: WRITING,
            returns: "a Response",
            errors: ERRORS,
            example: "try { http::put(\"http://127.0.0.1:1/x\", #{ body: \"text\", retries: 0 }) } catch (e) { e.kind }",
            body: |call| request::send(call, Method::PUT, 0),
            ..Function::BASE
        },
        Function {
            name: "delete",
            doc: "Sends a `DELETE`.",
            params: &[URL],
            options: WRITING,
            returns: "a Response",
            errors: ERRORS,
            example: "try { http::delete(\"http://127.0.0.1:1/x\", #{ retries: 0 }) } catch (e) { e.kind }",
            body: |call| request::send(call, Method::DELETE, 0),
            ..Function::BASE
        },
        Function {
            name: "request",
            doc: "Sends a request of any method.",
            params: &[Param::new("method", Ty::Str, "such as `PATCH`"), URL],
            options: WRITING,
            returns: "a Response",
            errors: ERRORS,
            example: "try { http::request(\"PATCH\", \"http://127.0.0.1:1/x\", #{ retries: 0 }) } catch (e) { e.kind }",
            body: |call| {
                let method = call.string(0)?.to_uppercase();
                let known = Method::from_bytes(method.as_bytes());
                let method = known.map_err(|_| {
                    Failure::usage(
                        "script.argument",
                        format!("`{method}` is no method of HTTP"),
                    )
                })?;
                request::send(call, method, 1)
            },
            ..Function::BASE
        },
        Function {
            name: "percent_encode",
            doc: "Encodes a text to stand in a URL: all but letters, digits and `-._~`. What is made of a secret is a secret.",
            params: &[Param::new("text", Ty::Text, "such as a password")],
            returns: "a string, or a secret",
            example: "http::percent_encode(\"a b&c\")",
            body: |call| {
                let encoded = crate::http::percent_encode(call.text(0)?.expose());
                Ok(super::made_of(call, call.value(0)?, encoded))
            },
            ..Function::BASE
        },
        Function {
            name: "download",
            doc: "Fetches a file to the workstation: beside its place first, checked, then put there at once. With `sha256`, a file that has \
                  the checksum already is not fetched. An attempt ends when nothing arrives for 30 seconds.",
            params: &[
                URL,
                Param::new(
                    "path",
                    Ty::Str,
                    "the file; a leading `~/` is the home directory",
                ),
            ],
            options: &[
                Opt::new(
                    "sha256",
                    Ty::Str,
                    "",
                    "the checksum that the file must have",
                ),
                Opt::new(
                    "mode",
                    Ty::Mode,
                    "\"0644\" for a new file",
                    "the mode of the file",
                ),
                HEADERS,
                QUERY,
                RETRIES,
                VIA,
            ],
            returns: "a map with `path`, `changed`, `bytes` and `sha256`; under `--plan`, where nothing is fetched, `bytes` is 0 and `sha256` is what was asked for",
            errors: &[
                "http.url",
                "http.connect",
                "http.tls",
                "http.timeout",
                "http.status",
                "http.checksum",
                "fs.denied",
                "fs.full",
                "fs.failed",
            ],
            example: "try { http::download(\"http://127.0.0.1:1/x\", fs::join(fs::temp_dir(), \"x\"), #{ retries: 0 }) } catch (e) { e.kind }",
            body: download::download,
            ..Function::BASE
        },
    ],
    types: &[&response::RESPONSE],
};

/// The run's client.
pub(super) fn client(call: &Call) -> Result<Arc<Client>, Raise> {
    let clients = call.session.lasting();
    if let Some(client) = clients.existing::<Client>() {
        return Ok(client);
    }
    let mut client = Client::new()?;
    if let Some(stage) = call.session.existing::<Stage>() {
        client = client.answered(stage);
    }
    Ok(clients.get(|| client))
}

/// Tunnels that were used, by host: their connections are used again.
#[derive(Default)]
struct Tunnels(Mutex<HashMap<String, Tunnel>>);

/// The way that the option `via` names.
fn way(call: &Call) -> Result<Via, Raise> {
    match call.opt_handle::<HostHandle>("via")? {
        Some(host) => through(call, &host),
        None => Ok(Via::Direct),
    }
}

/// The way through a host's connection.
pub(super) fn through(call: &Call, host: &HostHandle) -> Result<Via, Raise> {
    let tunnels = call.session.client(Tunnels::default);
    let known = |tunnels: &Tunnels| {
        tunnels
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(host.name())
            .cloned()
    };
    if let Some(tunnel) = known(&tunnels) {
        return Ok(Via::Tunnel(tunnel));
    }
    let dialer = call.wait_ok(async { host.remote().await.map(|remote| remote.dialer()) })?;
    let tunnel = Tunnel::new(Arc::new(dialer))?;
    let mut tunnels = tunnels.0.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(Via::Tunnel(
        tunnels
            .entry(host.name().to_owned())
            .or_insert(tunnel)
            .clone(),
    ))
}

/// Says on the console that a request is sent again.
fn on_retry(call: &Call) -> crate::http::OnRetry {
    let reporter = call.session.run.reporter().clone();
    let step = crate::engine::context::Context::step();
    Arc::new(move |error: &Error, pause| {
        let pause =
            std::time::Duration::from_millis(u64::try_from(pause.as_millis()).unwrap_or(u64::MAX));
        reporter.emit(crate::report::Event::Log {
            level: crate::report::Level::Info,
            message: format!("{error}; again in {}", humantime::format_duration(pause)),
            fields: serde_json::Map::new(),
            host: None,
            step,
        });
    })
}
