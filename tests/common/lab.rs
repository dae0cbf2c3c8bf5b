//! A rehearsal cluster of a test's own, gone when the test is.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

/// Shape of the smallest cluster that has every role; its nodes run no Nomad and no Consul.
pub const SMALL: &[&str] = &["--servers", "1", "--no-agents"];

/// A lab that is up, with a home directory for runs on it.
pub struct Lab {
    pub name: String,
    pub home: tempfile::TempDir,
}

/// How a run of `e2bscript` ended, and what it said.
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

fn e2blab() -> PathBuf {
    if let Some(path) = std::env::var_os("E2BLAB") {
        return path.into();
    }
    let built = std::env::current_exe().unwrap();
    let path = built.ancestors().nth(2).unwrap().join("e2blab");
    assert!(
        path.exists(),
        "`{}` is not built: `cargo build`",
        path.display()
    );
    path
}

impl Lab {
    pub fn up(shape: &[&str]) -> Lab {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let lab = Lab {
            name: format!("t{}-{number}", std::process::id()),
            home: tempfile::tempdir().unwrap(),
        };
        let up = lab.e2blab(&[&["up"], shape].concat());
        assert!(up.status.success(), "{up:?}");
        lab
    }

    fn e2blab(&self, words: &[&str]) -> Output {
        Command::new(e2blab())
            .args(["--name", &self.name])
            .args(words)
            .output()
            .unwrap()
    }

    /// A file of the lab's own directory on this machine.
    pub fn file(&self, path: &str) -> PathBuf {
        Path::new("/var/lib/e2blab").join(&self.name).join(path)
    }

    pub fn env(&self, key: &str) -> String {
        let text = fs::read_to_string(self.file("deploy.env")).unwrap();
        let found = text
            .lines()
            .find_map(|line| line.strip_prefix(&format!("{key}=")));
        found.unwrap().to_owned()
    }

    /// Changes one line of the lab's `deploy.env`.
    pub fn set_env(&self, key: &str, value: &str) {
        let text = fs::read_to_string(self.file("deploy.env")).unwrap();
        let head = format!("{key}=");
        let lines = text.lines().filter(|line| !line.starts_with(&head));
        let lines: Vec<&str> = lines.collect();
        let text = format!("{}\n{head}{value}\n", lines.join("\n"));
        fs::write(self.file("deploy.env"), text).unwrap();
    }

    /// Makes one of the lab's artifacts another and longer file.
    pub fn append_to_artifact(&self, name: &str, bytes: &[u8]) {
        let path = self.file("artifacts/bin").join(name);
        let mut file = fs::File::options().append(true).open(path).unwrap();
        file.write_all(bytes).unwrap();
    }

    /// What root sees on a node, without SSH.
    pub fn on_node(&self, node: &str, script: &str) -> Output {
        self.e2blab(&["exec", node, "--", "sh", "-c", script])
    }

    pub fn ask(&self, node: &str, script: &str) -> String {
        let output = self.on_node(node, script);
        assert!(output.status.success(), "{script}: {output:?}");
        text(&output.stdout).trim_end().to_owned()
    }

    pub fn fault(&self, words: &[&str]) {
        let output = self.e2blab(&[&["fault"], words].concat());
        assert!(output.status.success(), "{words:?}: {output:?}");
    }

    /// Reboots nodes together.
    pub fn reboot(&self, nodes: &[&str]) {
        let output = self.e2blab(&[&["reboot"], nodes].concat());
        assert!(output.status.success(), "{nodes:?}: {output:?}");
    }

    /// The program with this lab's configuration, in the project's directory.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_e2bscript"));
        command
            .args(words)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env("E2BSCRIPT_ENV_FILE", self.file("deploy.env"))
            .env("HOME", self.home.path())
            .env("XDG_STATE_HOME", self.home.path().join("state"))
            .env("XDG_CACHE_HOME", self.home.path().join("cache"))
            .env("NO_COLOR", "1")
            .env_remove("SSH_AUTH_SOCK")
            .stdin(Stdio::null());
        command
    }

    pub fn run(&self, words: &[&str]) -> Ran {
        Ran::of(self.command(words).output().unwrap())
    }

    /// Runs, and shows the run again: both must say the same, to the last byte.
    #[track_caller]
    pub fn run_and_replay(&self, words: &[&str]) -> Ran {
        let ran = self.run(words);
        let again = self.run(&["runs", "show", "last"]).ended(0);
        assert_eq!(again.stdout, ran.stdout, "{words:?}");
        assert_eq!(again.stderr, ran.stderr, "{words:?}");
        ran
    }

    /// The run's events; it must end with this code.
    pub fn events(&self, words: &[&str], code: i32) -> Vec<Value> {
        let ran = self.run(&[&["--json"], words].concat());
        assert_eq!(ran.code, Some(code), "{ran}");
        let lines = ran.stdout.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no event: {line}")))
            .collect()
    }

    /// Starts a run and leaves it alone.
    pub fn start(&self, words: &[&str]) -> Child {
        let mut command = self.command(words);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    }

    /// Every path of a node's own file system with type, mode, owner, size, time of change and link
    /// target. Left out: what is no file (`/proc`, `/sys`, `/dev`), and what sshd and systemd write
    /// because somebody logged in (`/run`, logs).
    pub fn audit(&self, node: &str) -> BTreeSet<String> {
        let found = self.ask(
            node,
            r"find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /run -o -path /var/log \) -prune \
              -o -printf '%p %y %m %U:%G %s %T@ %l\n'",
        );
        found.lines().map(str::to_owned).collect()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let down = self.e2blab(&["down"]);
        if !std::thread::panicking() {
            assert!(down.status.success(), "{down:?}");
        }
    }
}

impl Ran {
    pub fn of(output: Output) -> Ran {
        Ran {
            code: output.status.code(),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }

    /// What it must have ended with.
    #[track_caller]
    pub fn ended(self, code: i32) -> Ran {
        assert_eq!(self.code, Some(code), "{self}");
        self
    }
}

impl std::fmt::Display for Ran {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}\n{}\n{}", self.code, self.stdout, self.stderr)
    }
}

/// `HOST ITEM` of every change among the events, sorted.
pub fn changes(events: &[Value]) -> Vec<String> {
    let changes = events.iter().filter(|event| event["type"] == "change");
    let word = |event: &Value, key: &str| event[key].as_str().unwrap().to_owned();
    let mut changes: Vec<String> = changes
        .map(|event| format!("{} {}", word(event, "host"), word(event, "item")))
        .collect();
    changes.sort();
    changes
}

/// The one event of this type.
pub fn only<'a>(events: &'a [Value], kind: &str) -> &'a Value {
    let mut found = events.iter().filter(|event| event["type"] == kind);
    let event = found.next().unwrap_or_else(|| panic!("no event `{kind}`"));
    assert!(found.next().is_none(), "more than one event `{kind}`");
    event
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
