//! Answers that stand in for servers, and hear what servers answer: what tests of scripts stand on.

use bytes::Bytes;
use reqwest::header::HeaderMap;
use reqwest::{StatusCode, Url};

use super::{Answer, Error, Request};

/// A whole answer as it can be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Canned {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// Answers in place of servers.
pub trait Answers: Send + Sync {
    /// What the request is answered; `None` when the server itself is to be asked.
    ///
    /// # Errors
    /// Nothing is known about such a request, or the server is meant to be out of reach.
    fn answer(&self, request: &Request) -> Option<Result<Canned, Error>>;

    /// Hears what a server itself answered.
    fn heard(&self, request: &Request, canned: &Canned);
}

impl Canned {
    pub(super) fn into_answer(self, url: &Url) -> Answer {
        let mut answer = ::http::Response::new(reqwest::Body::from(self.body));
        *answer.status_mut() = self.status;
        *answer.headers_mut() = self.headers;
        Answer {
            url: url.clone(),
            inner: answer.into(),
        }
    }
}

/// Reads a server's answer to its end, lets it be heard, and gives it on. What comes as it is
/// written comes at once then: a test that records waits until it is all there.
pub(super) async fn heard(
    answers: &dyn Answers,
    request: &Request,
    answer: Answer,
) -> Result<Answer, Error> {
    let Answer { url, inner } = answer;
    let (status, headers) = (inner.status(), inner.headers().clone());
    let body = inner
        .bytes()
        .await
        .map_err(|error| Error::of_reqwest(&request.shown(), error))?;
    let canned = Canned {
        status,
        headers,
        body,
    };
    answers.heard(request, &canned);
    Ok(canned.into_answer(&url))
}
