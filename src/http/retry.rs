//! When a request is sent again, and after which pause.

use std::time::{Duration, SystemTime};

use backon::{BackoffBuilder, ExponentialBuilder};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Method, StatusCode};

use super::{Error, Request};

/// A server that asks for a longer pause is not waited for.
const LONGEST: Duration = Duration::from_secs(60);

/// Makes attempts until one succeeds, fails for good, or was the last.
pub async fn run<T, F>(request: &Request, mut attempt: impl FnMut() -> F) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    let mut delays = ExponentialBuilder::new()
        .with_min_delay(Duration::from_millis(300))
        .with_max_delay(Duration::from_secs(10))
        .with_max_times(request.retries)
        .with_jitter()
        .build();
    loop {
        let error = match attempt().await {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        if !may_help(&error, &request.method) {
            return Err(error);
        }
        let Some(delay) = delays.next() else {
            return Err(error);
        };
        let delay = match &error {
            Error::Status {
                retry_after: Some(asked),
                ..
            } if *asked > LONGEST => return Err(error),
            Error::Status {
                retry_after: Some(asked),
                ..
            } => delay.max(*asked),
            _ => delay,
        };
        if let Some(on_retry) = &request.on_retry {
            on_retry(&error, delay);
        }
        tokio::time::sleep(delay).await;
    }
}

/// Whether another attempt may end better and cannot do harm.
fn may_help(error: &Error, method: &Method) -> bool {
    let idempotent = method.is_idempotent();
    match error {
        Error::Connect { .. } => true,
        Error::Broken { .. } | Error::Timeout { .. } => idempotent,
        Error::Status { status, .. } => idempotent && is_passing(*status),
        _ => false,
    }
}

fn is_passing(status: StatusCode) -> bool {
    matches!(status.as_u16(), 429 | 502 | 503 | 504)
}

/// The pause a server asks for, in seconds or as a date.
pub fn after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = chrono::DateTime::parse_from_rfc2822(text).ok()?;
    Some(
        SystemTime::from(date)
            .duration_since(SystemTime::now())
            .unwrap_or_default(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderValue;

    #[test]
    fn only_what_cannot_do_harm_is_tried_again() {
        let connect = Error::Connect {
            request: String::new(),
            why: String::new(),
            help: None,
        };
        let broken = Error::Broken {
            request: String::new(),
            why: String::new(),
        };
        let status = |code| Error::Status {
            request: String::new(),
            status: StatusCode::from_u16(code).unwrap(),
            lines: Vec::new(),
            retry_after: None,
        };
        assert!(may_help(&connect, &Method::POST));
        assert!(may_help(&broken, &Method::PUT));
        assert!(!may_help(&broken, &Method::POST));
        assert!(may_help(&status(503), &Method::GET));
        assert!(!may_help(&status(503), &Method::POST));
        assert!(!may_help(&status(500), &Method::GET));
        assert!(!may_help(&status(404), &Method::GET));
    }

    #[test]
    fn a_pause_is_read_in_both_forms() {
        let read = |text: &'static str| {
            after(&HeaderMap::from_iter([(
                RETRY_AFTER,
                HeaderValue::from_static(text),
            )]))
        };
        assert_eq!(read("7"), Some(Duration::from_secs(7)));
        assert_eq!(read("Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::ZERO));
        assert_eq!(read("soon"), None);
    }
}
