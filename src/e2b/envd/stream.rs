//! A call that is answered by a stream of messages.

use std::marker::PhantomData;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use crate::http::{self, Method};

use super::codec::{Decoder, encode};
use super::{Envd, PROTOCOL, refused, rpc_error};
use crate::e2b::link::Repeat;
use crate::e2b::{Error, Service};

/// So often envd is asked to show that it is still there, in seconds.
const KEEPALIVE: u64 = 50;
/// A stream on which nothing comes for longer than two of those is cut.
const SILENCE: Duration = Duration::from_secs(2 * KEEPALIVE + 20);
/// How long the first bytes may take.
const PATIENCE: Duration = Duration::from_secs(60);

const PING: HeaderName = HeaderName::from_static("keepalive-ping-interval");
const LIMIT: HeaderName = HeaderName::from_static("connect-timeout-ms");

/// Messages as they come. Dropping it closes the stream; what it shows goes on.
pub struct Stream<T> {
    request: String,
    answer: http::Answer,
    decoder: Decoder,
    kind: PhantomData<fn() -> T>,
}

impl Envd {
    /// Opens a stream. `limit`: envd ends it, and the process that it started, after so long.
    pub(super) async fn stream<T: DeserializeOwned>(
        &self,
        method: &str,
        body: &Value,
        limit: Option<Duration>,
        repeat: Repeat,
    ) -> Result<Stream<T>, Error> {
        let mut request = self.request(Method::POST, &format!("/{method}"))?;
        let headers = &mut request.headers;
        headers.insert(PROTOCOL, HeaderValue::from_static("1"));
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/connect+json"),
        );
        headers.insert(PING, HeaderValue::from(KEEPALIVE));
        if let Some(limit) = limit {
            let millis = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX).max(1);
            headers.insert(LIMIT, HeaderValue::from(millis));
        }
        request.body = Some(encode(body.to_string().as_bytes(), false));
        let shown = request.shown();
        let opening = self.link.open(&request, repeat);
        let answer = tokio::time::timeout(PATIENCE, opening).await;
        let answer = answer.map_err(|_| Error::Http {
            service: Service::Sandboxes,
            source: http::Error::Timeout {
                request: shown.clone(),
                after: PATIENCE,
            },
            maybe_done: repeat == Repeat::Never,
        })??;
        let kind = answer.inner.headers().get(CONTENT_TYPE);
        let is_stream = kind
            .and_then(|kind| kind.to_str().ok())
            .is_some_and(|kind| kind.starts_with("application/connect+json"));
        if answer.inner.status().as_u16() == 200 && is_stream {
            return Ok(Stream {
                request: shown,
                answer,
                decoder: Decoder::default(),
                kind: PhantomData,
            });
        }
        // an error is one small answer: a proxy's, or envd's before it began to stream
        Err(refused(&request, &whole(answer).await))
    }
}

/// The rest of an answer that is no stream, as far as anybody would read it.
pub(super) async fn whole(mut answer: http::Answer) -> http::Response {
    let (status, headers) = (answer.inner.status(), answer.inner.headers().clone());
    let mut body = Vec::new();
    while let Ok(Ok(Some(chunk))) = tokio::time::timeout(PATIENCE, answer.inner.chunk()).await {
        body.extend_from_slice(&chunk);
        if body.len() > 64 << 10 {
            break;
        }
    }
    http::Response {
        url: answer.url,
        status,
        headers,
        body: body.into(),
    }
}

impl<T: DeserializeOwned> Stream<T> {
    /// The next message; `None` at the stream's proper end. May be dropped at any point and called
    /// again.
    pub async fn next(&mut self) -> Result<Option<T>, Error> {
        loop {
            let envelope = self.decoder.next_envelope();
            let envelope = envelope.map_err(|error| self.cut(error.to_string()))?;
            if let Some(envelope) = envelope {
                return match envelope.end {
                    true => self.end(&envelope.message),
                    false => self.read(&envelope.message).map(Some),
                };
            }
            let chunk = tokio::time::timeout(SILENCE, self.answer.inner.chunk()).await;
            match chunk {
                Ok(Ok(Some(chunk))) => self.decoder.push(&chunk),
                Ok(Ok(None)) => {
                    return Err(self.cut("it ended without its last message".to_owned()));
                }
                Ok(Err(error)) => {
                    let why = http::reason(error);
                    return Err(self.cut(format!("the connection ended before it did ({why})")));
                }
                Err(_) => {
                    let silence = humantime::format_duration(SILENCE);
                    return Err(self.cut(format!(
                        "nothing came for {silence}, not even a sign of life"
                    )));
                }
            }
        }
    }

    /// The last message: an error, or nothing.
    fn end(&self, message: &[u8]) -> Result<Option<T>, Error> {
        let value: Value = serde_json::from_slice(message).unwrap_or_default();
        match value.get("error").and_then(rpc_error) {
            Some(error) => Err(Error::Rpc {
                request: self.request.clone(),
                error,
            }),
            None => Ok(None),
        }
    }

    fn read(&self, message: &[u8]) -> Result<T, Error> {
        let mut reader = serde_json::Deserializer::from_slice(message);
        serde_path_to_error::deserialize(&mut reader).map_err(|error| Error::Shape {
            service: Service::Sandboxes,
            request: self.request.clone(),
            path: error.path().to_string(),
            why: error.inner().to_string(),
        })
    }

    fn cut(&self, why: String) -> Error {
        Error::Cut {
            request: self.request.clone(),
            why,
        }
    }
}
