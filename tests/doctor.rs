//! `doctor.rhai` where there is no cluster to look at: it says what is wrong, and what mends it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test fails by panicking

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use assert_cmd::Command;

/// What it prints, on both streams; it must find something.
fn doctor(home: &Path) -> String {
    let mut command = Command::cargo_bin("e2bscript").unwrap();
    command
        .args(["--no-journal", "doctor.rhai"])
        .current_dir(home)
        .env("HOME", home)
        .env_remove("E2BSCRIPT_ENV_FILE")
        .env_remove("SSH_AUTH_SOCK");
    let output = command.output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8(said).unwrap();
    assert_eq!(output.status.code(), Some(7), "{said}");
    said
}

#[test]
fn a_configuration_that_is_not_there_is_said_with_how_to_make_one() {
    let home = tempfile::tempdir().unwrap();
    let said = doctor(home.path());
    assert!(said.contains("`deploy.env` is not there"), "{said}");
    assert!(said.contains("`e2bscript init`"), "{said}");
}

#[test]
fn all_that_is_wrong_with_a_configuration_is_said_at_once() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("deploy.env");
    fs::copy(
        concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/deploy.env"),
        &file,
    )
    .unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let said = doctor(home.path());
    for wanted in [
        "POSTGRES_HOST",
        "KERNEL_SHA256",
        "CLIENT_POOL_PRIVATE",
        "chmod 600 deploy.env",
    ] {
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
}

/// Behind a bastion that nobody answers at, no host is waited for.
#[test]
fn what_cannot_be_reached_is_named_and_the_rest_not_checked() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("deploy.env");
    let sha = "0".repeat(64);
    let text = format!(
        "BASTION_HOST=127.0.0.1\nSSH_KEY=missing-key\nSERVER_POOL_PRIVATE=192.0.2.1\nAPI_POOL_PRIVATE=192.0.2.2\n\
         CLIENT_POOL_PRIVATE=192.0.2.3\nPOSTGRES_HOST=db.example\nPOSTGRES_PASSWORD=not-shown\nEDGE_SERVICE_SECRET=edge-secret-value\n\
         SANDBOX_ACCESS_TOKEN_HASH_SEED=seed-secret-value\nFIRECRACKER_SHA256={sha}\nKERNEL_SHA256={sha}\n"
    );
    fs::write(&file, text).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    // nobody listens there
    fs::create_dir(home.path().join(".ssh")).unwrap();
    fs::write(
        home.path().join(".ssh/config"),
        "Host 127.0.0.1\n  Port 1\n",
    )
    .unwrap();
    let said = doctor(home.path());
    for wanted in [
        "`missing-key` is not there",
        "bastion",
        "no host answers",
        "PostgreSQL",
    ] {
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
    assert!(!said.contains("not-shown"), "{said}");
}
