//! `Start` and `Connect`: a process, and a stream of what becomes of it.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hyper::HeaderMap;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::program::{self, Started};
use super::{Event, Process, output, status};
use crate::connect::{Result, envelope, error};
use crate::envd::message as m;
use crate::envd::rpc::{Call, Codec};
use crate::envd::state::State;
use crate::envd::watch::QUIET;
use crate::field::Field;
use crate::http::{self, Cut, Reply};

/// No deadline is later than this.
const FOREVER: Duration = Duration::from_secs(30 * 365 * 24 * 3600);

/// `Start`. The connection is cut where the real envd crashes: a terminal without a size.
pub async fn start(call: &Call, message: &[u8]) -> std::result::Result<Result<Reply>, Cut> {
    let message = match read(call, message) {
        Ok(message) => message,
        Err(why) => return Ok(Err(why)),
    };
    let size = match message.get("pty") {
        None => None,
        Some(pty) => match pty.get("size") {
            Some(size) => Some((side(size, "cols"), side(size, "rows"))),
            None => return Err(Cut),
        },
    };
    Ok(begin(call, &message, size).await)
}

fn side(size: &Value, name: &str) -> u16 {
    let side = size[name].as_u64().unwrap_or_default();
    u16::try_from(side).unwrap_or(u16::MAX)
}

fn read(call: &Call, message: &[u8]) -> Result<Value> {
    deadline(&call.headers)?;
    let message = call.codec.read(&m::START, message)?;
    call.user()?;
    Ok(message)
}

async fn begin(call: &Call, message: &Value, size: Option<(u16, u16)>) -> Result<Reply> {
    let ends = deadline(&call.headers)?.map(|after| Instant::now() + after);
    let config = message.get("process").cloned().unwrap_or(json!({}));
    let started = program::start(&call.state, call.user()?, &config, size)?;
    let Some(pid) = started.child.id() else {
        return Err(error("internal", "the process is gone"));
    };
    let tag = message["tag"].as_str().map(str::to_owned);
    let process = Arc::new(Process::new(pid, config, tag, started.input));
    let listener = process.listen();
    call.state.processes.add(&process);
    let (child, output) = (started.child, started.output);
    let running = Started {
        child,
        output,
        input: super::Input::Closed,
    };
    tokio::spawn(live(Arc::clone(&call.state), process, running, ends));
    Ok(follow(call, pid, listener, ends))
}

/// A process's life: its output, its end, and its death at the deadline.
async fn live(
    state: Arc<State>,
    process: Arc<Process>,
    mut started: Started,
    ends: Option<Instant>,
) {
    let pid = process.pid;
    let late = tokio::spawn(async move {
        if let Some(ends) = ends {
            tokio::time::sleep_until(ends).await;
            kill(pid);
        }
    });
    output::tell_all(&process, started.output).await;
    let status = started.child.wait().await;
    late.abort();
    state.processes.remove(pid);
    let end = match status {
        Ok(status) => status::end(status),
        Err(why) => json!({"exitCode": -1, "status": why.to_string(), "error": why.to_string()}),
    };
    process.tell(Event::End(end)).await;
}

fn kill(pid: u32) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    if let Some(pid) = pid {
        // gone already: all the better
        let _ = kill_process(pid, Signal::KILL);
    }
}

/// `Connect`: the stream of a process that runs already.
pub fn connect(call: &Call, message: &[u8]) -> Result<Reply> {
    let ends = deadline(&call.headers)?.map(|after| Instant::now() + after);
    let message = call.codec.read(&m::CONNECT, message)?;
    let process = call.state.processes.find(message.of("process"))?;
    let listener = process.listen();
    Ok(follow(call, process.pid, listener, ends))
}

/// Writes the stream until the process ends, the deadline passes, or the client goes.
fn follow(
    call: &Call,
    pid: u32,
    mut listener: mpsc::Receiver<Event>,
    ends: Option<Instant>,
) -> Reply {
    let (codec, every) = (call.codec, keepalive(&call.headers));
    let (writer, body) = http::live();
    tokio::spawn(async move {
        let ends = ends.unwrap_or_else(|| Instant::now() + FOREVER);
        let mut next = json!({"start": {"pid": pid}});
        loop {
            if writer.send(written(codec, &next)).await.is_err() {
                return;
            }
            next = tokio::select! {
                biased;
                () = writer.closed() => return,
                () = tokio::time::sleep_until(ends) => {
                    let why = error("deadline_exceeded", "context deadline exceeded");
                    let _ = writer.send(envelope::end(Err(&why))).await;
                    return;
                }
                event = listener.recv() => match event {
                    Some(Event::End(end)) => {
                        let _ = writer.send(written(codec, &json!({ "end": end }))).await;
                        let _ = writer.send(envelope::end(Ok(()))).await;
                        return;
                    }
                    Some(event) => json!({ "data": data(&event) }),
                    None => return,
                },
                () = tokio::time::sleep(every) => json!({"keepalive": {}}),
            };
        }
    });
    body
}

fn written(codec: Codec, event: &Value) -> Bytes {
    let message = codec.write(&m::PROCESS_EVENT, &json!({ "event": event }));
    envelope::write(0, &message)
}

fn data(event: &Event) -> Value {
    match event {
        Event::Stdout(bytes) => json!({"stdout": STANDARD.encode(bytes)}),
        Event::Stderr(bytes) => json!({"stderr": STANDARD.encode(bytes)}),
        Event::Pty(bytes) => json!({"pty": STANDARD.encode(bytes)}),
        Event::End(_) => json!({}),
    }
}

/// How long the client gives the call, if it says so.
fn deadline(headers: &HeaderMap) -> Result<Option<Duration>> {
    let text = http::header(headers, "connect-timeout-ms");
    if text.is_empty() {
        return Ok(None);
    }
    let why = || {
        let why = format!("parse timeout: strconv.ParseInt: parsing \"{text}\": invalid syntax");
        error("invalid_argument", why)
    };
    let milliseconds: u64 = text.parse().map_err(|_| why())?;
    let after = Duration::from_millis(milliseconds).min(FOREVER);
    Ok(Some(after).filter(|after| !after.is_zero()))
}

/// How often the client wants to hear that the stream lives.
pub fn keepalive(headers: &HeaderMap) -> Duration {
    let text = http::header(headers, "keepalive-ping-interval");
    let seconds = text.parse().ok().filter(|seconds| *seconds > 0);
    seconds.map_or(QUIET, Duration::from_secs)
}
