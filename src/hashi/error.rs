//! What can go wrong between a question to Nomad or Consul and its answer.

use std::time::Duration;

use crate::diag::{Class, Failure};
use crate::http;

use super::{Product, Source};

/// A request that did not end as it should. Tokens are in none of the texts.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the address of {} from {source_of} cannot be used: {why}", product.title)]
    Address {
        product: &'static Product,
        source_of: Source,
        why: String,
    },
    #[error("{source_of} cannot be used for {}: {why}", product.title)]
    Setting {
        product: &'static Product,
        source_of: Source,
        why: String,
    },
    /// No server answered; the last reason is told.
    #[error("{} does not answer at `{address}` ({source_of}){}: {why}", product.title, tried(.peers))]
    Unreachable {
        product: &'static Product,
        address: String,
        source_of: Source,
        /// From where it was tried.
        peers: Vec<String>,
        why: String,
        help: Option<String>,
    },
    #[error("{} refused `{request}`: {why}", product.title)]
    Denied {
        product: &'static Product,
        request: String,
        why: String,
        /// Where the token came from; `None` when none was sent.
        token: Option<Source>,
    },
    #[error("{} knows nothing at `{request}`: {why}", product.title)]
    NotFound {
        product: &'static Product,
        request: String,
        why: String,
    },
    /// The servers answer, and have had no leader for so long.
    #[error("{} has had no leader for {}", product.title, humantime::format_duration(*.after))]
    NoLeader {
        product: &'static Product,
        after: Duration,
    },
    #[error("{} answered {status} to `{request}`: {}", product.title, lines.first().map_or("nothing more", String::as_str))]
    Refused {
        product: &'static Product,
        request: String,
        status: u16,
        lines: Vec<String>,
    },
    #[error("{}'s answer to `{request}` is not understood: {why}", product.title)]
    Shape {
        product: &'static Product,
        request: String,
        why: String,
    },
    /// TLS, a broken connection, a timeout.
    #[error("{}: {source}", product.title)]
    Http {
        product: &'static Product,
        source: http::Error,
    },
}

fn tried(peers: &[String]) -> String {
    match peers {
        [] => String::new(),
        some => format!(" from {}", some.join(", ")),
    }
}

impl Error {
    /// `nomad.denied`, `consul.unreachable` and so on.
    pub fn kind(&self) -> String {
        let (product, what) = match self {
            Error::Address { product, .. } => (product, "address"),
            Error::Setting { product, .. } => (product, "setting"),
            Error::Unreachable { product, .. } => (product, "unreachable"),
            Error::Denied { product, .. } => (product, "denied"),
            Error::NotFound { product, .. } => (product, "not_found"),
            Error::NoLeader { product, .. } => (product, "no_leader"),
            Error::Refused { product, .. } => (product, "refused"),
            Error::Shape { product, .. } => (product, "answer"),
            Error::Http { product, source } => match source {
                http::Error::Tls { .. } => (product, "tls"),
                http::Error::Timeout { .. } => (product, "timeout"),
                _ => (product, "connection"),
            },
        };
        format!("{}.{what}", product.area)
    }

    fn help(&self) -> Option<String> {
        match self {
            Error::Address { product, .. } => Some(format!(
                "write it as `http://HOST:PORT`, such as `{}`",
                product.default_address
            )),
            Error::Unreachable { help, product, .. } => help.clone().or_else(|| {
                Some(format!(
                    "is the agent running there? `systemctl status {}`",
                    product.area
                ))
            }),
            Error::Denied { product, token, .. } => Some(match token {
                None => format!(
                    "no token was sent: set the option `token`, or the variable `{}`",
                    product.token_variable
                ),
                Some(source) => format!(
                    "the token came from {source}: is it whole, not expired, and of a policy that allows this?"
                ),
            }),
            Error::NoLeader { product, .. } => Some(format!(
                "most servers must run and reach each other: `systemctl status {}` on each",
                product.area
            )),
            _ => None,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        let mut failure = Failure::from_error(error.kind(), &error).maybe_help(error.help());
        failure.class = match &error {
            Error::Address { .. } | Error::Setting { .. } => Class::Usage,
            Error::Unreachable { .. } | Error::NoLeader { .. } => Class::Unreachable,
            _ => Class::Failed,
        };
        if let Error::Refused { status, lines, .. } = error {
            failure = failure.detail("status", status);
            failure.output = lines.into_iter().skip(1).collect();
        }
        failure
    }
}
