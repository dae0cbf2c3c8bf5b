//! HTTP: requests with retries and checks, from this machine or through a host's connection.

mod answers;
mod authorities;
mod download;
mod error;
mod request;
mod retry;
mod tls;
mod tunnel;
mod url;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use reqwest::redirect;

pub use ::reqwest::{Method, StatusCode, Url, header};
pub use answers::{Answers, Canned};
pub use download::{Download, Downloaded, check, checksum};
pub use error::{Error, reason};
pub use request::{Expect, OnRetry, Request, Response};
pub use tls::Trust;
pub use tunnel::Tunnel;
pub use url::{parse as parse_url, percent_encode};

/// How long a connection may take to come up.
const CONNECT: Duration = Duration::from_secs(10);
/// Most redirects that are followed.
const REDIRECTS: usize = 10;
const AGENT: &str = concat!("e2bscript/", env!("CARGO_PKG_VERSION"));

/// The way a request takes.
#[derive(Clone)]
pub enum Via {
    /// From this machine.
    Direct,
    /// From the far end of a tunnel, where names are resolved too.
    Tunnel(Tunnel),
}

/// The run's HTTP client; connections are kept and used again.
pub struct Client {
    direct: reqwest::Client,
    /// What stands in for servers, if anything does.
    answers: Option<Arc<dyn Answers>>,
}

impl Client {
    /// Proxies are used only where `HTTP_PROXY`, `HTTPS_PROXY` or `ALL_PROXY` name them, never by
    /// the desktop's settings.
    pub fn new() -> Result<Client, Error> {
        let mut builder = reqwest::Client::builder()
            .user_agent(AGENT)
            .connect_timeout(CONNECT)
            .redirect(redirect::Policy::limited(REDIRECTS))
            .tls_backend_preconfigured(tls::config(&Trust::default())?)
            .no_proxy();
        for proxy in url::proxies()? {
            builder = builder.proxy(proxy);
        }
        let direct = builder.build().map_err(|error| Error::Setup {
            why: error::root(&error),
        })?;
        Ok(Client {
            direct,
            answers: None,
        })
    }

    /// A client that is answered by `answers`, and by servers where they say so.
    #[must_use]
    pub fn answered(self, answers: Arc<dyn Answers>) -> Client {
        Client {
            answers: Some(answers),
            ..self
        }
    }

    /// Sends the request, again where that may help, and reads the whole answer.
    ///
    /// An answer that was not expected is an error. Only idempotent requests are sent again after
    /// they may have arrived; every request is after a connection that never came up.
    pub async fn request(&self, request: &Request, via: &Via) -> Result<Response, Error> {
        let attempt = || async {
            let answer = async {
                let answer = self.send(request, via).await?;
                collect(request, answer).await
            };
            match tokio::time::timeout(request.timeout, answer).await {
                Ok(done) => done,
                Err(_) => Err(Error::Timeout {
                    request: request.shown(),
                    after: request.timeout,
                }),
            }
        };
        retry::run(request, attempt).await
    }

    /// Sends the request once and gives the answer with its body still to come. Nothing bounds the
    /// time it takes; a status that was not expected is an error.
    pub async fn open(&self, request: &Request, via: &Via) -> Result<Answer, Error> {
        self.send(request, via).await
    }

    async fn send(&self, request: &Request, via: &Via) -> Result<Answer, Error> {
        let answer = match &self.answers {
            Some(answers) => match answers.answer(request) {
                Some(canned) => canned?.into_answer(&request.url),
                None => {
                    let answer = self.send_there(request, via).await?;
                    answers::heard(answers.as_ref(), request, answer).await?
                }
            },
            None => self.send_there(request, via).await?,
        };
        if request.expect.accepts(answer.inner.status()) {
            return Ok(answer);
        }
        Err(refused(request, answer).await)
    }

    async fn send_there(&self, request: &Request, via: &Via) -> Result<Answer, Error> {
        let began = Instant::now();
        let sent = self.send_by(request, via).await;
        let (shown, took) = (request.shown(), began.elapsed().as_millis());
        match &sent {
            Ok(answer) => tracing::debug!("{shown}: {} after {took} ms", answer.inner.status()),
            Err(error) => tracing::debug!("{shown}: {error}, after {took} ms"),
        }
        sent
    }

    async fn send_by(&self, request: &Request, via: &Via) -> Result<Answer, Error> {
        Ok(match via {
            Via::Direct => {
                let failed = |error: reqwest::Error| Error::of_reqwest(&request.shown(), error);
                let answer = self.direct.execute(request.build()).await.map_err(failed)?;
                Answer {
                    url: answer.url().clone(),
                    inner: answer,
                }
            }
            Via::Tunnel(tunnel) => tunnel.send(request).await?,
        })
    }
}

/// An answer whose body is still to come.
pub struct Answer {
    /// Where it came from in the end.
    pub url: Url,
    pub inner: reqwest::Response,
}

async fn collect(request: &Request, mut answer: Answer) -> Result<Response, Error> {
    let (status, headers) = (answer.inner.status(), answer.inner.headers().clone());
    let body = read(request, &mut answer.inner, request.limit, false).await?;
    Ok(Response {
        url: answer.url,
        status,
        headers,
        body,
    })
}

/// An unexpected answer, with as much of its body as a person would read.
async fn refused(request: &Request, mut answer: Answer) -> Error {
    let status = answer.inner.status();
    let retry_after = retry::after(answer.inner.headers());
    let body = tokio::time::timeout(CONNECT, read(request, &mut answer.inner, 4 << 10, true)).await;
    let body = body.ok().and_then(Result::ok).unwrap_or_default();
    let text = String::from_utf8_lossy(&body);
    Error::Status {
        request: request.shown(),
        status,
        lines: text
            .lines()
            .filter(|line| !line.trim().is_empty())
            .take(8)
            .map(str::to_owned)
            .collect(),
        retry_after,
    }
}

/// At most `limit` bytes of the body; more is cut off or an error.
async fn read(
    request: &Request,
    answer: &mut reqwest::Response,
    limit: u64,
    cut: bool,
) -> Result<Bytes, Error> {
    // one buffer that grows would be copied, and be there twice, each time
    let (mut chunks, mut length) = (Vec::new(), 0);
    while let Some(chunk) = answer
        .chunk()
        .await
        .map_err(|error| Error::of_reqwest(&request.shown(), error))?
    {
        length += chunk.len();
        chunks.push(chunk);
        if length as u64 > limit {
            if cut {
                break;
            }
            return Err(Error::TooLarge {
                request: request.shown(),
                limit,
            });
        }
    }
    let mut body = BytesMut::with_capacity(length);
    for chunk in chunks {
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}
