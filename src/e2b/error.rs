//! What can go wrong between a question to the platform and its answer.

use std::time::Duration;

use crate::diag::{Class, Failure};
use crate::http;

use super::{Profile, Service, advice};

/// A request that did not end as it should. Credentials are in none of the texts.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{why}")]
    Setting { why: String, help: String },
    /// A credential is missing, or is none: nothing was sent.
    #[error("{what} cannot be used: {why}")]
    Credential {
        what: &'static str,
        why: String,
        help: String,
    },
    /// Nobody answered; nothing was done.
    #[error("{} does not answer at `{address}`{}: {why}", service.title(), tried(.peers))]
    Unreachable {
        service: Service,
        address: String,
        /// From where it was tried.
        peers: Vec<String>,
        why: String,
        help: Option<String>,
    },
    /// It answered, and not with what was asked for.
    #[error(transparent)]
    Refused(Box<Refusal>),
    /// The answer is no JSON at all: a proxy's page, say.
    #[error("{}'s answer to `{request}` is {what}, not JSON", service.title())]
    NotJson {
        service: Service,
        request: String,
        what: String,
        lines: Vec<String>,
    },
    /// JSON that does not fit.
    #[error("{}'s answer to `{request}` does not fit at `{path}`: {why}", service.title())]
    Shape {
        service: Service,
        request: String,
        /// The field, as `sandboxes[0].cpuCount`; `.` for the whole.
        path: String,
        why: String,
    },
    /// TLS, a connection that broke, a timeout.
    #[error("{}: {source}", service.title())]
    Http {
        service: Service,
        source: http::Error,
        /// It may have been done: it changes something, and is not sent again.
        maybe_done: bool,
    },
    #[error("the profile `{}` has no {what}", profile.word())]
    Unsupported {
        what: &'static str,
        profile: Profile,
    },
    /// The seed's `exec` was ended before the command was.
    #[error("`{request}` was cut off after {}, before the command had ended", humantime::format_duration(*.after))]
    ExecCut { request: String, after: Duration },
    /// The seed's `exec` answers with all that a command printed, and that is too much.
    #[error("the command printed more than the {} MiB that are read of `{request}`", .limit >> 20)]
    ExecOutput { request: String, limit: u64 },
    /// A template's build ended in an error.
    #[error("build {build} of template {template} failed: {reason}")]
    Build {
        template: String,
        build: String,
        reason: String,
        step: Option<String>,
        /// The last lines of its log.
        lines: Vec<String>,
    },
    #[error("build {build} of template {template} is still {status} after {}", humantime::format_duration(*.after))]
    BuildTimeout {
        template: String,
        build: String,
        status: String,
        after: Duration,
    },
    /// envd answered with an error of its own.
    #[error("envd refused `{request}`: {error}")]
    Rpc { request: String, error: RpcError },
    /// A stream ended without saying so: the process may still run.
    #[error("the stream of `{request}` was cut: {why}")]
    Cut { request: String, why: String },
    #[error("{0}")]
    Argument(String),
}

/// An answer with a status that was not asked for.
#[derive(Debug, thiserror::Error)]
#[error("{} answered {status} to `{request}`: {}", service.title(), said(.message))]
pub struct Refusal {
    pub service: Service,
    pub request: String,
    pub status: u16,
    /// What the answer says, in one line; empty when it says nothing.
    pub message: String,
    /// Upstream's word for it, such as `sandbox_placement_timeout`.
    pub error_code: Option<String>,
    /// Which credential was shown, and where it came from.
    pub credential: Option<(&'static str, String)>,
    pub retry_after: Option<Duration>,
}

/// An error of Connect RPC.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct RpcError {
    /// `not_found`, `invalid_argument`, `deadline_exceeded` and so on.
    pub code: String,
    pub message: String,
}

fn tried(peers: &[String]) -> String {
    match peers {
        [] => String::new(),
        some => format!(" from {}", some.join(", ")),
    }
}

fn said(message: &str) -> &str {
    match message {
        "" => "it says nothing more",
        some => some,
    }
}

