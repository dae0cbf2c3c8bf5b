//! Calls to a sandbox's envd: is it there, its variables, a command run to its end.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::BytesMut;
use chrono::{SecondsFormat, Utc};
use http_body_util::BodyExt;
use hyper::Request;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use crate::connect::{Error, Result, envelope, error};
use crate::envd::PORT;
use crate::field::Field;
use crate::http::{self, Reply};

/// How long an envd may take to answer.
const START: Duration = Duration::from_secs(45);
/// What gRPC takes in one message, and so the most output of one command.
const MOST: usize = 32 << 20;

/// Waits until envd listens.
///
/// # Errors
///
/// When it does not in time.
pub async fn wait(address: Ipv4Addr) -> std::result::Result<(), String> {
    let ends = Instant::now() + START;
    while TcpStream::connect((address, PORT)).await.is_err() {
        if Instant::now() > ends {
            return Err(format!(
                "failed to wait for envd: no answer in {} s",
                START.as_secs()
            ));
        }
        sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

/// `POST /init`.
///
/// # Errors
///
/// When envd refuses.
pub async fn init(
    address: Ipv4Addr,
    variables: &BTreeMap<String, String>,
    token: Option<&str>,
) -> std::result::Result<(), String> {
    let now = Utc::now().to_rfc3339_opts(SecondsFormat::Nanos, true);
    let mut message = json!({"envVars": variables, "timestamp": now});
    if let Some(token) = token {
        message.put("accessToken", token);
    }
    let headers = [("x-access-token", token.unwrap_or_default())];
    let answer = http::call(
        &format!("{address}:{PORT}"),
        "/init",
        &headers,
        Some(&message),
    )
    .await;
    match answer {
        Ok((204, _)) => Ok(()),
        Ok((status, _)) => Err(format!("failed to init envd: status {status}")),
        Err(why) => Err(format!("failed to init envd: {why}")),
    }
}

/// A command's end.
#[derive(Debug, Default)]
pub struct Ended {
    /// What it wrote.
    pub stdout: Vec<u8>,
    /// The same, of errors.
    pub stderr: Vec<u8>,
    /// The `end` event.
    pub end: Value,
}

/// Runs a program as a user to its end.
///
/// # Errors
///
/// What envd says, or that it went away.
pub async fn run(
    address: Ipv4Addr,
    user: &str,
    token: Option<&str>,
    timeout: u64,
    process: &Value,
) -> Result<Ended> {
    let gone = |why: String| error("unavailable", why);
    let host = format!("{address}:{PORT}");
    let message = json!({ "process": process }).to_string();
    let basic = format!("Basic {}", STANDARD.encode(format!("{user}:")));
    let mut request = Request::post("/process.Process/Start")
        .header("host", &host)
        .header("content-type", "application/connect+json")
        .header("connect-protocol-version", "1")
        .header("authorization", basic);
    if let Some(token) = token {
        request = request.header("x-access-token", token);
    }
    if timeout > 0 {
        request = request.header("connect-timeout-ms", timeout * 1000);
    }
    let request = request
        .body(Reply::from(envelope::write(0, message.as_bytes())))
        .map_err(|why| gone(why.to_string()))?;
    let stream = http::connect(&host)
        .await
        .map_err(|why| gone(why.to_string()))?;
    let response = http::send(stream, request).await;
    let mut body = response.map_err(|why| gone(why.to_string()))?.into_body();
    let (mut buffer, mut ended) = (BytesMut::new(), Ended::default());
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| gone("unexpected EOF".to_owned()))?;
        buffer.extend(frame.into_data().unwrap_or_default());
        while let Some((flags, message)) = envelope::take(&mut buffer) {
            let message: Value = serde_json::from_slice(&message).unwrap_or_default();
            if flags == envelope::END {
                return match message.get("error") {
                    Some(why) => Err(Error::read(why)),
                    None => Ok(ended),
                };
            }
            note(&mut ended, message.of("event"))?;
        }
    }
    Err(gone("unexpected EOF".to_owned()))
}

fn note(ended: &mut Ended, event: &Value) -> Result<()> {
    if let Some(end) = event.get("end") {
        ended.end = end.clone();
    }
    let decoded = |name: &str| {
        let text = event.of("data").of(name).as_str()?;
        STANDARD.decode(text).ok()
    };
    ended.stdout.extend(decoded("stdout").unwrap_or_default());
    ended.stderr.extend(decoded("stderr").unwrap_or_default());
    let size = ended.stdout.len() + ended.stderr.len();
    if size > MOST {
        let why = format!("grpc: received message larger than max ({size} vs. {MOST})");
        return Err(error("resource_exhausted", why));
    }
    Ok(())
}
