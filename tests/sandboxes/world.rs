//! A deployed lab as the tests use it: scripts that have `api`, what they say, what is left behind.

use std::fs;
use std::io::{BufRead, BufReader, Lines};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command};

use rustix::process::{Pid, Signal, kill_process};

use crate::common::lab::{Lab, Ran};

/// What scripts begin with.
const HEAD: &str = r#"
import "std/config" as config;
import "std/cluster" as cluster;
import "std/platform" as platform;
let api = platform::open(cluster::open(config::load(env::get("E2BSCRIPT_ENV_FILE"))));
"#;

/// Only a sandbox that is to be there meanwhile has a purpose of that name.
pub const BYSTANDER: &str = "bystander";

pub struct World {
    pub lab: Lab,
}

impl World {
    /// Writes a script that has `api`, and gives its path.
    pub fn script(&self, name: &str, text: &str) -> String {
        let path = self.lab.home.path().join(format!("{name}.rhai"));
        fs::write(&path, format!("{HEAD}{text}")).unwrap();
        path.to_str().unwrap().to_owned()
    }

    pub fn run(&self, name: &str, text: &str) -> Ran {
        self.lab.run(&[&self.script(name, text)])
    }

    /// Runs with other values in `deploy.env`.
    pub fn run_with(&self, values: &[(&str, &str)], words: &[&str]) -> Ran {
        Ran::of(self.command_with(values, words).output().unwrap())
    }

    fn command_with(&self, values: &[(&str, &str)], words: &[&str]) -> Command {
        let text = fs::read_to_string(self.lab.file("deploy.env")).unwrap();
        let is_other = |line: &&str| {
            let name = line.split('=').next().unwrap();
            values.iter().all(|(other, _)| *other != name)
        };
        let mut text: String = text
            .lines()
            .filter(is_other)
            .map(|line| format!("{line}\n"))
            .collect();
        for (name, value) in values {
            text.push_str(&format!("{name}={value}\n"));
        }
        let path = self.other_env();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let mut command = self.lab.command(words);
        command.env("E2BSCRIPT_ENV_FILE", path);
        command
    }

    pub fn other_env(&self) -> PathBuf {
        self.lab.home.path().join("other.env")
    }

    /// Has a script make a sandbox; it must fail with 1, say all that, and leave nothing.
    #[track_caller]
    pub fn create_fails(&self, template: &str, said: &[&str]) -> Ran {
        let text = format!("api.create_sandbox(\"{template}\");");
        let ran = self.run("create", &text).ended(1);
        says(&ran, said);
        self.expect_none();
        ran
    }

    /// A validation finds that this step fails, says which by its exit code, and all that.
    #[track_caller]
    pub fn validation_fails(&self, step: &str, said: &[&str]) -> Ran {
        let ran = self.lab.run(&["validate-api.rhai"]).ended(7);
        let row = ran.stdout.lines().find(|line| line.starts_with(step));
        assert!(row.is_some_and(|row| row.contains("fail")), "{step}: {ran}");
        says(&ran, said);
        ran
    }

    /// No sandbox is left: the API knows none, and no client node has one.
    #[track_caller]
    pub fn expect_none(&self) {
        let count = format!(
            "let all = api.list_sandboxes().filter(|one| one.metadata.get(\"purpose\") != \"{BYSTANDER}\");\n\
             let others = api.list_sandboxes().len() - all.len();\n\
             print(`sandboxes: ${{all.len()}} and ${{others}}`);"
        );
        let ran = self
            .lab
            .run(&["--quiet", &self.script("count", &count)])
            .ended(0);
        let found = ran.stdout.trim().strip_prefix("sandboxes: 0 and ");
        let others: usize = found.unwrap_or_else(|| panic!("{ran}")).parse().unwrap();
        assert_eq!(self.on_nodes(), others, "{ran}");
    }

    /// How many sandboxes the client nodes have, whoever knows of them.
    pub fn on_nodes(&self) -> usize {
        let count = "for pid in $(pgrep -f '^\\./bin/orchestrator '); do pgrep -P $pid -x unshare; done | wc -l";
        self.lab.ask("client-1", count).parse().unwrap()
    }

    /// What a query of the platform's database answers, one row a line.
    pub fn sql(&self, query: &str) -> String {
        let script =
            format!("runuser -u postgres -- psql -U superuser -XAtq -c \"{query}\" postgres");
        self.lab.ask("database-1", &script)
    }

    /// Starts a run, and waits until it has printed `text`.
    #[track_caller]
    pub fn start(&self, words: &[&str], text: &str) -> Running {
        let mut child = self.lab.start(words);
        let stdout = child.stdout.take().unwrap();
        let mut running = Running {
            child: Some(child),
            lines: BufReader::new(stdout).lines(),
            seen: Vec::new(),
        };
        running.until(text);
        running
    }
}

/// A run in the background; it does not outlive the test.
pub struct Running {
    child: Option<Child>,
    lines: Lines<BufReader<ChildStdout>>,
    /// What it has printed so far.
    seen: Vec<String>,
}

impl Running {
    /// Waits until it prints a line with that text, and gives the line.
    #[track_caller]
    pub fn until(&mut self, text: &str) -> String {
        while let Some(Ok(line)) = self.lines.next() {
            self.seen.push(line);
            if self.last().contains(text) {
                return self.last().to_owned();
            }
        }
        let end = self.child.take().unwrap().wait_with_output();
        panic!("it never printed `{text}`, but {:?}: {end:?}", self.seen);
    }

    /// What it has printed last.
    pub fn last(&self) -> &str {
        self.seen.last().unwrap()
    }

    pub fn interrupt(&self) {
        let pid = self.child.as_ref().unwrap().id().try_into().unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), Signal::INT).unwrap();
    }

    /// Waits for its end.
    pub fn ended(mut self) -> Ran {
        // what it prints meanwhile must be taken, or it waits for that
        let lines = self.lines.by_ref().map_while(Result::ok);
        self.seen.extend(lines);
        let child = self.child.take().unwrap();
        let mut ran = Ran::of(child.wait_with_output().unwrap());
        ran.stdout = self.seen.join("\n");
        ran
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // it may have ended
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// It said all of that, to whoever reads its output.
#[track_caller]
pub fn says(ran: &Ran, all: &[&str]) {
    let text = format!("{ran}").replace(" │ ", " ");
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for one in all {
        assert!(text.contains(one), "it does not say `{one}`: {ran}");
    }
}
