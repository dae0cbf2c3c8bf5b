//! What can go wrong between a request and its answer.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use reqwest::StatusCode;

use crate::diag::{Class, Failure};
use crate::wire::DialError;
use crate::workstation;

/// A request that did not end as it should. Texts hold no secrets of its URL.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("`{url}` is no URL for HTTP: {why}")]
    Url { url: String, why: String },
    #[error("HTTP cannot be used: {why}")]
    Setup { why: String },
    /// No connection came up: the request was not sent.
    #[error("cannot connect for `{request}`: {why}")]
    Connect {
        request: String,
        why: String,
        help: Option<String>,
    },
    #[error("no secure connection for `{request}`: {why}")]
    Tls { request: String, why: String },
    /// The connection ended before the answer did.
    #[error("the connection broke during `{request}`: {why}")]
    Broken { request: String, why: String },
    #[error("`{request}` was not answered within {}", humantime::format_duration(*after))]
    Timeout { request: String, after: Duration },
    #[error("`{request}` was redirected without end")]
    Redirects { request: String },
    #[error("`{request}` answered {status}")]
    Status {
        request: String,
        status: StatusCode,
        /// The first lines of the body.
        lines: Vec<String>,
        /// How long the server asks to wait.
        retry_after: Option<Duration>,
    },
    #[error("`{request}` answered more than {limit} bytes")]
    TooLarge { request: String, limit: u64 },
    #[error("what `{request}` answered has the wrong checksum")]
    Checksum {
        request: String,
        wanted: String,
        found: String,
    },
    #[error("`{0}` is no SHA-256 checksum: it has 64 hexadecimal digits")]
    BadChecksum(String),
    /// Answers stand in for the server, and there is none to this.
    #[error("nothing answers `{request}`")]
    Unanswered {
        request: String,
        help: Option<String>,
    },
    /// The answer could not be kept.
    #[error(transparent)]
    Local(#[from] workstation::Error),
}

impl Error {
    /// Sorts reqwest's error, whose own text would show the URL.
    pub(super) fn of_reqwest(request: &str, error: reqwest::Error) -> Error {
        let request = request.to_owned();
        let error = error.without_url();
        if error.is_redirect() {
            return Error::Redirects { request };
        }
        if error.is_connect() {
            return Error::of_connect(request, &error);
        }
        let why = root(&error);
        Error::Broken { request, why }
    }

    /// The error of a connection that did not come up, whoever was to make it.
    pub(super) fn of_connect(request: String, error: &(dyn StdError + 'static)) -> Error {
        if let Some(tls) = find::<rustls::Error>(error) {
            return Error::Tls {
                request,
                why: explain_tls(tls),
            };
        }
        if let Some(dial) = find::<DialError>(error) {
            // What the tunnel says names host, port and hop itself.
            let why = match dial {
                DialError::Tunnel { source, .. } => source.to_string(),
                other => other.to_string(),
            };
            let help = dial.help();
            return Error::Connect { request, why, help };
        }
        let help = match find::<io::Error>(error).map(io::Error::kind) {
            Some(io::ErrorKind::ConnectionRefused) => {
                "nothing listens there, or a firewall rejects it"
            }
            _ => "check the address, the route, and whether a proxy is needed (`HTTPS_PROXY`)",
        };
        Error::Connect {
            request,
            why: root(error),
            help: Some(help.to_owned()),
        }
    }

    pub(super) fn kind(&self) -> &'static str {
        match self {
            Error::Url { .. } => "http.url",
            Error::Setup { .. } => "http.setup",
            Error::Connect { .. } | Error::Broken { .. } => "http.connect",
            Error::Tls { .. } => "http.tls",
            Error::Timeout { .. } => "http.timeout",
            Error::Redirects { .. } | Error::Status { .. } => "http.status",
            Error::TooLarge { .. } => "http.body",
            Error::Checksum { .. } | Error::BadChecksum(_) => "http.checksum",
            Error::Unanswered { .. } => "test.unanswered",
            Error::Local(_) => "http.save",
        }
    }

    fn help(&self) -> Option<String> {
        Some(match self {
            Error::Connect { help, .. } | Error::Unanswered { help, .. } => return help.clone(),
            Error::Tls { .. } => "the certificate must be valid for the name in the URL and come from an authority that this machine trusts".into(),
            Error::Timeout { .. } => "raise it with the option `timeout` if the server is only slow".into(),
            Error::TooLarge { .. } => "`http::download` takes answers of any size".into(),
            Error::Checksum { wanted, found, .. } => {
                format!("wanted {wanted}, found {found}; nothing was kept: check the version, the checksum and the mirror")
            }
            _ => return None,
        })
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        let error = match error {
            Error::Local(error) => return error.into(),
            other => other,
        };
        let mut failure = Failure::from_error(error.kind(), &error).maybe_help(error.help());
        failure.class = match &error {
            Error::Url { .. } | Error::BadChecksum(_) => Class::Usage,
            Error::Connect { .. } => Class::Unreachable,
            _ => Class::Failed,
        };
        match error {
            Error::Status { status, lines, .. } => {
                failure = failure.detail("status", status.as_u16());
                failure.output = lines;
            }
            Error::Checksum { wanted, found, .. } => {
                failure = failure.detail("wanted", wanted).detail("found", found);
            }
            _ => {}
        }
        failure
    }
}

fn explain_tls(error: &rustls::Error) -> String {
    use rustls::{CertificateError, Error as Tls, InvalidMessage};
    match error {
        Tls::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "the certificate comes from an authority that this machine does not trust".into()
        }
        Tls::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        ) => "the certificate has expired".into(),
        Tls::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => "the certificate is for another name".into(),
        Tls::InvalidMessage(InvalidMessage::InvalidContentType) => {
            "the server does not speak TLS on this port".into()
        }
        Tls::General(why) => why.clone(),
        other => other.to_string(),
    }
}

/// Why an answer's body broke off.
pub fn reason(error: reqwest::Error) -> String {
    root(&error.without_url())
}

/// The innermost cause, which is what a person can act on.
pub(super) fn root(error: &(dyn StdError + 'static)) -> String {
    let mut last = error;
    for cause in chain(error) {
        last = cause;
    }
    last.to_string()
}

fn find<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    chain(error).find_map(|cause| cause.downcast_ref::<T>())
}

/// The error and its causes. What an `io::Error` carries is not among its `source`s.
fn chain<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), next)
}

fn next<'a>(error: &&'a (dyn StdError + 'static)) -> Option<&'a (dyn StdError + 'static)> {
    let error: &'a (dyn StdError + 'static) = *error;
    let carried = error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref);
    match carried {
        Some(inner) => Some(inner),
        None => error.source(),
    }
}
