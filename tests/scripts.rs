//! The test scripts: one for each module, in `tests/scripts/`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test fails by panicking

mod common;

use common::script::{Setup, run_with};

#[test]
fn scripts_pass() {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts");
    let mut paths: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    assert!(paths.len() >= 5);
    let mut failed = Vec::new();
    for path in paths {
        let scratch = tempfile::tempdir().unwrap();
        let setup = Setup {
            given: vec![("DIR", scratch.path().display().to_string())],
            args: ["--name", "x", "--", "behind"].map(String::from).to_vec(),
            ..Setup::default()
        };
        let text = std::fs::read_to_string(&path).unwrap();
        if let Err(failure) = run_with(&text, &setup).result {
            failed.push(format!(
                "{}: {}: {}",
                path.display(),
                failure.kind,
                failure.message
            ));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
