//! Every file of `examples/` runs and ends with the result that its last line promises. Those that
//! work on a cluster make no promise here; they are checked, not run.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // a test fails by panicking

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use assert_cmd::Command;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::runtime::Runtime;
use wiremock::matchers::path;
use wiremock::{Mock, MockServer, ResponseTemplate};

/// What stands before the promised result, written as JSON.
const PROMISE: &str = "// => ";

/// What an example names that works on a cluster.
const NEEDS_CLUSTER: &str = "E2BSCRIPT_ENV_FILE";
/// What the command line of some examples needs.
const OPTIONS: [(&str, &[&str]); 1] = [("override-std", &["--std", "examples/override"])];

struct Example {
    path: String,
    name: String,
    text: String,
}

impl Example {
    fn options(&self) -> &'static [&'static str] {
        let found = OPTIONS.iter().find(|(name, _)| *name == self.name);
        found.map_or(&[], |(_, options)| *options)
    }
}

fn examples() -> Vec<Example> {
    let mut examples: Vec<Example> = fs::read_dir(root("examples"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .map(|path| Example {
            name: path.file_stem().unwrap().to_str().unwrap().to_owned(),
            text: fs::read_to_string(&path).unwrap(),
            path: path.to_str().unwrap().to_owned(),
        })
        .collect();
    examples.sort_by(|one, other| one.name.cmp(&other.name));
    assert!(examples.len() >= 6, "examples/ is nearly empty");
    examples
}

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Runs the program in a home of its own.
fn e2bscript(home: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::cargo_bin("e2bscript").unwrap();
    command
        .args(arguments)
        .current_dir(root(""))
        .env("HOME", home)
        .env_remove("XDG_STATE_HOME")
        .env_remove("XDG_CONFIG_HOME")
        .env_remove("E2BSCRIPT_STATE_HOME");
    command.output().unwrap()
}

fn said(output: &Output) -> String {
    format!(
        "{}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// The value of the one `result` event among the lines of `--json`.
fn result(output: &Output) -> Option<Value> {
    let lines = String::from_utf8_lossy(&output.stdout);
    let events = lines
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut results = events.filter(|event| event["type"] == "result");
    let found = results.next().map(|event| event["value"].clone());
    assert!(results.next().is_none(), "more than one result");
    found
}

/// A web server on this machine that has one file; it ends with the value.
struct Served {
    url: String,
    sha256: String,
    _server: MockServer,
    _runtime: Runtime,
}

impl Served {
    fn start(content: &str) -> Served {
        let runtime = Runtime::new().unwrap();
        let server = runtime.block_on(async {
            let server = MockServer::start().await;
            let answer = ResponseTemplate::new(200).set_body_string(content);
            Mock::given(path("/file"))
                .respond_with(answer)
                .mount(&server)
                .await;
            server
        });
        let sum = Sha256::digest(content);
        Served {
            url: format!("{}/file", server.uri()),
            sha256: sum.iter().map(|byte| format!("{byte:02x}")).collect(),
            _server: server,
            _runtime: runtime,
        }
    }
}

#[test]
fn examples_end_with_what_they_promise() {
    let served = Served::start("what was asked for");
    let all = examples();
    for example in all
        .iter()
        .filter(|example| !example.text.contains(NEEDS_CLUSTER))
    {
        let last = example.text.lines().last().unwrap();
        let Some(promised) = last.strip_prefix(PROMISE) else {
            panic!("{}: the last line is not `{PROMISE}…`", example.name)
        };
        let promised: Value = serde_json::from_str(promised).unwrap();
        let home = tempfile::tempdir().unwrap();
        let arguments = [&["--json"], example.options(), &[&example.path]].concat();
        let own = match example.name.as_str() {
            "http-download" => vec!["--url", &served.url, "--sha256", &served.sha256],
            _ => Vec::new(),
        };
        let output = e2bscript(home.path(), &[arguments, own].concat());
        assert!(
            output.status.success(),
            "{}: {}",
            example.name,
            said(&output)
        );
        assert_eq!(result(&output), Some(promised), "{}", example.name);
    }
}

#[test]
fn the_first_line_says_what_an_example_shows() {
    for example in examples() {
        let first = example.text.lines().next().unwrap();
        let says = first
            .strip_prefix("// ")
            .is_some_and(|words| words.len() > 20);
        assert!(says && first.ends_with('.'), "{}: {first}", example.name);
    }
}

#[test]
fn examples_pass_the_check() {
    let home = tempfile::tempdir().unwrap();
    for example in examples() {
        let output = e2bscript(
            home.path(),
            &[&["check", &example.path], example.options()].concat(),
        );
        assert!(
            output.status.success(),
            "{}: {}",
            example.name,
            said(&output)
        );
    }
}

#[test]
fn the_readme_shows_an_example_as_it_is() {
    let readme = fs::read_to_string(root("README.md")).unwrap();
    let shown = readme.split("```rhai\n").nth(1).unwrap();
    let shown = shown.split("```").next().unwrap();
    assert!(
        examples().iter().any(|example| example.text == shown),
        "{shown}"
    );
}

#[test]
fn the_documents_point_at_what_is_there() {
    for page in [
        "README.md",
        "CONTRIBUTING.md",
        "STYLE.md",
        "docs/architecture.md",
        "docs/benchmarks.md",
    ] {
        let text = fs::read_to_string(root(page)).unwrap();
        let folder = root(page).parent().unwrap().to_owned();
        for link in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            let there = link.starts_with("https://") || folder.join(link).exists();
            assert!(there, "{page} points at `{link}`, which is not there");
        }
    }
}
