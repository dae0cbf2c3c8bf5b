//! What is sent to a running process: input, signals, the size of its terminal.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::BytesMut;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use pty_process::Size;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use super::{Input, Process};
use crate::connect::{Result, envelope, error};
use crate::envd::message as m;
use crate::envd::path::words;
use crate::envd::rpc::Call;
use crate::envd::state::State;
use crate::http::Reply;

/// `SendInput`.
pub async fn send(state: &State, message: &Value) -> Result<Value> {
    let process = state.processes.find(&message["process"])?;
    write(&process, &message["input"]).await?;
    Ok(json!({}))
}

async fn write(process: &Process, input: &Value) -> Result<()> {
    let decoded = |name: &str| {
        let text = input[name].as_str()?;
        STANDARD.decode(text).ok()
    };
    let mut held = process.input.lock().await;
    let written = match (decoded("stdin"), decoded("pty"), &mut *held) {
        (Some(bytes), _, Input::Pipe(pipe)) => pipe.write_all(&bytes).await,
        (_, Some(bytes), Input::Terminal(terminal)) => terminal.write_all(&bytes).await,
        (Some(_), _, Input::Terminal(_)) => {
            return Err(error(
                "internal",
                "error writing to stdin: tty assigned to process",
            ));
        }
        (Some(_), _, Input::Closed) => {
            return Err(error(
                "internal",
                "error writing to stdin: file already closed",
            ));
        }
        (_, Some(_), _) => {
            return Err(error(
                "internal",
                "error writing to tty: tty not assigned to process",
            ));
        }
        (None, None, _) => return Err(error("unimplemented", "invalid input type <nil>")),
    };
    written.map_err(|why| {
        error(
            "internal",
            format!("error writing to stdin: {}", words(&why)),
        )
    })
}

/// `CloseStdin`: later versions have it, and it does no harm here.
pub async fn close(state: &State, message: &Value) -> Result<Value> {
    let process = state.processes.find(&message["process"])?;
    let mut held = process.input.lock().await;
    if matches!(*held, Input::Pipe(_)) {
        *held = Input::Closed;
    }
    Ok(json!({}))
}

/// `Update`: a new size of the terminal.
pub async fn update(state: &State, message: &Value) -> Result<Value> {
    let process = state.processes.find(&message["process"])?;
    let Some(size) = message["pty"].get("size") else {
        return Ok(json!({}));
    };
    let side = |name: &str| {
        let side = size[name].as_u64().unwrap_or_default();
        u16::try_from(side).unwrap_or(u16::MAX)
    };
    let held = process.input.lock().await;
    let Input::Terminal(terminal) = &*held else {
        let why = "error resizing tty: tty not assigned to process";
        return Err(error("internal", why));
    };
    terminal
        .resize(Size::new(side("rows"), side("cols")))
        .map_err(|why| error("internal", format!("error resizing tty: {why}")))?;
    Ok(json!({}))
}

/// `SendSignal`.
pub fn signal(state: &State, message: &Value) -> Result<Value> {
    let process = state.processes.find(&message["process"])?;
    let signal = match message["signal"].as_str() {
        Some("SIGNAL_SIGKILL") => Signal::KILL,
        Some("SIGNAL_SIGTERM") => Signal::TERM,
        _ => return Err(error("unimplemented", "invalid signal: SIGNAL_UNSPECIFIED")),
    };
    let pid = i32::try_from(process.pid).ok().and_then(Pid::from_raw);
    let sent = pid.map(|pid| kill_process(pid, signal));
    match sent {
        Some(Ok(())) => Ok(json!({})),
        _ => Err(error(
            "internal",
            "error sending signal: os: process already finished",
        )),
    }
}

/// `StreamInput`: input in order, as it comes.
pub async fn stream(call: &Call, mut body: Incoming) -> Result<Reply> {
    let mut buffer = BytesMut::new();
    let mut process = None;
    loop {
        while let Some((flags, message)) = envelope::take(&mut buffer) {
            envelope::check(flags)?;
            let message = call.codec.read(&m::STREAM_INPUT, &message)?;
            if let Some(start) = message.get("start") {
                process = Some(call.state.processes.find(&start["process"])?);
            } else if let Some(data) = message.get("data") {
                let process = process
                    .as_deref()
                    .ok_or_else(|| error("internal", "input came before its process"))?;
                write(process, &data["input"]).await?;
            }
        }
        match body.frame().await {
            None => break,
            Some(Ok(frame)) => buffer.extend(frame.into_data().unwrap_or_default()),
            Some(Err(_)) => return Err(error("canceled", "the client went away")),
        }
    }
    envelope::check_rest(&buffer)?;
    let mut answer = BytesMut::from(&envelope::write(0, b"{}")[..]);
    if call.codec == crate::envd::rpc::Codec::Proto {
        answer = BytesMut::from(&envelope::write(0, b"")[..]);
    }
    answer.extend(envelope::end(Ok(())));
    Ok(Reply::from(answer.freeze()))
}
