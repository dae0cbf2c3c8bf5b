//! Requests: to whichever server answers, with the token, again where that may help and does no harm.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;

use super::{Error, Peer, Product, Settings, Ways};
use crate::chance::jittered;
use crate::http::header::{HeaderName, HeaderValue};
use crate::http::{self, Client, Error as HttpError, Method, Request, Url, Via};
use crate::secret::Secret;

/// How long servers may be without a leader, or not answer, before a request fails.
const PATIENCE: Duration = Duration::from_secs(20);
/// The pause before a request is sent again; a new leader takes a second or two.
const PAUSE: Duration = Duration::from_millis(250);

/// Hears of something in words.
pub type Listener = Arc<dyn Fn(&str) + Send + Sync>;

/// What the caller wants to hear of.
#[derive(Clone, Default)]
pub struct Hooks {
    /// A request has to be sent again: what went wrong, and who is asked next.
    pub on_retry: Option<Listener>,
    /// A request is sent: the name of the peer.
    pub on_request: Option<Listener>,
}

/// The API of one cluster; the requests of all who share it are counted together.
pub struct Api {
    product: &'static Product,
    settings: Settings,
    http: Arc<Client>,
    ways: Ways,
    requests: AtomicU64,
    hooks: Hooks,
}

/// An answer and the index of the data it shows.
#[derive(Debug)]
pub struct Answer {
    pub index: u64,
    pub body: bytes::Bytes,
    /// What was asked, for errors.
    pub request: String,
}

impl Api {
    /// `peers` are tried in turn while one does not answer; an empty list means this machine.
    pub fn new(
        product: &'static Product,
        settings: Settings,
        http: Arc<Client>,
        peers: Vec<Peer>,
        hooks: Hooks,
    ) -> Result<Api, Error> {
        let ways = Ways::new(peers, &settings.trust);
        Ok(Api {
            product,
            ways: ways.map_err(|source| Error::Http { product, source })?,
            settings,
            http,
            requests: AtomicU64::new(0),
            hooks,
        })
    }

    /// The same API at another host, with the same port, token and ways there.
    pub fn at(&self, host: &str) -> Option<Api> {
        let mut settings = self.settings.clone();
        settings.address.value.set_host(Some(host)).ok()?;
        Some(Api {
            product: self.product,
            settings,
            http: self.http.clone(),
            ways: self.ways.clone(),
            requests: AtomicU64::new(0),
            hooks: Hooks {
                on_retry: None,
                ..self.hooks.clone()
            },
        })
    }

