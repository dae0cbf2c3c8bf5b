//! Processes in a sandbox: started, found again, written to, ended.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value, json};

use super::Envd;
use super::stream::Stream;
use crate::e2b::Error;
use crate::e2b::exec::signal_in;
use crate::e2b::link::Repeat;
use crate::secret::Secret;

/// What to start.
#[derive(Clone, Debug, Default)]
pub struct Start {
    /// A program, which no shell interprets.
    pub cmd: String,
    pub args: Vec<String>,
    pub env: BTreeMap<String, Secret>,
    /// Its home without it; it must exist.
    pub cwd: Option<String>,
    /// Columns and rows of a terminal of its own; without it, it has none.
    pub pty: Option<(u32, u32)>,
    /// A name to find it again by.
    pub tag: Option<String>,
    /// Keep its standard input open. The seed's envd always does.
    pub stdin: bool,
    /// envd ends it after so long.
    pub timeout: Option<Duration>,
}

/// A process that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    Pid(u32),
    Tag(String),
}

impl Selector {
    fn json(&self) -> Value {
        match self {
            Selector::Pid(pid) => json!({ "pid": pid }),
            Selector::Tag(tag) => json!({ "tag": tag }),
        }
    }
}

/// What happens to a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProcessEvent {
    Started(u32),
    Stdout(Bytes),
    Stderr(Bytes),
    /// Both, of a process with a terminal.
    Pty(Bytes),
    Ended(ProcessEnd),
}

/// How a process ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ProcessEnd {
    /// -1 when a signal ended it.
    pub exit_code: i32,
    /// `exit status 3`, `signal: killed`.
    pub status: String,
    pub error: Option<String>,
}

impl ProcessEnd {
    /// The signal that ended it.
    pub fn signal(&self) -> Option<String> {
        signal_in(&self.status)
    }
}

/// A process as lists show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProcessInfo {
    pub pid: u32,
    pub tag: String,
    pub cmd: String,
    pub args: Vec<String>,
    pub cwd: String,
}

/// The events of a process, as they come. Dropping it leaves the process alone.
pub struct ProcessStream {
    stream: Stream<Message>,
}

// proto3 in JSON leaves out what is zero or empty
#[derive(Deserialize)]
struct Message {
    event: Event,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Event {
    start: Option<Started>,
    data: Option<Data>,
    end: Option<ProcessEnd>,
}

#[derive(Deserialize)]
struct Started {
    #[serde(default)]
    pid: u32,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Data {
    #[serde(deserialize_with = "output")]
    stdout: Bytes,
    #[serde(deserialize_with = "output")]
    stderr: Bytes,
    #[serde(deserialize_with = "output")]
    pty: Bytes,
}

/// Bytes as base64.
fn output<'de, D: Deserializer<'de>>(reader: D) -> Result<Bytes, D::Error> {
    let text = String::deserialize(reader)?;
    STANDARD
        .decode(text)
        .map(Bytes::from)
        .map_err(|_| serde::de::Error::custom("it is no base64"))
}

#[derive(Deserialize)]
struct List {
    #[serde(default)]
    processes: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    #[serde(default)]
    config: Config,
    #[serde(default)]
    pid: u32,
    #[serde(default)]
    tag: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Config {
    cmd: String,
    args: Vec<String>,
    cwd: String,
}

#[derive(Deserialize)]
struct Nothing {}

impl ProcessStream {
    /// The next event; `None` once the stream has ended. A process that ended has said so before. May
    /// be dropped at any point and called again.
    pub async fn next(&mut self) -> Result<Option<ProcessEvent>, Error> {
        loop {
            let Some(Message { event }) = self.stream.next().await? else {
                return Ok(None);
            };
            if let Some(started) = event.start {
                return Ok(Some(ProcessEvent::Started(started.pid)));
            }
            if let Some(end) = event.end {
                return Ok(Some(ProcessEvent::Ended(end)));
            }
            let Some(data) = event.data else { continue };
            if !data.stdout.is_empty() {
                return Ok(Some(ProcessEvent::Stdout(data.stdout)));
            }
            if !data.stderr.is_empty() {
                return Ok(Some(ProcessEvent::Stderr(data.stderr)));
            }
            if !data.pty.is_empty() {
                return Ok(Some(ProcessEvent::Pty(data.pty)));
            }
        }
    }
}

impl Envd {
    /// Starts a process. It is never started twice.
    pub async fn start(&self, start: &Start) -> Result<ProcessStream, Error> {
        let mut process = Map::new();
        process.insert("cmd".to_owned(), json!(start.cmd));
        if !start.args.is_empty() {
            process.insert("args".to_owned(), json!(start.args));
        }
        if !start.env.is_empty() {
            let env = start.env.iter();
            let env: BTreeMap<&str, &str> = env
                .map(|(name, value)| (name.as_str(), value.expose()))
                .collect();
            process.insert("envs".to_owned(), json!(env));
        }
        if let Some(cwd) = &start.cwd {
            process.insert("cwd".to_owned(), json!(cwd));
        }
        let mut body = json!({ "process": process, "stdin": start.stdin });
        if let (Some((cols, rows)), Some(body)) = (start.pty, body.as_object_mut()) {
            body.insert("pty".to_owned(), size(cols, rows));
        }
        if let (Some(tag), Some(body)) = (&start.tag, body.as_object_mut()) {
            body.insert("tag".to_owned(), json!(tag));
        }
        let stream = self.stream("process.Process/Start", &body, start.timeout, Repeat::Never);
        Ok(ProcessStream {
            stream: stream.await?,
        })
    }

