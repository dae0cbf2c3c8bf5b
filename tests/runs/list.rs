//! The list of runs.

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use regex::Regex;
use serde_json::Value;

use crate::world::World;

/// What differs from run to run.
fn settled(text: &str) -> String {
    let mut text = text.to_owned();
    for (pattern, settled) in [
        (r"\d{8}-\d{4}-[0-9a-z]{4}", "ID________________"),
        (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "WHEN_______________"),
        (r" +\d+\.\d s", "  TOOK"),
    ] {
        text = Regex::new(pattern)
            .unwrap()
            .replace_all(&text, settled)
            .into_owned();
    }
    text
}

#[test]
fn runs_are_listed_newest_first() {
    let world = World::new();
    let empty = world.say(&["runs"]);
    assert_eq!((empty.code, empty.stdout.as_str()), (Some(0), ""));
    assert_eq!(empty.stderr, "no run is kept yet\n");
    assert_eq!(world.say(&["runs", "--json"]).stdout, "");

    fs::create_dir(world.home.path().join("scripts")).unwrap();
    world.write("scripts/write.rhai", "fs::write(\"x\", \"text\\n\");\n");
    world.write("broken.rhai", "throw \"broken\";\n");
    world.say(&["scripts/write.rhai", "--plan"]);
    world.say(&["scripts/write.rhai", "--", "two words"]);
    world.say(&["broken.rhai"]);
    world.say(&["broken.rhai", "--no-journal"]);
    let list = world.say(&["runs"]);
    assert_eq!(list.code, Some(0), "{list:?}");
    assert_eq!(
        settled(&list.stdout),
        "run                 when                 mode  outcome  exit   took  changes  script\n\
         ID________________  WHEN_______________  run   failed      1  TOOK        0  broken.rhai\n\
         ID________________  WHEN_______________  run   ok          0  TOOK        1  scripts/write.rhai -- 'two words'\n\
         ID________________  WHEN_______________  plan  ok          0  TOOK        1  scripts/write.rhai\n"
    );

    let lines: Vec<Value> = world
        .say(&["runs", "--json", "--last", "2"])
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["script"], "broken.rhai");
    assert_eq!(lines[0]["outcome"], "failed");
    assert_eq!(lines[1]["state"], "finished");
    assert_eq!(lines[1]["changed"], 1);
    assert_eq!(lines[1]["args"], serde_json::json!(["--", "two words"]));

    let some = world.say(&["runs", "--last", "1", "--script", "write"]);
    assert_eq!(some.stdout.lines().count(), 2, "{some:?}");
    assert_eq!(some.stderr, "the newest 1 of 2: `--last 2` shows all\n");
    let none = world.say(&["runs", "--script", "deploy"]);
    assert_eq!(
        none.stderr,
        "no run of `deploy` is kept; 3 runs of other scripts\n"
    );
}

#[test]
fn a_run_is_named_by_what_is_enough_of_its_id() {
    let world = World::new();
    world.write("one.rhai", "print(1);\n");
    world.write("two.rhai", "print(2);\n");
    let none = world.say(&["runs", "show", "last"]);
    assert_eq!(none.code, Some(2), "{none:?}");
    assert!(none.stderr.contains("no run is kept in"), "{none:?}");
    world.say(&["one.rhai"]);
    let id = world
        .run_directory()
        .file_name()
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned();
    world.say(&["two.rhai"]);
    for name in [id.as_str(), &id[14..], &id[..17]] {
        assert_eq!(world.say(&["runs", "show", name]).stdout, "1\n", "{name}");
    }
    assert_eq!(world.say(&["runs", "show", "last"]).stdout, "2\n");
    let many = world.say(&["runs", "show", &id[..8]]);
    assert_eq!(many.code, Some(2), "{many:?}");
    assert!(many.stderr.contains("may be any of 2 runs"), "{many:?}");
    let unknown = world.say(&["runs", "show", "20010101"]);
    assert_eq!(unknown.code, Some(2), "{unknown:?}");
    assert!(
        unknown.stderr.contains("no run `20010101` is kept"),
        "{unknown:?}"
    );
}

/// Two runs at once, one of which is killed: each is what it is.
#[test]
fn a_run_that_lives_is_told_from_one_that_was_killed() {
    let world = World::new();
    world.write(
        "long.rhai",
        "fs::write(\"x\", time::now() + \"\\n\");\nlog::info(\"begun\");\ntime::sleep(\"10m\");\n",
    );
    let start = || {
        let mut command = world.command(&["long.rhai"]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        Killed(command.spawn().unwrap())
    };
    let (mut first, second) = (start(), start());
    let states = || -> Vec<(String, u64)> {
        let list = world.say(&["runs", "--json"]);
        assert_eq!(list.code, Some(0), "{list:?}");
        let lines = list.stdout.lines();
        let lines = lines.map(|line| serde_json::from_str::<Value>(line).unwrap());
        let mut states: Vec<_> = lines
            .filter(|line| line["changed"].as_u64() == Some(1))
            .map(|line| {
                let state = line["state"].as_str().unwrap().to_owned();
                (state, line["changed"].as_u64().unwrap())
            })
            .collect();
        states.sort();
        states
    };
    let wait_for = |wanted: [&str; 2]| {
        let wanted = wanted.map(|state| (state.to_owned(), 1));
        let begun = Instant::now();
        while states() != wanted {
            assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", states());
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    wait_for(["running", "running"]);
    let going = world.say(&["runs", "show", "last"]);
    assert!(
        going
            .stderr
            .ends_with("the run goes on: this is what it said so far\n"),
        "{going:?}"
    );
    first.0.kill().unwrap();
    first.0.wait().unwrap();
    wait_for(["killed", "running"]);
    let list = world.say(&["runs"]);
    assert!(
        list.stdout.contains(" killed ") && list.stdout.contains(" running "),
        "{list:?}"
    );
    drop(second);
    wait_for(["killed", "killed"]);
    let gone = world.say(&["runs", "show", "last"]);
    assert_eq!(gone.code, Some(0), "{gone:?}");
    assert!(gone.stderr.contains("begun\n"), "{gone:?}");
    assert!(
        gone.stderr
            .ends_with("its process was killed, or its machine stopped\n"),
        "{gone:?}"
    );
}

/// A process that does not outlive the test.
struct Killed(std::process::Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
