//! Options of a run, and where it is started: hosts, looks, places.

use std::fs;

use serde_json::Value;

use crate::common::lab::{Lab, SMALL, changes, only};

#[test]
fn a_run_does_as_its_options_say() {
    let lab = Lab::up(SMALL);
    a_limit_that_matches_nothing(&lab);
    lab.run(&["stage.rhai"]).ended(0);
    one_host_alone(&lab);
    looks(&lab);
    places(&lab);
    the_numbers_of_a_run(&lab);
}

/// A mistyped name must not pass for a run that had nothing to do.
fn a_limit_that_matches_nothing(lab: &Lab) {
    let ran = lab.run(&["stage.rhai", "--limit", "api-9"]).ended(2);
    for words in [
        "no host matches `api-9` of `--limit`",
        "help: did you mean `api-1`?",
    ] {
        assert!(ran.stderr.contains(words), "{ran}");
    }
    let ran = lab
        .run(&["stage.rhai", "--limit", "api-1,nowhere,other"])
        .ended(2);
    for words in [
        "no host matches `nowhere` or `other` of `--limit`",
        "help: the hosts are server-1, api-1, client-1",
    ] {
        assert!(ran.stderr.contains(words), "{ran}");
    }
    assert_eq!(lab.ask("api-1", "ls /opt"), "");
    // Names, roles and addresses all are; and what is only left out need not be there.
    for limit in ["server,!api-7", "api-*", &lab.env("CLIENT_POOL_PRIVATE")] {
        let events = lab.events(&["stage.rhai", "--plan", "--limit", limit], 0);
        assert_ne!(changes(&events), [""; 0], "{limit}");
    }
}

fn one_host_alone(lab: &Lab) {
    lab.ask("client-1", "chmod 0700 /fc-envd");
    lab.ask("api-1", "chmod 0700 /opt/e2b/bin");
    let events = lab.events(&["stage.rhai", "--limit", "api-1"], 0);
    assert_eq!(changes(&events), ["api-1 dir /opt/e2b/bin"]);
    assert_eq!(lab.ask("client-1", "stat -c %a /fc-envd"), "700");
    let events = lab.events(&["stage.rhai"], 0);
    assert_eq!(changes(&events), ["client-1 dir /fc-envd"]);
    // Nothing is left to do: nothing is said on stdout, and one line says so.
    let ran = lab.run(&["stage.rhai"]).ended(0);
    assert_eq!(ran.stdout, "");
    assert!(ran.stderr.contains(": 0 changed, "), "{ran}");
}

fn looks(lab: &Lab) {
    for (name, value) in [("NO_COLOR", "1"), ("CI", "1"), ("TERM", "dumb")] {
        let mut command = lab.command(&["check-cluster.rhai", "--limit", "server-1"]);
        let output = command
            .env_remove("NO_COLOR")
            .env(name, value)
            .output()
            .unwrap();
        assert!(output.status.success(), "{name}: {output:?}");
        let escapes = [&output.stdout, &output.stderr].map(|text| text.contains(&0x1b));
        assert_eq!(escapes, [false, false], "{name}: {output:?}");
    }
    let ran = lab.run(&["stage.rhai", "--quiet"]).ended(0);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", ""));
    let ran = lab.run(&["stage.rhai", "-v"]).ended(0);
    assert!(ran.stderr.contains("= file /opt/e2b/bin/e2b-api"), "{ran}");
    let ran = lab.run(&["stage.rhai", "--help"]).ended(0);
    assert!(ran.stdout.contains("--env-file ENV_FILE"), "{ran}");
}

/// A configuration with whole paths works from everywhere; one without says where it looked.
fn places(lab: &Lab) {
    lab.set_env("DEPLOY_TREE", env!("CARGO_MANIFEST_DIR"));
    let mut command = lab.command(&["stage.rhai"]);
    let output = command.current_dir("/").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && said.contains(": 0 changed, "),
        "{said}"
    );

    let artifacts = lab.env("ARTIFACTS_DIR");
    lab.set_env("ARTIFACTS_DIR", "artifacts-that-are-not-there");
    let mut command = lab.command(&["stage.rhai"]);
    let output = command.current_dir(lab.home.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    let missing = fs::canonicalize(lab.home.path())
        .unwrap()
        .join("artifacts-that-are-not-there/envd");
    assert!(said.contains(missing.to_str().unwrap()), "{said}");
    lab.set_env("ARTIFACTS_DIR", &artifacts);
}

fn the_numbers_of_a_run(lab: &Lab) {
    let words = ["stage.rhai", "--stats", "--limit", "server-1"];
    let ran = lab.run(&words).ended(0);
    assert!(ran.stderr.contains("round trips"), "{ran}");
    let events = lab.events(&words, 0);
    // One connection to the bastion and one to the host.
    assert_eq!(
        only(&events, "run_finished")["stats"]["connections"],
        Value::from(2)
    );
}
