//! The events of a run: the one stream that the console, `--json` and the journal show.
//!
//! `docs/events.md` documents every field for readers of `--json`; a test keeps the two together.

use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::diag::Failure;

use super::options::Appearance;

/// Version of the line format; raised when a field changes meaning or goes away, not when one is added.
pub const SCHEMA: u32 = 1;

/// One line of `--json` and of the journal.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record {
    pub schema: u32,
    /// Counts from 1 without gaps within a run.
    pub seq: u64,
    #[serde(serialize_with = "utc_millis")]
    pub time: DateTime<Utc>,
    /// The run's id.
    pub run: String,
    #[serde(flatten)]
    pub event: Event,
}

/// Something that happened in the run.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// The first event of a run.
    RunStarted {
        /// The script as the user named it.
        script: String,
        #[serde(default)]
        args: Vec<String>,
        mode: Mode,
        /// Version of this program.
        version: String,
        /// The journal's file, where there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        journal: Option<String>,
        /// The run's log, where there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        log: Option<String>,
        /// How the console looked, where there was one: who shows the run again wants to know.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        console: Option<Appearance>,
    },
    /// A standard module comes from disk instead of from the binary.
    Override {
        /// For example `std/stage`.
        module: String,
        path: String,
        /// Whether the built-in one changed since this one was ejected; `None` where unknown.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        changed_since_eject: Option<bool>,
    },
    /// A message of the script, of a flow or of this program.
    Log {
        level: Level,
        message: String,
        #[serde(default, skip_serializing_if = "Map::is_empty")]
        fields: Map<String, Value>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        host: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        step: Option<StepId>,
    },
    StepStarted {
        step: StepId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        parent: Option<StepId>,
        name: String,
    },
    StepFinished {
        step: StepId,
        outcome: StepOutcome,
        seconds: f64,
        /// Changes made (under plan: found) in the step and the steps within it.
        changed: u64,
    },
    /// A line that a command wrote, without its line end.
    Output {
        host: String,
        stream: Stream,
        line: String,
        /// The line goes on in the next event of the same `source` and `stream`.
        #[serde(default, skip_serializing_if = "is_false")]
        more: bool,
        /// Which command of the run wrote it ([`super::Reporter::next_source`]); two commands that
        /// run on one host at once differ here.
        #[serde(default, skip_serializing_if = "is_zero")]
        source: u64,
        /// The script asked to see it; else it shows only with `-v`.
        #[serde(default, skip_serializing_if = "is_false")]
        asked: bool,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        step: Option<StepId>,
    },
    /// Something on a host is not as wanted: it was changed, or under plan would be.
    Change {
        host: String,
        /// Kind and name, for example `file /etc/hosts`.
        item: String,
        action: Action,
        /// False under plan.
        applied: bool,
        /// What differs, for example `content, mode 0644 → 0600`.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        reason: String,
        /// Unified diff of the content, where it is text.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        diff: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        step: Option<StepId>,
    },
    /// Items of a host that were found as wanted.
    Unchanged {
        host: String,
        count: u64,
        /// Their names; may be shorter than `count`.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        items: Vec<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        step: Option<StepId>,
    },
    /// Progress of a file on its way; sent at start, now and then, and at the end.
    Transfer {
        /// The same in all events of one transfer ([`super::Reporter::next_transfer`]).
        id: u64,
        host: String,
        path: String,
        direction: Direction,
        /// Bytes so far.
        done: u64,
        /// Bytes in all, where known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        total: Option<u64>,
        #[serde(default, skip_serializing_if = "is_false")]
        finished: bool,
    },
    /// One line of a check: what was looked at and how it was found.
    Check {
        /// `None` for what concerns the workstation or the cluster as a whole.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        host: Option<String>,
        name: String,
        status: CheckStatus,
        #[serde(default, skip_serializing_if = "String::is_empty")]
        detail: String,
    },
    /// A table that the script prints.
    Table {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        title: Option<String>,
        columns: Vec<String>,
        rows: Vec<Vec<String>>,
    },
    /// What the script returns or prints: the only talk that belongs on stdout.
    Result { value: Value },
    /// An operation, or the whole script, failed and nothing caught it.
    Failure {
        failure: Failure,
        /// The report with the script's lines, as text.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        report: Option<String>,
        /// The same report with colours, where it was made for a console that has them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        colored: Option<String>,
    },
    /// What the run is still waiting for: after the first Ctrl-C, and when nothing was seen for long.
    Waiting {
        what: Vec<String>,
        /// The signal that asked the run to stop, for example `SIGINT`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signal: Option<String>,
    },
    /// The last event of a run.
    RunFinished {
        outcome: Outcome,
        exit_code: u8,
        seconds: f64,
        /// Changes made (under plan: found) on all hosts.
        changed: u64,
        /// Items found as wanted.
        ok: u64,
        failed: u64,
        hosts: Vec<HostSummary>,
        /// Counters of the wire, with `--stats`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stats: Option<WireStats>,
    },
}

