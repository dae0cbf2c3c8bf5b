//! The way to a host: what the help of an error says, done.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::common::lab::{Lab, Ran, SMALL, changes};

#[test]
fn the_help_of_an_error_helps() {
    let lab = Lab::up(SMALL);
    lab.run(&["stage.rhai"]).ended(0);
    lab.run(&["run-init-db.rhai"]).ended(0);
    new_host_keys(&lab);
    nobody_answers(&lab);
    no_sudo(&lab);
    assert_eq!(changes(&lab.events(&["stage.rhai"], 0)), [""; 0]);
}

/// The fingerprint that OpenSSH shows for a public key.
fn fingerprint(path: &Path) -> String {
    let output = Command::new("ssh-keygen")
        .arg("-lf")
        .arg(path)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let line = String::from_utf8(output.stdout).unwrap();
    line.split(' ').nth(1).unwrap().to_owned()
}

/// Both fingerprints are OpenSSH's, and the command of the help, pasted, removes the old key: then
/// the new one is unknown, can be accepted once, and is known.
fn new_host_keys(lab: &Lab) {
    let theirs = lab.env("KNOWN_HOSTS_FILE");
    let known = lab.home.path().join("known_hosts");
    lab.set_env("KNOWN_HOSTS_FILE", known.to_str().unwrap());
    for (node, code) in [("bastion", 5), ("api-1", 4)] {
        fs::copy(&theirs, &known).unwrap();
        lab.fault(&["new-host-key", node]);
        let ran = lab.run(&["stage.rhai"]).ended(code);
        for key in [
            format!("hostkeys/changed/{node}"),
            format!("hostkeys/{node}"),
        ] {
            let fingerprint = fingerprint(&lab.file(&key).join("ssh_host_ecdsa_key.pub"));
            assert!(ran.stderr.contains(&fingerprint), "no {fingerprint}: {ran}");
        }
        let mut quoted = ran.stderr.split('`');
        let command = quoted
            .find(|part| part.starts_with("ssh-keygen -R "))
            .unwrap();
        assert!(!command.contains('\n'), "not to be pasted: {command}");
        let removed = Command::new("sh").args(["-c", command]).output().unwrap();
        assert!(removed.status.success(), "{removed:?}");

        let words = ["check-cluster.rhai", "--limit", "api-1"];
        let ran = lab.run(&words).ended(7);
        assert!(ran.stderr.contains("`--accept-new-host-keys`"), "{ran}");
        lab.run(&[&words[..], &["--accept-new-host-keys"]].concat())
            .ended(0);
        lab.run(&words).ended(0);
        lab.fault(&["heal"]);
    }
    lab.set_env("KNOWN_HOSTS_FILE", &theirs);
}

fn nobody_answers(lab: &Lab) {
    let config = lab.home.path().join("ssh_config");
    fs::write(&config, "Host *\nConnectTimeout 2\n").unwrap();
    let run = |code| -> Ran {
        lab.run(&["-F", config.to_str().unwrap(), "stage.rhai"])
            .ended(code)
    };
    lab.fault(&["cut", "bastion"]);
    let ran = run(5);
    // Once, for all hosts behind it.
    let told = "× server-1, api-1, client-1: `bastion` did not finish connecting within 2 s";
    assert!(ran.stderr.contains(told), "{ran}");
    lab.fault(&["heal"]);

    lab.fault(&["kill-sshd", "server-1"]);
    let ran = run(4);
    // In the bastion's words, or in ours where it has none.
    let said = ["Connection refused", "it refused, or there is no way to it"];
    assert!(said.iter().any(|words| ran.stderr.contains(words)), "{ran}");
    assert!(ran.stderr.contains("through `bastion`"), "{ran}");
    let ran = lab.run(&["check-cluster.rhai"]).ended(7);
    for words in [
        "server-1   failed   reachable: ",
        "help: check that the host is up",
    ] {
        assert!(ran.stderr.contains(words), "{ran}");
    }
    lab.fault(&["heal"]);
}

/// Someone who can log in but may not become root: reachable, and that is not what is wrong.
fn no_sudo(lab: &Lab) {
    let nodes = ["bastion", "api-1", "client-1"];
    for node in nodes {
        lab.ask(
            node,
            "useradd -m -s /bin/sh plain; cp -r ~ubuntu/.ssh ~plain/; chown -R plain ~plain/.ssh",
        );
    }
    lab.set_env("SSH_USER", "plain");
    let ran = lab
        .run(&["stage.rhai", "--limit", "api-1,client-1"])
        .ended(1);
    for words in [
        "sudo refused on `api-1`: a password is required (ssh.sudo)",
        "help: give the user passwordless sudo",
    ] {
        assert!(ran.stderr.contains(words), "{ran}");
    }
    let ran = lab
        .run(&["check-cluster.rhai", "--limit", "api-1,client-1"])
        .ended(7);
    let told = "assets: cannot look at the paths: sudo: a password is required";
    assert!(ran.stderr.contains(told), "{ran}");
    let reachable = ran
        .stdout
        .lines()
        .find(|line| line.starts_with("reachable"));
    assert!(reachable.unwrap().contains("ok"), "{ran}");
    lab.set_env("SSH_USER", "ubuntu");
    for node in nodes {
        lab.ask(node, "userdel -r plain 2>/dev/null");
    }
}
