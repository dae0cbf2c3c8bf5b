//! HTTP over streams that somebody else opens: from the far end of an SSH connection, say.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_rustls::{FixedServerNameResolver, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::client::legacy::{Client, Error as ClientError};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use reqwest::header::{AUTHORIZATION, COOKIE, HeaderMap, HeaderValue, LOCATION, USER_AGENT};
use reqwest::{Method, Url};
use tower_service::Service;

use super::{AGENT, Answer, CONNECT, Error, REDIRECTS, Request, Trust, tls};
use crate::wire::{BoxStream, DialError, Dialer};

/// How long an unused connection is kept: each holds a channel of its host's connection.
const IDLE: Duration = Duration::from_secs(15);

/// Sends requests from where its dialer stands; copies share their connections.
#[derive(Clone)]
pub struct Tunnel {
    client: Arc<Client<HttpsConnector<Connector>, reqwest::Body>>,
}

impl Tunnel {
    /// Names in URLs are resolved by the dialer; certificates are judged on this machine, against
    /// the name in the URL.
    pub fn new(dialer: Arc<dyn Dialer>) -> Result<Tunnel, Error> {
        Tunnel::trusting(dialer, &Trust::default())
    }

    /// As [`Tunnel::new`], with authorities, an identity or a name other than the workstation's
    /// and the URL's.
    pub fn trusting(dialer: Arc<dyn Dialer>, trust: &Trust) -> Result<Tunnel, Error> {
        let mut builder = HttpsConnectorBuilder::new()
            .with_tls_config(tls::config(trust)?)
            .https_or_http();
        if let Some(name) = trust.name()? {
            builder = builder.with_server_name_resolver(FixedServerNameResolver::new(name));
        }
        let connector = builder
            .enable_all_versions()
            .wrap_connector(Connector { dialer });
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(2)
            .build(connector);
        Ok(Tunnel {
            client: Arc::new(client),
        })
    }

    /// Follows redirects as a direct request does: those of `GET` and `HEAD`, and without
    /// credentials to another host.
    pub(super) async fn send(&self, request: &Request) -> Result<Answer, Error> {
        let mut request = request.clone();
        let shown = request.shown();
        request
            .headers
            .entry(USER_AGENT)
            .or_insert(HeaderValue::from_static(AGENT));
        for _ in 0..=REDIRECTS {
            let answer = self.send_once(&request, &shown).await?;
            let Some(next) = redirect(&request, &answer) else {
                return Ok(answer);
            };
            if next.origin() != request.url.origin() {
                request.headers.remove(AUTHORIZATION);
                request.headers.remove(COOKIE);
            }
            request.url = next;
        }
        Err(Error::Redirects { request: shown })
    }

    async fn send_once(&self, request: &Request, shown: &str) -> Result<Answer, Error> {
        let ready = hyper::Request::<reqwest::Body>::try_from(request.build())
            .map_err(|error| Error::of_reqwest(shown, error))?;
        let answer = self
            .client
            .request(ready)
            .await
            .map_err(|error| sort(shown, &error))?;
        Ok(Answer {
            url: request.url.clone(),
            inner: reqwest::Response::from(answer.map(reqwest::Body::wrap)),
        })
    }
}

fn sort(shown: &str, error: &ClientError) -> Error {
    let request = shown.to_owned();
    if error.is_connect() {
        return Error::of_connect(request, error);
    }
    Error::Broken {
        request,
        why: super::error::root(error),
    }
}

fn redirect(request: &Request, answer: &Answer) -> Option<Url> {
    let followed = matches!(answer.inner.status().as_u16(), 301 | 302 | 303 | 307 | 308)
        && matches!(request.method, Method::GET | Method::HEAD)
        && !request.expect.accepts(answer.inner.status());
    let headers: &HeaderMap = answer.inner.headers();
    let target = headers.get(LOCATION).filter(|_| followed)?.to_str().ok()?;
    let next = request.url.join(target).ok()?;
    matches!(next.scheme(), "http" | "https").then_some(next)
}

/// Opens streams by the dialer.
#[derive(Clone)]
struct Connector {
    dialer: Arc<dyn Dialer>,
}

impl Service<hyper::Uri> for Connector {
    type Response = Stream;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Stream>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: hyper::Uri) -> Self::Future {
        let dialer = self.dialer.clone();
        Box::pin(async move {
            let host = uri.host().unwrap_or_default();
            // A literal IPv6 address stands in brackets in a URL, and nowhere else.
            let host = host
                .trim_start_matches('[')
                .trim_end_matches(']')
                .to_owned();
            let https = uri.scheme_str() == Some("https");
            let port = uri.port_u16().unwrap_or(if https { 443 } else { 80 });
            match tokio::time::timeout(CONNECT, dialer.dial(&host, port)).await {
                Ok(Ok(stream)) => Ok(Stream(TokioIo::new(stream))),
                Ok(Err(error)) => Err(error.into()),
                Err(_) => Err(DialError::Timeout {
                    host,
                    port,
                    after: CONNECT,
                }
                .into()),
            }
        })
    }
}

/// A dialled stream as hyper wants it.
struct Stream(TokioIo<BoxStream>);

impl Connection for Stream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl Write for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
