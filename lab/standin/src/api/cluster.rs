//! Clusters: where the sandboxes of a team can be reached, through client-proxy's edge API.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use super::connect::text;
use super::platform::Platform;
use super::sandbox::Sandbox;
use super::time;

/// How often the table is read. A cluster that is known is never read again: a new endpoint or token needs a new API.
const SYNC: Duration = Duration::from_secs(60);

/// A row of `clusters`.
#[derive(Debug, Clone)]
pub struct Cluster {
    /// `http://HOST:PORT`, or with TLS.
    pub base: String,
    /// The edge secret.
    pub token: String,
}

/// Those that are known, by id.
#[derive(Debug, Default)]
pub struct Clusters(Mutex<HashMap<String, Cluster>>);

impl Clusters {
    /// The cluster of that id.
    pub fn get(&self, id: &str) -> Option<Cluster> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(id).cloned()
    }

    fn learn(&self, id: String, cluster: Cluster) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.entry(id).or_insert(cluster);
    }
}

/// Reads the table for as long as the process lives.
pub fn start(platform: &Arc<Platform>) {
    let platform = platform.clone();
    drop(tokio::spawn(async move {
        loop {
            let pause = match load(&platform).await {
                Ok(()) => SYNC,
                Err(()) => Duration::from_secs(1),
            };
            tokio::time::sleep(pause).await;
        }
    }));
}

async fn load(platform: &Platform) -> Result<(), ()> {
    let db = platform.database.get().await.map_err(drop)?;
    let query = "SELECT id::text, endpoint, endpoint_tls, token FROM public.clusters";
    for row in db.query(query, &[]).await.map_err(drop)? {
        let scheme = if row.get(2) { "https" } else { "http" };
        let endpoint: String = row.get(1);
        let cluster = Cluster {
            base: format!("{scheme}://{endpoint}"),
            token: row.get(3),
        };
        platform.clusters.learn(row.get(0), cluster);
    }
    Ok(())
}

/// Tells the catalog where a sandbox runs: traffic and `exec` find it there.
pub async fn enter(platform: &Platform, sandbox: &Sandbox) {
    let entry = json!({
        "sandboxId": sandbox.id,
        "orchestratorId": sandbox.node,
        "executionId": sandbox.execution,
        "sandboxMaxLength": sandbox.max_hours,
        "sandboxStartTime": time::text(sandbox.started),
    });
    catalog(platform, sandbox, reqwest::Method::POST, &entry).await;
}

/// Takes a sandbox out of the catalog.
pub async fn leave(platform: &Platform, sandbox: &Sandbox) {
    let entry = json!({"sandboxId": sandbox.id, "executionId": sandbox.execution});
    catalog(platform, sandbox, reqwest::Method::DELETE, &entry).await;
}

async fn catalog(platform: &Platform, sandbox: &Sandbox, method: reqwest::Method, entry: &Value) {
    let Some(cluster) = sandbox
        .cluster
        .as_deref()
        .and_then(|id| platform.clusters.get(id))
    else {
        return;
    };
    let sent = platform
        .http
        .request(method, format!("{}/v1/sandboxes/catalog", cluster.base))
        .header("x-api-key", &cluster.token)
        .timeout(Duration::from_secs(5))
        .json(entry)
        .send()
        .await;
    let why = match sent {
        Ok(answer) if answer.status().is_success() => return,
        Ok(answer) => answer.status().to_string(),
        Err(error) => error.to_string(),
    };
    crate::say(&format!("catalog entry of {}: {why}", sandbox.id));
}

/// The node of a cluster that builds templates, as its edge API lists it: `(node id, http://HOST:PORT)`.
pub async fn builder(platform: &Platform, id: &str) -> Result<Option<(String, String)>, ()> {
    let cluster = platform.clusters.get(id).ok_or(())?;
    let url = format!("{}/v1/service-discovery/nodes/orchestrators", cluster.base);
    let listed = async {
        let answer = platform
            .http
            .get(url)
            .header("x-api-key", &cluster.token)
            .timeout(Duration::from_secs(5))
            .send()
            .await?;
        answer.error_for_status()?.json::<Vec<Value>>().await
    };
    let nodes = listed.await.unwrap_or_default();
    let builds = |node: &&Value| {
        let roles = node.get("roles").and_then(Value::as_array);
        roles.is_some_and(|roles| roles.iter().any(|role| role == "template-builder"))
    };
    Ok(nodes.iter().find(builds).map(|node| {
        let base = format!("http://{}", text(node, "serviceHost"));
        (text(node, "nodeID"), base)
    }))
}
