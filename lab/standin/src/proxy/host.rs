//! The host names of sandboxes, and the answers when nobody is behind one.

use hyper::{HeaderMap, Request, Response, Uri};
use serde_json::json;

use crate::http::{self, Reply};

/// `<port>-<sandbox id>[-<client id>].<any domain>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// As it was given; not all are ports.
    pub port: u64,
    /// The sandbox.
    pub sandbox: String,
}

impl Host {
    /// Of a request. Later versions also take two headers where the host says nothing.
    ///
    /// # Errors
    ///
    /// With what clients are told.
    pub fn of<B>(request: &Request<B>) -> Result<Host, &'static str> {
        let headers = request.headers();
        let own = Uri::host(request.uri());
        let host = own.unwrap_or_else(|| http::header(headers, "host"));
        let given = |name| Some(http::header(headers, name)).filter(|text| !text.is_empty());
        match (given("e2b-sandbox-id"), given("e2b-sandbox-port")) {
            (Some(sandbox), Some(port)) if !host.contains('-') => Ok(Host {
                port: port.parse().map_err(|_| "Invalid sandbox port")?,
                sandbox: sandbox.split('-').next().unwrap_or_default().to_owned(),
            }),
            _ => Host::read(host),
        }
    }

    fn read(host: &str) -> Result<Host, &'static str> {
        let first = host.split('.').next().unwrap_or_default();
        let mut parts = first.split('-');
        let (Some(port), Some(sandbox)) = (parts.next(), parts.next()) else {
            return Err("Invalid host");
        };
        Ok(Host {
            port: port.parse().map_err(|_| "Invalid sandbox port")?,
            sandbox: sandbox.to_owned(),
        })
    }
}

/// The page for people.
const PAGE: &str = include_str!("not_found.html");

fn is_browser(headers: &HeaderMap) -> bool {
    http::header(headers, "user-agent").contains("Mozilla")
}

/// Nobody knows the sandbox.
pub fn unknown_sandbox(sandbox: &str, headers: &HeaderMap) -> Response<Reply> {
    if is_browser(headers) {
        let page = PAGE.replace("{{sandbox}}", &escaped(sandbox));
        return http::answer(502, "text/html; charset=utf-8", page);
    }
    let message = "The sandbox was not found";
    http::json(
        502,
        &json!({"sandboxId": sandbox, "message": message, "code": 502}),
    )
}

/// The sandbox runs, and nobody listens there.
pub fn closed_port(host: &Host, headers: &HeaderMap) -> Response<Reply> {
    if is_browser(headers) {
        let page = PAGE
            .replace("Sandbox Not Found", "Closed Port Error")
            .replace(
                " wasn't found.",
                &format!(" is running but port {} is not open.", host.port),
            )
            .replace("{{sandbox}}", &escaped(&host.sandbox));
        return http::answer(502, "text/html; charset=utf-8", page);
    }
    let message = "The sandbox is running but port is not open";
    http::json(
        502,
        &json!({"sandboxId": host.sandbox, "message": message, "port": host.port, "code": 502}),
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        let host = |port, sandbox: &str| {
            Ok(Host {
                port,
                sandbox: sandbox.to_owned(),
            })
        };
        assert_eq!(Host::read("49983-iabc-12345678.x.y"), host(49983, "iabc"));
        assert_eq!(Host::read("80-iabc"), host(80, "iabc"));
        assert_eq!(Host::read("99999-iabc.x"), host(99999, "iabc"));
        assert_eq!(Host::read("localhost:3002"), Err("Invalid host"));
        assert_eq!(Host::read("abc-iabc.x"), Err("Invalid sandbox port"));
    }
}
