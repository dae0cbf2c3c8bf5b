//! One service of the platform on the wire: by whichever way answers, again only where that is safe.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::chance::jittered;
use crate::hashi::{Hooks, Peer, Ways};
use crate::http::{self, Client, Error as HttpError, Request, Response, StatusCode, Url, Via};

use super::Error;

/// How long a service may not be there, while it is started anew say, before a request fails.
const PATIENCE: Duration = Duration::from_secs(10);
/// The first pause before a request is sent again; it doubles each time.
const PAUSE: Duration = Duration::from_millis(200);
/// How often a request that may be repeated is, after an answer that may pass.
const REPEATS: u32 = 3;
/// A service that asks for a longer pause is not waited for.
const LONGEST: Duration = Duration::from_secs(20);

/// Who answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    Api,
    /// The client-proxy's own port.
    Edge,
    /// What is inside a sandbox, through the client-proxy's port for traffic.
    Sandboxes,
}

impl Service {
    /// What errors call it.
    pub fn title(self) -> &'static str {
        match self {
            Service::Api => "the E2B API",
            Service::Edge => "the client-proxy",
            Service::Sandboxes => "the sandbox (through the client-proxy)",
        }
    }

    /// The Nomad job that it is.
    pub fn job(self) -> &'static str {
        match self {
            Service::Api => "api",
            Service::Edge | Service::Sandboxes => "client-proxy",
        }
    }
}

/// Whether a request may be sent again after it may have arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// It reads, or does the same however often it is sent.
    Safe,
    /// It would be safe, but what it answers at first is wanted.
    Once,
    /// It makes something: a second one might be made.
    Never,
}

/// A service at its address, and the ways there.
pub(super) struct Link {
    pub service: Service,
    pub address: Url,
    http: Arc<Client>,
    ways: Ways,
    requests: Arc<AtomicU64>,
    hooks: Hooks,
}

impl Link {
    /// `peers` are tried in turn while one does not answer; none means this machine.
    pub fn new(
        service: Service,
        address: Url,
        http: Arc<Client>,
        peers: Vec<Peer>,
        trust: &http::Trust,
        hooks: Hooks,
    ) -> Result<Link, Error> {
        let ways = Ways::new(peers, trust).map_err(|source| Error::Http {
            service,
            source,
            maybe_done: false,
        })?;
        Ok(Link {
            service,
            address,
            http,
            ways,
            requests: Arc::default(),
            hooks,
        })
    }

    /// Another service that is reached by the same ways, and counted together.
    pub fn beside(&self, service: Service, address: Url) -> Link {
        Link {
            service,
            address,
            http: self.http.clone(),
            ways: self.ways.clone(),
            requests: self.requests.clone(),
            hooks: self.hooks.clone(),
        }
    }

    /// How many requests were sent so far.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Sends a request and reads the whole answer, whatever its status is.
    pub async fn send(&self, request: &Request, repeat: Repeat) -> Result<Response, Error> {
        self.tried(
            repeat,
            |via| self.http.request(request, via),
            |answer| (answer.status, after(&answer.headers)),
        )
        .await
    }

    /// Sends a request; the body of the answer is still to come, and nothing bounds the time it takes.
    pub async fn open(&self, request: &Request, repeat: Repeat) -> Result<http::Answer, Error> {
        self.tried(
            repeat,
            |via| self.http.open(request, via),
            |answer| (answer.inner.status(), after(answer.inner.headers())),
        )
        .await
    }

    async fn tried<'a, T, F: Future<Output = Result<T, HttpError>>>(
        &'a self,
        repeat: Repeat,
        send: impl Fn(&'a Via) -> F,
        status: impl Fn(&T) -> (StatusCode, Option<Duration>),
    ) -> Result<T, Error> {
        let mut absent: Option<Instant> = None;
        let mut repeats = 0;
        loop {
            let (turn, Some(way)) = self.ways.current() else {
                return Err(self.unreachable("there is no way to it".to_owned(), None));
            };
            self.requests.fetch_add(1, Ordering::Relaxed);
            if let Some(on_request) = &self.hooks.on_request {
                on_request(&way.name);
            }
            let may_repeat = repeat == Repeat::Safe && repeats < REPEATS;
            let (why, asked) = match send(&way.via).await {
                Ok(answer) => {
                    let (status, asked) = status(&answer);
                    let passes = is_passing(status) && asked.is_none_or(|asked| asked <= LONGEST);
                    if !(may_repeat && passes) {
                        return Ok(answer);
                    }
                    repeats += 1;
                    (format!("{} answered {status}", self.service.title()), asked)
                }
                // it did not arrive: whatever it asks for was not done
                Err(HttpError::Connect { request, why, help }) => {
                    let began = *absent.get_or_insert_with(Instant::now);
                    if began.elapsed() > PATIENCE {
                        return Err(self.unreachable(why, help));
                    }
                    self.ways.leave(turn);
                    (format!("cannot connect for `{request}`: {why}"), None)
                }
                Err(error @ (HttpError::Broken { .. } | HttpError::Timeout { .. }))
                    if may_repeat =>
                {
                    repeats += 1;
                    self.ways.leave(turn);
                    (error.to_string(), None)
                }
                Err(source) => {
                    return Err(Error::Http {
                        service: self.service,
                        source,
                        maybe_done: repeat == Repeat::Never,
                    });
                }
            };
            let pause = jittered(PAUSE * 2_u32.pow(repeats.min(6))).max(asked.unwrap_or_default());
            if let Some(on_retry) = &self.hooks.on_retry {
                on_retry(&format!("{why}; asking again"));
            }
            tokio::time::sleep(pause).await;
        }
    }

    fn unreachable(&self, why: String, help: Option<String>) -> Error {
        Error::Unreachable {
            service: self.service,
            address: self.address.to_string().trim_end_matches('/').to_owned(),
            peers: self.ways.names(),
            why,
            help,
        }
    }
}

/// Statuses that may be others in a moment: too many requests, and a server or a proxy in trouble.
fn is_passing(status: StatusCode) -> bool {
    status.as_u16() == 429 || status.is_server_error()
}

/// The pause that a server asks for, in seconds.
pub(super) fn after(headers: &http::header::HeaderMap) -> Option<Duration> {
    let text = headers.get(http::header::RETRY_AFTER)?.to_str().ok()?;
    text.trim().parse().ok().map(Duration::from_secs)
}
