//! Journals that are not as this version writes them: shown as far as they can be, with a plain sentence.

use std::fs;
use std::path::PathBuf;

use crate::world::{Said, World};

/// A run whose stored events are changed by `change`, shown again.
fn shown(change: impl FnOnce(String) -> String) -> (Said, Said) {
    let world = World::new();
    world.write(
        "talk.rhai",
        "log::info(\"one\");\nlog::info(\"two\");\nprint(3);\n",
    );
    let live = world.say(&["talk.rhai"]);
    let events: PathBuf = world.run_directory().join("events.jsonl");
    let text = fs::read_to_string(&events).unwrap();
    fs::write(&events, change(text)).unwrap();
    (live, world.say(&["runs", "show", "last"]))
}

#[test]
fn an_older_version_did_not_store_the_look() {
    let (live, again) = shown(|text| {
        let start = text.find(",\"console\":{").unwrap();
        let end = start + text[start..].find('}').unwrap() + 1;
        text[..start].to_owned() + &text[end..]
    });
    assert_eq!(again.stdout, live.stdout);
    assert!(
        again.stderr.contains("did not store how it looked"),
        "{again:?}"
    );
    assert!(again.stderr.ends_with(&live.stderr), "{again:?}");
}

#[test]
fn a_newer_format_is_refused() {
    let (_, again) = shown(|text| text.replace("\"schema\":1", "\"schema\":2"));
    assert_eq!(
        (again.code, again.stdout.as_str()),
        (Some(1), ""),
        "{again:?}"
    );
    for part in [
        "has events of format 2",
        "knows those up to 1",
        "run.format",
        "or a later one",
    ] {
        assert!(again.stderr.contains(part), "{part}: {again:?}");
    }
}

#[test]
fn events_that_are_not_known_are_left_out_and_counted() {
    let (live, again) = shown(|text| {
        text.replace(
            "\"type\":\"log\",\"level\":\"info\",\"message\":\"two\"",
            "\"type\":\"weather\"",
        )
    });
    assert_eq!(
        (again.code, &again.stdout),
        (Some(0), &live.stdout),
        "{again:?}"
    );
    assert_eq!(
        again.stderr,
        live.stderr.replace("two\n", "")
            + "1 event of a kind that this version does not know: left out\n"
    );
}

#[test]
fn a_damaged_line_is_named() {
    let (live, again) = shown(|text| text.replace("\"message\":\"two\"", "\"message\":\"tw"));
    assert_eq!(again.stdout, live.stdout);
    assert!(
        again.stderr.contains("one\n") && !again.stderr.contains("two\n"),
        "{again:?}"
    );
    let told =
        "warning: line 3 of the stored events cannot be read: what it told is missing above\n";
    assert!(again.stderr.ends_with(told), "{again:?}");
}

#[test]
fn a_file_that_breaks_off_is_shown_up_to_there() {
    let (live, again) = shown(|text| {
        let end = text.find("\"message\":\"two\"").unwrap();
        text[..end].to_owned()
    });
    assert_eq!(
        (again.code, again.stdout.as_str()),
        (Some(0), ""),
        "{again:?}"
    );
    assert!(
        live.stderr.starts_with("one\n") && again.stderr.starts_with("one\n"),
        "{again:?}"
    );
    assert!(
        again
            .stderr
            .contains("the end of the stored events is missing"),
        "{again:?}"
    );
}

#[test]
fn what_is_not_there_is_said() {
    let world = World::new();
    world.write("talk.rhai", "print(3);\n");
    world.say(&["talk.rhai"]);
    let run = world.run_directory();
    fs::remove_file(run.join("log.txt")).unwrap();
    let log = world.say(&["runs", "show", "last", "--log"]);
    assert_eq!(log.code, Some(1), "{log:?}");
    assert!(log.stderr.contains("has no `log.txt`"), "{log:?}");
    fs::write(run.join("run.json"), "{").unwrap();
    let list = world.say(&["runs"]);
    assert_eq!(list.code, Some(0), "{list:?}");
    assert!(list.stderr.contains("run.json` cannot be read"), "{list:?}");
    // the events are whole
    assert_eq!(world.say(&["runs", "show", "last"]).stdout, "3\n");
}
