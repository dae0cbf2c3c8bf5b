//! envd's recorded answers, each asked of the stand-in as root of a Debian-like tree with a user `user`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "helpers of tests fail as tests do"
)]

#[path = "../common/mod.rs"]
mod common;
mod world;

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use common::{Answer, Bindings, compare, run_all, vectors};
use serde_json::Value;
use world::{Stream, World};

/// Nothing is left out.
const SKIPPED: [(&str, &str); 0] = [];

#[test]
fn open() {
    run("open", &World::new("open"));
}

#[test]
fn secured() {
    run("secured", &World::new("secured"));
}

fn run(config: &str, world: &World) {
    let mut vectors = vectors("seed-envd.json");
    vectors.retain(|vector| vector["config"] == config);
    if config == "secured" {
        // files are made before there is a token
        world.reset();
    }
    run_all(&vectors, &SKIPPED, |vector| {
        if config == "open" {
            world.kill_all();
            world.reset();
        }
        let id = vector["id"].as_str().unwrap();
        let mut bindings = Bindings::new();
        let token = "envd-access-token-for-vectors".to_owned();
        bindings.insert("envd-access-token".to_owned(), token);
        let stream = prepare(world, id, &mut bindings);
        let answer = match id {
            "fs-watchdir" => watch(world, vector),
            _ => world.ask(&common::request(vector, &bindings)),
        };
        compare::answer(&vector["response"], &answer, &bindings)?;
        let afterwards = &vector["afterwards"];
        let recorded = afterwards["stream_of_start"].as_array();
        let Some(recorded) = recorded.or(afterwards["stream"].as_array()) else {
            return Ok(());
        };
        let stream = stream.expect("a process runs");
        let heard = stream.wait(recorded.len());
        compare::stream(recorded, &Value::Null, &heard, &bindings)
    });
}

/// Makes the state that a vector's precondition says; a process's stream when it is about one.
fn prepare(world: &World, id: &str, bindings: &mut Bindings) -> Option<Stream> {
    let start = |process: &str, bindings: &mut Bindings| {
        let stream = world.start(process);
        bindings.insert("pid".to_owned(), stream.pid().to_string());
        Some(stream)
    };
    match id {
        "file-get-overwritten" => world.shell("mkdir -p up/new; printf two! > up/new/one.txt"),
        "fs-move" => world.shell("mkdir -p made/deep"),
        "fs-move-over-file" => world.shell("echo 1 > t1; echo 2 > t2"),
        "fs-remove-file" => world.shell("echo 2 > t2"),
        "fs-remove-dir" => world.shell("mkdir moved; echo 1 > moved/x"),
        "fs-watcher-events" | "fs-watcher-events-again" => {
            let id_of = |answer: Answer| {
                let value: Value = serde_json::from_slice(&answer.body).unwrap();
                value["watcherId"].as_str().unwrap().to_owned()
            };
            let created = world.call(
                "filesystem.Filesystem/CreateWatcher",
                r#"{"path":"/home/user/dir"}"#,
            );
            let watcher = id_of(created);
            world.shell("cd dir; echo 1 > new.txt; rm new.txt");
            std::thread::sleep(Duration::from_millis(100));
            if id == "fs-watcher-events-again" {
                let message = format!(r#"{{"watcherId":"{watcher}"}}"#);
                world.call("filesystem.Filesystem/GetWatcherEvents", &message);
            }
            bindings.insert("watcherId".to_owned(), watcher);
        }
        "proc-list-one"
        | "send-input"
        | "send-input-tag"
        | "send-input-other-user"
        | "send-input-no-user" => {
            return start(r#"{"process":{"cmd":"cat"},"tag":"cat1"}"#, bindings);
        }
        "stream-input" => return start(r#"{"process":{"cmd":"cat"},"tag":"cat2"}"#, bindings),
        "signal-gone" => {
            let stream = start(r#"{"process":{"cmd":"true"}}"#, bindings)?;
            stream.wait(3);
        }
        "signal-unspecified" | "signal-number" => {
            return start(r#"{"process":{"cmd":"sleep","args":["30"]}}"#, bindings);
        }
        "list-after-client-left" => {
            let stream = start(r#"{"process":{"cmd":"sleep","args":["30"]}}"#, bindings)?;
            drop(stream);
        }
        "send-input-pty" => {
            let process = r#"{"process":{"cmd":"/bin/sh"},"tag":"pty1","pty":{"size":{"cols":100,"rows":30}}}"#;
            let stream = start(process, bindings);
            // the prompt
            stream.as_ref().unwrap().wait(2);
            return stream;
        }
        _ => {}
    }
    None
}

/// Changes things while the stream is open, as it was done when it was recorded.
fn watch(world: &World, vector: &Value) -> Answer {
    let stream = world.open(&common::request(vector, &Bindings::new()));
    stream.wait(1);
    let script = "cd dir; echo 1 > w.txt; mv w.txt w2.txt; rm w2.txt";
    world.shell(script);
    stream.wait(6)
}

/// A gigabyte that nobody reads costs the process time, not envd memory.
#[test]
fn huge_output_is_bounded() {
    let world = World::new("huge");
    let script = "head -c 1073741824 /dev/zero";
    let message = format!(r#"{{"process":{{"cmd":"/bin/sh","args":["-c","{script}"]}}}}"#);
    let stream = world.start(&message);
    std::thread::sleep(Duration::from_millis(500));
    assert!(world.memory_kib() < 64 << 10, "{} KiB", world.memory_kib());
    drop(stream);
    // the client has gone; the process goes on to its end
    let gone = || {
        let list = world.call("process.Process/List", "{}");
        list.body == b"{}"
    };
    for _ in 0..300 {
        if gone() {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(gone(), "it still runs");
    assert!(world.memory_kib() < 64 << 10, "{} KiB", world.memory_kib());
}

/// The binary form of messages streams, too.
#[test]
fn streams_in_binary() {
    let world = World::new("binary");
    // process { cmd: "echo" args: "hi" }
    let message = b"\x0a\x0a\x0a\x04echo\x12\x02hi";
    let mut body = vec![0, 0, 0, 0, u8::try_from(message.len()).unwrap()];
    body.extend(message);
    let head = format!(
        "POST /process.Process/Start HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/connect+proto\r\nAuthorization: Basic {}\r\nContent-Length: {}\r\n\r\n",
        STANDARD.encode("user:"),
        body.len()
    );
    let answer = world.ask(&[head.as_bytes(), &body].concat());
    assert_eq!(answer.headers["content-type"], "application/connect+proto");
    let data = b"\x0a\x07\x12\x05\x0a\x03hi\n";
    assert!(
        answer.body.windows(data.len()).any(|bytes| bytes == data),
        "{answer:?}"
    );
}
