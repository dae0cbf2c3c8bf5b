//! An orchestrator and client-proxies in a network namespace of their own, with one small template.

use std::collections::BTreeSet;
use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use serde_json::{Value, json};
use standin::storage::{self, Build};

use super::{Answer, Directory, exchange, require_root};

pub const NODE: &str = "0a1b2c3d-0000-4000-8000-000000000001";
pub const BUILD: &str = "11111111-2222-3333-4444-555555555555";
pub const SECRET: &str = "edge-secret-for-vectors";

pub struct Cluster {
    pub directory: Directory,
    orchestrator: Child,
    others: Vec<Child>,
}

impl Cluster {
    pub fn new(name: &str) -> Cluster {
        require_root();
        let directory = Directory::new(name);
        fs::create_dir_all(directory.0.join("templates")).unwrap();
        keep_template(&directory.0);
        // its namespaces are seen by it alone
        let script = "mkdir -p /run/netns; mount -t tmpfs tmpfs /run/netns; ip link set lo up; \
                      exec \"$0\" orchestrator";
        let orchestrator = Command::new("unshare")
            .args(["--net", "--mount", "sh", "-c", script])
            .arg(env!("CARGO_BIN_EXE_standin"))
            .env("NODE_ID", NODE)
            .env(
                "LOCAL_TEMPLATE_STORAGE_BASE_PATH",
                directory.0.join("templates"),
            )
            .env("ORCHESTRATOR_BASE_PATH", directory.0.join("orchestrator"))
            .env("STANDIN_FAULTS", directory.0.join("faults.json"))
            .spawn()
            .unwrap();
        let cluster = Cluster {
            directory,
            orchestrator,
            others: Vec::new(),
        };
        cluster.wait_for(5008);
        cluster
    }

    pub fn templates(&self) -> PathBuf {
        self.directory.0.join("templates")
    }

    /// Starts a client-proxy; `orchestrators` is what it discovers.
    pub fn start_proxy(&mut self, edge: u16, traffic: u16, node: &str, orchestrators: &str) {
        let child = Command::new("nsenter")
            .arg(format!("--net=/proc/{}/ns/net", self.orchestrator.id()))
            .arg(env!("CARGO_BIN_EXE_standin"))
            .arg("client-proxy")
            .env("EDGE_PORT", edge.to_string())
            .env("PROXY_PORT", traffic.to_string())
            .env("ORCHESTRATOR_PORT", "5008")
            .env("EDGE_SECRET", SECRET)
            .env("SERVICE_DISCOVERY_ORCHESTRATOR_PROVIDER", "STATIC")
            .env("SERVICE_DISCOVERY_ORCHESTRATOR_STATIC", orchestrators)
            .env("NODE_ID", node)
            .env("NODE_IP", "127.0.0.1")
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        self.others.push(child);
        self.wait_for(edge);
    }

    fn wait_for(&self, port: u16) {
        let until = Instant::now() + Duration::from_secs(30);
        while self.try_connect(port).is_none() {
            assert!(Instant::now() < until, "nobody listens on {port}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// A connection made inside; a socket stays where it was made.
    fn try_connect(&self, port: u16) -> Option<TcpStream> {
        let file = format!("/proc/{}/ns/net", self.orchestrator.id());
        thread::spawn(move || {
            let file = fs::File::open(file).ok()?;
            move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network)).ok()?;
            TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()
        })
        .join()
        .unwrap()
    }

    pub fn ask(&self, port: u16, request: &[u8]) -> Answer {
        let stream = self.try_connect(port).expect("somebody listens");
        exchange(stream, request, |_| false)
    }

    /// Posts JSON with a header, and reads JSON.
    pub fn post(&self, port: u16, path: &str, header: &str, body: &Value) -> (u16, Value) {
        let body = body.to_string();
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n{header}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let answer = self.ask(port, request.as_bytes());
        (
            answer.status,
            serde_json::from_slice(&answer.body).unwrap_or_default(),
        )
    }

    /// Calls the orchestrator.
    pub fn call(&self, method: &str, message: &Value) -> (u16, Value) {
        self.post(5008, &format!("/{method}"), "", message)
    }

    /// Creates a sandbox of a build.
    pub fn create(&self, sandbox: &str, build: &str, execution: &str, seconds: i64) {
        let now = chrono::Utc::now();
        let message = json!({
            "sandbox": {
                "sandboxId": sandbox, "templateId": "base", "buildId": build, "teamId": "t",
                "executionId": execution, "vcpu": "2", "ramMb": 128, "totalDiskSizeMb": "64",
                "envVars": {"OF_ALL": "yes"}, "maxSandboxLength": 1, "envdVersion": "0.2.0",
            },
            "startTime": now.to_rfc3339(),
            "endTime": (now + chrono::TimeDelta::seconds(seconds)).to_rfc3339(),
        });
        let (status, answer) = self.call("SandboxService/Create", &message);
        assert_eq!((status, &answer), (200, &json!({"clientId": &NODE[..8]})));
    }

    /// What there is of sandboxes in the orchestrator's namespaces.
    pub fn traces(&self) -> Vec<String> {
        let script =
            "ls /run/netns; ip -o link | grep -o 'veth-[0-9]*'; grep sandbox/ /proc/self/mounts";
        let output = Command::new("nsenter")
            .arg(format!("--target={}", self.orchestrator.id()))
            .args(["--net", "--mount", "sh", "-c", script])
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    /// Ends the orchestrator as Nomad does; whether it ended well.
    pub fn stop(&mut self) -> bool {
        let pid = Pid::from_raw(self.orchestrator.id().cast_signed()).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
        self.orchestrator.wait().unwrap().success()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for child in self.others.iter_mut().chain([&mut self.orchestrator]) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A tree with a shell and a few programs of this machine.
fn keep_template(directory: &Path) {
    let tree = directory.join("tree");
    let mut files = BTreeSet::new();
    for name in ["sh", "echo", "cat", "sleep", "id", "ls", "hostname", "rm"] {
        let path = ["/usr/bin", "/bin"].map(|place| Path::new(place).join(name));
        let path = path.iter().find(|path| path.exists()).expect("the program");
        let target = tree.join("bin").join(name);
        fs::create_dir_all(tree.join("bin")).unwrap();
        fs::copy(path, target).unwrap();
        let needed = Command::new("ldd").arg(path).output().unwrap();
        let text = String::from_utf8(needed.stdout).unwrap();
        let words = text.split_whitespace().filter(|word| word.starts_with('/'));
        files.extend(words.map(str::to_owned));
    }
    for file in files {
        let target = tree.join(&file[1..]);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(&file, target).unwrap();
    }
    for path in ["etc", "tmp", "root", "home/user", "usr/bin"] {
        fs::create_dir_all(tree.join(path)).unwrap();
    }
    let accounts = "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n";
    fs::write(tree.join("etc/passwd"), accounts).unwrap();
    fs::copy(env!("CARGO_BIN_EXE_standin"), tree.join("usr/bin/envd")).unwrap();
    let build = Build {
        id: BUILD,
        tree: &tree,
        base: None,
        ram_mib: 128,
        state: &json!({}),
        metadata: &json!({}),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let base = directory.join("templates");
    runtime.block_on(storage::keep(&base, &build)).unwrap();
}
