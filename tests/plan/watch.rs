//! `watch` in a terminal, as somebody sees it who edits a script beside it.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::common::lab::Lab;

/// The longest wait for a word on the screen; a busy machine takes its time.
const PATIENCE: Duration = Duration::from_secs(90);

const SCRIPT: &str = r#"import "std/config" as config;
import "std/cluster" as cluster;
import "std/stage" as stage;

stage::run(cluster::open(config::load(env::get("E2BSCRIPT_ENV_FILE"))));
"#;

/// A terminal of its own, gone when the test is.
struct Terminal {
    socket: String,
}

impl Terminal {
    fn start(lab: &Lab, words: &[&str]) -> Terminal {
        // a server that ends still holds its socket for a moment
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let terminal = Terminal {
            socket: format!("e2bscript-test-{}-{number}", lab.name),
        };
        let program = lab.command(words);
        let (mut unset, mut set) = (String::from("-u CI"), String::new());
        for (name, value) in program.get_envs() {
            let name = name.to_str().unwrap();
            match value {
                Some(value) => set.push_str(&format!(" {name}='{}'", value.to_str().unwrap())),
                None => unset.push_str(&format!(" -u {name}")),
            }
        }
        let mut command = format!("env {unset}{set}");
        command.push_str(&format!(" '{}'", env!("CARGO_BIN_EXE_e2bscript")));
        for word in words {
            command.push_str(&format!(" '{word}'"));
        }
        // What it ended with stays to be read.
        command.push_str("; echo \"ended with $?\"; exec sleep 600");
        let started = terminal.tmux(&[
            "-f",
            "/dev/null",
            "new-session",
            "-d",
            "-x",
            "160",
            "-y",
            "60",
            &command,
        ]);
        assert!(started.status.success(), "{started:?}");
        terminal
    }

    fn tmux(&self, words: &[&str]) -> Output {
        let mut command = Command::new("tmux");
        command.args(["-L", &self.socket]).args(words);
        command.current_dir(env!("CARGO_MANIFEST_DIR"));
        command.output().expect("tmux: `tools/packages.sh test`")
    }

    /// All that was on the screen, also what has moved up.
    fn text(&self) -> String {
        let pane = self.tmux(&["capture-pane", "-p", "-J", "-S", "-"]);
        String::from_utf8_lossy(&pane.stdout).into_owned()
    }

    /// Waits until so many rounds came to their end; what the last one showed.
    #[track_caller]
    fn round(&self, number: usize) -> String {
        let begun = Instant::now();
        loop {
            let text = self.text();
            let rounds: Vec<&str> = text.split("Ctrl-C ends this").collect();
            if rounds.len() > number {
                return rounds[number - 1].to_owned();
            }
            assert!(begun.elapsed() < PATIENCE, "no round {number}:\n{text}");
            sleep(Duration::from_millis(50));
        }
    }

    #[track_caller]
    fn wait_for(&self, word: &str) -> String {
        let begun = Instant::now();
        loop {
            let text = self.text();
            if text.contains(word) {
                return text;
            }
            assert!(begun.elapsed() < PATIENCE, "no `{word}`:\n{text}");
            sleep(Duration::from_millis(50));
        }
    }

    fn press(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys"], keys].concat());
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}

pub fn in_a_terminal(lab: &Lab) {
    let script = lab.home.path().join("mine.rhai");
    fs::write(&script, SCRIPT).unwrap();
    lab.run(&["stage.rhai"]).ended(0);
    three_edits(lab, &script);
    changes_are_made_after_a_question(lab, &script);
}

fn three_edits(lab: &Lab, script: &Path) {
    let terminal = Terminal::start(lab, &["watch", script.to_str().unwrap()]);
    let first = terminal.round(1);
    assert!(first.contains("check: nothing found"), "{first}");
    assert!(first.contains("plan: 0 to change"), "{first}");

    // A typo, saved as editors do: beside, then renamed into place.
    let beside = script.with_extension("tmp");
    fs::write(&beside, SCRIPT.replace("stage::run", "stage::rnu")).unwrap();
    fs::rename(&beside, script).unwrap();
    let typo = terminal.round(2);
    assert!(typo.contains("mine.rhai` has changed"), "{typo}");
    assert!(typo.contains("check: 1 error"), "{typo}");
    assert!(typo.contains("did you mean `stage::run`"), "{typo}");
    assert!(typo.contains("exit code 3"), "{typo}");

    // Its correction, saved in two halves.
    fs::write(script, "").unwrap();
    fs::write(script, SCRIPT).unwrap();
    let fixed = terminal.round(3);
    assert!(fixed.contains("check: nothing found"), "{fixed}");
    assert!(fixed.contains("plan: 0 to change"), "{fixed}");

    // A value of the configuration: one file on one host.
    lab.set_env("ADMIN_TOKEN", "a-token-of-a-test");
    let planned = terminal.round(4);
    assert!(planned.contains("deploy.env` has changed"), "{planned}");
    assert!(planned.contains("~ text /opt/e2b/api.env"), "{planned}");
    assert!(planned.contains("[new]"), "{planned}");
    assert!(planned.contains("plan: 1 to change"), "{planned}");
    assert!(!planned.contains("a-token-of-a-test"), "{planned}");

    // A test that comes to be and fails: there is no plan until it is mended.
    let test = script.with_file_name("mine.test.rhai");
    fs::write(&test, "fn test_sum() { test::equal(1 + 1, 3); }\n").unwrap();
    let failed = terminal.round(5);
    assert!(failed.contains("found 2, wanted 3"), "{failed}");
    assert!(failed.contains("tests: 1 failed, "), "{failed}");
    assert!(!failed.contains("api.env"), "{failed}");
    fs::write(&test, "fn test_sum() { test::equal(1 + 1, 2); }\n").unwrap();
    let mended = terminal.round(6);
    assert!(!mended.contains("failed,"), "{mended}");
    assert!(mended.contains("passed, "), "{mended}");
    assert!(mended.contains("plan: 1 to change"), "{mended}");
    fs::remove_file(&test).unwrap();
    terminal.round(7);

    terminal.press(&["C-c"]);
    terminal.wait_for("ended with 0");
}

fn changes_are_made_after_a_question(lab: &Lab, script: &Path) {
    let words = ["watch", "--apply", script.to_str().unwrap()];
    let terminal = Terminal::start(lab, &words);
    terminal.wait_for("make this change? [y/N]");

    // A save takes the question back; the next one is about what is then.
    lab.ask("api-1", "chmod 700 /opt/e2b/bin/e2b-api");
    lab.set_env("ADMIN_TOKEN", "another-token-of-a-test");
    terminal.wait_for("make these 2 changes? [y/N]");
    terminal.press(&["y", "Enter"]);
    let made = terminal.round(1);
    assert!(made.contains(": 2 changed,"), "{made}");

    lab.set_env("PRODUCTION", "true");
    let refused = terminal.wait_for("ended with 2");
    assert!(
        refused.contains("marks the configuration as production"),
        "{refused}"
    );
    lab.set_env("PRODUCTION", "false");
}
