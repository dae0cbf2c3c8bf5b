//! What the vectors' runners share: a plain HTTP client, and comparing an answer with a recorded one by shape.

#![allow(dead_code)]

pub mod cluster;
pub mod compare;

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

pub type Bindings = BTreeMap<String, String>;

/// What a server answered.
#[derive(Debug, Default)]
pub struct Answer {
    /// 0 when the connection was closed without an answer.
    pub status: u16,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl Answer {
    /// The envelopes of a stream: flags and message.
    pub fn envelopes(&self) -> Vec<(u8, Value)> {
        let mut rest = self.body.as_slice();
        let mut found = Vec::new();
        while rest.len() >= 5 {
            let length = u32::from_be_bytes(rest[1..5].try_into().unwrap()) as usize;
            if rest.len() < 5 + length {
                break;
            }
            let message = serde_json::from_slice(&rest[5..5 + length]).unwrap();
            found.push((rest[0], message));
            rest = &rest[5 + length..];
        }
        found
    }
}

/// The vectors of a file.
pub fn vectors(name: &str) -> Vec<Value> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    let text = fs::read_to_string(directory.join(name)).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The request of a vector, with what is bound put in.
pub fn request(vector: &Value, bindings: &Bindings) -> Vec<u8> {
    let request = &vector["request"];
    let put_in = |text: &str| substitute(text, bindings);
    let body = &request["body"];
    let envelopes = body["$envelopes"].as_array();
    let body: Vec<u8> = match (&body["$hex"], body) {
        (Value::Null, _) if envelopes.is_some() => {
            let messages = envelopes.into_iter().flatten();
            let messages = messages.map(|envelope| put_in(&spaced(&envelope["message"])));
            messages.flat_map(|message| envelope(&message)).collect()
        }
        (Value::String(hex), _) => unhex(hex),
        (_, Value::Null) => Vec::new(),
        (_, Value::String(text)) => put_in(text).into_bytes(),
        (_, value) => put_in(&spaced(value)).into_bytes(),
    };
    let method = request["method"].as_str().unwrap();
    let path = put_in(request["path"].as_str().unwrap());
    let mut head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
    let headers = request["headers"].as_object().unwrap();
    if !headers.contains_key("Host") {
        head.push_str("Host: 127.0.0.1\r\n");
    }
    for (name, value) in headers {
        head.push_str(&format!("{name}: {}\r\n", put_in(value.as_str().unwrap())));
    }
    if !body.is_empty() || method == "POST" {
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    [head.as_bytes(), b"\r\n", &body].concat()
}

fn envelope(message: &str) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[0], &length[..], message.as_bytes()].concat()
}

/// As the recorder wrote JSON: positions in messages count its spaces. A bound number is none in quotes.
fn spaced(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let items = map
                .iter()
                .map(|(name, value)| format!("{}: {}", Value::from(name.as_str()), spaced(value)));
            format!("{{{}}}", items.collect::<Vec<_>>().join(", "))
        }
        Value::Array(list) => {
            let items: Vec<String> = list.iter().map(spaced).collect();
            format!("[{}]", items.join(", "))
        }
        Value::String(text) if text == "<pid>" => text.clone(),
        other => other.to_string(),
    }
}

/// Names in angle brackets become what is bound to them.
pub fn substitute(text: &str, bindings: &Bindings) -> String {
    let mut text = text.to_owned();
    for (name, value) in bindings {
        text = text.replace(&format!("<{name}>"), value);
    }
    text
}

pub fn unhex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

/// Sends a request and reads the answer to its end, or until `enough` says so of what has come.
pub fn exchange(mut stream: TcpStream, request: &[u8], enough: impl Fn(&Answer) -> bool) -> Answer {
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    stream.write_all(request).unwrap();
    let mut bytes = Vec::new();
    let mut piece = [0; 65536];
    loop {
        let read = stream.read(&mut piece);
        let ended = !matches!(read, Ok(count) if count > 0);
        bytes.extend(&piece[..read.unwrap_or(0)]);
        let answer = parse(&bytes);
        if ended || answer.as_ref().is_some_and(&enough) {
            return answer.unwrap_or_default();
        }
    }
}

/// Reads an answer as far as it has come; `None` before its head has.
fn parse(bytes: &[u8]) -> Option<Answer> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).ok()?;
    let mut lines = head.lines();
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
        .collect();
    let raw = &bytes[end + 4..];
    let is_chunked = headers
        .get("transfer-encoding")
        .is_some_and(|how| how == "chunked");
    let body = if is_chunked {
        unchunk(raw)
    } else {
        raw.to_vec()
    };
    Some(Answer {
        status,
        headers,
        body,
    })
}

fn unchunk(mut raw: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = raw.windows(2).position(|two| two == b"\r\n") {
        let length = std::str::from_utf8(&raw[..end]).unwrap();
        let length = usize::from_str_radix(length, 16).unwrap();
        let from = end + 2;
        if length == 0 || raw.len() < from + length {
            break;
        }
        body.extend(&raw[from..from + length]);
        raw = raw.get(from + length + 2..).unwrap_or_default();
    }
    body
}

/// The tests make namespaces and mounts; passing without doing it would be a lie.
pub fn require_root() {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let user = status
        .lines()
        .find_map(|line| line.strip_prefix("Uid:"))
        .unwrap();
    let is_root = user.split_whitespace().nth(1) == Some("0");
    assert!(
        is_root,
        "these tests make namespaces and mounts and need root"
    );
}

/// A directory that goes with the test. What was mounted below it is gone with its namespace by then.
pub struct Directory(pub PathBuf);

impl Directory {
    pub fn new(name: &str) -> Directory {
        let path = std::env::temp_dir().join(format!("standin-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Directory(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Runs all vectors that `wanted` takes, and says at the end which did not fit.
pub fn run_all(
    vectors: &[Value],
    skipped: &[(&str, &str)],
    mut check: impl FnMut(&Value) -> Result<(), String>,
) {
    let mut wrong = Vec::new();
    let mut passed = 0;
    for vector in vectors {
        let id = vector["id"].as_str().unwrap();
        if let Some((_, why)) = skipped.iter().find(|(name, _)| *name == id) {
            println!("skipped {id}: {why}");
            continue;
        }
        match check(vector) {
            Ok(()) => passed += 1,
            Err(why) => wrong.push(format!("{id}: {why}")),
        }
    }
    println!("{passed} of {} fit", vectors.len());
    assert!(
        wrong.is_empty(),
        "{} do not fit:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
