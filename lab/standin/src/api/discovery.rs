//! Finds the orchestrators: Nomad's client nodes, or where Nomad says nothing, what Consul has as `orchestrator`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::connect::text;
use super::node::{Node, Status};
use super::platform::Platform;
use super::sandbox;

/// How soon nodes are looked for again, while there is none and later.
const EAGER: Duration = Duration::from_millis(500);
const CALM: Duration = Duration::from_secs(2);
/// How often the API compares its sandboxes with the orchestrators'.
const SYNC: Duration = Duration::from_secs(20);
/// How long a node may take to say that it is there.
const PROBE: Duration = Duration::from_secs(2);

/// A place where an orchestrator should be.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    /// What Nomad calls the node, cut; Consul does not know it.
    id: Option<String>,
    address: String,
}

/// Looks for as long as the process lives.
pub fn start(platform: &Arc<Platform>) {
    let platform = platform.clone();
    drop(tokio::spawn(async move {
        let mut synced = Instant::now();
        loop {
            platform.database.look().await;
            for node in platform.nodes.replace(discover(&platform).await) {
                sandbox::sync(&platform, &node).await;
            }
            if synced.elapsed() >= SYNC {
                synced = Instant::now();
                for node in platform.nodes.all().iter().filter(|node| node.answers) {
                    sandbox::sync(&platform, node).await;
                }
            }
            let pause = if platform.nodes.any_answers() {
                CALM
            } else {
                EAGER
            };
            tokio::time::sleep(pause).await;
        }
    }));
}

async fn discover(platform: &Platform) -> Vec<Node> {
    let mut nodes: Vec<Node> = Vec::new();
    for place in places(platform).await {
        let node = probe(platform, place).await;
        if !nodes.iter().any(|known| known.id == node.id) {
            nodes.push(node);
        }
    }
    nodes
}

async fn places(platform: &Platform) -> Vec<Place> {
    let options = &platform.options;
    let url = format!("{}/v1/nodes", options.nomad.trim_end_matches('/'));
    let token = options.nomad_token.as_deref();
    let listed = get(platform, &url, "x-nomad-token", token).await;
    let places = listed.as_deref().map(from_nomad).unwrap_or_default();
    if !places.is_empty() {
        return places;
    }
    from_consul(&catalog(platform, "orchestrator").await)
}

/// What Consul knows of a service. Without a token of the API's own the agent's is in force.
pub async fn catalog(platform: &Platform, service: &str) -> Vec<Value> {
    let options = &platform.options;
    let url = format!("{}/v1/catalog/service/{service}", options.consul);
    let token = options.consul_token.as_deref();
    get(platform, &url, "x-consul-token", token)
        .await
        .unwrap_or_default()
}

async fn get(
    platform: &Platform,
    url: &str,
    header: &str,
    token: Option<&str>,
) -> Option<Vec<Value>> {
    let mut request = platform.http.get(url).timeout(PROBE);
    if let Some(token) = token {
        request = request.header(header, token);
    }
    let response = request.send().await.ok()?.error_for_status().ok()?;
    response.json().await.ok()
}

fn from_nomad(nodes: &[Value]) -> Vec<Place> {
    nodes
        .iter()
        .filter(|node| {
            text(node, "Status") == "ready"
                && text(node, "NodePool") == "default"
                && text(node, "NodeClass") == "client"
        })
        .map(|node| Place {
            id: Some(short(&text(node, "ID"))),
            address: text(node, "Address"),
        })
        .collect()
}

fn from_consul(instances: &[Value]) -> Vec<Place> {
    instances
        .iter()
        .map(|instance| Place {
            id: None,
            address: match text(instance, "ServiceAddress") {
                address if address.is_empty() => text(instance, "Address"),
                address => address,
            },
        })
        .collect()
}

/// The part of a node's id that the platform uses.
fn short(id: &str) -> String {
    id.chars().take(8).collect()
}

async fn probe(platform: &Platform, place: Place) -> Node {
    let port = &platform.options.orchestrator_port;
    let base = format!("http://{}:{port}", place.address);
    let info = platform
        .peer(&base)
        .call_within(PROBE, "InfoService/ServiceInfo", &json!({}))
        .await;
    let answers = info.is_ok();
    let info = info.unwrap_or_default();
    let told = Some(short(&text(&info, "nodeId"))).filter(|id| !id.is_empty());
    Node {
        id: place.id.or(told).unwrap_or(place.address),
        base,
        version: text(&info, "serviceVersion"),
        commit: text(&info, "serviceCommit"),
        service: text(&info, "serviceId"),
        answers,
        status: match info.get("serviceStatus") {
            Some(Value::String(word)) if word == "OrchestratorDraining" => Status::Draining,
            Some(Value::String(word)) if word == "OrchestratorUnhealthy" => Status::Unhealthy,
            Some(Value::Number(number)) if number.as_i64() == Some(1) => Status::Draining,
            Some(Value::Number(number)) if number.as_i64() == Some(2) => Status::Unhealthy,
            _ => Status::Ready,
        },
        fails: 0,
        successes: 0,
        starting: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ready_client_nodes_count() {
        let node = |status: &str, class: &str| json!({"ID": "12345678-aaaa", "Address": "10.0.0.1", "Status": status, "NodePool": "default", "NodeClass": class});
        let found = from_nomad(&[
            node("ready", "client"),
            node("down", "client"),
            node("ready", "api"),
        ]);
        assert_eq!(
            found,
            [Place {
                id: Some("12345678".to_owned()),
                address: "10.0.0.1".to_owned()
            }]
        );
    }

    #[test]
    fn consul_may_know_a_service_at_another_address_than_its_node() {
        let found = from_consul(&[
            json!({"Address": "10.0.0.1", "ServiceAddress": ""}),
            json!({"Address": "10.0.0.1", "ServiceAddress": "10.0.0.2"}),
        ]);
        let addresses: Vec<&str> = found.iter().map(|place| place.address.as_str()).collect();
        assert_eq!(addresses, ["10.0.0.1", "10.0.0.2"]);
    }
}
