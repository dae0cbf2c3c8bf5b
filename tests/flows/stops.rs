//! Ctrl-C in the middle of an upload.

use std::io::{BufRead, BufReader};
use std::process::Child;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::common::lab::{Lab, Ran, SMALL, changes};

#[test]
fn an_upload_that_is_stopped_leaves_the_old_file() {
    let lab = Lab::up(SMALL);
    lab.run(&["stage.rhai"]).ended(0);
    let files = "sha256sum /fc-envd/envd; ls -A /fc-envd";
    let before = lab.ask("client-1", files);
    // What does not compress, and takes a minute at this rate.
    let mut noise = Vec::new();
    let mut word: u64 = 0x9e37_79b9_7f4a_7c15;
    for _ in 0..1 << 20 {
        word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        noise.extend_from_slice(&word.to_be_bytes()[..4]);
    }
    lab.append_to_artifact("envd", &noise.repeat(2));
    lab.fault(&["rate", "1"]);

    for signals in [1, 2] {
        let mut run = lab.start(&["--json", "stage.rhai"]);
        wait_for_upload(&mut run);
        let stopped = Instant::now();
        for _ in 0..signals {
            interrupt(&run);
        }
        let ran = Ran::of(run.wait_with_output().unwrap()).ended(130);
        assert!(stopped.elapsed() < Duration::from_secs(10), "{ran}");
        // The other end hears of it once the slow link has brought what was on its way: at most the
        // 2 MiB that the channel's window lets out, 17 s.
        let gone = "for i in $(seq 600); do test \"$(ls -A /fc-envd)\" = envd && exit; sleep 0.1; done; ls -A /fc-envd; exit 1";
        lab.ask("client-1", gone);
        assert_eq!(lab.ask("client-1", files), before);
    }

    lab.fault(&["heal"]);
    let events = lab.events(&["stage.rhai"], 0);
    assert_eq!(changes(&events), ["client-1 file /fc-envd/envd"]);
}

/// Reads events until some of a transfer has gone over the wire.
fn wait_for_upload(run: &mut Child) {
    let mut lines = BufReader::new(run.stdout.take().unwrap()).lines();
    let begun = lines.by_ref().map_while(Result::ok).any(|line| {
        let event: Value = serde_json::from_str(&line).unwrap();
        event["type"] == "transfer" && event["done"].as_u64().unwrap() > 0
    });
    assert!(begun, "no transfer began");
    // Whoever stops reading would stop the run.
    std::thread::spawn(move || lines.for_each(drop));
}

fn interrupt(run: &Child) {
    let pid = Pid::from_raw(run.id().try_into().unwrap()).unwrap();
    // The second may find the process gone already.
    let _ = kill_process(pid, Signal::INT);
    std::thread::sleep(Duration::from_millis(100));
}
