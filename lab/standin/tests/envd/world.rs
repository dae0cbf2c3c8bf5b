//! An envd in a tree of its own: an overlay of this machine's own files, with other accounts and a home.

use std::fs;
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::common::{Answer, Directory, exchange, require_root};

pub struct World {
    port: u16,
    child: Child,
    _directory: Directory,
}

impl World {
    pub fn new(name: &str) -> World {
        require_root();
        let directory = Directory::new(&format!("envd-{name}"));
        let layer = directory.0.join("layer");
        let disk = directory.0.join("disk");
        for path in ["etc", "usr/bin", "home/user", "tmp"] {
            fs::create_dir_all(layer.join(path)).unwrap();
        }
        fs::create_dir(&disk).unwrap();
        for directory in [&layer, &disk] {
            fs::set_permissions(directory, fs::Permissions::from_mode(0o755)).unwrap();
        }
        fs::set_permissions(layer.join("tmp"), fs::Permissions::from_mode(0o1777)).unwrap();
        let accounts = "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n";
        fs::write(layer.join("etc/passwd"), accounts).unwrap();
        fs::write(layer.join("etc/group"), "root:x:0:\nuser:x:1000:\n").unwrap();
        let program = env!("CARGO_BIN_EXE_standin");
        fs::copy(program, layer.join("usr/bin/envd")).unwrap();
        let port = free_port();
        // a tmpfs: not every disk can be the upper part of an overlay
        // layers must not lie in one another, so this one goes there, too
        let script = format!(
            "mount -t tmpfs tmpfs {0} && cp -a {1} {0}/layer && exec \"$0\" inside",
            disk.display(),
            layer.display()
        );
        let mut child = Command::new("unshare")
            .args([
                "--mount",
                "--uts",
                "--ipc",
                "--pid",
                "--fork",
                "--kill-child",
            ])
            .args(["sh", "-c", &script, program])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let layers = json!([disk.join("layer"), "/"]);
        let plan = json!({"disk": disk, "layers": layers, "serve": true, "port": port});
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(plan.to_string().as_bytes()).unwrap();
        drop(stdin);
        let world = World {
            port,
            child,
            _directory: directory,
        };
        let until = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            assert!(Instant::now() < until, "envd does not listen");
            thread::sleep(Duration::from_millis(10));
        }
        world
    }

    fn connect(&self) -> TcpStream {
        TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).unwrap()
    }

    /// Sends a request and reads the answer to its end.
    pub fn ask(&self, request: &[u8]) -> Answer {
        exchange(self.connect(), request, |_| false)
    }

    /// Calls a unary method as `user`.
    pub fn call(&self, method: &str, message: &str) -> Answer {
        self.ask(&post(
            method,
            "application/json",
            "dXNlcjo=",
            message.as_bytes(),
        ))
    }

    /// Starts a process as `user`.
    pub fn start(&self, message: &str) -> Stream {
        self.start_as("dXNlcjo=", message)
    }

    fn start_as(&self, user: &str, message: &str) -> Stream {
        let length = u32::try_from(message.len()).unwrap().to_be_bytes();
        let body = [&[0], &length[..], message.as_bytes()].concat();
        let request = post(
            "process.Process/Start",
            "application/connect+json",
            user,
            &body,
        );
        self.open(&request)
    }

    /// Sends a request and keeps its stream.
    pub fn open(&self, request: &[u8]) -> Stream {
        Stream::new(self.connect(), request.to_vec())
    }

    /// Runs a script as root in the home of `user`.
    pub fn shell(&self, script: &str) {
        let message = json!({"process": {
            "cmd": "/bin/sh",
            "args": ["-ec", script],
            "cwd": "/home/user",
        }});
        let heard = self.start_as("cm9vdDo=", &message.to_string()).to_end();
        let ended = heard
            .envelopes()
            .into_iter()
            .any(|(_, message)| message["event"]["end"]["status"] == "exit status 0");
        assert!(ended, "{script}: {:?}", heard.envelopes());
    }

    /// The home as the vectors have it.
    pub fn reset(&self) {
        self.shell(
            "find /home/user -mindepth 1 -delete; mkdir -p dir/sub; printf hello > hello.txt; \
             printf inner > dir/a.txt; ln -s hello.txt link; ln -s nowhere broken; \
             touch .bashrc .profile .bash_logout; chown -R user:user /home/user; rm -rf /tmp/*",
        );
    }

    /// Ends what a vector left.
    pub fn kill_all(&self) {
        let answer = self.call("process.Process/List", "{}");
        let list: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        for process in list["processes"].as_array().into_iter().flatten() {
            let message = json!({"process": {"pid": process["pid"]}, "signal": "SIGNAL_SIGKILL"});
            self.call("process.Process/SendSignal", &message.to_string());
        }
        while self.call("process.Process/List", "{}").body != b"{}" {
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// The resident memory of envd.
    pub fn memory_kib(&self) -> u64 {
        let mut pid = self.child.id();
        // the first process in there, then envd
        for _ in 0..2 {
            let children = format!("/proc/{pid}/task/{pid}/children");
            let children = fs::read_to_string(children).unwrap();
            pid = children.split_whitespace().next().unwrap().parse().unwrap();
        }
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

fn post(method: &str, kind: &str, user: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST /{method} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: {kind}\r\nAuthorization: Basic {user}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// An answer that goes on.
pub struct Stream {
    heard: Arc<Mutex<Answer>>,
    ended: mpsc::Receiver<()>,
    socket: TcpStream,
}

impl Stream {
    fn new(socket: TcpStream, request: Vec<u8>) -> Stream {
        let heard = Arc::new(Mutex::new(Answer::default()));
        let (teller, ended) = mpsc::channel();
        let (own, copy) = (Arc::clone(&heard), socket.try_clone().unwrap());
        // only the beginning of what is long: this holds it all
        thread::spawn(move || {
            exchange(copy, &request, |answer| {
                *own.lock().unwrap() = Answer {
                    status: answer.status,
                    headers: answer.headers.clone(),
                    body: answer.body.clone(),
                };
                answer.body.len() > 200_000
            });
            let _ = teller.send(());
        });
        Stream {
            heard,
            ended,
            socket,
        }
    }

    fn answer(&self) -> Answer {
        let heard = self.heard.lock().unwrap();
        Answer {
            status: heard.status,
            headers: heard.headers.clone(),
            body: heard.body.clone(),
        }
    }

    /// Waits for so many envelopes, or until no more come.
    pub fn wait(&self, count: usize) -> Answer {
        let until = Instant::now() + Duration::from_secs(2);
        while self.answer().envelopes().len() < count
            && Instant::now() < until
            && self.ended.recv_timeout(Duration::from_millis(10))
                == Err(mpsc::RecvTimeoutError::Timeout)
        {}
        self.answer()
    }

    /// Waits for the end.
    pub fn to_end(&self) -> Answer {
        let _ = self.ended.recv_timeout(Duration::from_secs(30));
        self.answer()
    }

    /// The process's id.
    pub fn pid(&self) -> u64 {
        let heard = self.wait(1);
        let (_, first) = heard.envelopes().into_iter().next().expect("a start");
        first["event"]["start"]["pid"].as_u64().unwrap()
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let _ = self.socket.shutdown(std::net::Shutdown::Both);
    }
}
