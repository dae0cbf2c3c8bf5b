//! What goes wrong on the way: each host's own verdict, and what to do next.

use std::fs;
use std::process::Command;

use crate::common::lab::{Lab, SMALL, changes, only};
use crate::golden::report_is;

#[test]
fn nobody_is_logged_in_where_keys_do_not_fit() {
    let lab = Lab::up(SMALL);
    let key = lab.home.path().join("other-key");
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(&key)
        .status();
    assert!(made.unwrap().success());
    let right = lab.env("SSH_KEY");
    lab.set_env("SSH_KEY", key.to_str().unwrap());
    report_is("wrong-key", &lab, &lab.run(&["stage.rhai"]).ended(5).stderr);
    lab.set_env("SSH_KEY", &right);

    lab.fault(&["new-host-key", "bastion"]);
    let ran = lab.run(&["stage.rhai"]).ended(5);
    report_is("host-key-of-the-bastion", &lab, &ran.stderr);
    lab.fault(&["heal"]);

    lab.fault(&["new-host-key", "api-1"]);
    let events = lab.events(&["stage.rhai"], 4);
    assert!(
        changes(&events)
            .iter()
            .all(|change| !change.starts_with("api-1 "))
    );
    let ran = lab.run(&["stage.rhai"]).ended(4);
    report_is("host-key-of-a-node", &lab, &ran.stderr);
    // A key that changed is not taken by those who take new ones.
    lab.run(&["stage.rhai", "--accept-new-host-keys"]).ended(4);
    lab.fault(&["heal"]);
    lab.run(&["stage.rhai"]).ended(0);
}

#[test]
fn a_host_that_is_cut_off_does_not_stop_the_others() {
    let lab = Lab::up(SMALL);
    lab.fault(&["cut", "server-1"]);
    let ran = lab.run(&["stage.rhai"]).ended(4);
    // Silence, or the bastion's word that nobody answers there: it depends on what it remembers.
    let said = ["did not finish connecting within 15 s", "No route to host"];
    assert!(said.iter().any(|words| ran.stderr.contains(words)), "{ran}");
    for words in [
        "× 1 of 3 failed: server-1",
        "× server-1: ",
        "help: check that the host is up",
        "e2bscript --limit server-1 stage.rhai",
    ] {
        assert!(ran.stderr.contains(words), "{ran}");
    }
    assert_eq!(lab.ask("api-1", "ls /opt/e2b/bin"), "client-proxy\ne2b-api");
    lab.fault(&["heal"]);
    let events = lab.events(&["stage.rhai"], 0);
    assert!(
        changes(&events)
            .iter()
            .all(|change| change.starts_with("server-1 "))
    );
}

#[test]
fn a_download_is_what_its_checksum_says_or_nothing() {
    let lab = Lab::up(SMALL);
    lab.fault(&["mirror-404"]);
    report_is(
        "mirror-404",
        &lab,
        &lab.run(&["stage.rhai"]).ended(4).stderr,
    );
    lab.fault(&["heal"]);
    lab.fault(&["mirror-wrong-bytes"]);
    let ran = lab.run(&["stage.rhai"]).ended(4);
    report_is("mirror-wrong-bytes", &lab, &ran.stderr);
    let left = "ls -A /fc-versions/*/; find / -xdev -name '*firecracker*' -newer /fc-vm -type f";
    assert_eq!(lab.ask("client-1", left), "", "something of it is left");
    lab.fault(&["heal"]);
    lab.run(&["stage.rhai"]).ended(0);
    lab.ask("client-1", "firecracker --version");
}

#[test]
fn a_full_disk_leaves_the_old_file() {
    let lab = Lab::up(SMALL);
    lab.run(&["stage.rhai"]).ended(0);
    let files = "sha256sum /fc-envd/envd; ls -A /fc-envd";
    let before = lab.ask("client-1", files);
    let artifact = lab.file("artifacts/bin/envd");
    let mut bytes = fs::read(&artifact).unwrap();
    bytes.resize(bytes.len() + (8 << 20), 7);
    fs::write(&artifact, bytes).unwrap();
    lab.fault(&["fill-disk", "client-1"]);
    let ran = lab.run(&["stage.rhai"]).ended(4);
    report_is("full-disk", &lab, &ran.stderr);
    assert_eq!(lab.ask("client-1", files), before);
    lab.fault(&["heal"]);
    let events = lab.events(&["stage.rhai"], 0);
    assert_eq!(changes(&events), ["client-1 file /fc-envd/envd"]);
    assert_eq!(only(&events, "run_finished")["failed"], 0);
}