/// Whether the run writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    #[default]
    Apply,
    /// Shows what would change and writes nothing anywhere.
    Plan,
}

/// How loud a log message is, quietest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

/// Names a step within a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StepId(pub u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepOutcome {
    Ok,
    Failed,
    Skipped,
    Cancelled,
}

/// How the whole run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Ok,
    Failed,
    Cancelled,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stream {
    Stdout,
    Stderr,
}

/// What was, or would be, done to an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    Create,
    Update,
    Delete,
    Run,
    Start,
    Stop,
    Restart,
    Reload,
    Enable,
    Disable,
    Install,
    Remove,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    Upload,
    Download,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckStatus {
    Ok,
    Warn,
    Fail,
    /// Not looked at, so not passed either.
    NotChecked,
}

/// A host's line of the table at the end.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HostSummary {
    pub host: String,
    /// Items found as wanted.
    pub ok: u64,
    /// Items changed; under plan, to change.
    pub changed: u64,
    /// Failures that name the host.
    pub failed: u64,
    /// The host could not be reached.
    pub unreachable: bool,
    /// Time spent on the host.
    pub seconds: f64,
    /// Times the wire was waited for.
    pub round_trips: u64,
}

/// Counters of the wire over all hosts, and for each.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WireStats {
    pub connections: u64,
    pub sessions: u64,
    pub round_trips: u64,
    pub bytes_sent: u64,
    pub bytes_received: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<HostWire>,
    /// Requests to HTTP APIs, all together.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub requests: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub apis: Vec<ApiRequests>,
}

/// Requests to one HTTP API by one way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiRequests {
    /// What answers: `nomad`, `consul`.
    pub api: String,
    /// The host from which they were sent; empty for this machine.
    pub host: String,
    pub requests: u64,
}

/// Counters of the wire for one host.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HostWire {
    pub host: String,
    pub connections: u64,
    pub sessions: u64,
    pub round_trips: u64,
    pub bytes_sent: u64,
    pub bytes_received: u64,
}

impl Event {
    /// A message at a level, with nothing else.
    pub fn log(level: Level, message: impl Into<String>) -> Event {
        Event::Log {
            level,
            message: message.into(),
            fields: Map::new(),
            host: None,
            step: None,
        }
    }
}

impl fmt::Display for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Seconds as events carry them: whole milliseconds.
pub fn seconds(duration: std::time::Duration) -> f64 {
    (duration.as_secs_f64() * 1000.0).round() / 1000.0
}

fn utc_millis<S: serde::Serializer>(
    time: &DateTime<Utc>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&time.to_rfc3339_opts(SecondsFormat::Millis, true))
}

fn is_false(value: &bool) -> bool {
    !*value
}

fn is_zero(value: &u64) -> bool {
    *value == 0
}
