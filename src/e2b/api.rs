//! The platform as callers hold it: requests with the right credential, answers judged and read.

use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::OnceCell;

use crate::hashi::{Hooks, Peer};
use crate::http::{Client, Expect, Method, Request, Response, StatusCode};

use super::access::{Credential, Credentials, Need};
use super::link::{Link, Repeat, after};
use super::{Envd, Error, Profile, Refusal, Sandbox, Service, Settings};

/// How long the API may take for an answer; creating a sandbox waits for a node that boots it.
const PATIENCE: Duration = Duration::from_secs(90);
/// The largest answer that is read.
const LARGEST: u64 = 64 << 20;

/// A platform. Copies share connections and counters.
#[derive(Clone)]
pub struct E2b {
    inner: Arc<Inner>,
}

struct Inner {
    settings: Settings,
    api: Link,
    edge: Link,
    sandboxes: Arc<Link>,
    profile: OnceCell<Profile>,
}

/// A request to the API.
pub(super) struct Ask<'a> {
    pub method: Method,
    /// Percent-encoded.
    pub path: String,
    pub query: Vec<(&'a str, String)>,
    pub body: Option<Value>,
    pub need: Need,
    pub repeat: Repeat,
    /// The only statuses that will do.
    pub expect: &'a [u16],
}

impl Ask<'_> {
    /// Reads, and expects 200.
    pub fn get<'a>(path: String, need: Need) -> Ask<'a> {
        Ask {
            method: Method::GET,
            path,
            query: Vec::new(),
            body: None,
            need,
            repeat: Repeat::Safe,
            expect: &[200],
        }
    }

    /// Makes or changes something that is not the same when it is done twice.
    pub fn post<'a>(path: String, need: Need, body: Option<Value>) -> Ask<'a> {
        Ask {
            method: Method::POST,
            repeat: Repeat::Never,
            body,
            ..Ask::get(path, need)
        }
    }
}

impl E2b {
    /// Nothing is sent yet. `peers` are the hosts from which the platform is reached, each of which
    /// stands in for the others.
    pub fn new(
        http: Arc<Client>,
        peers: Vec<Peer>,
        settings: Settings,
        hooks: Hooks,
    ) -> Result<E2b, Error> {
        let api = Link::new(
            Service::Api,
            settings.address.clone(),
            http,
            peers,
            &settings.trust,
            hooks,
        )?;
        let direct = settings.envd_address.clone();
        let traffic = direct.unwrap_or_else(|| settings.sandbox_address.clone());
        Ok(E2b {
            inner: Arc::new(Inner {
                edge: api.beside(Service::Edge, settings.edge_address.clone()),
                sandboxes: Arc::new(api.beside(Service::Sandboxes, traffic)),
                profile: OnceCell::new_with(settings.profile),
                api,
                settings,
            }),
        })
    }

    /// The API's address as people know it.
    pub fn address(&self) -> String {
        let text = self.inner.settings.address.to_string();
        text.trim_end_matches('/').to_owned()
    }

    /// The domain of sandboxes' host names.
    pub fn domain(&self) -> &str {
        &self.inner.settings.domain
    }

    pub fn credentials(&self) -> &Credentials {
        &self.inner.settings.credentials
    }

    /// How many requests were sent so far, to all services of the platform.
    pub fn requests(&self) -> u64 {
        self.inner.api.requests()
    }

    pub(super) fn api(&self) -> &Link {
        &self.inner.api
    }

    pub(super) fn edge(&self) -> &Link {
        &self.inner.edge
    }

    /// envd inside a sandbox; nothing is sent yet.
    pub fn envd(&self, sandbox: &Sandbox) -> Envd {
        let direct = self.inner.settings.envd_address.is_some();
        let host = (!direct).then(|| self.host_of(sandbox, super::envd::PORT));
        Envd::new(self.inner.sandboxes.clone(), host, sandbox)
    }

    /// The name by which a port of a sandbox is reached through the client-proxy.
    pub fn host_of(&self, sandbox: &Sandbox, port: u16) -> String {
        let domain = sandbox.domain.as_deref().unwrap_or(self.domain());
        match sandbox.client.is_empty() {
            true => format!("{port}-{}.{domain}", sandbox.id),
            false => format!("{port}-{}-{}.{domain}", sandbox.id, sandbox.client),
        }
    }

    /// The generation that answers; the first time it is asked for, by one request. An endpoint of
    /// upstream's that the seed does not route tells them apart, whoever asks.
    pub async fn profile(&self) -> Result<Profile, Error> {
        let found = self.inner.profile.get_or_try_init(|| self.probe()).await?;
        Ok(*found)
    }

    async fn probe(&self) -> Result<Profile, Error> {
        let mut request = Request::new(Method::GET, self.url("/v2/templates"));
        request.url.query_pairs_mut().append_pair("limit", "1");
        ready(&mut request);
        // upstream answers 401 to who shows nothing, the seed 404 to anybody
        let need = match self.credentials().api_key {
            Some(_) => Need::ApiKey,
            None => Need::Nothing,
        };
        let shown = self
            .credentials()
            .sign(need, Profile::Upstream, &mut request.headers)?;
        let answer = self.inner.api.send(&request, Repeat::Safe).await?;
        json_or(Service::Api, &request, &answer)?;
        match answer.status.as_u16() {
            404 => Ok(Profile::Seed),
            200 | 400 | 401 | 403 => Ok(Profile::Upstream),
            _ => Err(refusal(Service::Api, &request, &answer, need, shown)),
        }
    }

