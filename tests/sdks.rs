//! The official SDKs of E2B, as they are published, against a deployed platform of today's generation: all they know of it is
//! what `tunnel.rhai` puts into the environment.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test fails by panicking

mod common;

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::lab::{Lab, Ran};

#[test]
fn official_sdks_work_through_a_tunnel() {
    let lab = Lab::up(&[]);
    lab.set_env("PLATFORM_GENERATION", "upstream");
    // the usual port may be another lab's
    let url = format!("http://localhost:{}", free_port());
    lab.set_env("TEMPLATE_UPLOAD_URL", &url);
    lab.run(&["deploy.rhai"]).ended(0);

    let python = client("e2b-python").join("bin/python");
    let modules = client("e2b-node").join("node_modules");
    let (python, modules) = (python.to_str().unwrap(), modules.to_str().unwrap());
    let programs = [
        (
            format!("{python} {}", program("life.py")),
            "the Python SDK is content",
        ),
        (
            format!("NODE_PATH={modules} node {}", program("life.cjs")),
            "the JavaScript SDK is content",
        ),
    ];
    // both inside one tunnel: its port for uploads is one for the whole machine
    let script = format!(
        "{} & python=$!; {}; node=$?; wait $python && exit $node",
        programs[0].0, programs[1].0
    );
    let ran = lab
        .run(&["tunnel.rhai", "--", "sh", "-c", &script])
        .ended(0);
    for (_, last) in &programs {
        assert!(ran.stdout.contains(last), "{ran}");
    }

    let ran = taken(&lab, &url);
    assert!(ran.stderr.contains("cannot be uploaded"), "{ran}");
    let ran = lab.run(&["sandboxes.rhai"]).ended(0);
    assert!(!ran.stdout.contains("sdk-"), "{ran}");
}

/// A port for uploads that somebody else has is said, and is no reason to stop.
fn taken(lab: &Lab, url: &str) -> Ran {
    let port = url.rsplit(':').next().unwrap();
    let _other = TcpListener::bind(format!("127.0.0.1:{port}")).unwrap();
    lab.run(&["tunnel.rhai", "--", "true"]).ended(0)
}

/// Where a client of tests/clients is installed.
fn client(name: &str) -> PathBuf {
    let installer = Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/clients.sh");
    let output = Command::new(installer).arg(name).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().into()
}

fn program(name: &str) -> String {
    format!("{}/tests/clients/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
