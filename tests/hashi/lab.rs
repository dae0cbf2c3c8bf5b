//! The lab that the tests of this target share, and scripts that run on it.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{OnceLock, RwLock, RwLockReadGuard, RwLockWriteGuard};

use e2bscript::report::Mode;
use serde_json::Value;

use crate::common::script::{Ran, Setup, run_with};

/// A lab whose agents are up. It goes down with this process, however that ends.
pub struct Lab {
    name: String,
    acl: bool,
    /// Held to write by tests that break something others need.
    pub whole: RwLock<()>,
}

/// The lab without ACLs.
pub fn lab() -> &'static Lab {
    static LAB: OnceLock<Lab> = OnceLock::new();
    LAB.get_or_init(|| Lab::up(false))
}

/// A smaller one with ACLs.
pub fn lab_with_acls() -> &'static Lab {
    static LAB: OnceLock<Lab> = OnceLock::new();
    LAB.get_or_init(|| Lab::up(true))
}

fn e2blab() -> PathBuf {
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
    fn up(acl: bool) -> Lab {
        let name = format!("h{}{}", std::process::id(), if acl { "a" } else { "" });
        take_down_when_this_process_ends(&name);
        let mut words = vec!["up", "--name", &name, "--no-database", "--no-docker"];
        if acl {
            words.extend(["--acl", "--servers=1", "--clients=0"]);
        }
        let output = Command::new(e2blab()).args(words).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        Lab {
            name,
            acl,
            whole: RwLock::new(()),
        }
    }

    pub fn gently(&self) -> RwLockReadGuard<'_, ()> {
        self.whole
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// The lab for a test that breaks something; it is mended when the guard is dropped.
    pub fn alone(&'static self) -> Alone {
        Alone {
            lab: self,
            _whole: self.exclusively(),
        }
    }

    fn exclusively(&self) -> RwLockWriteGuard<'_, ()> {
        self.whole
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub fn e2blab(&self, words: &[&str]) {
        let mut all = vec!["--name", &self.name];
        all.extend(words);
        let output = Command::new(e2blab()).args(all).output().unwrap();
        assert!(output.status.success(), "{words:?}: {output:?}");
    }

    /// Runs a shell script as root on a node.
    pub fn on(&self, node: &str, script: &str) {
        self.e2blab(&["exec", node, "--", "sh", "-ec", script]);
    }

    /// A value of the lab's configuration.
    pub fn env(&self, key: &str) -> String {
        let path = format!("/var/lib/e2blab/{}/deploy.env", self.name);
        let text = std::fs::read_to_string(path).unwrap();
        let prefix = format!("{key}=");
        let line = text.lines().find_map(|line| line.strip_prefix(&prefix));
        line.unwrap_or_default().to_owned()
    }

    /// Runs a script that has `n`, a Nomad, `k`, a Consul, `servers`, and the constants `given`.
    pub fn run(&self, script: &str, given: &[(&'static str, String)]) -> Ran {
        self.run_as(script, given, Mode::default())
    }

    /// As [`Lab::run`], under `--plan`.
    pub fn run_planned(&self, script: &str, given: &[(&'static str, String)]) -> Ran {
        self.run_as(script, given, Mode::Plan)
    }

    fn run_as(&self, script: &str, given: &[(&'static str, String)], mode: Mode) -> Ran {
        let directory = format!("/var/lib/e2blab/{}", self.name);
        let mut all = vec![
            ("BASTION", self.env("BASTION_HOST")),
            ("SERVERS", self.env("SERVER_POOL_PRIVATE")),
            ("KEY", format!("{directory}/id_ed25519")),
            ("KNOWN", format!("{directory}/known_hosts")),
            ("NOMAD_TOKEN", self.env("NOMAD_TOKEN")),
            ("CONSUL_TOKEN", self.env("CONSUL_TOKEN")),
        ];
        all.extend(given.iter().cloned());
        // on one line, so that the script's lines keep their numbers but for the first
        let prelude = r#"
            let access = #{ user: "ubuntu", key: KEY, known_hosts: KNOWN };
            let bastion = ssh::host(BASTION, access);
            let servers = SERVERS.split(",").map(|a| ssh::host(a, access + #{ jump: bastion }));
            let n = nomad::connect(#{ via: servers, token: NOMAD_TOKEN });
            let k = consul::connect(#{ via: servers, token: CONSUL_TOKEN });
        "#;
        let prelude = prelude.replace('\n', " ");
        let setup = Setup {
            given: all,
            mode,
            ..Setup::default()
        };
        assert!(self.acl || self.env("NOMAD_TOKEN").is_empty());
        run_with(&format!("{prelude}{script}"), &setup)
    }

    /// The value of a script, as plain data.
    pub fn value(&self, script: &str, given: &[(&'static str, String)]) -> Value {
        let value = self.run(script, given).value();
        e2bscript::engine::value::to_json(&value, e2bscript::engine::value::Secrets::Mask).unwrap()
    }
}

/// The lab belongs to one test, which may break it.
pub struct Alone {
    lab: &'static Lab,
    _whole: RwLockWriteGuard<'static, ()>,
}

impl Drop for Alone {
    fn drop(&mut self) {
        let heal = ["--name", &self.lab.name, "fault", "heal"];
        let healed = Command::new(e2blab()).args(heal).output();
        assert!(std::thread::panicking() || healed.unwrap().status.success());
        // whoever comes next finds a leader and all clients
        let script = "task::wait_until(\"all clients\", #{ timeout: \"60s\", interval: \"200ms\" }, \
                      || n.list_nodes().filter(|x| x.status == \"ready\").len() == 2)";
        let ran = self.lab.run(script, &[]);
        assert!(std::thread::panicking() || ran.result.is_ok());
    }
}

/// A shell of its own session waits for the end of a pipe that this process holds.
fn take_down_when_this_process_ends(name: &str) {
    let script = "cat > /dev/null; exec \"$0\" down --name \"$1\" > /dev/null 2>&1";
    let child = Command::new("setsid")
        .args(["sh", "-c", script])
        .arg(e2blab())
        .arg(name)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // never closed by us: the kernel does it at the end, and nobody is there to wait for the shell
    std::mem::forget(child);
}

/// A job that is quick to come up, and to fail.
#[derive(Clone)]
pub struct Job {
    pub name: &'static str,
    pub kind: &'static str,
    pub class: &'static str,
    pub port: u16,
    pub command: String,
    pub memory: u32,
    pub auto_revert: bool,
    pub deadline: &'static str,
    /// Path of the HTTP check; no check when empty.
    pub check: &'static str,
}

impl Job {
    pub fn new(name: &'static str, port: u16, command: &str) -> Job {
        Job {
            name,
            kind: "service",
            class: "api",
            port,
            command: command.to_owned(),
            memory: 32,
            auto_revert: false,
            deadline: "5s",
            check: "",
        }
    }

    pub fn hcl(&self) -> String {
        let Job {
            name,
            kind,
            class,
            port,
            memory,
            auto_revert,
            deadline,
            ..
        } = self;
        // Nomad goes back at the first failure only where nobody waits for progress
        let progress = if *auto_revert { "0s" } else { "20s" };
        let check = match self.check {
            "" => String::new(),
            path => format!(
                r#"check {{
        type     = "http"
        path     = "{path}"
        interval = "1s"
        timeout  = "1s"
      }}"#
            ),
        };
        let update = match *kind {
            "service" => format!(
                r#"update {{
    min_healthy_time  = "300ms"
    healthy_deadline  = "{deadline}"
    progress_deadline = "{progress}"
    auto_revert       = {auto_revert}
  }}"#
            ),
            _ => String::new(),
        };
        let command = serde_json::to_string(&self.command).unwrap();
        format!(
            r#"job "{name}" {{
  datacenters = ["lab"]
  type        = "{kind}"
  {update}
  group "{name}" {{
    constraint {{
      attribute = "${{node.class}}"
      value     = "{class}"
    }}
    ephemeral_disk {{
      size = 20
    }}
    restart {{
      attempts = 0
      mode     = "fail"
    }}
    network {{
      port "http" {{
        static = {port}
      }}
    }}
    service {{
      name = "{name}"
      port = "http"
      {check}
    }}
    task "{name}" {{
      driver = "raw_exec"
      config {{
        command = "/bin/bash"
        args    = ["-c", {command}]
      }}
      logs {{
        max_files     = 1
        max_file_size = 10
      }}
      resources {{
        cpu    = 20
        memory = {memory}
      }}
    }}
  }}
}}
"#
        )
    }

    pub fn given(&self) -> Vec<(&'static str, String)> {
        vec![("TEXT", self.hcl())]
    }
}