    pub fn product(&self) -> &'static Product {
        self.product
    }

    /// The address as people know it.
    pub fn address(&self) -> String {
        let text = self.settings.address.value.to_string();
        text.trim_end_matches('/').to_owned()
    }

    /// What is shown as who asks, if anything is.
    pub fn token(&self) -> Option<&Secret> {
        self.settings.token.as_ref().map(|token| &token.value)
    }

    /// How many requests were sent so far.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Reads a value.
    pub async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<T, Error> {
        let answer = self.call(Method::GET, path, query, None).await?;
        self.read(&answer)
    }

    /// Reads a value that may not be there.
    pub async fn find<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<Option<T>, Error> {
        match self.get(path, query).await {
            Ok(found) => Ok(Some(found)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Sends a value and reads the answer.
    pub async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: &serde_json::Value,
    ) -> Result<T, Error> {
        let answer = self
            .call(method, path, query, Some(body.to_string().into()))
            .await?;
        self.read(&answer)
    }

    /// The answer's body as a value.
    pub fn read<T: DeserializeOwned>(&self, answer: &Answer) -> Result<T, Error> {
        serde_json::from_slice(&answer.body).map_err(|error| Error::Shape {
            product: self.product,
            request: answer.request.clone(),
            why: error.to_string(),
        })
    }

    /// One request, to the end of its time.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<bytes::Bytes>,
    ) -> Result<Answer, Error> {
        self.call_for(method, path, query, body, Duration::from_secs(30))
            .await
    }

    /// As [`Api::call`], with the time that one attempt may take.
    pub(super) async fn call_for(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<bytes::Bytes>,
        timeout: Duration,
    ) -> Result<Answer, Error> {
        let mut request = self.request(method, path, query);
        request.timeout = timeout;
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = self
            .tried(&request, |via| self.http.request(&request, via))
            .await?;
        let header = response.headers.get(self.product.index_header);
        let index = header.and_then(|value| value.to_str().ok()?.parse().ok());
        Ok(Answer {
            index: index.unwrap_or(0),
            body: response.body,
            request: request.shown(),
        })
    }

    /// An answer that comes as it is written; nothing bounds the time it takes.
    pub async fn open(&self, path: &str, query: &[(&str, &str)]) -> Result<http::Answer, Error> {
        let request = self.request(Method::GET, path, query);
        self.tried(&request, |via| self.http.open(&request, via))
            .await
    }

    /// Sends a request by one way after the other, as long as that may help.
    async fn tried<'a, T, F: Future<Output = Result<T, HttpError>>>(
        &'a self,
        request: &Request,
        send: impl Fn(&'a Via) -> F,
    ) -> Result<T, Error> {
        let mut since: Option<Instant> = None;
        loop {
            let (turn, Some(way)) = self.ways.current() else {
                return Err(self.unreachable("there is no way to it".to_owned(), None));
            };
            self.requests.fetch_add(1, Ordering::Relaxed);
            if let Some(on_request) = &self.hooks.on_request {
                on_request(&way.name);
            }
            let error = match send(&way.via).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            if !may_help(&error, &request.method) {
                return Err(self.sort(error, request, Duration::ZERO));
            }
            // the index and the body are kept: another server may know
            let began = *since.get_or_insert_with(Instant::now);
            if began.elapsed() > PATIENCE {
                return Err(self.sort(error, request, began.elapsed()));
            }
            self.next_peer(turn, &error);
            tokio::time::sleep(jittered(PAUSE)).await;
        }
    }

    fn next_peer(&self, turn: usize, error: &HttpError) {
        if let (Some(next), Some(on_retry)) = (self.ways.leave(turn), &self.hooks.on_retry) {
            let whom = match next.name.as_str() {
                "" => "asking again".to_owned(),
                name => format!("asking {name}"),
            };
            on_retry(&format!("{error}; {whom}"));
        }
    }

    fn request(&self, method: Method, path: &str, query: &[(&str, &str)]) -> Request {
        let mut url: Url = self.settings.address.value.clone();
        url.set_path(path);
        {
            let mut pairs = url.query_pairs_mut();
            for (name, value) in &self.settings.scope {
                pairs.append_pair(name, value);
            }
            for (name, value) in query {
                pairs.append_pair(name, value);
            }
        }
        if url.query() == Some("") {
            url.set_query(None);
        }
        let mut request = Request::new(method, url);
        request.retries = 0;
        request.limit = 64 << 20;
        if let Some(token) = &self.settings.token {
            let name = HeaderName::from_bytes(self.product.token_header.as_bytes());
            let value = HeaderValue::from_str(token.value.expose());
            if let (Ok(name), Ok(mut value)) = (name, value) {
                value.set_sensitive(true);
                request.headers.insert(name, value);
            }
        }
        request
    }

    fn unreachable(&self, why: String, help: Option<String>) -> Error {
        Error::Unreachable {
            product: self.product,
            address: self.address(),
            source_of: self.settings.address.source.clone(),
            peers: self.ways.names(),
            why,
            help,
        }
    }

    fn sort(&self, error: HttpError, request: &Request, after: Duration) -> Error {
        let product = self.product;
        let leaderless = is_leaderless(&error);
        match error {
            HttpError::Connect { why, help, .. } => self.unreachable(why, help),
            HttpError::Status { status, lines, .. } => {
                let request = request.shown();
                let why = lines.first().cloned().unwrap_or_default();
                match status.as_u16() {
                    _ if leaderless => Error::NoLeader { product, after },
                    401 | 403 => Error::Denied {
                        product,
                        request,
                        why,
                        token: self
                            .settings
                            .token
                            .as_ref()
                            .map(|token| token.source.clone()),
                    },
                    404 => Error::NotFound {
                        product,
                        request,
                        why,
                    },
                    status => Error::Refused {
                        product,
                        request,
                        status,
                        lines,
                    },
                }
            }
            source => Error::Http { product, source },
        }
    }
}

/// Whether another attempt, or another server, may answer, and the first cannot have taken effect.
fn may_help(error: &HttpError, method: &Method) -> bool {
    match error {
        HttpError::Connect { .. } => true,
        HttpError::Broken { .. } | HttpError::Timeout { .. } => method.is_safe(),
        HttpError::Status { status, .. } => {
            is_leaderless(error)
                || (method.is_safe()
                    && (is_cut(error) || matches!(status.as_u16(), 429 | 502 | 503 | 504)))
        }
        _ => false,
    }
}

/// A server without a leader, or whose leader is gone, passes nothing on: whatever was asked was
/// not done.
fn is_leaderless(error: &HttpError) -> bool {
    const SAID: [&str; 3] = [
        "No cluster leader",
        "No path to region",
        "failed to get conn",
    ];
    says(error, &SAID)
}

/// The connection between two servers broke: what was asked may have been done.
fn is_cut(error: &HttpError) -> bool {
    says(error, &["rpc error"])
}

fn says(error: &HttpError, words: &[&str]) -> bool {
    let HttpError::Status { status, lines, .. } = error else {
        return false;
    };
    let said = |line: &String| words.iter().any(|words| line.contains(words));
    status.as_u16() >= 500 && lines.iter().any(said)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::StatusCode;

    fn status(code: u16, line: &str) -> HttpError {
        HttpError::Status {
            request: String::new(),
            status: StatusCode::from_u16(code).unwrap(),
            lines: vec![line.to_owned()],
            retry_after: None,
        }
    }

    #[test]
    fn what_may_have_been_done_is_not_asked_for_again() {
        let broken = HttpError::Broken {
            request: String::new(),
            why: String::new(),
        };
        assert!(may_help(&broken, &Method::GET));
        assert!(!may_help(&broken, &Method::POST));
        assert!(may_help(&status(500, "No cluster leader"), &Method::POST));
        let gone = status(500, "rpc error: failed to get conn: refused");
        assert!(may_help(&gone, &Method::POST));
        let cut = status(500, "rpc error: EOF");
        assert!(may_help(&cut, &Method::GET) && !may_help(&cut, &Method::POST));
        assert!(!may_help(
            &status(500, "conflicting job modify index"),
            &Method::POST
        ));
        assert!(may_help(&status(429, ""), &Method::GET));
        assert!(!may_help(&status(429, ""), &Method::PUT));
        assert!(!may_help(&status(403, "Permission denied"), &Method::GET));
    }
}
