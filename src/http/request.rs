//! What is asked, and what comes back.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode, Url};

use super::{Error, url};

/// Called before a request is sent again: what went wrong, and after which pause it is.
pub type OnRetry = Arc<dyn Fn(&Error, Duration) + Send + Sync>;

/// A request that can be sent several times.
#[derive(Clone)]
pub struct Request {
    pub method: Method,
    pub url: Url,
    pub headers: HeaderMap,
    pub body: Option<Bytes>,
    /// For one attempt, body included.
    pub timeout: Duration,
    /// How often it may be sent again.
    pub retries: usize,
    pub expect: Expect,
    /// Largest answer, in bytes.
    pub limit: u64,
    pub on_retry: Option<OnRetry>,
}

/// Which answers are in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Expect {
    /// Any 2xx.
    #[default]
    Success,
    /// Whatever comes.
    Any,
    Only(Vec<u16>),
}

impl Expect {
    pub fn accepts(&self, status: StatusCode) -> bool {
        match self {
            Expect::Success => status.is_success(),
            Expect::Any => true,
            Expect::Only(codes) => codes.contains(&status.as_u16()),
        }
    }
}

impl Request {
    /// 30 s for an attempt, three more of them, answers up to 16 MiB.
    pub fn new(method: Method, url: Url) -> Request {
        Request {
            method,
            url,
            headers: HeaderMap::new(),
            body: None,
            timeout: Duration::from_secs(30),
            retries: 3,
            expect: Expect::Success,
            limit: 16 << 20,
            on_retry: None,
        }
    }

    /// Sends JSON text.
    #[must_use]
    pub fn json(mut self, text: impl Into<Bytes>) -> Request {
        self.headers
            .entry(CONTENT_TYPE)
            .or_insert(HeaderValue::from_static("application/json"));
        self.body = Some(text.into());
        self
    }

    /// Method and URL for people, without secrets.
    pub fn shown(&self) -> String {
        format!("{} {}", self.method, url::shown(&self.url))
    }

    pub(super) fn build(&self) -> reqwest::Request {
        let mut request = reqwest::Request::new(self.method.clone(), self.url.clone());
        *request.headers_mut() = self.headers.clone();
        *request.body_mut() = self.body.clone().map(reqwest::Body::from);
        request
    }
}

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Response {
    /// Where it came from in the end.
    pub url: Url,
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}
