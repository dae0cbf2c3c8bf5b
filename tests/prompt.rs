//! `prompt` on a terminal, which `script` of util-linux makes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test fails by panicking

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

const SCRIPT: &str = r#"
let env = prompt::choose("Environment", ["staging", "production"]);
let name = prompt::ask("Name", #{ fallback: "nobody" });
let token = prompt::secret("Token");
let yes = prompt::confirm("Delete it");
fs::write(OUT, `${env} ${name} ${token.reveal()} ${yes}`);
"#;

/// Runs the script and answers each question when its text has come; returns what was seen and what
/// the script wrote.
fn converse(answers: &[(&str, &str)]) -> (String, String) {
    let dir = tempfile::tempdir().unwrap();
    let (script, out) = (dir.path().join("ask.rhai"), dir.path().join("out"));
    std::fs::write(&script, SCRIPT.replace("OUT", &format!("{out:?}"))).unwrap();
    let command = format!(
        "{} --no-journal {}",
        env!("CARGO_BIN_EXE_e2bscript"),
        script.display()
    );
    let mut child = Command::new("script")
        .args(["-qec", &command, "/dev/null"])
        .env_remove("CI")
        .env("TERM", "xterm")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (mut keyboard, mut screen) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let mut seen = String::new();
    for (question, answer) in answers {
        let from = seen.len();
        while !seen[from..].contains(question) {
            let mut chunk = [0; 256];
            let count = screen.read(&mut chunk).unwrap();
            assert!(
                count > 0,
                "the script ended before it asked {question:?}: {seen}"
            );
            seen.push_str(&String::from_utf8_lossy(&chunk[..count]));
        }
        // What is typed before the echo is off would be thrown away.
        std::thread::sleep(Duration::from_millis(300));
        keyboard.write_all(answer.as_bytes()).unwrap();
    }
    let mut rest = Vec::new();
    screen.read_to_end(&mut rest).unwrap();
    seen.push_str(&String::from_utf8_lossy(&rest));
    child.wait().unwrap();
    (seen, std::fs::read_to_string(out).unwrap_or_default())
}

#[test]
fn questions_are_answered_and_a_secret_is_not_shown() {
    let (seen, wrote) = converse(&[
        ("> ", "9\n"),
        ("none of them; > ", "2\n"),
        ("Name [nobody]: ", "\n"),
        ("Token: ", "canary-7f3a91\n"),
        ("Delete it [y/N] ", "yes\n"),
    ]);
    assert_eq!(wrote, "production nobody canary-7f3a91 true", "{seen}");
    assert!(!seen.contains("canary"), "{seen}");
}

#[test]
fn ctrl_c_ends_a_question_and_gives_the_terminal_back() {
    let (seen, wrote) = converse(&[
        ("> ", "1\n"),
        ("Name [nobody]: ", "x\n"),
        ("Token: ", "\u{3}"),
    ]);
    assert_eq!(wrote, "");
    assert!(!seen.contains("Delete it"), "{seen}");
}
