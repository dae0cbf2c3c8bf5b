//! Uploads that do not come to their end, and two runs at once.

use std::fs;
use std::process::Child;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::common::lab::{Lab, Ran, SMALL, changes};

#[test]
fn a_file_is_whole_whatever_happens_to_its_upload() {
    let lab = Lab::up(SMALL);
    lab.run(&["stage.rhai"]).ended(0);
    terminated(&lab);
    the_disk_fills_up(&lab);
    two_runs(&lab);
}

/// Makes a new artifact that does not compress. Returns what the node has: the old one, alone.
fn new_build(lab: &Lab, seed: u64) -> String {
    let mut word = seed;
    let mut bytes = fs::read(lab.file("artifacts/bin/orchestrator")).unwrap();
    for _ in 0..1 << 20 {
        word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        bytes.extend_from_slice(&word.to_be_bytes()[..4]);
    }
    fs::write(lab.file("artifacts/bin/envd"), bytes).unwrap();
    on_the_node(lab)
}

fn on_the_node(lab: &Lab) -> String {
    lab.ask("client-1", "sha256sum /fc-envd/envd; ls -A /fc-envd")
}

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !done() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Temporary files that have something in them.
fn under_way(lab: &Lab) -> usize {
    let found = lab.ask("client-1", "find /fc-envd -name '.e2bscript*' -size +64k");
    found.lines().count()
}

/// Starts a run, and waits until so many files are on their way.
fn uploading(lab: &Lab, count: usize) -> Child {
    let mut run = lab.start(&["stage.rhai"]);
    wait_until("an upload is under way", || {
        assert_eq!(run.try_wait().unwrap(), None, "the run is over");
        under_way(lab) == count
    });
    run
}

fn signal(run: &Child, signal: Signal) {
    let pid = Pid::from_raw(run.id().try_into().unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}

fn ended(run: Child, code: i32) -> Ran {
    Ran::of(run.wait_with_output().unwrap()).ended(code)
}

/// The other end hears of an end a moment later.
fn is_alone(lab: &Lab, wanted: &str) {
    wait_until("no temporary file is left", || on_the_node(lab) == wanted);
}

/// What a service manager or a CI job sends.
fn terminated(lab: &Lab) {
    let old = new_build(lab, 1);
    lab.fault(&["rate", "4"]);
    let run = uploading(lab, 1);
    signal(&run, Signal::TERM);
    let ran = ended(run, 143);
    assert!(ran.stderr.contains("stopping after SIGTERM"), "{ran}");
    is_alone(lab, &old);
    lab.fault(&["heal"]);
    let events = lab.events(&["stage.rhai"], 0);
    assert_eq!(changes(&events), ["client-1 file /fc-envd/envd"]);
}

/// There was room when the upload began.
fn the_disk_fills_up(lab: &Lab) {
    let old = new_build(lab, 2);
    lab.fault(&["rate", "4"]);
    let run = uploading(lab, 1);
    lab.fault(&["fill-disk", "client-1"]);
    let ran = ended(run, 4);
    for words in [
        "client-1: file /fc-envd/envd failed: the disk is full at `/fc-envd`",
        "the old content is intact and no temporary file is left",
    ] {
        assert!(ran.stderr.contains(words), "{ran}");
    }
    is_alone(lab, &old);
    lab.fault(&["heal"]);
    let events = lab.events(&["stage.rhai"], 0);
    assert_eq!(changes(&events), ["client-1 file /fc-envd/envd"]);
}

/// The end of one run takes nothing from the other, and two that end leave one whole file.
fn two_runs(lab: &Lab) {
    let old = new_build(lab, 3);
    lab.fault(&["rate", "8"]);
    let one = uploading(lab, 1);
    let two = uploading(lab, 2);
    signal(&one, Signal::INT);
    ended(one, 130);
    ended(two, 0);
    lab.fault(&["heal"]);
    assert_ne!(whole(lab), old);
    is_alone(lab, &whole(lab));

    new_build(lab, 4);
    let runs = [lab.start(&["stage.rhai"]), lab.start(&["stage.rhai"])];
    for run in runs {
        ended(run, 0);
    }
    is_alone(lab, &whole(lab));
    assert_eq!(changes(&lab.events(&["stage.rhai"], 0)), [""; 0]);
}

/// What the node has when it has the new file alone.
fn whole(lab: &Lab) -> String {
    let bytes = fs::read(lab.file("artifacts/bin/envd")).unwrap();
    format!("{}  /fc-envd/envd\nenvd", e2bscript::files::sha256(&bytes))
}
