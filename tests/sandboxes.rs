//! Sandboxes on a deployed platform: validated, snapshotted, cleaned up; and what goes wrong is told.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test fails by panicking

mod common;

#[path = "sandboxes/pages.rs"]
mod pages;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use common::lab::{Lab, Ran};
use rustix::process::{Pid, Signal, kill_process};

/// Prints how many sandboxes the platform has.
const COUNT: &str = r#"
import "std/config" as config;
import "std/cluster" as cluster;
import "std/platform" as platform;
let api = platform::open(cluster::open(config::load(env::get("E2BSCRIPT_ENV_FILE"))));
print(`sandboxes: ${api.list_sandboxes().len()}`);
"#;

/// Makes a sandbox, says so, and waits much longer than the test does.
const LINGER: &str = r#"
import "std/config" as config;
import "std/cluster" as cluster;
import "std/platform" as platform;
let api = platform::open(cluster::open(config::load(env::get("E2BSCRIPT_ENV_FILE"))));
let sandbox = api.create_sandbox("validation", #{ timeout: "5m" });
print("it is there");
sandbox.run(["sleep", "60"]);
"#;

#[test]
fn a_platform_runs_sandboxes() {
    let lab = Lab::up(&[]);
    let ran = lab.run(&["deploy.rhai", "--validate"]).ended(0);
    assert!(ran.stdout.contains("hello-from-exec, Linux"), "{ran}");
    assert!(ran.stdout.contains("the API knows it no more"), "{ran}");

    // The template is there now; nothing is built again.
    let ran = lab.run(&["validate-api.rhai"]).ended(0);
    assert!(ran.stdout.contains("validation of 1 known"), "{ran}");
    assert!(!ran.stdout.contains("docker build"), "{ran}");

    let ran = lab
        .run(&["generate-snapshot.rhai", "--template", "validation"])
        .ended(0);
    for file in ["rootfs.ext4.header", "memfile.header", "snapfile"] {
        assert!(ran.stdout.contains(file), "{file}: {ran}");
    }
    lab.run(&["checklist.rhai"]).ended(0);
    tunnel(&lab);
    expect_none(&lab);

    interrupted(&lab);
    faults(&lab);
    pages::all(&lab);
    // A second deployment finds nothing to do after all that.
    let ran = lab.run(&["deploy.rhai"]).ended(0);
    assert!(format!("{ran}").contains(": 0 changed,"), "{ran}");
}

/// A command inside a tunnel reaches the API with the keys that it finds in its environment.
fn tunnel(lab: &Lab) {
    let ask = "curl -fsS -H \"X-API-Key: $E2B_API_KEY\" $E2B_API_URL/sandboxes && \
               curl -fsS -H \"Authorization: Bearer $E2B_ACCESS_TOKEN\" $E2B_API_URL/templates";
    let ran = lab.run(&["tunnel.rhai", "--", "sh", "-c", ask]).ended(0);
    assert!(ran.stdout.contains("\"validation\""), "{ran}");
    let ran = lab.run(&["tunnel.rhai", "--", "sh", "-c", "exit 9"]);
    assert_eq!(ran.code, Some(9), "{ran}");
}

/// Ctrl-C between create and delete leaves no sandbox.
fn interrupted(lab: &Lab) {
    let mut run = lab.start(&[script(lab, "linger", LINGER).to_str().unwrap()]);
    let mut lines = BufReader::new(run.stdout.take().unwrap()).lines();
    let there = lines
        .by_ref()
        .map_while(Result::ok)
        .any(|line| line.contains("it is there"));
    assert!(there, "no sandbox was made: {:?}", run.wait_with_output());
    std::thread::spawn(move || lines.for_each(drop));
    let pid = Pid::from_raw(run.id().try_into().unwrap()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    let stopped = Instant::now();
    let ran = Ran::of(run.wait_with_output().unwrap()).ended(130);
    assert!(stopped.elapsed() < Duration::from_secs(20), "{ran}");
    expect_none(lab);
}

fn faults(lab: &Lab) {
    lab.fault(&["no-capacity"]);
    fails(lab, "create sandbox");
    lab.fault(&["heal"]);
    expect_none(lab);

    // Reads are asked again.
    lab.fault(&["api-500", "1"]);
    lab.run(&["list-templates.rhai"]).ended(0);

    lab.fault(&["expire-key"]);
    // The team's key; templates are listed with the user's.
    let ran = fails(lab, "create sandbox");
    assert!(format!("{ran}").contains("e2b.unauthorized"), "{ran}");
    lab.fault(&["heal"]);

    lab.fault(&["build-error", "the disk of the builder is full"]);
    let dockerfile = lab.home.path().join("Dockerfile");
    fs::write(&dockerfile, "FROM debian:12\n").unwrap();
    let ran = lab.run(&[
        "create-template.rhai",
        "--alias",
        "broken",
        "--dockerfile",
        dockerfile.to_str().unwrap(),
    ]);
    assert_ne!(ran.code, Some(0), "{ran}");
    assert!(
        format!("{ran}").contains("the disk of the builder is full"),
        "{ran}"
    );
    lab.fault(&["heal"]);
    lab.run(&["validate-api.rhai"]).ended(0);
}

/// A validation finds that this step fails, and says which by its exit code.
#[track_caller]
fn fails(lab: &Lab, step: &str) -> Ran {
    let ran = lab.run(&["validate-api.rhai"]).ended(7);
    let row = ran.stdout.lines().find(|line| line.starts_with(step));
    assert!(row.is_some_and(|row| row.contains("fail")), "{step}: {ran}");
    ran
}

#[track_caller]
fn expect_none(lab: &Lab) {
    let ran = lab
        .run(&["--quiet", script(lab, "count", COUNT).to_str().unwrap()])
        .ended(0);
    assert!(ran.stdout.contains("sandboxes: 0"), "{ran}");
}

fn script(lab: &Lab, name: &str, text: &str) -> PathBuf {
    let path = lab.home.path().join(format!("{name}.rhai"));
    fs::write(&path, text).unwrap();
    path
}
