//! A failure as people, scripts and machines see it.

use std::error::Error as StdError;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What went wrong: the one error type above the clients.
///
/// A client's typed error becomes a `Failure` at the binding; a script catches it and reads its
/// fields; the report renders it. Its `kind` is stable (`area.what`), its wording is not.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Failure {
    /// Stable dotted name, for example `ssh.host_key`.
    pub kind: String,
    /// One sentence without a trailing period.
    pub message: String,
    /// What to do next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// The host the operation was for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The command, as a person would type it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// Exit code of the command, where there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<i64>,
    /// Last lines of the command's output.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub output: Vec<String>,
    /// Further facts, by name.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub details: Map<String, Value>,
    /// Chain of causes, outermost first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<String>,
    /// Failures of the items, when this one stands for several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<Failure>,
    /// Which class of exit code an uncaught failure gives.
    #[serde(skip)]
    pub class: Class,
}

/// Classes of failure that scripts and CI jobs tell apart by exit code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Class {
    /// The script or an operation failed.
    #[default]
    Failed,
    /// Usage or configuration is wrong; nothing was touched.
    Usage,
    /// The static check refused the script; nothing was touched.
    Check,
    /// Some hosts failed, others finished.
    SomeHosts,
    /// Nothing could be reached.
    Unreachable,
    /// Another run holds the lock.
    Locked,
    /// A check or a validation found problems.
    Problems,
    /// Changes are pending (`--plan --detailed-exitcode`).
    Pending,
    /// A bug of this program.
    Internal,
    /// A deadline passed.
    Deadline,
}

impl Class {
    /// The class that a script names in `throw #{ exit: "problems", … }`.
    pub fn named(name: &str) -> Option<Class> {
        Some(match name {
            "failed" => Class::Failed,
            "usage" => Class::Usage,
            "some_hosts" => Class::SomeHosts,
            "unreachable" => Class::Unreachable,
            "problems" => Class::Problems,
            "deadline" => Class::Deadline,
            _ => return None,
        })
    }

    /// The process exit code, as documented in the manual.
    pub fn exit_code(self) -> u8 {
        match self {
            Class::Failed => 1,
            Class::Usage => 2,
            Class::Check => 3,
            Class::SomeHosts => 4,
            Class::Unreachable => 5,
            Class::Locked => 6,
            Class::Problems => 7,
            Class::Pending => 10,
            Class::Internal => 70,
            Class::Deadline => 124,
        }
    }
}

impl Failure {
    pub fn new(kind: impl Into<String>, message: impl Into<String>) -> Self {
        Failure {
            kind: kind.into(),
            message: message.into(),
            ..Failure::default()
        }
    }

    /// A failure of class [`Class::Usage`].
    pub fn usage(kind: impl Into<String>, message: impl Into<String>) -> Self {
        Failure {
            class: Class::Usage,
            ..Failure::new(kind, message)
        }
    }

    /// Takes message and chain of causes from a client's error.
    pub fn from_error(kind: impl Into<String>, error: &(dyn StdError + 'static)) -> Self {
        let mut failure = Failure::new(kind, error.to_string());
        let mut last = failure.message.clone();
        let mut source = error.source();
        while let Some(cause) = source {
            let text = cause.to_string();
            // Wrappers often repeat their cause's words; saying them twice helps nobody.
            if !last.ends_with(&text) {
                failure.causes.push(text.clone());
            }
            last = text;
            source = cause.source();
        }
        failure
    }

    #[must_use]
    pub fn class(mut self, class: Class) -> Self {
        self.class = class;
        self
    }

    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    #[must_use]
    pub fn maybe_help(mut self, help: Option<String>) -> Self {
        if help.is_some() {
            self.help = help;
        }
        self
    }

    #[must_use]
    pub fn host(mut self, host: impl Into<String>) -> Self {
        self.host = Some(host.into());
        self
    }

    #[must_use]
    pub fn command(mut self, command: impl Into<String>) -> Self {
        self.command = Some(command.into());
        self
    }

    #[must_use]
    pub fn code(mut self, code: i64) -> Self {
        self.code = Some(code);
        self
    }

    #[must_use]
    pub fn output(mut self, lines: Vec<String>) -> Self {
        self.output = lines;
        self
    }

    #[must_use]
    pub fn detail(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.details.insert(name.into(), value.into());
        self
    }

    #[must_use]
    pub fn cause(mut self, cause: impl Into<String>) -> Self {
        self.causes.push(cause.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot read `a.env`")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn causes_are_collected_without_repetition() {
        let outer = Outer(std::io::Error::other("disk on fire"));
        let failure = Failure::from_error("env.read", &outer);
        assert_eq!(failure.message, "cannot read `a.env`");
        assert_eq!(failure.causes, ["disk on fire"]);
    }
}
