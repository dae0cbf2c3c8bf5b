//! Nodes, for administrators.

use chrono::Utc;
use serde_json::{Value, json};

use super::answer::{Answer, Outcome};
use super::call::Call;
use super::connect::text;
use super::listing;
use super::node::{Node, Status};
use super::sandbox::Sandbox;
use super::time;

const NO_CLUSTER: &str = "00000000-0000-0000-0000-000000000000";

fn on(call: &Call, node: &Node) -> Vec<Sandbox> {
    let mut all = call.platform.sandboxes.all();
    all.retain(|sandbox| sandbox.node == node.id);
    all
}

/// What upstream shows of a node. What a stand-in cannot measure is zero.
fn upstream(call: &Call, node: &Node) -> Value {
    let sandboxes = on(call, node);
    let vcpu: i64 = sandboxes.iter().map(|sandbox| sandbox.vcpu).sum();
    let ram: i64 = sandboxes.iter().map(|sandbox| sandbox.ram_mb).sum();
    json!({
        "id": node.id,
        "serviceInstanceID": node.service,
        "clusterID": NO_CLUSTER,
        "status": node.shown().text(),
        "statusChangedAt": time::text(Utc::now()),
        "sandboxCount": sandboxes.len(),
        "createSuccesses": node.successes,
        "createFails": node.fails,
        "sandboxStartingCount": node.starting,
        "version": node.version,
        "commit": node.commit,
        "machineInfo": {"cpuFamily": "", "cpuModel": "", "cpuModelName": "", "cpuArchitecture": "x86_64"},
        "metrics": {
            "allocatedCPU": vcpu,
            "allocatedMemoryBytes": ram << 20,
            "cpuPercent": 0,
            "cpuCount": 0,
            "memoryUsedBytes": 0,
            "memoryTotalBytes": 0,
            "hugePagesTotal": 0,
            "hugePagesUsed": 0,
            "hugePagesReserved": 0,
            "hugePageSizeBytes": 0,
            "disks": [],
        },
    })
}

/// `GET /nodes`.
pub fn list(call: &Call) -> Outcome {
    let shown = call.platform.nodes.all().into_iter().map(|node| {
        if call.is_upstream() {
            return upstream(call, &node);
        }
        let sandboxes = on(call, &node);
        json!({
            "nodeID": node.id,
            "status": node.shown().text(),
            "version": node.version,
            "commit": node.commit,
            "sandboxCount": sandboxes.len(),
            "sandboxStartingCount": node.starting,
            "createFails": node.fails,
            "allocatedCPU": sandboxes.iter().map(|sandbox| sandbox.vcpu).sum::<i64>(),
            "allocatedMemoryMiB": sandboxes.iter().map(|sandbox| sandbox.ram_mb).sum::<i64>(),
        })
    });
    Ok(Answer::json(200, &Value::Array(shown.collect())))
}

fn node(call: &Call) -> Result<Node, Answer> {
    let found = call.platform.nodes.get(call.part(0));
    found.ok_or_else(|| Answer::empty(404))
}

/// `GET /nodes/{id}`.
pub async fn get(call: &Call) -> Outcome {
    let node = node(call)?;
    if call.is_upstream() {
        return Ok(Answer::json(200, &upstream(call, &node)));
    }
    let cached = call
        .platform
        .peer(&node.base)
        .call("SandboxService/ListCachedBuilds", &json!({}))
        .await
        .unwrap_or_default();
    let builds: Vec<String> = cached
        .get("builds")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .map(|build| text(build, "buildId"))
        .collect();
    let sandboxes: Vec<Value> = on(call, &node)
        .iter()
        .map(|sandbox| listing::shown(sandbox, "", false))
        .collect();
    Ok(Answer::json(
        200,
        &json!({
            "nodeID": node.id,
            "status": node.shown().text(),
            "version": node.version,
            "commit": node.commit,
            "createFails": node.fails,
            "cachedBuilds": builds,
            "sandboxes": sandboxes,
        }),
    ))
}

/// `POST /nodes/{id}`.
pub async fn set(call: &Call) -> Outcome {
    let node = node(call)?;
    let wish = call.text("status").ok_or_else(|| Answer::unparsed("EOF"))?;
    let failed =
        |why: &str| Answer::problem(500, format!("Error when sending status change: {why}"));
    let status = Status::parse(wish)
        .ok_or_else(|| failed(&format!("unknown service info status: {wish}")))?;
    let message = json!({"serviceStatus": status.service()});
    let told = call
        .platform
        .peer(&node.base)
        .call("InfoService/ServiceStatusOverride", &message)
        .await;
    match told {
        // one that cannot be told is remembered here
        Err(failure) if failure.code != "unimplemented" && failure.code != "not_found" => {
            return Err(failed(&failure.to_string()));
        }
        _ => call
            .platform
            .nodes
            .update(&node.id, |node| node.status = status),
    }
    Ok(Answer::empty(204))
}
