//! `fs`, `secret` and `prompt`: what a plan leaves alone, what the run reports, what is asked.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test fails by panicking

mod common;

use common::script::{Setup, run_with};
use e2bscript::report::{Action, Event, Mode};

fn changes(events: &[Event]) -> Vec<(String, Action, bool, String, Option<String>)> {
    events
        .iter()
        .filter_map(|event| match event {
            Event::Change {
                host,
                item,
                action,
                applied,
                reason,
                diff,
                ..
            } => {
                assert_eq!(host, "workstation");
                Some((
                    item.clone(),
                    *action,
                    *applied,
                    reason.clone(),
                    diff.clone(),
                ))
            }
            _ => None,
        })
        .collect()
}

const SCRIPT: &str = r#"
    fs::write(DIR + "/same", "same\n");
    fs::write(DIR + "/old", "new\n", #{ mode: "0600" });
    fs::write(DIR + "/fresh", "x\n");
    fs::write(DIR + "/key", secret::text("canary-7f3a91"));
    fs::mkdir(DIR + "/sub");
    fs::remove(DIR + "/gone");
    let scratch = fs::temp_dir();
    fs::write(scratch + "/x", "x");
    expect::equal(fs::read(scratch + "/x"), "x");
    scratch
"#;

fn run(mode: Mode, dir: &std::path::Path) -> (Vec<Event>, String, String) {
    std::fs::write(dir.join("same"), "same\n").unwrap();
    std::fs::write(dir.join("old"), "old\n").unwrap();
    std::fs::write(dir.join("gone"), "x").unwrap();
    let setup = Setup {
        mode,
        given: vec![("DIR", dir.display().to_string())],
        ..Setup::default()
    };
    let ran = run_with(SCRIPT, &setup);
    let (events, lines) = (ran.events.clone(), ran.lines.clone());
    (events, lines, ran.value().to_string())
}

#[test]
fn a_plan_shows_what_a_run_does_and_writes_nothing() {
    let (plan_dir, run_dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (planned, planned_lines, _) = run(Mode::Plan, plan_dir.path());
    let (done, done_lines, _) = run(Mode::Apply, run_dir.path());
    let place = |text: &str, dir: &std::path::Path| text.replace(dir.to_str().unwrap(), "DIR");
    let planned: Vec<_> = changes(&planned)
        .into_iter()
        .map(|(item, a, applied, r, d)| (place(&item, plan_dir.path()), a, !applied, r, d))
        .collect();
    let done: Vec<_> = changes(&done)
        .into_iter()
        .map(|(item, a, applied, r, d)| (place(&item, run_dir.path()), a, applied, r, d))
        .collect();
    assert_eq!(planned, done);
    let items: Vec<_> = done.iter().map(|change| change.0.as_str()).collect();
    assert_eq!(
        items,
        [
            "file DIR/old",
            "file DIR/fresh",
            "file DIR/key",
            "dir DIR/sub",
            "file DIR/gone"
        ]
    );
    assert_eq!(done[0].3, "content, mode 0644 → 0600");
    assert!(done[0].4.as_deref().unwrap().contains("-old\n+new"));
    assert_eq!(done[2].4, None);
    let left = |dir: &std::path::Path| {
        let mut names: Vec<_> = std::fs::read_dir(dir)
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    assert_eq!(left(plan_dir.path()), ["gone", "old", "same"]);
    assert_eq!(
        std::fs::read_to_string(plan_dir.path().join("old")).unwrap(),
        "old\n"
    );
    assert_eq!(left(run_dir.path()), ["fresh", "key", "old", "same", "sub"]);
    assert!(!format!("{planned_lines}{done_lines}").contains("canary"));
}

#[test]
fn scratch_directories_are_gone_after_the_run() {
    let dir = tempfile::tempdir().unwrap();
    let (_, _, scratch) = run(Mode::Apply, dir.path());
    assert!(scratch.contains("e2bscript-"));
    assert!(!std::path::Path::new(&scratch).exists());
}

#[test]
fn yes_and_plan_answer_a_confirmation() {
    let ask = |yes, mode| {
        let setup = Setup {
            yes,
            mode,
            ..Setup::default()
        };
        run_with("prompt::confirm(\"Delete it\")", &setup)
            .value()
            .as_bool()
    };
    assert_eq!(ask(true, Mode::Apply), Ok(true));
    assert_eq!(ask(false, Mode::Plan), Ok(true));
}

#[test]
fn a_question_without_anybody_to_ask_is_an_error_of_usage() {
    let dir = tempfile::tempdir().unwrap();
    let script = dir.path().join("ask.rhai");
    std::fs::write(&script, "prompt::confirm(\"Delete it\")").unwrap();
    let out = assert_cmd::Command::cargo_bin("e2bscript")
        .unwrap()
        .arg("--no-journal")
        .arg(&script)
        // A terminal of whoever runs the tests must not be asked.
        .env("CI", "true")
        .output()
        .unwrap();
    assert_eq!(out.status.code(), Some(2));
    let said = String::from_utf8(out.stderr).unwrap();
    assert!(
        said.contains("\"Delete it\": there is no terminal to ask on"),
        "{said}"
    );
    assert!(said.contains("pass `--yes`"), "{said}");
}
