//! Sandboxes from their creation to their end.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "helpers of tests fail as tests do"
)]

mod common;

use std::fs;
use std::thread;
use std::time::Duration;

use common::cluster::{BUILD, Cluster};
use serde_json::{Value, json};

const PAUSED: &str = "22222222-2222-4222-8222-222222222222";
const AGAIN: &str = "22222222-2222-4222-8222-222222222223";
const EXECUTION: &str = "33333333-3333-4333-8333-333333333333";
const ID: &str = "iaaaaaaaaaaaaaaaaaaaa";

fn exec(cluster: &Cluster, script: &str) -> Value {
    let message = json!({"sandboxId": ID, "command": "/bin/sh", "args": ["-c", script]});
    let (status, answer) = cluster.call("SandboxService/Exec", &message);
    assert_eq!(status, 200, "{answer}");
    answer
}

#[test]
fn a_sandbox_lives_pauses_goes_on_and_ends() {
    let mut cluster = Cluster::new("orchestrator");
    cluster.create(ID, BUILD, EXECUTION, 300);
    let said = exec(
        &cluster,
        "id; hostname; echo $OF_ALL; echo kept > /root/kept; rm /bin/ls; echo $$",
    );
    let stdout = said["stdout"].as_str().unwrap();
    assert!(
        stdout.starts_with(&format!("uid=0(root) gid=0 groups=0\n{ID}\nyes\n")),
        "{said}"
    );
    // a pid namespace of its own
    let pid: u32 = stdout.lines().last().unwrap().parse().unwrap();
    assert!(pid < 50, "{pid}");

    let pause = |build: &str| {
        let message = json!({"sandboxId": ID, "templateId": "t", "buildId": build});
        cluster.call("SandboxService/Pause", &message)
    };
    assert_eq!(pause(PAUSED), (200, json!({})));
    assert_eq!(cluster.traces(), [""; 0]);
    let files = cluster.templates().join(PAUSED);
    for name in standin::storage::FILES {
        assert!(fs::metadata(files.join(name)).unwrap().len() > 0, "{name}");
    }
    let rootfs = fs::read(files.join("rootfs.ext4")).unwrap();
    assert_eq!(rootfs[0x438..0x43a], [0x53, 0xef]);
    assert!(
        rootfs.len() < 100_000,
        "only what changed: {}",
        rootfs.len()
    );
    let header = fs::read(files.join("rootfs.ext4.header")).unwrap();
    let header = standin::storage::header::Header::read(&header).unwrap();
    assert_eq!((header.generation, header.mappings.len()), (1, 2));

    // twice: a snapshot of a snapshot stands on both
    cluster.create(ID, PAUSED, EXECUTION, 300);
    assert_eq!(exec(&cluster, "cat /root/kept")["stdout"], "kept\n");
    exec(&cluster, "echo more >> /root/kept");
    assert_eq!(pause(AGAIN), (200, json!({})));
    cluster.create(ID, AGAIN, EXECUTION, 300);
    assert_eq!(exec(&cluster, "cat /root/kept")["stdout"], "kept\nmore\n");
    // what was removed stays so
    assert_eq!(exec(&cluster, "ls")["exitCode"], 127);
    assert_eq!(cluster.traces().len(), 3, "{:?}", cluster.traces());

    let (status, list) = cluster.call("SandboxService/List", &json!({}));
    assert_eq!(
        (status, &list["sandboxes"][0]["config"]["sandboxId"]),
        (200, &json!(ID))
    );
    let of = json!({"sandboxId": ID});
    assert_eq!(cluster.call("SandboxService/Delete", &of), (200, json!({})));
    assert_eq!(cluster.call("SandboxService/Delete", &of).0, 404);
    assert_eq!(cluster.traces(), [""; 0]);

    let faults = cluster.directory.0.join("faults.json");
    fs::write(&faults, r#"{"no-capacity":{"serial":1}}"#).unwrap();
    let message = json!({"sandbox": {"sandboxId": "ib", "buildId": BUILD}});
    let (status, answer) = cluster.call("SandboxService/Create", &message);
    assert_eq!(
        (status, &answer["code"]),
        (429, &json!("resource_exhausted"))
    );
    fs::remove_file(&faults).unwrap();

    // its time
    cluster.create("ishort", BUILD, EXECUTION, 1);
    thread::sleep(Duration::from_millis(1800));
    assert_eq!(cluster.traces(), [""; 0]);
    // the end of the service is the end of its sandboxes
    cluster.create("ilast", BUILD, EXECUTION, 300);
    assert!(cluster.stop());
}

#[test]
fn many_at_once() {
    let mut cluster = Cluster::new("many");
    thread::scope(|scope| {
        for number in 0..20 {
            let cluster = &cluster;
            scope.spawn(move || cluster.create(&format!("im{number}"), BUILD, EXECUTION, 300));
        }
    });
    let (_, info) = cluster.call("InfoService/ServiceInfo", &json!({}));
    assert_eq!(info["metricSandboxesRunning"], 20);
    assert!(cluster.stop());
}
