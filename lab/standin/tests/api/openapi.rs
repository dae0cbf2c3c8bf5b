//! Schemathesis asks for everything that the specifications of both generations have, in ways that they allow and in ways that
//! they do not: nothing of that may make the API fail, but where the real one is known to.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::peers::Peers;
use crate::postgres::{Postgres, free_port};
use crate::service::Service;
use crate::upstream;
use crate::world::{World, names};

/// How many requests there are for an operation, besides those for the borders of what is allowed.
const EXAMPLES: &str = "15";

/// An answer that the real API gives too, as it was recorded or read.
struct Expected {
    generation: &'static str,
    method: &'static str,
    path: &'static str,
    /// What the body contains; empty for no body at all, which is how a crash looks.
    body: &'static str,
}

const EXPECTED: &[Expected] = &[
    // the handler of a paused sandbox crashes; recorded
    Expected {
        generation: "seed",
        method: "GET",
        path: "/sandboxes/{sandboxID}",
        body: "",
    },
    // that of a build that is not the template's does, too; recorded
    Expected {
        generation: "seed",
        method: "POST",
        path: "/templates/{templateID}/builds/{buildID}",
        body: "",
    },
    // one of the states that the specification has can be ordered of nobody; recorded
    Expected {
        generation: "seed",
        method: "POST",
        path: "/nodes/{nodeID}",
        body: "unknown service info status: connecting",
    },
    Expected {
        generation: "upstream",
        method: "POST",
        path: "/nodes/{nodeID}",
        body: "unknown service info status: connecting",
    },
];

impl Expected {
    fn is(&self, generation: &str, method: &str, path: &str, body: &str) -> bool {
        let fits = match self.body {
            "" => body.is_empty(),
            part => body.contains(part),
        };
        fits && self.generation == generation && self.method == method && is_at(path, self.path)
    }
}

/// Values that lead somewhere, by the place of the parameter.
const KNOWN: &[(&str, &[&str])] = &[
    (
        "path.templateID",
        &[
            "tmplbase000000000000",
            "tmplnobuild000000000",
            "tmplfailed0000000000",
            "base",
        ],
    ),
    (
        "path.buildID",
        &[
            "0b000000-0000-4000-8000-000000000001",
            "0b000000-0000-4000-8000-000000000004",
            "0b000000-0000-4000-8000-000000000005",
        ],
    ),
    ("path.alias", &["base", "old-envd"]),
    (
        "body.templateID",
        &["base", "tmplbase000000000000", "tmplnoenvd0000000000"],
    ),
];

/// A directory of the test's own.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Directory {
        let name = format!("standin-{name}-{}-{}", std::process::id(), free_port());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Directory(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path)
}

fn specification(generation: &str) -> PathBuf {
    project(&format!("tests/vectors/e2b-openapi-{generation}.json"))
}

/// Which values parameters have most of the time; `sandboxes` are there.
fn configuration(sandboxes: &[String]) -> String {
    let mut text = String::new();
    let mut all: Vec<(&str, Vec<&str>)> = KNOWN
        .iter()
        .map(|(place, values)| (*place, values.to_vec()))
        .collect();
    all.push((
        "path.sandboxID",
        sandboxes.iter().map(String::as_str).collect(),
    ));
    for (number, (place, values)) in all.iter().enumerate() {
        text += &format!(
            "[dictionaries.known{number}]\nvalues = {}\n[parameters.\"{place}\"]\ndictionary = \"known{number}\"\nprobability = 0.7\n",
            json!(values)
        );
    }
    text
}

/// Asks, and gives all that was asked and answered.
fn ask(
    generation: &str,
    base: &str,
    headers: &[(&str, String)],
    sandboxes: &[String],
) -> Vec<Value> {
    let installer = project("tools/clients.sh");
    let installed = Command::new(installer)
        .arg("schemathesis")
        .output()
        .unwrap();
    assert!(installed.status.success(), "{installed:?}");
    let home = String::from_utf8(installed.stdout).unwrap();
    let directory = Directory::new("openapi");
    let (config, report) = (
        directory.0.join("schemathesis.toml"),
        directory.0.join("report.har"),
    );
    fs::write(&config, configuration(sandboxes)).unwrap();
    let mut command = Command::new(Path::new(home.trim()).join("bin/st"));
    command
        .arg("--config-file")
        .arg(&config)
        .arg("run")
        .arg(specification(generation))
        .args(["--url", base, "--no-color", "--warnings", "off"])
        .args([
            "--checks",
            "not_a_server_error",
            "--continue-on-failure",
            "--no-shrink",
        ])
        .args([
            "--phases",
            "examples,coverage,fuzzing",
            "--max-examples",
            EXAMPLES,
        ])
        .arg("--generation-deterministic")
        .args([
            "--generation-with-security-parameters",
            "false",
            "--request-timeout",
            "30",
        ])
        .arg("--report-har-path")
        .arg(&report)
        .current_dir(&directory.0);
    for (name, value) in headers {
        command.args(["--header", &format!("{name}: {value}")]);
    }
    let ran = command.output().unwrap();
    // 1: something failed, which is judged below
    let told = String::from_utf8_lossy(&ran.stdout);
    assert!(matches!(ran.status.code(), Some(0 | 1)), "{told}\n{ran:?}");
    let report: Value = serde_json::from_slice(&fs::read(&report).unwrap()).unwrap();
    report["log"]["entries"].as_array().unwrap().clone()
}

