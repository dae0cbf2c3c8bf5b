//! `watch` runs the tests that belong to what was saved, and plans nothing while one fails.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::project;

/// The longest wait for a line; a busy machine takes its time.
const PATIENCE: Duration = Duration::from_secs(60);

struct Watching {
    program: Child,
    events: Receiver<Value>,
}

impl Watching {
    fn start(dir: &Path) -> Watching {
        let mut program = Command::new(env!("CARGO_BIN_EXE_e2bscript"))
            .args(["watch", "mine.rhai", "--json"])
            .current_dir(dir)
            .env("XDG_CONFIG_HOME", dir.join("config"))
            .env("XDG_STATE_HOME", dir.join("state"))
            .env_remove("E2BSCRIPT_ENV_FILE")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (send, events) = channel();
        let lines = BufReader::new(program.stdout.take().unwrap()).lines();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if send.send(serde_json::from_str(&line).unwrap()).is_err() {
                    return;
                }
            }
        });
        Watching { program, events }
    }

    /// What is told up to an event of which `end` says so.
    #[track_caller]
    fn until(&self, end: impl Fn(&Value) -> bool) -> Vec<Value> {
        let mut seen = Vec::new();
        loop {
            match self.events.recv_timeout(PATIENCE) {
                Ok(event) => seen.push(event),
                Err(error) => panic!("{error}: {seen:#?}"),
            }
            if end(seen.last().unwrap()) {
                return seen;
            }
        }
    }

    /// Waits until the watch waits.
    #[track_caller]
    fn round(&self) -> Round {
        Round(self.until(|event| message(event).starts_with("watching ")))
    }

    fn interrupt(&self) {
        let pid = Pid::from_raw(self.program.id().try_into().unwrap()).unwrap();
        kill_process(pid, Signal::INT).unwrap();
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

fn message(event: &Value) -> &str {
    event["message"].as_str().unwrap_or_default()
}

/// What was told in a round.
struct Round(Vec<Value>);

impl Round {
    /// What was said of the tests, without the time that they took.
    fn tests(&self) -> &str {
        let mut said = self.0.iter().map(message);
        let line = said.find_map(|line| line.strip_prefix("tests: "));
        let line = line.unwrap_or_default();
        line.split(" (").next().unwrap()
    }

    /// Whether the script ran, which only happens in a plan.
    fn planned(&self) -> bool {
        self.0.iter().any(|event| event["type"] == "result")
    }

    fn failure(&self) -> &Value {
        let mut events = self.0.iter();
        events
            .find(|event| event["type"] == "failure")
            .unwrap_or(&Value::Null)
    }
}

#[test]
fn what_a_save_concerns_is_tested_and_nothing_is_planned_while_it_fails() {
    let dir = project(&[
        (
            "scripts/mine.rhai",
            "import \"../lib/low\" as low;\nlow::answer()\n",
        ),
        ("lib/low.rhai", "fn answer() { 42 }\n"),
        (
            "lib/low.test.rhai",
            "import \"./low\" as low;\n\
             fn test_answer() { test::equal(low::answer(), 42); }\n\
             fn test_text() { test::golden(\"text\", `it is ${low::answer()}\n`); }\n",
        ),
        ("lib/low.golden/text", "it is 42\n"),
        (
            "tests/mine.test.rhai",
            "fn test_own() { test::equal(fs::read(\"data\"), \"1\"); }\n",
        ),
        (
            "tests/other.test.rhai",
            "fn test_other() { test::check(false); }\n",
        ),
        ("data", "1"),
    ]);
    let save = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
    let watching = Watching::start(dir.path());
    let first = watching.round();
    assert_eq!(first.tests(), "3 passed");
    assert!(first.planned());

    // An edit that breaks what is tested, and its correction.
    save("lib/low.rhai", "fn answer() { 43 }\n");
    let broken = watching.round();
    assert_eq!(broken.tests(), "2 failed, 1 passed, 1 of them unchanged");
    assert!(!broken.planned());
    let failure = broken.failure();
    assert_eq!(failure["failure"]["kind"], "watch.tests", "{failure}");
    let report = failure["report"].as_str().unwrap();
    for part in [
        "failed lib/low.test.rhai: test_answer",
        "found 43, wanted 42",
        "-it is 42",
    ] {
        assert!(report.contains(part), "`{part}` is not in:\n{report}");
    }
    save("lib/low.rhai", "fn answer() { 42 } // mended\n");
    let mended = watching.round();
    assert_eq!(mended.tests(), "3 passed, 1 of them unchanged");
    assert!(mended.planned());

    // What no test reads.
    save(
        "scripts/mine.rhai",
        "import \"../lib/low\" as low;\nlow::answer() + 1\n",
    );
    let unchanged = watching.round();
    assert_eq!(unchanged.tests(), "3 passed, unchanged");
    assert!(unchanged.planned());

    // What tests alone read: a golden file, a file, the test itself, a recording that comes to be.
    save("lib/low.golden/text", "it is 44\n");
    assert_eq!(
        watching.round().tests(),
        "1 failed, 2 passed, 1 of them unchanged"
    );
    save("lib/low.golden/text", "it is 42\n");
    assert_eq!(watching.round().tests(), "3 passed, 1 of them unchanged");
    save("data", "2");
    assert_eq!(
        watching.round().tests(),
        "1 failed, 2 passed, 2 of them unchanged"
    );
    save(
        "tests/mine.test.rhai",
        "fn test_own() { }\nfn test_too() { test::skip(\"not here\"); }\n",
    );
    assert_eq!(
        watching.round().tests(),
        "3 passed, 1 skipped, 2 of them unchanged"
    );
    save("tests/mine.recording.jsonl", "");
    assert_eq!(
        watching.round().tests(),
        "3 passed, 1 skipped, 2 of them unchanged"
    );

    // A file of tests that comes to be, and one that goes.
    save("scripts/mine.test.rhai", "fn test_new() { }\n");
    assert_eq!(
        watching.round().tests(),
        "4 passed, 1 skipped, 3 of them unchanged"
    );
    fs::remove_file(dir.path().join("tests/mine.test.rhai")).unwrap();
    assert_eq!(watching.round().tests(), "3 passed, unchanged");
}

#[test]
fn a_save_and_a_signal_end_tests_that_run() {
    let dir = project(&[
        ("mine.rhai", "1\n"),
        ("mine.test.rhai", "fn test_endless() { loop { } }\n"),
    ]);
    let save = |text: &str| fs::write(dir.path().join("mine.test.rhai"), text).unwrap();
    let mut watching = Watching::start(dir.path());
    watching.until(|event| message(event).starts_with("check: "));
    save("fn test_short() { }\n");
    let round = watching.round();
    assert_eq!(round.tests(), "1 passed", "{:#?}", round.0);
    assert!(round.planned());

    save("fn test_endless() { loop { } }\n");
    watching.until(|event| message(event).starts_with("check: "));
    watching.interrupt();
    watching.until(|event| event["type"] == "run_finished");
    assert_eq!(watching.program.wait().unwrap().code(), Some(0));
}