impl Error {
    /// `e2b.not_found`, `envd.unauthenticated` and so on.
    pub fn kind(&self) -> String {
        let kind = match self {
            Error::Setting { .. } => "e2b.setting",
            Error::Credential { .. } => "e2b.credential",
            Error::Unreachable { .. } => "e2b.unreachable",
            Error::Refused(refusal) => refusal.kind(),
            Error::NotJson { .. } => "e2b.not_json",
            Error::Shape { .. } => "e2b.answer",
            Error::Http { source, .. } => match source {
                http::Error::Tls { .. } => "e2b.tls",
                http::Error::Timeout { .. } => "e2b.timeout",
                http::Error::TooLarge { .. } => "e2b.too_large",
                _ => "e2b.connection",
            },
            Error::Unsupported { .. } => "e2b.unsupported",
            Error::ExecCut { .. } => "e2b.timeout",
            Error::ExecOutput { .. } => "e2b.too_large",
            Error::Build { .. } => "e2b.build",
            Error::BuildTimeout { .. } => "e2b.timeout",
            Error::Rpc { error, .. } => return format!("envd.{}", error.code),
            Error::Cut { .. } => "envd.cut",
            Error::Argument(_) => "e2b.argument",
        };
        kind.to_owned()
    }

    /// Whether the platform knows nothing of what was asked for.
    pub fn is_not_found(&self) -> bool {
        match self {
            Error::Refused(refusal) => refusal.status == 404,
            Error::Rpc { error, .. } => error.code == "not_found",
            _ => false,
        }
    }

    /// Whether a request that changes something may have been carried out all the same.
    pub fn maybe_done(&self) -> bool {
        match self {
            Error::Http { maybe_done, .. } => *maybe_done,
            Error::Refused(refusal) => refusal.status >= 500 || refusal.status == 408,
            Error::NotJson { .. }
            | Error::Shape { .. }
            | Error::ExecCut { .. }
            | Error::ExecOutput { .. } => true,
            _ => false,
        }
    }

    fn help(&self) -> Option<String> {
        Some(match self {
            Error::Setting { help, .. } | Error::Credential { help, .. } => help.clone(),
            Error::Unreachable { service, help, .. } => {
                let job = service.job();
                return help.clone().or_else(|| {
                    Some(format!("does it run? `e2bscript status.rhai`; what it prints: `e2bscript logs.rhai {job}`"))
                });
            }
            Error::Refused(refusal) => return advice::of(refusal).1,
            Error::NotJson { .. } => "something else answers at that address, such as a proxy or a load balancer: check the address and the way there".to_owned(),
            Error::Shape { .. } => "the service may be of another generation or version: `profile` of `e2b::connect` says which is meant".to_owned(),
            Error::ExecCut { .. } => "it may still run in the sandbox; by envd a command may take as long as it likes: `sandbox.stream`, or `way: \"envd\"`, or a `timeout` of 75 s or more".to_owned(),
            Error::ExecOutput { .. } => "it was run; `sandbox.stream` and `way: \"envd\"` take output of any size".to_owned(),
            Error::Http { maybe_done: true, .. } => "it may have been carried out all the same, so it was not sent again: look before you repeat it".to_owned(),
            Error::Build { template, build, .. } => format!("what the template-manager printed: `e2bscript build-logs.rhai {template} --build {build}`"),
            Error::BuildTimeout { template, build, .. } => format!("it goes on: `e2bscript build-logs.rhai {template} --build {build} --follow`"),
            Error::Rpc { error, .. } => return advice::of_rpc(error),
            Error::Cut { .. } => "the sandbox may have ended, or the connection to it: `sandbox.info()` tells; what was started may still run".to_owned(),
            _ => return None,
        })
    }
}

impl Refusal {
    fn kind(&self) -> &'static str {
        match self.status {
            401 => "e2b.unauthorized",
            403 => "e2b.forbidden",
            404 => "e2b.not_found",
            409 => "e2b.conflict",
            429 => "e2b.limit",
            500.. => "e2b.server",
            _ => "e2b.refused",
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        let mut failure = Failure::from_error(error.kind(), &error).maybe_help(error.help());
        failure.class = match &error {
            Error::Setting { .. }
            | Error::Credential { .. }
            | Error::Unsupported { .. }
            | Error::Argument(_) => Class::Usage,
            Error::Unreachable { .. } => Class::Unreachable,
            _ => Class::Failed,
        };
        match error {
            Error::Refused(refusal) => {
                if let Some(cause) = advice::of(&refusal).0 {
                    failure = failure.cause(cause);
                }
                failure = failure.detail("status", refusal.status);
                if let Some(code) = &refusal.error_code {
                    failure = failure.detail("error_code", code.clone());
                }
            }
            Error::Shape { path, .. } => failure = failure.detail("field", path),
            Error::ExecCut { .. } => {
                failure = failure.cause("the API ends every request after 75 s, and a proxy in front of it may do so earlier");
            }
            Error::NotJson { lines, .. } => failure.output = lines,
            Error::Build {
                template,
                build,
                step,
                lines,
                ..
            } => {
                failure = failure.detail("template", template).detail("build", build);
                if let Some(step) = step {
                    failure = failure.detail("step", step);
                }
                failure.output = lines;
            }
            _ => {}
        }
        failure
    }
}
