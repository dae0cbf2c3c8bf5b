//! `e2bscript repl` on a terminal.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)] // a test fails by panicking

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

/// So long may anything take before the test gives up; nothing is measured.
const PATIENCE: Duration = Duration::from_secs(60);

/// A session in a terminal of its own, ended with the test.
struct Session {
    child: Child,
    keyboard: File,
    screen: Receiver<Vec<u8>>,
    seen: String,
    /// Up to where what was seen has been looked at.
    read: usize,
    dir: tempfile::TempDir,
}

impl Drop for Session {
    fn drop(&mut self) {
        // It has ended already where the test came to its end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Session {
    fn start() -> Session {
        Session::start_in(tempfile::tempdir().unwrap())
    }

    fn start_in(dir: tempfile::TempDir) -> Session {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let slave = || {
            File::options()
                .read(true)
                .write(true)
                .open(name.to_str().unwrap())
                .unwrap()
        };
        // `setsid --ctty` makes the terminal the session's own, so that Ctrl-C becomes SIGINT.
        let child = Command::new("setsid")
            .args(["--ctty", env!("CARGO_BIN_EXE_e2bscript"), "repl"])
            .current_dir(dir.path())
            .env("E2BSCRIPT_STATE_HOME", dir.path())
            .env_remove("E2BSCRIPT_ENV_FILE")
            .env_remove("CI")
            .env("NO_COLOR", "1")
            .env("TERM", "xterm")
            .stdin(Stdio::from(slave()))
            .stdout(Stdio::from(slave()))
            .stderr(Stdio::from(slave()))
            .spawn()
            .unwrap();
        let (keyboard, mut reader) = (File::from(copy(&master)), File::from(copy(&master)));
        let (sender, screen) = channel();
        std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            // The terminal reports an error once nobody has it open any more.
            while let Ok(count) = reader.read(&mut chunk) {
                if count == 0 || sender.send(chunk[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        let mut session = Session {
            child,
            keyboard,
            screen,
            seen: String::new(),
            read: 0,
            dir,
        };
        session.wait_for("Ctrl-D ends.");
        session.wait_for("> ");
        session
    }

    fn type_in(&mut self, text: &str) {
        self.keyboard.write_all(text.as_bytes()).unwrap();
    }

    /// Waits until something is on the screen, behind what was waited for before; gives what came.
    fn wait_for(&mut self, text: &str) -> String {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(at) = self.seen[self.read..].find(text) {
                let end = self.read + at + text.len();
                let came = self.seen[self.read..end].to_owned();
                self.read = end;
                return came;
            }
            let left = until.saturating_duration_since(Instant::now());
            let Ok(chunk) = self.screen.recv_timeout(left) else {
                panic!("`{text}` did not come: {:?}", &self.seen[self.read..]);
            };
            self.seen.push_str(&String::from_utf8_lossy(&chunk));
        }
    }

    /// A line, and what must come of it.
    fn ask(&mut self, line: &str, wanted: &str) -> String {
        self.type_in(&format!("{line}\r"));
        let came = self.wait_for(wanted);
        self.wait_for("> ");
        came
    }

    /// Ends it by Ctrl-D; its exit code and what is in the history.
    fn end(mut self) -> (Option<i32>, String) {
        self.type_in("\u{4}");
        let code = self.child.wait().unwrap().code();
        let history = fs::read_to_string(self.history()).unwrap_or_default();
        (code, history)
    }

    fn history(&self) -> PathBuf {
        self.dir.path().join("e2bscript/history")
    }
}

fn copy(fd: &OwnedFd) -> OwnedFd {
    fd.try_clone().unwrap()
}

#[test]
fn lines_are_answered_and_what_they_declare_stays() {
    let mut session = Session::start();
    session.ask("let x = 41;", "\n");
    session.ask("x + 1", "\r\n42\r\n");
    session.type_in("fn twice(a) {\r");
    session.type_in("a * 2\r}\r");
    session.wait_for("> ");
    session.ask("twice(x)", "\r\n82\r\n");
    session.ask("import \"std/keys\" as keys;", "\n");
    // An import stays too, also inside a function; a mistake in a name shows what there is.
    session.ask("keys::nothing()", "`keys`");
    session.ask("[1, #{ a: \"b\" }]", "\r\n[1, #{ a: \"b\" }]\r\n");
    session.ask("fs::raed(\"x\")", "did you mean `fs::read`?");
    session.ask(
        "throw #{ kind: \"own.kind\", message: \"my words\" }",
        "my words",
    );
    session.ask("x", "\r\n41\r\n");
    session.ask(":type x", "\r\ni64\r\n");
    session.ask(":time x", " s\r\n");
    session.ask(":doc time::sleep", "Pauses the script");
    session.ask(":doc ssh.auth", "Usual causes");
    session.ask(":vars", "fn twice(a)");
    session.ask(":nonsense", "there is no command");
    let (code, history) = session.end();
    assert_eq!(code, Some(0));
    assert!(history.contains("x + 1\n"), "{history}");
    assert!(history.contains("fn twice(a) {\\na * 2\\n}\n"), "{history}");
}

#[test]
fn tab_completes_from_the_registry() {
    let mut session = Session::start();
    session.ask("toml::pa\t(\"a = 1\").a", "\r\n1\r\n");
    session.ask("let value = #{ colour: 7 };", "\n");
    session.ask("value.co\t", "\r\n7\r\n");
    session.ask(":do\ttime::sl\t", "Pauses the script");
    assert_eq!(session.end().0, Some(0));
}

#[test]
fn ctrl_c_ends_the_call_and_not_the_session() {
    let mut session = Session::start();
    session.ask("let x = 5;", "\n");
    for _ in 0..2 {
        session.type_in(":time time::sleep(\"1h\")\r");
        session.wait_for("\r\n");
        // The call has begun once the terminal hands Ctrl-C over as a signal again.
        std::thread::sleep(Duration::from_millis(500));
        session.type_in("\u{3}");
        session.wait_for("cancelled");
        session.wait_for("> ");
    }
    session.type_in("loop { x += 1; }\r");
    session.wait_for("\r\n");
    std::thread::sleep(Duration::from_millis(500));
    session.type_in("\u{3}");
    session.wait_for("cancelled");
    session.wait_for("> ");
    // On a line it gives up the line.
    session.type_in("1 + ");
    session.type_in("\u{3}");
    session.wait_for("> ");
    session.ask("x > 5", "\r\ntrue\r\n");
    assert_eq!(session.end().0, Some(0));
}

#[test]
fn a_signal_ends_the_session_while_it_waits_for_a_line() {
    let mut session = Session::start();
    let pid = rustix::process::Pid::from_raw(session.child.id() as i32).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(session.child.wait().unwrap().code(), Some(143));
}

#[test]
fn the_cluster_is_there_when_it_is_named_and_not_before() {
    let dir = tempfile::tempdir().unwrap();
    let mut session = Session::start_in(dir);
    session.ask("1", "\r\n1\r\n");
    session.ask("c.hosts", "cannot read the configuration `deploy.env`");
    let text = configuration();
    fs::write(session.dir.path().join("deploy.env"), text).unwrap();
    // What was wrong may be mended meanwhile.
    session.ask(
        "c.hosts.map(|host| host.name)",
        "\r\n[\"server-1\", \"api-1\", \"client-1\"]\r\n",
    );
    session.ask("c.apis[0]", "Host { name: \"api-1\"");
    session.ask("c.config.env.POSTGRES_PASSWORD", "\r\n***\r\n");
    session.ask("c.apis.le\t", "\n");
    assert_eq!(session.end().0, Some(0));
}

/// A whole configuration.
fn configuration() -> String {
    [
        "BASTION_HOST=192.0.2.1",
        "SERVER_POOL_PRIVATE=10.0.0.1",
        "API_POOL_PRIVATE=10.0.0.2",
        "CLIENT_POOL_PRIVATE=10.0.0.3",
        "POSTGRES_HOST=10.0.0.4",
        "POSTGRES_PASSWORD=canary-of-the-password",
        "EDGE_SERVICE_SECRET=canary-of-the-edge",
        "SANDBOX_ACCESS_TOKEN_HASH_SEED=canary-of-the-seed",
        "FIRECRACKER_SHA256=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        "KERNEL_SHA256=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    ]
    .join("\n")
}

#[test]
fn no_secret_is_kept() {
    let mut session = Session::start();
    session.ask("let kept = 1;", "\n");
    session.ask("let s = secret::text(\"canary-1\");", "\n");
    session.ask("let p = `canary-2`; let password = p;", "\n");
    session.ask(" let hidden = \"canary-3\";", "\n");
    session.ask("s", "\r\n***\r\n");
    session.ask("\"canary-1\" + 1", "\r\n\"***1\"\r\n");
    let mode = fs::metadata(session.history())
        .unwrap()
        .permissions()
        .mode()
        & 0o777;
    assert_eq!(mode, 0o600);
    let dir = session.dir.path().to_owned();
    session.type_in(":quit\r");
    assert_eq!(session.child.wait().unwrap().code(), Some(0));
    for entry in walk(&dir) {
        let text = fs::read_to_string(&entry).unwrap();
        assert!(!text.contains("canary"), "{}: {text}", entry.display());
    }
    assert!(
        fs::read_to_string(session.history())
            .unwrap()
            .contains("let kept = 1;")
    );
}

/// Every file below a directory.
fn walk(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| {
            if path.is_dir() {
                walk(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

#[test]
fn lines_come_from_a_pipe_too() {
    let dir = tempfile::tempdir().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_e2bscript"))
        .args(["repl", "--no-history"])
        .current_dir(dir.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(b"let a = [\n1,\n2]\na.len()\nexit(3)\n")
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        output.status.code(),
        Some(3),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(String::from_utf8_lossy(&output.stdout).ends_with("\n2\n"));
}
