//! The other services, as small as the API lets them be: Nomad's list of nodes, an orchestrator, a template-manager and
//! client-proxy's edge API, all on one port. They honour the knobs that the recorded requests turn.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// The node's id, as Nomad has it.
pub const NODE: &str = "4d0e5ab1-1111-4222-8333-123456789abc";
/// How long a build takes.
const BUILD: Duration = Duration::from_secs(4);

#[derive(Default)]
struct State {
    /// Requests of the sandboxes that run.
    running: HashMap<String, Value>,
    /// Start commands and beginnings of builds.
    builds: HashMap<String, (String, Instant)>,
    /// What upstream builds were told.
    upstream: Vec<Value>,
}

/// The services, and where they listen.
#[derive(Clone)]
pub struct Peers {
    pub port: u16,
    state: Arc<Mutex<State>>,
}

type Failure = (u16, &'static str, &'static str);

impl Peers {
    /// Listens on a free port.
    pub async fn start() -> Peers {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let peers = Peers {
            port: listener.local_addr().unwrap().port(),
            state: Arc::default(),
        };
        let served = peers.clone();
        drop(tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let peers = served.clone();
                drop(tokio::spawn(async move {
                    let service = service_fn(|request| {
                        let peers = peers.clone();
                        async move { Ok::<_, Infallible>(peers.answer(request).await) }
                    });
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                }));
            }
        }));
        peers
    }

    /// Forgets everything.
    pub fn reset(&self) {
        *self.state.lock().unwrap() = State::default();
    }

    /// What upstream builds were told.
    pub fn upstream(&self) -> Vec<Value> {
        self.state.lock().unwrap().upstream.clone()
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let path = request.uri().path().to_owned();
        let body = request.into_body().collect().await.unwrap().to_bytes();
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        let (status, answer) = if path.ends_with("/exec") {
            tokio::task::spawn_blocking(move || exec(&body))
                .await
                .unwrap()
        } else {
            match self.call(&path, &body) {
                Ok(answer) => (200, answer),
                Err((status, code, message)) => (status, json!({"code": code, "message": message})),
            }
        };
        let mut response = Response::new(Full::new(Bytes::from(answer.to_string())));
        *response.status_mut() = status.try_into().unwrap();
        response
    }

    fn call(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        let mut state = self.state.lock().unwrap();
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        match path {
            "/v1/nodes" => Ok(json!([
                {"ID": NODE, "Address": "127.0.0.1", "Status": "ready", "NodePool": "default", "NodeClass": "client"},
                {"ID": "other", "Address": "127.0.0.2", "Status": "ready", "NodePool": "default", "NodeClass": "api"},
            ])),
            "/v1/catalog/service/orchestrator" => Ok(json!([
                {"Node": "client-1", "Address": "127.0.0.1", "ServiceAddress": "", "ServicePort": self.port},
            ])),
            "/InfoService/ServiceInfo" => Ok(json!({
                "nodeId": &NODE[..8], "serviceId": "s", "serviceVersion": "0.1.0", "serviceCommit": "",
                "serviceRoles": ["Orchestrator"],
            })),
            "/InfoService/ServiceStatusOverride" | "/v1/sandboxes/catalog" => Ok(json!({})),
            "/SandboxService/Create" => {
                let config = &body["sandbox"];
                if config["metadata"]["fake"] == "create-fails" {
                    return Err((500, "internal", "told to fail"));
                }
                let id = config["sandboxId"].as_str().unwrap().to_owned();
                state.running.insert(id, body.clone());
                Ok(json!({"clientId": &NODE[..8]}))
            }
            "/SandboxService/List" => {
                let running = state.running.values().map(|request| {
                    json!({
                        "config": request["sandbox"], "clientId": &NODE[..8],
                        "startTime": request["startTime"], "endTime": request["endTime"],
                    })
                });
                Ok(json!({"sandboxes": running.collect::<Vec<_>>()}))
            }
            "/SandboxService/Update" => match state.running.get_mut(&text("sandboxId")) {
                Some(request) => {
                    request["endTime"] = body["endTime"].clone();
                    Ok(json!({}))
                }
                None => Err((404, "not_found", "sandbox not found")),
            },
            "/SandboxService/Delete" => {
                state.running.remove(&text("sandboxId"));
                Ok(json!({}))
            }
            "/SandboxService/Pause" => {
                let id = text("sandboxId");
                let request = state.running.get(&id).cloned().unwrap_or_default();
                match request["sandbox"]["metadata"]["fake"].as_str() {
                    Some("pause-exhausted") => Err((429, "resource_exhausted", "queue is full")),
                    Some("pause-fails") => Err((500, "internal", "told to fail")),
                    _ => {
                        state.running.remove(&id);
                        Ok(json!({}))
                    }
                }
            }
            "/SandboxService/ListCachedBuilds" => Ok(json!({"builds": [
                {"buildId": "0b000000-0000-4000-8000-000000000001", "expirationTime": "2030-01-01T00:00:00Z"},
            ]})),
            "/TemplateService/TemplateCreate" => {
                let template = &body["template"];
                let start = template["startCommand"].as_str().unwrap_or_default();
                if start == "fake-refuse" {
                    return Err((500, "internal", "told to refuse"));
                }
                if body["upstream"].is_object() {
                    state.upstream.push(body["upstream"].clone());
                }
                let id = template["buildID"].as_str().unwrap().to_owned();
                state.builds.insert(id, (start.to_owned(), Instant::now()));
                Ok(json!({}))
            }
            "/TemplateService/TemplateBuildStatus" => match state.builds.get(&text("buildID")) {
                None => Err((404, "not_found", "build not found")),
                Some((start, _)) if start == "fake-slow" => Ok(json!({"status": "Building"})),
                Some((_, began)) if began.elapsed() < BUILD => Ok(json!({})),
                Some((start, _)) if start == "fake-fail" => Ok(json!({"status": 1})),
                Some((start, _)) if start == "fake-reason" => Ok(json!({
                    "status": "Failed", "logs": ["step 1", "step 2"], "reason": "no such image",
                })),
                Some(_) => Ok(json!({
                    "status": "Completed",
                    "metadata": {"rootfsSizeKey": 1024, "envdVersionKey": "0.2.0"},
                })),
            },
            "/TemplateService/TemplateBuildDelete" => Ok(json!({})),
            "/TemplateService/InitLayerFileUpload" if text("hash").len() != 64 => {
                Err((400, "invalid_argument", "invalid files hash"))
            }
            "/TemplateService/InitLayerFileUpload" => {
                Ok(json!({"url": format!("http://uploads/{}", text("cacheScope"))}))
            }
            _ if path.ends_with("/logs") => Ok(json!([
                {"timestamp": "2025-11-15T10:00:00Z", "line": "hello"},
            ])),
            _ if path.ends_with("/metrics") => Ok(json!([])),
            _ => Err((404, "unimplemented", "no such method")),
        }
    }
}

