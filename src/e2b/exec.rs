//! Commands by the seed's `exec` endpoint, which answers when they have ended.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::http;
use crate::secret::Secret;

use super::access::Need;
use super::api::{Ask, path};
use super::{E2b, Error};

/// The API's server ends any request after so long; what takes longer goes through envd.
const LONGEST: Duration = Duration::from_secs(75);
/// A connection that breaks after so long was cut off on purpose: by the API, or by a proxy in front of it.
const CUT_OFF: Duration = Duration::from_secs(50);

/// A command, which runs as root.
#[derive(Clone, Debug, Default)]
pub struct Exec {
    /// A program, which no shell interprets.
    pub command: String,
    pub args: Vec<String>,
    pub env: BTreeMap<String, Secret>,
    pub cwd: Option<String>,
    pub timeout: Option<Duration>,
}

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Executed {
    /// -1 when a signal ended it.
    #[serde(default)]
    pub exit_code: i32,
    #[serde(default)]
    pub stdout: String,
    #[serde(default)]
    pub stderr: String,
    /// `exit status 0`, `signal: killed: signal: killed`.
    #[serde(default)]
    pub status: String,
}

impl Executed {
    /// The signal that ended it.
    pub fn signal(&self) -> Option<String> {
        signal_in(&self.status)
    }
}

/// The name behind `signal: `.
pub(super) fn signal_in(status: &str) -> Option<String> {
    let rest = status.strip_prefix("signal: ")?;
    Some(rest.split(':').next().unwrap_or(rest).trim().to_owned())
}

impl E2b {
    /// Whether a command with this limit may go by `exec` at all.
    pub fn fits_exec(limit: Option<Duration>) -> bool {
        limit.is_none_or(|limit| limit < LONGEST)
    }

    /// Runs a command in a sandbox and waits for its end; all of its output is in one answer.
    pub async fn exec(&self, sandbox: &str, exec: &Exec) -> Result<Executed, Error> {
        let mut body = Map::new();
        body.insert("command".to_owned(), json!(exec.command));
        if !exec.args.is_empty() {
            body.insert("args".to_owned(), json!(exec.args));
        }
        if !exec.env.is_empty() {
            let env = exec.env.iter();
            let env: BTreeMap<&str, &str> = env
                .map(|(name, value)| (name.as_str(), value.expose()))
                .collect();
            body.insert("env".to_owned(), json!(env));
        }
        if let Some(cwd) = &exec.cwd {
            body.insert("cwd".to_owned(), json!(cwd));
        }
        if let Some(timeout) = exec.timeout {
            body.insert("timeoutSeconds".to_owned(), json!(timeout.as_secs().max(1)));
        }
        let ask = Ask::post(
            path(&["sandboxes", sandbox, "exec"]),
            Need::ApiKey,
            Some(Value::Object(body)),
        );
        let began = Instant::now();
        self.read(Ask {
            expect: &[200],
            ..ask
        })
        .await
        .map_err(|error| explained(error, began.elapsed()))
    }
}

/// What is behind an answer that did not come, or not whole.
fn explained(error: Error, after: Duration) -> Error {
    match error {
        Error::Http {
            source: http::Error::Broken { request, .. } | http::Error::Timeout { request, .. },
            ..
        } if after >= CUT_OFF => Error::ExecCut {
            request,
            after: Duration::from_secs(after.as_secs()),
        },
        Error::Http {
            source: http::Error::TooLarge { request, limit },
            ..
        } => Error::ExecOutput { request, limit },
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_breaks_late_was_cut_off() {
        let broken = || Error::Http {
            service: crate::e2b::Service::Api,
            source: http::Error::Broken {
                request: "POST /x".to_owned(),
                why: "closed".to_owned(),
            },
            maybe_done: true,
        };
        assert_eq!(
            explained(broken(), Duration::from_secs(3)).kind(),
            "e2b.connection"
        );
        let late = explained(broken(), Duration::from_millis(75_040));
        assert_eq!(late.kind(), "e2b.timeout");
        assert!(late.to_string().contains("after 1m 15s"), "{late}");
        assert!(late.maybe_done());
    }

    #[test]
    fn a_signal_is_read_out_of_the_status() {
        assert_eq!(
            signal_in("signal: killed: signal: killed").as_deref(),
            Some("killed")
        );
        assert_eq!(signal_in("exit status 3"), None);
    }
}
