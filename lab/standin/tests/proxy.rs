//! client-proxy's recorded answers, asked of the stand-in with a stand-in orchestrator and real sandboxes behind it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "helpers of tests fail as tests do"
)]

mod common;

use std::thread;
use std::time::Duration;

use common::cluster::{BUILD, Cluster, NODE, SECRET};
use common::{Bindings, compare, run_all, vectors};
use serde_json::{Value, json};

/// Nothing is left out.
const SKIPPED: [(&str, &str); 0] = [];
const EXECUTION: &str = "33333333-3333-4333-8333-333333333333";
const OTHER: &str = "44444444-4444-4444-8444-444444444444";

#[test]
fn recorded_answers() {
    let mut cluster = Cluster::new("proxy");
    cluster.start_proxy(3001, 3002, "node-api-1", "127.0.0.1");
    cluster.start_proxy(3011, 3012, "node-api-0", "127.0.0.1:1");
    wait_until_healthy(&cluster);
    let mut number = 0;
    run_all(&vectors("seed-client-proxy.json"), &SKIPPED, |vector| {
        number += 1;
        let sandbox = format!("isandbox{number:0>13}");
        let mut bindings = Bindings::new();
        for (name, value) in [
            ("edge-secret", SECRET),
            ("clientID", &NODE[..8]),
            ("sandboxID", &sandbox),
            ("timestamp", "2025-11-15T10:00:00Z"),
        ] {
            bindings.insert(name.to_owned(), value.to_owned());
        }
        prepare(&cluster, vector, &sandbox);
        let has_healthy = vector["config"] == "healthy";
        let port = match vector["port"].as_str().unwrap() {
            "edge" if has_healthy => 3001,
            "edge" => 3011,
            "traffic" if has_healthy => 3002,
            "traffic" => 3012,
            "orchestrator-proxy" => 5007,
            _ => 5008,
        };
        let id = vector["id"].as_str().unwrap();
        let asked = match id {
            "catalog-delete" => EXECUTION,
            _ => OTHER,
        };
        let mut asking = bindings.clone();
        asking.insert("uuid".to_owned(), asked.to_owned());
        let answer = cluster.ask(port, &common::request(vector, &asking));
        // what is asked with is bound, what is answered is of its kind
        bindings.remove("timestamp");
        compare::answer(&vector["response"], &answer, &bindings)
    });
    assert!(cluster.stop());
    assert_eq!(cluster_leftovers(&cluster), [""; 0]);
}

fn cluster_leftovers(cluster: &Cluster) -> Vec<String> {
    let sandboxes = cluster.directory.0.join("orchestrator/sandbox");
    let items = std::fs::read_dir(sandboxes).unwrap().flatten();
    items
        .map(|item| item.path().display().to_string())
        .collect()
}

fn wait_until_healthy(cluster: &Cluster) {
    let request = b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    for _ in 0..100 {
        if cluster.ask(3001, request).status == 200 {
            return;
        }
        thread::sleep(Duration::from_millis(50));
    }
    panic!("client-proxy does not become healthy");
}

/// Makes the state: what was asked of the API is asked of the orchestrator and the catalog.
fn prepare(cluster: &Cluster, vector: &Value, sandbox: &str) {
    let add = |orchestrator: &str| {
        let entry = json!({
            "sandboxId": sandbox, "orchestratorId": orchestrator, "executionId": EXECUTION,
            "sandboxMaxLength": 1, "sandboxStartTime": "2025-11-15T10:00:00Z",
        });
        let header = format!("X-API-Key: {SECRET}\r\n");
        let (status, _) = cluster.post(3001, "/v1/sandboxes/catalog", &header, &entry);
        assert_eq!(status, 200);
    };
    match vector["id"].as_str().unwrap() {
        "edge-exec-orchestrator-gone" | "traffic-orchestrator-gone" => add("ffffffff"),
        "edge-exec-sandbox-gone" | "catalog-delete" | "catalog-delete-wrong-execution" => {
            add(&NODE[..8]);
        }
        "health-after-drain" => {
            let message = json!({"serviceStatus": "OrchestratorDraining"});
            cluster.call("InfoService/ServiceStatusOverride", &message);
        }
        _ => {}
    }
    for step in vector["setup"].as_array().unwrap() {
        if let Some(seconds) = step["sleep"].as_u64() {
            thread::sleep(Duration::from_secs(seconds));
            continue;
        }
        let of = json!({"sandboxId": sandbox});
        match (
            step["method"].as_str().unwrap(),
            step["path"].as_str().unwrap(),
        ) {
            ("POST", "/sandboxes") => {
                cluster.create(sandbox, BUILD, EXECUTION, 300);
                add(&NODE[..8]);
            }
            ("POST", "/sandboxes/<sandboxID>/pause") => {
                let message = json!({"sandboxId": sandbox, "templateId": "t", "buildId": OTHER});
                let (status, answer) = cluster.call("SandboxService/Pause", &message);
                assert_eq!((status, answer), (200, json!({})));
            }
            ("DELETE", _) => {
                let (status, answer) = cluster.call("SandboxService/Delete", &of);
                assert_eq!((status, answer), (200, json!({})));
            }
            other => panic!("{other:?}"),
        }
    }
}
