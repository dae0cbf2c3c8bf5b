//! Files for template builds, sent to the template-manager. Builds themselves need a Docker daemon: a lab's tests make some.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "helpers of tests fail as tests do"
)]

mod common;

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use common::{Directory, exchange};
use serde_json::{Value, json};

struct Manager {
    process: Child,
    port: u16,
}

impl Drop for Manager {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

impl Manager {
    fn start(directory: &Directory) -> Manager {
        let (port, traffic) = (free_port(), free_port());
        let process = Command::new(env!("CARGO_BIN_EXE_standin"))
            .args(["template-manager", "--port", &port.to_string()])
            .args(["--proxy-port", &traffic.to_string()])
            .env("LOCAL_BUILD_CACHE_STORAGE_BASE_PATH", &directory.0)
            .env("LOCAL_UPLOAD_BASE_URL", "http://uploads.example/")
            .env("STANDIN_FAULTS", directory.0.join("faults.json"))
            .spawn()
            .unwrap();
        let manager = Manager { process, port };
        let until = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < until, "nobody listens on {port}");
            thread::sleep(Duration::from_millis(20));
        }
        manager
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let answer = exchange(stream, request.as_bytes(), |_| false);
        (
            answer.status,
            String::from_utf8(answer.body.to_vec()).unwrap(),
        )
    }

    fn begin(&self, hash: &str) -> (u16, Value) {
        let message = json!({"templateID": "t", "cacheScope": "team-1", "hash": hash});
        let method = "/TemplateService/InitLayerFileUpload";
        let (status, body) = self.ask("POST", method, &message.to_string());
        (status, serde_json::from_str(&body).unwrap())
    }
}

#[test]
fn files_of_a_build_are_taken_by_signed_urls() {
    let directory = Directory::new("uploads");
    let manager = Manager::start(&directory);
    let hash = "0c".repeat(32);
    let (status, begun) = manager.begin(&hash);
    assert_eq!((status, &begun["present"]), (200, &json!(false)));
    let url = begun["url"].as_str().unwrap();
    let path = url.strip_prefix("http://uploads.example").unwrap();

    assert_eq!(manager.ask("GET", path, "").0, 405);
    assert_eq!(manager.ask("PUT", "/upload?path=x", "x").0, 400);
    for (from, to) in [("team-1", "team-2"), ("expires=", "expires=9")] {
        let (status, why) = manager.ask("PUT", &path.replace(from, to), "x");
        assert_eq!((status, why.trim()), (403, "invalid or expired token"));
    }
    assert_eq!(manager.begin(&hash).1["present"], false);

    assert_eq!(manager.ask("PUT", path, "an archive").0, 200);
    assert_eq!(manager.begin(&hash).1["present"], true);
    let kept = directory.0.join(format!("team-1/files/{hash}.tar"));
    assert_eq!(fs::read_to_string(kept).unwrap(), "an archive");

    let (status, refused) = manager.begin("../../etc");
    assert_eq!(
        (status, &refused["code"]),
        (400, &json!("invalid_argument"))
    );
}
