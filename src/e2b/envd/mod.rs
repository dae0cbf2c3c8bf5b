//! envd, the service inside every sandbox: processes and files, by Connect RPC and plain HTTP.

pub mod codec;
mod entry;
mod file;
mod process;
mod signature;
mod stream;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::http::header::{AUTHORIZATION, HOST, HeaderMap, HeaderName, HeaderValue};
use crate::http::{Method, Request, Response, Url};
use crate::secret::Secret;

use super::access::Need;
use super::api::{at, parse, ready, refusal};
use super::link::{Link, Repeat};
use super::{Error, RpcError, Sandbox, Service};

pub use entry::Entry;
pub use process::{ProcessEnd, ProcessEvent, ProcessInfo, ProcessStream, Selector, Start};
pub use signature::{Operation, signature};
pub use watch::{FileEvent, Watch};

/// Where envd listens in a sandbox.
pub(super) const PORT: u16 = 49983;
/// How long a call that is no stream may take.
const PATIENCE: Duration = Duration::from_secs(60);

const ACCESS_TOKEN: HeaderName = HeaderName::from_static("x-access-token");
const PROTOCOL: HeaderName = HeaderName::from_static("connect-protocol-version");

/// envd of one sandbox. Copies share connections.
#[derive(Clone)]
pub struct Envd {
    link: Arc<Link>,
    /// The host name by which the client-proxy finds the sandbox; `None` for an envd that is reached
    /// directly.
    host: Option<String>,
    token: Option<Secret>,
    /// Whose processes and paths, where a call does not say.
    user: String,
}

impl Envd {
    pub(super) fn new(link: Arc<Link>, host: Option<String>, sandbox: &Sandbox) -> Envd {
        Envd {
            link,
            host,
            token: sandbox.envd_access_token.clone(),
            user: "user".to_owned(),
        }
    }

    /// The same, with another user's processes and paths.
    #[must_use]
    pub fn as_user(mut self, user: Option<String>) -> Envd {
        self.user = user.unwrap_or(self.user);
        self
    }

    /// Whether it answers; a sandbox that has just come to be may need a moment.
    pub async fn is_healthy(&self) -> Result<bool, Error> {
        let mut request = self.request(Method::GET, "/health")?;
        request.timeout = Duration::from_secs(10);
        let answer = self.link.send(&request, Repeat::Once).await?;
        Ok(answer.status.is_success())
    }

    fn url(&self, path: &str) -> Url {
        at(&self.link.address, path)
    }

    fn request(&self, method: Method, path: &str) -> Result<Request, Error> {
        let mut request = Request::new(method, self.url(path));
        ready(&mut request);
        request.timeout = PATIENCE;
        self.sign(&mut request.headers)?;
        Ok(request)
    }

    /// Host, user and token.
    fn sign(&self, headers: &mut HeaderMap) -> Result<(), Error> {
        if let Some(host) = &self.host {
            headers.insert(HOST, header(host)?);
        }
        let basic = STANDARD.encode(format!("{}:", self.user));
        headers.insert(AUTHORIZATION, header(&format!("Basic {basic}"))?);
        if let Some(token) = &self.token {
            let mut value = header(token.expose())?;
            value.set_sensitive(true);
            headers.insert(ACCESS_TOKEN, value);
        }
        Ok(())
    }

    /// A call that is answered by one message.
    async fn call<T: DeserializeOwned>(
        &self,
        method: &str,
        body: &Value,
        repeat: Repeat,
    ) -> Result<T, Error> {
        let mut request = self.request(Method::POST, &format!("/{method}"))?;
        request
            .headers
            .insert(PROTOCOL, HeaderValue::from_static("1"));
        let request = request.json(body.to_string());
        let answer = self.link.send(&request, repeat).await?;
        if answer.status.as_u16() == 200 {
            return parse(Service::Sandboxes, &request.shown(), &answer);
        }
        Err(refused(&request, &answer))
    }
}

/// An answer that is not what was asked for: Connect's error object, a proxy's, or envd's own.
fn refused(request: &Request, answer: &Response) -> Error {
    let value: Option<Value> = serde_json::from_slice(&answer.body).ok();
    match value.as_ref().and_then(rpc_error) {
        Some(error) => Error::Rpc {
            request: request.shown(),
            error,
        },
        None => refusal(Service::Sandboxes, request, answer, Need::Nothing, None),
    }
}

/// `{"code":"not_found","message":"…"}`; elsewhere `code` is a number.
fn rpc_error(value: &Value) -> Option<RpcError> {
    let code = value.get("code")?.as_str()?;
    let message = value.get("message").and_then(Value::as_str);
    Some(RpcError {
        code: code.to_owned(),
        message: message.unwrap_or(code).to_owned(),
    })
}

fn header(text: &str) -> Result<HeaderValue, Error> {
    HeaderValue::from_str(text).map_err(|_| {
        Error::Argument("a user, host or token has characters that no header holds".to_owned())
    })
}
