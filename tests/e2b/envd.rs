//! The recorded answers of the real envd are read, whatever pieces they come in.

use bytes::Bytes;
use e2bscript::e2b::{
    Envd, Error, Operation, ProcessEvent, Profile, Sandbox, Selector, Start, signature,
};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::answers::{answer, vectors};
use crate::replay::{Answer, Server};

fn sandbox(token: Option<&str>) -> Sandbox {
    let json =
        json!({"sandboxID": "i1", "clientID": "c1", "templateID": "t1", "envdAccessToken": token});
    serde_json::from_value(json).unwrap()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// A stream as it was recorded, in pieces of a size.
fn streamed(vector: &Value, pieces: usize) -> Option<Answer> {
    let raw = vector["response"]["raw_hex"].as_str()?;
    Some(Answer {
        body: unhex(raw),
        pieces,
        ..answer(vector)
    })
}

async fn serving(answer: Answer, token: Option<&str>) -> (Server, Envd) {
    let server = Server::start(move |_| answer.clone()).await;
    let envd = server.client(Some(Profile::Seed)).envd(&sandbox(token));
    (server, envd)
}

/// All that comes of a stream.
async fn drained(envd: &Envd) -> Result<Vec<ProcessEvent>, Error> {
    let mut stream = envd.start(&Start::default()).await?;
    let mut events = Vec::new();
    while let Some(event) = stream.next().await? {
        events.push(event);
    }
    Ok(events)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_recorded_start_is_read_in_any_pieces() {
    let all = vectors("seed-envd");
    let starts: Vec<&Value> = all
        .iter()
        .filter(|vector| {
            vector["request"]["path"] == "/process.Process/Start"
                && vector["response"]["raw_hex"].is_string()
        })
        .collect();
    assert!(starts.len() > 20, "{}", starts.len());
    let checks = starts
        .iter()
        .flat_map(|vector| [0, 1, 7].map(|pieces| (*vector, pieces)));
    join_all(checks.map(|(vector, pieces)| async move {
        let id = vector["id"].as_str().unwrap();
        let (_server, envd) = serving(streamed(vector, pieces).unwrap(), None).await;
        let result = drained(&envd).await;
        let envelopes = vector["response"]["envelopes"].as_array().unwrap();
        let last = envelopes.last().unwrap();
        let error = &last["message"]["error"];
        match (&result, error.is_null(), last["flags"] == 2) {
            (Ok(events), true, true) => {
                assert!(
                    matches!(events.first(), Some(ProcessEvent::Started(_))),
                    "{id}: {events:?}"
                );
                assert!(
                    matches!(events.last(), Some(ProcessEvent::Ended(_))),
                    "{id}: {events:?}"
                );
            }
            (Err(Error::Rpc { error: found, .. }), false, true) => {
                assert_eq!(error["code"], found.code, "{id}")
            }
            (Err(Error::Cut { .. }), _, false) => {}
            other => panic!("{id} in pieces of {pieces}: {other:?}"),
        }
    }))
    .await;
}

#[tokio::test]
async fn output_ends_and_signals_come_out() {
    let all = vectors("seed-envd");
    let find = |id: &str| all.iter().find(|vector| vector["id"] == id).unwrap();
    let (server, envd) = serving(streamed(find("start-echo"), 3).unwrap(), None).await;
    let events = drained(&envd).await.unwrap();
    assert_eq!(events[1], ProcessEvent::Stdout(Bytes::from("hello\n")));
    let asked = &server.asked()[0];
    assert_eq!(asked.header("host"), Some("49983-i1-c1.e2b.local"));
    assert_eq!(asked.header("authorization"), Some("Basic dXNlcjo="));
    assert_eq!(
        asked.header("content-type"),
        Some("application/connect+json")
    );
    assert_eq!(asked.body[0], 0);

    let (_server, envd) = serving(streamed(find("start-kill-self"), 0).unwrap(), None).await;
    let events = drained(&envd).await.unwrap();
    let Some(ProcessEvent::Ended(end)) = events.last() else {
        panic!("{events:?}")
    };
    assert_eq!(
        (end.exit_code, end.signal().as_deref()),
        (-1, Some("killed"))
    );

    let mut cut = streamed(find("start-echo"), 0).unwrap();
    cut.body.truncate(cut.body.len() - 3);
    let (_server, envd) = serving(cut, None).await;
    let error = drained(&envd).await.unwrap_err();
    assert_eq!(error.kind(), "envd.cut");
}

#[tokio::test]
async fn files_and_lists_are_read() {
    let all = vectors("seed-envd");
    let find = |id: &str| answer(all.iter().find(|vector| vector["id"] == id).unwrap());
    let (_server, envd) = serving(find("file-get"), None).await;
    assert_eq!(envd.read_file("hello.txt", 100).await.unwrap(), "hello");
    let (server, envd) = serving(find("file-post"), None).await;
    assert_eq!(
        envd.write_file("one.txt", b"one").await.unwrap().path,
        "/home/user/up/new/one.txt"
    );
    let body = String::from_utf8(server.asked()[0].body.clone()).unwrap();
    assert!(
        body.contains("name=\"file\"") && body.contains("\r\n\r\none\r\n--"),
        "{body}"
    );
    let (_server, envd) = serving(find("fs-list-depth-2"), None).await;
    let entries = envd.list_files("/home/user", 2).await.unwrap();
    assert!(
        entries
            .iter()
            .any(|entry| entry.name == "sub" && entry.kind == "dir")
    );
    let (_server, envd) = serving(find("fs-stat-dir"), None).await;
    assert_eq!(envd.stat_file("dir").await.unwrap().kind, "dir");
    let (_server, envd) = serving(find("fs-remove-file"), None).await;
    envd.remove_file("t2").await.unwrap();
    let (_server, envd) = serving(find("proc-list-one"), None).await;
    assert_eq!(envd.list_processes().await.unwrap()[0].tag, "cat1");
    let (_server, envd) = serving(find("send-input"), None).await;
    envd.send_input(&Selector::Pid(7), b"abc\n", false)
        .await
        .unwrap();

    for (id, kind) in [
        ("fs-stat-missing", "envd.not_found"),
        ("fs-stat-no-user", "envd.unauthenticated"),
        ("secured-list-wrong-token", "e2b.unauthorized"),
        ("rpc-unknown-method", "e2b.not_found"),
    ] {
        let (_server, envd) = serving(find(id), None).await;
        assert_eq!(envd.stat_file("x").await.unwrap_err().kind(), kind, "{id}");
    }
    for vector in vectors("seed-client-proxy") {
        if vector["port"] == "traffic"
            && vector["response"]["status"] == 502
            && vector["id"] != "traffic-unknown-browser"
        {
            let (_server, envd) = serving(answer(&vector), None).await;
            let error = e2bscript::diag::Failure::from(envd.stat_file("x").await.unwrap_err());
            assert_eq!(error.kind, "e2b.server", "{}", vector["id"]);
            assert!(!error.causes.is_empty(), "{}", vector["id"]);
        }
    }
}

#[tokio::test]
async fn a_secure_sandbox_is_spoken_to_with_its_token_and_its_signature() {
    let (server, envd) = serving(Answer::text(200, "hello"), Some("tok")).await;
    envd.read_file("/home/user/a.txt", 100).await.unwrap();
    let asked = &server.asked()[0];
    assert_eq!(asked.header("x-access-token"), Some("tok"));
    let sum = signature("/home/user/a.txt", Operation::Read, "user", "tok", None);
    let query = e2bscript::http::percent_encode(&sum);
    assert!(asked.target.contains(&query), "{} {query}", asked.target);
    let url = envd
        .signed_url("/home/user/a.txt", Operation::Read, Some(1767225600))
        .unwrap();
    assert!(
        url.contains("49983-i1-c1.e2b.local") && url.contains("signature_expiration=1767225600"),
        "{url}"
    );
    let (_server, plain) = serving(Answer::text(200, ""), None).await;
    assert_eq!(
        plain
            .signed_url("/a", Operation::Read, None)
            .unwrap_err()
            .kind(),
        "e2b.argument"
    );
}

#[tokio::test]
async fn a_directory_is_watched() {
    let all = vectors("seed-envd");
    let recorded = all
        .iter()
        .find(|vector| vector["id"] == "fs-watchdir")
        .unwrap();
    let mut body = Vec::new();
    for envelope in recorded["response"]["envelopes"].as_array().unwrap() {
        let message = envelope["message"].to_string();
        body.extend_from_slice(&e2bscript::e2b::codec::encode(message.as_bytes(), false));
    }
    body.extend_from_slice(&e2bscript::e2b::codec::encode(b"{}", true));
    let answer = Answer {
        body,
        pieces: 5,
        ..answer(recorded)
    };
    let (_server, envd) = serving(answer, None).await;
    let mut watch = envd.watch("/home/user/dir", false).await.unwrap();
    let mut kinds = Vec::new();
    while let Some(event) = watch.next().await.unwrap() {
        kinds.push(event.kind);
    }
    assert_eq!(kinds, ["create", "write", "rename", "create", "remove"]);
}