    /// The events of a process that runs already; what it has printed before is not told again.
    pub async fn connect(&self, process: &Selector) -> Result<ProcessStream, Error> {
        let body = json!({ "process": process.json() });
        let stream = self.stream("process.Process/Connect", &body, None, Repeat::Safe);
        Ok(ProcessStream {
            stream: stream.await?,
        })
    }

    /// What envd has started and still runs, whoever started it.
    pub async fn list_processes(&self) -> Result<Vec<ProcessInfo>, Error> {
        let list: List = self
            .call("process.Process/List", &json!({}), Repeat::Safe)
            .await?;
        let processes = list.processes.into_iter().map(|one| ProcessInfo {
            pid: one.pid,
            tag: one.tag,
            cmd: one.config.cmd,
            args: one.config.args,
            cwd: one.config.cwd,
        });
        Ok(processes.collect())
    }

    /// Writes to a process's standard input, or to its terminal.
    pub async fn send_input(
        &self,
        process: &Selector,
        bytes: &[u8],
        pty: bool,
    ) -> Result<(), Error> {
        let name = if pty { "pty" } else { "stdin" };
        let body = json!({ "process": process.json(), "input": { name: STANDARD.encode(bytes) } });
        self.nothing("process.Process/SendInput", &body, Repeat::Never)
            .await
    }

    /// Ends a process's standard input; not of one with a terminal. The seed's envd cannot.
    pub async fn close_input(&self, process: &Selector) -> Result<(), Error> {
        let body = json!({ "process": process.json() });
        self.nothing("process.Process/CloseStdin", &body, Repeat::Safe)
            .await
    }

    /// Sends SIGKILL, or SIGTERM.
    pub async fn send_signal(&self, process: &Selector, kill: bool) -> Result<(), Error> {
        let signal = if kill {
            "SIGNAL_SIGKILL"
        } else {
            "SIGNAL_SIGTERM"
        };
        let body = json!({ "process": process.json(), "signal": signal });
        self.nothing("process.Process/SendSignal", &body, Repeat::Never)
            .await
    }

    /// Gives a process's terminal another size.
    pub async fn resize(&self, process: &Selector, cols: u32, rows: u32) -> Result<(), Error> {
        let body = json!({ "process": process.json(), "pty": size(cols, rows) });
        self.nothing("process.Process/Update", &body, Repeat::Safe)
            .await
    }

    pub(super) async fn nothing(
        &self,
        method: &str,
        body: &Value,
        repeat: Repeat,
    ) -> Result<(), Error> {
        let _done: Nothing = self.call(method, body, repeat).await?;
        Ok(())
    }
}

fn size(cols: u32, rows: u32) -> Value {
    json!({ "size": { "cols": cols, "rows": rows } })
}
