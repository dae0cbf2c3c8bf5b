//! The clean-up of network slots, on namespaces of the kernel and a Consul of its own.

use std::path::PathBuf;
use std::process::Command;

/// Consul as the rehearsal cluster has it, from PATH or built.
fn consul() -> PathBuf {
    let built = std::env::current_exe().unwrap();
    let e2blab = built.ancestors().nth(2).unwrap().join("e2blab");
    let output = Command::new(e2blab).arg("image").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let layers = String::from_utf8(output.stdout).unwrap();
    let mut found = layers
        .lines()
        .map(|layer| PathBuf::from(layer).join("opt/consul/bin/consul"));
    found
        .find(|path| path.is_file())
        .expect("no Consul in the layers")
}

/// Runs a scene in mount, network and process namespaces of its own, which end with it.
fn scene(name: &str, environment: &[(&str, &str)]) -> String {
    let here = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/stacks/cleanup");
    let script = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/terraform-cluster/user-data/files/e2b-cleanup-network"
    );
    let work = tempfile::tempdir().unwrap();
    let output = Command::new("unshare")
        .args(["--mount", "--net", "--pid", "--fork", "--mount-proc"])
        .args(["--kill-child", "bash", &format!("{here}/{name}.sh")])
        .env("CONSUL", consul())
        .env("SCRIPT", script)
        .env("WORK", work.path())
        .env(
            "PATH",
            format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap()),
        )
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn exactly_the_dead_of_forty_namespaces_go() {
    assert_eq!(scene("forty", &[]).trim(), "40 namespaces: well");
}

#[test]
fn no_slot_is_lost_beside_a_thousand_runs() {
    let said = scene("race", &[("RUNS", "1000"), ("LIVES", "10")]);
    assert!(said.starts_with("1000 runs beside "), "{said}");
}
