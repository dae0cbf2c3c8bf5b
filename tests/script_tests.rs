//! `e2bscript test`: the repository's own tests of scripts pass, and what a test run says and returns.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test fails by panicking

mod common;
#[path = "script_tests/watch.rs"]
mod watch;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// Runs the program in a directory, without anything of this machine's own.
fn test(dir: &Path, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_e2bscript"))
        .arg("test")
        .args(words)
        .current_dir(dir)
        .env("NO_COLOR", "1")
        .env_remove("E2BSCRIPT_ENV_FILE")
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn project(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    dir
}

#[test]
fn the_repositorys_tests_pass_and_every_standard_module_has_some() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let ran = test(root, &["--json"]);
    let said = text(&ran.stdout);
    let lines: Vec<Value> = said
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let failed: Vec<&Value> = lines
        .iter()
        .filter(|line| line["outcome"] == "failed")
        .collect();
    assert!(failed.is_empty(), "{failed:#?}");
    assert_eq!(ran.status.code(), Some(0), "{}", text(&ran.stderr));
    for module in e2bscript::engine::library::STDLIB {
        let file = format!("stdlib/{}.test.rhai", module.name);
        let passed = lines
            .iter()
            .any(|line| line["file"] == file.as_str() && line["outcome"] == "passed");
        assert!(passed, "`{file}` has no test that passes");
    }
}

#[test]
fn the_guides_tests_pass() {
    let guide = include_str!("../docs/guide/testing.md");
    let blocks = guide.split("```rhai\n").skip(1);
    let blocks: Vec<&str> = blocks
        .filter_map(|block| block.split("```").next())
        .collect();
    assert!(blocks.len() > 3);
    let names: Vec<String> = (0..blocks.len())
        .map(|index| format!("tests/block-{index}.test.rhai"))
        .collect();
    let files: Vec<(&str, &str)> = names.iter().map(String::as_str).zip(blocks).collect();
    let ran = test(project(&files).path(), &[]);
    assert_eq!(ran.status.code(), Some(0), "{}", text(&ran.stdout));
}

#[test]
fn failures_are_shown_and_counted() {
    let dir = project(&[
        (
            "scripts/a.test.rhai",
            "fn test_good() { test::equal(1, 1); }\n\
             fn test_bad() { log::info(\"on the way\"); test::equal(#{ a: 1 }, #{ a: 2 }); }\n\
             fn test_later() { test::skip(\"not here\"); }\n",
        ),
        ("tests/broken.test.rhai", "fn test_x( { }\n"),
        ("tests/empty.test.rhai", "fn helper() { }\n"),
    ]);
    let ran = test(dir.path(), &[]);
    let said = text(&ran.stdout);
    assert_eq!(ran.status.code(), Some(1), "{said}");
    for part in [
        "failed scripts/a.test.rhai  1 passed, 1 failed, 1 skipped",
        "failed scripts/a.test.rhai: test_bad",
        "found {\"a\":1}, wanted {\"a\":2}",
        "  │ on the way",
        "test_later: skipped: not here",
        "failed tests/broken.test.rhai",
        "the file has no tests",
        "1 passed, 3 failed, 1 skipped",
    ] {
        assert!(said.contains(part), "`{part}` is not in:\n{said}");
    }
}

#[test]
fn tests_are_chosen_listed_and_written_as_junit() {
    let dir = project(&[(
        "tests/a.test.rhai",
        "fn test_two() { }\nfn test_one() { test::check(false, \"<this>\"); }\n",
    )]);
    let listed = test(dir.path(), &["--list"]);
    assert_eq!(
        text(&listed.stdout),
        "tests/a.test.rhai: test_two\ntests/a.test.rhai: test_one\n"
    );
    let chosen = test(dir.path(), &["--filter", "two"]);
    assert_eq!(chosen.status.code(), Some(0), "{}", text(&chosen.stdout));
    let all = test(dir.path(), &["--junit", "report.xml", "--jobs", "1"]);
    assert_eq!(all.status.code(), Some(1));
    let report = std::fs::read_to_string(dir.path().join("report.xml")).unwrap();
    assert!(report.contains("tests=\"2\" failures=\"1\""), "{report}");
    assert!(
        report.contains("this does not hold: &lt;this&gt;"),
        "{report}"
    );
    assert_eq!(test(dir.path(), &["nowhere"]).status.code(), Some(2));
    assert_eq!(test(&dir.path().join("tests"), &[]).status.code(), Some(2));
}

#[test]
fn golden_texts_are_compared_and_written_on_request() {
    let dir = project(&[(
        "tests/a.test.rhai",
        "fn test_golden() { test::golden(\"greeting.txt\", \"hello\"); }\n",
    )]);
    let missing = test(dir.path(), &[]);
    assert!(
        text(&missing.stdout).contains("--update"),
        "{}",
        text(&missing.stdout)
    );
    assert_eq!(test(dir.path(), &["--update"]).status.code(), Some(0));
    let golden = dir.path().join("tests/a.golden/greeting.txt");
    assert_eq!(std::fs::read_to_string(&golden).unwrap(), "hello\n");
    assert_eq!(test(dir.path(), &[]).status.code(), Some(0));
    std::fs::write(&golden, "goodbye\n").unwrap();
    let differs = test(dir.path(), &[]);
    assert!(
        text(&differs.stdout).contains("-goodbye"),
        "{}",
        text(&differs.stdout)
    );
}