/// Whether a path of a request is one of the specification's, whose variable parts are in braces.
fn is_at(path: &str, wanted: &str) -> bool {
    let (mut path, mut wanted) = (path.split('/'), wanted.split('/'));
    loop {
        match (path.next(), wanted.next()) {
            (None, None) => return true,
            (Some(part), Some(wanted)) if part == wanted || wanted.starts_with('{') => {}
            _ => return false,
        }
    }
}

fn failures(generation: &str, base: &str, entries: &[Value]) -> Vec<String> {
    let mut found = BTreeSet::new();
    for entry in entries {
        let status = entry["response"]["status"].as_u64().unwrap_or_default();
        if (100..500).contains(&status) {
            continue;
        }
        let (method, url) = (
            entry["request"]["method"].as_str().unwrap(),
            entry["request"]["url"].as_str().unwrap(),
        );
        let path = url.strip_prefix(base).unwrap_or(url);
        let path = path.split('?').next().unwrap_or_default();
        let answer = entry["response"]["content"]["text"]
            .as_str()
            .unwrap_or_default();
        let is_expected = |known: &Expected| known.is(generation, method, path, answer);
        if !EXPECTED.iter().any(is_expected) {
            let body = &entry["request"]["postData"]["text"];
            found.insert(format!("{method} {url} {body}: {status} {answer}"));
        }
    }
    found.into_iter().collect()
}

/// The operations of the specification that nobody asked for.
fn missed(generation: &str, base: &str, entries: &[Value]) -> Vec<String> {
    let text = fs::read(specification(generation)).unwrap();
    let specification: Value = serde_json::from_slice(&text).unwrap();
    let mut missed = Vec::new();
    for (path, operations) in specification["paths"].as_object().unwrap() {
        for method in operations
            .as_object()
            .unwrap()
            .keys()
            .filter(|key| *key != "parameters")
        {
            let asked = entries.iter().any(|entry| {
                let url = entry["request"]["url"].as_str().unwrap_or_default();
                let asked = url
                    .strip_prefix(base)
                    .unwrap_or(url)
                    .split('?')
                    .next()
                    .unwrap_or_default();
                entry["request"]["method"]
                    .as_str()
                    .is_some_and(|other| other.eq_ignore_ascii_case(method))
                    && is_at(asked, path)
            });
            if !asked {
                missed.push(format!("{method} {path}"));
            }
        }
    }
    missed
}

async fn sandbox(service: &Service, key: &str, template: &str) -> String {
    let wish = json!({"templateID": template, "timeout": 300});
    let made = service.ask("POST", "/sandboxes", key, &wish).await;
    assert_eq!(made.status, 201, "{made:?}");
    made.body["sandboxID"].as_str().unwrap().to_owned()
}

async fn judge(
    generation: &'static str,
    service: Service,
    key: &str,
    headers: Vec<(&'static str, String)>,
) -> Vec<String> {
    let mut sandboxes = Vec::new();
    for _ in 0..4 {
        sandboxes.push(sandbox(&service, key, "base").await);
    }
    let base = service.base().to_owned();
    let asked = tokio::task::spawn_blocking(move || {
        let entries = ask(generation, &base, &headers, &sandboxes);
        (
            missed(generation, &base, &entries),
            failures(generation, &base, &entries),
            entries.len(),
        )
    });
    let (missed, failures, count) = asked.await.unwrap();
    eprintln!("{generation}: {count} requests");
    assert_eq!(
        missed, [""; 0],
        "{generation}: operations that were not asked for"
    );
    failures
        .iter()
        .map(|failure| format!("{generation}: {failure}"))
        .collect()
}

async fn seed_world(postgres: &Postgres) -> World {
    let world = World {
        database: postgres.migrated("fuzzed", "seed").await,
        url: postgres.url("fuzzed"),
        peers: Peers::start().await,
    };
    world.reset().await;
    world
}

async fn seed_failures(world: World) -> Vec<String> {
    let service = world.service("default").await;
    let names = names();
    let key = &names["api-key:team-a"];
    let headers = vec![
        ("X-API-Key", key.clone()),
        (
            "Authorization",
            format!("Bearer {}", names["access-token:alice"]),
        ),
        ("X-Admin-Token", names["admin-token"].clone()),
        ("X-Supabase-Token", names["supabase-jwt:alice"].clone()),
        ("X-Supabase-Team", names["team-id:team-a"].clone()),
    ];
    judge("seed", service, key, headers).await
}

async fn today_world(postgres: &Postgres) -> World {
    let database = postgres.migrated("fuzzed_today", "upstream").await;
    upstream::fill(&database).await;
    World {
        database,
        url: postgres.url("fuzzed_today"),
        peers: Peers::start().await,
    }
}

async fn today_failures(world: World) -> Vec<String> {
    let service = world.service("default").await;
    upstream::template(&service, "base", "").await;
    let headers = vec![
        ("X-API-Key", upstream::KEY.to_owned()),
        ("X-Admin-Token", names()["admin-token"].clone()),
    ];
    judge("upstream", service, upstream::KEY, headers).await
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_of_the_specifications_makes_the_api_fail() {
    let postgres = Postgres::start().await;
    // roles are the whole server's: the second set of migrations comes after the first
    let seed = seed_world(&postgres).await;
    let today = today_world(&postgres).await;
    let (mut found, more) = tokio::join!(seed_failures(seed), today_failures(today));
    found.extend(more);
    assert!(
        found.is_empty(),
        "{} failures:\n{}",
        found.len(),
        found.join("\n")
    );
}
