//! The API's process.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::postgres::free_port;

/// A running API, ended with this value.
pub struct Service {
    process: Child,
    base: String,
    http: reqwest::Client,
}

/// An answer, as it is compared.
#[derive(Debug)]
pub struct Got {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Value,
}

impl Got {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(other, _)| other == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// What the connection is about, not the answer.
const UNCOMPARED: [&str; 4] = ["date", "content-length", "connection", "transfer-encoding"];

impl Service {
    /// Starts it with these variables and no others, and waits until it answers, healthy or not.
    pub async fn start(variables: &[(&str, String)], healthy: bool) -> Service {
        let port = free_port();
        let process = Command::new(env!("CARGO_BIN_EXE_standin"))
            .args(["e2b-api", "--port", &port.to_string()])
            .env_clear()
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let service = Service {
            process,
            base: format!("http://127.0.0.1:{port}"),
            http: reqwest::Client::builder()
                .no_proxy()
                .redirect(reqwest::redirect::Policy::none())
                .build()
                .unwrap(),
        };
        let began = Instant::now();
        loop {
            let asked = service
                .http
                .get(format!("{}/health", service.base))
                .send()
                .await;
            if asked.is_ok_and(|answer| !healthy || answer.status() == 200) {
                return service;
            }
            assert!(
                began.elapsed() < Duration::from_secs(30),
                "the API does not answer"
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Sends a request. A body that is a string is sent as it is, any other as JSON.
    pub async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(String, String)],
        body: &Value,
    ) -> Got {
        let url = format!("{}{path}", self.base);
        let mut request = self.http.request(method.parse().unwrap(), url);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        request = match body {
            Value::Null if method == "GET" || method == "HEAD" => request,
            Value::Null => request.body(""),
            Value::String(text) => request.body(text.clone()),
            other => request.body(other.to_string()),
        };
        let answer = request.send().await.unwrap();
        let mut headers: Vec<(String, String)> = answer
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .filter(|(name, _)| !UNCOMPARED.contains(&name.as_str()))
            .collect();
        headers.sort();
        let status = answer.status().as_u16();
        let json = headers
            .iter()
            .any(|(name, value)| name == "content-type" && value.starts_with("application/json"));
        let text = answer.text().await.unwrap();
        let body = match serde_json::from_str(&text) {
            Ok(value) if json => value,
            _ => Value::String(text),
        };
        Got {
            status,
            headers,
            body,
        }
    }

    /// Where it answers.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Sends JSON with a key.
    pub async fn ask(&self, method: &str, path: &str, key: &str, body: &Value) -> Got {
        let mut headers = vec![("x-api-key".to_owned(), key.to_owned())];
        if !body.is_null() {
            headers.push(("content-type".to_owned(), "application/json".to_owned()));
        }
        self.send(method, path, &headers, body).await
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The file of faults that a service reads, gone with this value.
pub struct Faults(std::path::PathBuf);

impl Faults {
    pub fn new() -> Faults {
        let name = format!("standin-faults-{}-{}.json", std::process::id(), free_port());
        Faults(std::env::temp_dir().join(name))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn set(&self, faults: &Value) {
        std::fs::write(&self.0, faults.to_string()).unwrap();
    }
}

impl Drop for Faults {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