#[test]
fn what_is_asked_without_an_answer_fails_even_where_it_is_caught() {
    let dir = project(&[(
        "tests/a.test.rhai",
        "fn test_caught() {\n\
             test::hosts(#{ \"api-1\": #{ commands: #{ \"systemctl restart nomad\": 0 } } });\n\
             let host = ssh::host(\"192.0.2.1\", #{ name: \"api-1\" });\n\
             try { host.run([\"systemctl\", \"restart\", \"nomda\"]); } catch { }\n\
         }\n",
    )]);
    let ran = test(dir.path(), &[]);
    let said = text(&ran.stdout);
    assert_eq!(ran.status.code(), Some(1), "{said}");
    assert!(
        said.contains("nothing answers `systemctl restart nomda`"),
        "{said}"
    );
    assert!(said.contains("`systemctl restart nomad`"), "{said}");
}

#[test]
fn a_recording_answers_in_the_same_order_every_time() {
    let asked = |answer: &str| {
        format!(
            "{{\"test\":\"test_twice\",\"asked\":\"api-1: uptime\",\"answer\":{{\"code\":0,\"stdout\":\"{answer}\"}}}}\n"
        )
    };
    let dir = project(&[
        (
            "tests/a.test.rhai",
            "fn test_twice() {\n\
                 let host = ssh::host(\"192.0.2.1\", #{ name: \"api-1\" });\n\
                 let ask = || host.run([\"uptime\"], #{ read_only: true }).stdout;\n\
                 test::equal([ask.call(), ask.call(), ask.call()], [\"one\", \"two\", \"two\"]);\n\
             }\n",
        ),
        (
            "tests/a.recording.jsonl",
            &format!("{}{}", asked("one"), asked("two")),
        ),
    ]);
    let ran = test(dir.path(), &[]);
    assert_eq!(ran.status.code(), Some(0), "{}", text(&ran.stdout));
}

#[test]
fn a_test_that_does_not_end_is_ended() {
    let dir = project(&[("tests/a.test.rhai", "fn test_loop() { loop { } }\n")]);
    let ran = test(dir.path(), &["--timeout", "200ms"]);
    assert_eq!(ran.status.code(), Some(1));
    assert!(
        text(&ran.stdout).contains("ran out of time"),
        "{}",
        text(&ran.stdout)
    );
}

#[test]
fn nothing_of_a_test_is_answered_outside_of_one() {
    let dir = project(&[("a.rhai", "test::hosts(#{});\n")]);
    let ran = Command::new(env!("CARGO_BIN_EXE_e2bscript"))
        .args(["--no-journal", "a.rhai"])
        .current_dir(dir.path())
        .output()
        .unwrap();
    assert_eq!(ran.status.code(), Some(2));
    assert!(
        text(&ran.stderr).contains("works in tests only"),
        "{}",
        text(&ran.stderr)
    );
}

/// Answers one request with a text.
fn serve_once(said: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 4096];
        let _ = stream.read(&mut request).unwrap();
        let length = said.len();
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{said}"
        );
        stream.write_all(answer.as_bytes()).unwrap();
    });
    port
}

#[test]
fn what_a_host_and_a_server_answered_is_replayed_without_them() {
    let lab = common::sshd::Lab::new();
    let server = lab.sshd("api-1", "");
    let far = tempfile::tempdir().unwrap();
    std::fs::write(far.path().join("a"), "one\n").unwrap();
    let script = format!(
        r#"
fn test_on_a_host() {{
    let host = ssh::host("127.0.0.1", #{{
        name: "api-1", port: {port}, user: "{user}", key: "{key}", known_hosts: "{known_hosts}", jump: false,
    }});
    let key = secret::text("hush-hush-hush");
    test::equal(host.run(["cat", "{far}/a"], #{{ stdin: key, read_only: true }}).stdout, "one\n");
    let states = [state::text("{far}/b", "two\n")];
    test::equal(host.ensure(states, #{{ sudo: false }}).map(|one| one.action), ["create"]);
    test::equal(host.ensure(states, #{{ sudo: false }}), []);
    test::equal(host.read_text("{far}/b"), "two\n");
    test::equal(host.read_text("{far}/a"), "one\n");
    test::equal(host.missing(["{far}/a", "{far}/nowhere"]), ["{far}/nowhere"]);
    test::check(host.facts().cpus > 0, "it has processors");
    test::equal(http::get("http://127.0.0.1:{web}/x").text(), "hello");
}}
"#,
        port = server.port,
        user = common::sshd::user(),
        key = lab.path("id").display(),
        known_hosts = lab.path("known_hosts").display(),
        far = far.path().display(),
        web = serve_once("hello"),
    );
    let dir = project(&[("tests/a.test.rhai", &script)]);
    let recorded = test(dir.path(), &["--record"]);
    assert_eq!(
        recorded.status.code(),
        Some(0),
        "{}",
        text(&recorded.stdout)
    );
    let recording = dir.path().join("tests/a.recording.jsonl");
    let first = std::fs::read_to_string(&recording).unwrap();
    assert!(!first.contains("hush"), "{first}");
    drop(server);
    std::fs::remove_file(far.path().join("a")).unwrap();
    std::fs::remove_file(far.path().join("b")).unwrap();
    let replayed = test(dir.path(), &[]);
    assert_eq!(
        replayed.status.code(),
        Some(0),
        "{}",
        text(&replayed.stdout)
    );
    assert!(!far.path().join("b").exists());
}