/// Runs a command on this machine, as the edge API, the orchestrator and envd do it together.
fn exec(order: &Value) -> (u16, Value) {
    let failed = || {
        (
            500,
            json!({"code": 500, "message": "Failed to execute command"}),
        )
    };
    let cwd = order["cwd"].as_str().unwrap_or("/root");
    let mut command = Command::new(order["command"].as_str().unwrap_or_default());
    for argument in order["args"].as_array().into_iter().flatten() {
        command.arg(argument.as_str().unwrap_or_default());
    }
    command
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", "/root");
    for (name, value) in order["env"].as_object().into_iter().flatten() {
        command.env(name, value.as_str().unwrap_or_default());
    }
    if !cwd.starts_with('/') {
        return failed();
    }
    command.current_dir(cwd);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let Ok(mut child) = command.spawn() else {
        return failed();
    };
    let seconds = order["timeoutSeconds"].as_u64().unwrap_or(30);
    let began = Instant::now();
    let status = loop {
        match child.try_wait().unwrap() {
            Some(status) => break status,
            None if began.elapsed() >= Duration::from_secs(seconds) => {
                let _ = child.kill();
                let _ = child.wait();
                return failed();
            }
            None => std::thread::sleep(Duration::from_millis(5)),
        }
    };
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    child
        .stdout
        .take()
        .unwrap()
        .read_to_end(&mut stdout)
        .unwrap();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_end(&mut stderr)
        .unwrap();
    let (Ok(stdout), Ok(stderr)) = (String::from_utf8(stdout), String::from_utf8(stderr)) else {
        return failed();
    };
    let shown = match status.code() {
        Some(0) => "exit status 0".to_owned(),
        Some(code) => format!("exit status {code}: exit status {code}"),
        None => "signal: killed: signal: killed".to_owned(),
    };
    let code = status.code().unwrap_or(-1);
    let answer = json!({"exitCode": code, "stdout": stdout, "stderr": stderr, "status": shown});
    (200, answer)
}