    /// One request to the API; a status that is not expected is an error.
    pub(super) async fn ask(&self, ask: Ask<'_>) -> Result<Response, Error> {
        let profile = match ask.need {
            Need::Session => self.profile().await?,
            _ => Profile::Seed,
        };
        let mut request = Request::new(ask.method, self.url(&ask.path));
        for (name, value) in &ask.query {
            request.url.query_pairs_mut().append_pair(name, value);
        }
        if let Some(body) = ask.body {
            request = request.json(body.to_string());
        }
        ready(&mut request);
        let credential = self
            .credentials()
            .sign(ask.need, profile, &mut request.headers)?;
        let answer = self.inner.api.send(&request, ask.repeat).await?;
        if ask.expect.contains(&answer.status.as_u16()) {
            return Ok(answer);
        }
        Err(refusal(
            Service::Api,
            &request,
            &answer,
            ask.need,
            credential,
        ))
    }

    /// One request, and its answer as a value.
    pub(super) async fn read<T: DeserializeOwned>(&self, ask: Ask<'_>) -> Result<T, Error> {
        let shown = format!("{} {}", ask.method, ask.path);
        let answer = self.ask(ask).await?;
        parse(Service::Api, &shown, &answer)
    }

    fn url(&self, path: &str) -> crate::http::Url {
        at(&self.inner.settings.address, path)
    }
}

/// An address and a path below it, which may have one of its own.
pub(super) fn at(address: &crate::http::Url, path: &str) -> crate::http::Url {
    let mut url = address.clone();
    let base = url.path().trim_end_matches('/').to_owned();
    url.set_path(&format!("{base}{path}"));
    url
}

/// What all requests have: time, room, and any status will do.
pub(super) fn ready(request: &mut Request) {
    request.retries = 0;
    request.expect = Expect::Any;
    request.timeout = PATIENCE;
    request.limit = LARGEST;
}

/// A path with names in it that may hold anything.
pub(super) fn path(parts: &[&str]) -> String {
    let mut path = String::new();
    for part in parts {
        path.push('/');
        path.push_str(&crate::http::percent_encode(part));
    }
    path
}

/// The answer's body as a value.
pub(super) fn parse<T: DeserializeOwned>(
    service: Service,
    request: &str,
    answer: &Response,
) -> Result<T, Error> {
    // envd answers uploads with JSON that it calls plain text, so the content is what counts
    let mut reader = serde_json::Deserializer::from_slice(&answer.body);
    match serde_path_to_error::deserialize(&mut reader) {
        Ok(value) => Ok(value),
        Err(error) if error.inner().is_data() => Err(Error::Shape {
            service,
            request: request.to_owned(),
            path: error.path().to_string(),
            why: error.inner().to_string(),
        }),
        Err(_) => Err(not_json(service, request, answer)),
    }
}

/// Fails unless the body begins as JSON does, or is empty.
fn json_or(service: Service, request: &Request, answer: &Response) -> Result<(), Error> {
    match looks_like_page(answer) {
        true => Err(not_json(service, &request.shown(), answer)),
        false => Ok(()),
    }
}

fn looks_like_page(answer: &Response) -> bool {
    answer.body.trim_ascii_start().starts_with(b"<")
}

fn not_json(service: Service, request: &str, answer: &Response) -> Error {
    let what = match (looks_like_page(answer), answer.body.is_empty()) {
        (true, _) => "an HTML page",
        (_, true) => "empty",
        _ => "plain text",
    };
    Error::NotJson {
        service,
        request: request.to_owned(),
        what: what.to_owned(),
        lines: first_lines(&answer.body),
    }
}

fn first_lines(body: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(body.get(..4096).unwrap_or(body));
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines.take(8).map(str::to_owned).collect()
}

/// What an answer that was not expected says.
pub(super) fn refusal(
    service: Service,
    request: &Request,
    answer: &Response,
    need: Need,
    credential: Option<&Credential>,
) -> Error {
    if looks_like_page(answer) {
        return not_json(service, &request.shown(), answer);
    }
    let (message, error_code) = message(answer.status, &answer.body);
    Error::Refused(Box::new(Refusal {
        service,
        request: request.shown(),
        status: answer.status.as_u16(),
        message,
        error_code,
        credential: credential.map(|shown| (need.word(), shown.source.clone())),
        retry_after: after(&answer.headers),
    }))
}

/// The sentence in a body: an error object's, a bare JSON string, or plain text.
fn message(status: StatusCode, body: &[u8]) -> (String, Option<String>) {
    let value: Option<Value> = serde_json::from_slice(body).ok();
    let object = value.as_ref().and_then(Value::as_object);
    let field = |name: &str| {
        let found = object.and_then(|object| object.get(name));
        found.and_then(Value::as_str).map(str::to_owned)
    };
    let text = match &value {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Object(_)) => field("message").unwrap_or_default(),
        _ => first_lines(body).into_iter().next().unwrap_or_default(),
    };
    // the API's own texts hold line ends and its internals behind them
    let line = text.lines().next().unwrap_or_default().trim();
    let line = match status.is_success() && line.is_empty() {
        true => "which means that it was not done",
        false => line,
    };
    (line.to_owned(), field("error_code"))
}
