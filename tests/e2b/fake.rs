//! A platform of the seed's generation that keeps its sandboxes in a map, as far as scripts under test use it.

use std::collections::{BTreeMap, VecDeque};
use std::process::Output;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use assert_cmd::Command;
use e2bscript::e2b::codec::encode;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::replay::{Answer, Asked, Server};

/// What it does and has.
#[derive(Default)]
pub struct State {
    pub sandboxes: BTreeMap<String, Value>,
    pub made: usize,
    files: BTreeMap<String, Vec<u8>>,
    /// So many requests that read are answered with 500 first.
    pub failing_reads: usize,
    /// Sandboxes are made, and the answer says that they were not.
    pub lies: bool,
    /// How long making one takes.
    pub slow: Duration,
    /// What `exec` prints instead of what it should.
    pub output: Option<String>,
    /// What is answered when a build is asked after, one after the other; the last stays.
    pub builds: VecDeque<Value>,
    pub has_templates: bool,
}

/// It ends with the value.
pub struct Fake {
    pub server: Server,
    state: Arc<Mutex<State>>,
    _runtime: Runtime,
    home: tempfile::TempDir,
}

impl Fake {
    pub fn start(change: impl FnOnce(&mut State)) -> Fake {
        let mut state = State {
            has_templates: true,
            builds: VecDeque::from([json!({"status": "ready"})]),
            ..State::default()
        };
        change(&mut state);
        let state = Arc::new(Mutex::new(state));
        let runtime = Runtime::new().unwrap();
        let kept = state.clone();
        let server = runtime.block_on(Server::start(move |asked| route(asked, &kept)));
        let home = tempfile::tempdir().unwrap();
        // the flows' way to the platform, without hosts
        let platform = r#"
            fn open(c) {
                e2b::connect(#{ address: env::get("FAKE"), sandbox_address: env::get("FAKE"), edge_address: env::get("FAKE"),
                    api_key: "e2b_aa", access_token: "sk_e2b_bb" })
            }
            fn keys(c) { #{ team: "e2b_aa", user: "sk_e2b_bb", source: "the test" } }"#;
        let modules = [
            ("platform", platform),
            ("config", "fn load(path) { json::parse(\"{}\") }"),
            (
                "cluster",
                "fn open(config) { #{ config: config, bastion: (), servers: [], apis: [], clients: [], hosts: [] } }",
            ),
        ];
        for (name, text) in modules {
            std::fs::write(home.path().join(format!("{name}.rhai")), text).unwrap();
        }
        Fake {
            server,
            state,
            _runtime: runtime,
            home,
        }
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// How many sandboxes were made, and how many are there.
    pub fn counts(&self) -> (usize, usize) {
        let state = self.state();
        (state.made, state.sandboxes.len())
    }

    /// The command that runs a script which has `api`.
    pub fn command(&self, options: &[&str], text: &str) -> Command {
        let script = self.home.path().join("test.rhai");
        let connect = r#"let api = e2b::connect(#{ address: env::get("FAKE"), sandbox_address: env::get("FAKE"), edge_address: env::get("FAKE"), api_key: "e2b_aa", access_token: "sk_e2b_bb" });"#;
        let head = if text.contains("import ") {
            String::new()
        } else {
            format!("{connect}\n")
        };
        std::fs::write(&script, format!("{head}{text}")).unwrap();
        let mut command = Command::cargo_bin("e2bscript").unwrap();
        command
            .args(["--std", self.home.path().to_str().unwrap()])
            .args(options)
            .arg(&script)
            .env("HOME", self.home.path())
            .env("FAKE", &self.server.address)
            .env("E2BSCRIPT_ENV_FILE", "deploy.env")
            .env("NO_COLOR", "1")
            .env_remove("XDG_STATE_HOME")
            .env_remove("E2BSCRIPT_STATE_HOME")
            .env_remove("E2B_API_KEY")
            .env_remove("E2B_ACCESS_TOKEN")
            .timeout(Duration::from_secs(60));
        command
    }

    pub fn run(&self, text: &str) -> Ran {
        self.run_with(&[], text)
    }

    pub fn run_with(&self, options: &[&str], text: &str) -> Ran {
        Ran::of(self.command(options, text).output().unwrap())
    }

    /// How often something was asked.
    pub fn count(&self, method: &str, path: &str) -> usize {
        let asked = self.server.asked();
        asked
            .iter()
            .filter(|one| one.method == method && one.path() == path)
            .count()
    }
}

/// What became of a script.
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    fn of(output: Output) -> Ran {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Ran {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }
}

fn error(status: u16, message: &str) -> Answer {
    Answer::json(status, &json!({"code": status, "message": message}))
}

fn route(asked: &Asked, state: &Mutex<State>) -> Answer {
    let parts: Vec<&str> = asked.path().split('/').skip(1).collect();
    if asked
        .header("host")
        .is_some_and(|host| host.starts_with("49983-"))
    {
        return envd(asked, &parts, state);
    }
    if asked.method == "POST" && parts == ["sandboxes"] {
        let slow = state.lock().unwrap().slow;
        std::thread::sleep(slow);
    }
    let mut state = state.lock().unwrap();
    if asked.method == "GET" && state.failing_reads > 0 && parts != ["v2", "templates"] {
        state.failing_reads -= 1;
        return error(500, "Error when getting teams");
    }
    match (asked.method.as_str(), parts.as_slice()) {
        ("GET", ["health"]) => Answer::text(200, "Health check successful"),
        ("GET", ["templates"]) if state.has_templates => Answer::json(200, &json!([template()])),
        ("GET", ["templates"]) => Answer::json(200, &json!([])),
        ("POST", ["templates"]) => Answer::json(202, &template()),
        ("POST", ["templates", _, "builds", _]) => Answer::text(202, ""),
        ("GET", ["templates", id, "builds", build, "status"]) => {
            let mut found = state.builds[0].clone();
            if state.builds.len() > 1 {
                state.builds.pop_front();
            }
            found["templateID"] = json!(id);
            found["buildID"] = json!(build);
            found["logs"] = found.get("logs").cloned().unwrap_or(json!([]));
            Answer::json(200, &found)
        }
        ("POST", ["sandboxes"]) => create(asked, &mut state),
        ("GET", ["v2", "sandboxes"]) => {
            let wanted = asked
                .target
                .contains("e2bscript%3D")
                .then(|| asked.target.clone());
            let mark = |one: &Value| {
                let mark = one["metadata"]["e2bscript"].as_str().unwrap_or_default();
                e2bscript::http::percent_encode(&e2bscript::http::percent_encode(mark))
            };
            let fits = |one: &&Value| {
                wanted
                    .as_ref()
                    .is_none_or(|target| target.contains(&mark(one)))
            };
            let found: Vec<&Value> = state.sandboxes.values().filter(fits).collect();
            Answer::json(200, &json!(found))
        }
        (method, ["sandboxes", id, rest @ ..]) => {
            let id = id.split('-').next().unwrap();
            if !state.sandboxes.contains_key(id) {
                return Answer::json(
                    404,
                    &json!(format!(
                        "sandbox \"{id}\" doesn't exist or you don't have access to it"
                    )),
                );
            }
            of_sandbox(method, id, rest, &mut state)
        }
        _ => error(404, "validation error: no matching operation was found"),
    }
}

fn template() -> Value {
    json!({"templateID": "t1", "buildID": "b1", "aliases": ["base"], "cpuCount": 2, "memoryMB": 512, "public": true,
        "createdAt": "2025-11-15T10:00:00Z", "updatedAt": "2025-11-15T10:00:00Z", "createdBy": null,
        "lastSpawnedAt": "0001-01-01T00:00:00Z", "spawnCount": 0, "buildCount": 1})
}

fn create(asked: &Asked, state: &mut State) -> Answer {
    state.made += 1;
    let id = format!("i{:020}", state.made);
    let body = asked.json();
    let made = json!({"sandboxID": id, "clientID": "0badcafe", "templateID": "t1", "alias": body["templateID"], "envdVersion": "0.2.0",
        "startedAt": "2025-11-15T10:00:00Z", "endAt": "2125-11-15T10:00:00Z", "cpuCount": 2, "memoryMB": 512, "state": "running",
        "metadata": body["metadata"]});
    state.sandboxes.insert(id, made.clone());
    match state.lies {
        true => error(500, "Failed to create sandbox"),
        false => Answer::json(201, &made),
    }
}

fn of_sandbox(method: &str, id: &str, rest: &[&str], state: &mut State) -> Answer {
    match (method, rest) {
        ("GET", []) => {
            let found = &state.sandboxes[id];
            match found["state"] == "paused" {
                // as the real one crashes
                true => Answer::text(500, ""),
                false => Answer::json(200, found),
            }
        }
        ("DELETE", []) => {
            state.sandboxes.remove(id);
            Answer::text(204, "")
        }
        ("POST", ["exec"]) => {
            let output = state
                .output
                .clone()
                .unwrap_or("hello-from-exec\nLinux\n".to_owned());
            Answer::json(
                200,
                &json!({"exitCode": 0, "stdout": output, "stderr": "", "status": "exit status 0"}),
            )
        }
        ("POST", ["pause"]) => {
            state.sandboxes.get_mut(id).unwrap()["state"] = json!("paused");
            Answer::text(204, "")
        }
        ("POST", ["resume"]) => {
            let found = state.sandboxes.get_mut(id).unwrap();
            found["state"] = json!("running");
            Answer::json(201, found)
        }
        ("POST", ["timeout" | "refreshes"]) => Answer::text(204, ""),
        _ => error(404, "validation error: no matching operation was found"),
    }
}

/// envd inside every sandbox: files by path, and one command that prints three lines and a half.
fn envd(asked: &Asked, parts: &[&str], state: &Mutex<State>) -> Answer {
    let mut state = state.lock().unwrap();
    let host = asked.header("host").unwrap();
    let id = host.split('-').nth(1).unwrap();
    if !state.sandboxes.contains_key(id) {
        let body = json!({"sandboxId": id, "message": "The sandbox was not found", "code": 502});
        return Answer::json(502, &body);
    }
    let query = asked.target.split("path=").nth(1).unwrap_or_default();
    let path = query.split('&').next().unwrap().to_owned();
    match (asked.method.as_str(), parts) {
        ("GET", ["health"]) => Answer::text(204, ""),
        ("POST", ["files"]) => {
            let body = String::from_utf8_lossy(&asked.body).into_owned();
            let content = body
                .split("\r\n\r\n")
                .nth(1)
                .unwrap()
                .split("\r\n--")
                .next()
                .unwrap();
            state
                .files
                .insert(path.clone(), content.as_bytes().to_vec());
            Answer::text(
                200,
                &json!([{"name": "x", "type": "file", "path": path}]).to_string(),
            )
        }
        ("GET", ["files"]) => match state.files.get(&path) {
            Some(content) => Answer::text(200, &String::from_utf8_lossy(content)),
            None => error(404, "path does not exist"),
        },
        ("POST", ["filesystem.Filesystem", _]) => Answer::json(200, &json!({})),
        ("POST", ["process.Process", "Start"]) => {
            let messages = [
                json!({"event": {"start": {"pid": 41}}}),
                json!({"event": {"data": {"stdout": "b25lCnR3bwp0aA=="}}}),
                json!({"event": {"data": {"stdout": "cmVlCg=="}}}),
                json!({"event": {"data": {"stderr": "aGFsZg=="}}}),
                json!({"event": {"end": {"exited": true, "status": "exit status 0"}}}),
            ];
            let mut body: Vec<u8> = Vec::new();
            for message in messages {
                body.extend_from_slice(&encode(message.to_string().as_bytes(), false));
            }
            body.extend_from_slice(&encode(b"{}", true));
            Answer {
                status: 200,
                headers: vec![("content-type".into(), "application/connect+json".into())],
                body,
                pieces: 11,
                ..Answer::default()
            }
        }
        _ => error(404, "404 page not found"),
    }
}
