//! Real OpenSSH servers on loopback, each with its own keys and configuration.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use e2bscript::ssh::{Options, Target};

/// A directory with a user key, an empty known_hosts and an empty configuration.
pub struct Lab {
    pub dir: tempfile::TempDir,
}

/// A running server; it ends with the value.
pub struct Sshd {
    pub port: u16,
    pub name: String,
    /// The public host key, as a known_hosts line has it.
    pub host_key: String,
    pub log: Arc<Mutex<String>>,
    child: Child,
}

impl Lab {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).unwrap();
        let lab = Self { dir };
        lab.keygen("id", "ed25519", "");
        fs::copy(lab.path("id.pub"), lab.path("authorized_keys")).unwrap();
        fs::write(lab.path("known_hosts"), "").unwrap();
        fs::write(lab.path("config"), "").unwrap();
        lab
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn keygen(&self, name: &str, kind: &str, passphrase: &str) -> PathBuf {
        let path = self.path(name);
        let _ = fs::remove_file(&path);
        run(Command::new("ssh-keygen")
            .args(["-q", "-t", kind, "-N", passphrase, "-C", name, "-f"])
            .arg(&path));
        path
    }

    /// Starts a server and makes its key known. `extra` goes to the front of its configuration.
    pub fn sshd(&self, name: &str, extra: &str) -> Sshd {
        let server = self.unknown_sshd(name, extra);
        self.know(&server);
        server
    }

    /// Starts a server whose key nobody knows yet.
    pub fn unknown_sshd(&self, name: &str, extra: &str) -> Sshd {
        let key = self.path(&format!("host_{name}"));
        if !key.exists() {
            self.keygen(&format!("host_{name}"), "ed25519", "");
        }
        let port = free_port();
        let config = self.path(&format!("sshd_{name}.conf"));
        let own_keys = if extra.contains("HostKey ") {
            String::new()
        } else {
            format!("HostKey {}\n", key.display())
        };
        let text = format!(
            "{extra}\n{own_keys}Port {port}\nListenAddress 127.0.0.1\nPidFile none\n\
             AuthorizedKeysFile {}\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n\
             KbdInteractiveAuthentication no\nPermitRootLogin yes\nLogLevel VERBOSE\n\
             Subsystem sftp internal-sftp\n",
            self.path("authorized_keys").display()
        );
        fs::write(&config, text).unwrap();
        // Debian's server insists on its directory even where it does not use it.
        let _ = fs::create_dir_all("/run/sshd");
        let mut child = Command::new("/usr/sbin/sshd")
            .args(["-D", "-e", "-f"])
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let lines = BufReader::new(child.stderr.take().unwrap());
        let sink = log.clone();
        std::thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                let mut sink = sink.lock().unwrap();
                sink.push_str(&line);
                sink.push('\n');
            }
        });
        let host_key = fs::read_to_string(key.with_extension("pub")).unwrap();
        let server = Sshd {
            port,
            name: name.to_owned(),
            host_key: host_key.split(' ').take(2).collect::<Vec<_>>().join(" "),
            log,
            child,
        };
        server.wait_until_up();
        server
    }

    pub fn know(&self, server: &Sshd) {
        self.know_as(&format!("[127.0.0.1]:{}", server.port), &server.host_key);
    }

    pub fn know_as(&self, name: &str, key: &str) {
        let path = self.path("known_hosts");
        let old = fs::read_to_string(&path).unwrap_or_default();
        fs::write(path, format!("{old}{name} {key}\n")).unwrap();
    }

    pub fn options(&self) -> Options {
        Options {
            config_file: Some(self.path("config")),
            known_hosts: vec![self.path("known_hosts")],
            agent: Some(PathBuf::new()),
            home: Some(self.dir.path().to_owned()),
            ..Options::default()
        }
    }

    /// A target on `server` with the lab's key.
    pub fn target(&self, server: &Sshd) -> Target {
        Target {
            name: Some(server.name.clone()),
            port: Some(server.port),
            user: Some(user()),
            identities: vec![self.path("id")],
            jump: Some(Vec::new()),
            ..Target::new("127.0.0.1")
        }
    }

    /// A target on `server` behind `hops`, outermost first.
    pub fn behind(&self, hops: &[&Sshd], server: &Sshd) -> Target {
        Target {
            jump: Some(hops.iter().map(|hop| self.target(hop)).collect()),
            ..self.target(server)
        }
    }
}

impl Sshd {
    fn wait_until_up(&self) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while !self.log().contains("Server listening") {
            assert!(Instant::now() < deadline, "sshd: {}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// How many connections it has taken.
    pub fn connections(&self) -> usize {
        self.log().matches("Connection from ").count()
    }

    /// The processes that serve its connections now.
    pub fn children(&self) -> Vec<i32> {
        descendants(self.child.id() as i32)
    }

    /// Ends the listener and everyone who serves a connection, at once.
    pub fn kill(&mut self) {
        let children = self.children();
        let _ = self.child.kill();
        let _ = self.child.wait();
        for id in children {
            kill(id);
        }
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Sends KILL to one process that a test started.
pub fn kill(id: i32) {
    let _ = Command::new("kill")
        .args(["-9", &id.to_string()])
        .stderr(Stdio::null())
        .status();
}

fn descendants(parent: i32) -> Vec<i32> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let name = entry.file_name();
        let Some(id) = name.to_str().and_then(|name| name.parse::<i32>().ok()) else {
            continue;
        };
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else {
            continue;
        };
        let after = stat.rsplit(')').next().unwrap_or_default();
        let parent_of = after.split_whitespace().nth(1);
        if parent_of.and_then(|text| text.parse().ok()) == Some(parent) {
            found.push(id);
            found.extend(descendants(id));
        }
    }
    found
}

pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

pub fn user() -> String {
    let out = Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(out.stdout).unwrap().trim().to_owned()
}

pub fn run(command: &mut Command) {
    let out = command.output().unwrap();
    assert!(
        out.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&out.stderr)
    );
}

pub fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}
