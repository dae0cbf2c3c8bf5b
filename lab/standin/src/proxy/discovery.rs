//! Which orchestrators there are: asked of Consul again and again, and of each of them who it is.

use std::collections::BTreeMap;
use std::env;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use super::{Proxy, dns};
use crate::connect;
use crate::field::Field;
use crate::orchestrator::held;

/// How often Consul is asked.
const LOOK: Duration = Duration::from_millis(500);

/// An orchestrator.
#[derive(Debug, Clone)]
pub struct Node {
    /// `host:port` for calls.
    pub address: String,
    /// What it says of itself.
    pub info: Value,
}

impl Node {
    /// The node's id.
    pub fn id(&self) -> &str {
        self.info.of("nodeId").as_str().unwrap_or_default()
    }

    /// The service's own id, new at each start.
    pub fn instance(&self) -> &str {
        self.info.of("serviceId").as_str().unwrap_or_default()
    }

    /// `healthy`, `draining` or `unhealthy`.
    pub fn status(&self) -> String {
        let status = self.info.of("serviceStatus").as_str().unwrap_or_default();
        status.trim_start_matches("Orchestrator").to_lowercase()
    }

    /// The host without the port.
    pub fn host(&self) -> &str {
        self.address.rsplit_once(':').map_or("", |(host, _)| host)
    }

    /// Whether an id means this one: the service's, the node's, or the node's first part, as clients have it.
    fn is(&self, id: &str) -> bool {
        let short: String = self.id().chars().take(8).collect();
        [self.instance(), self.id(), &short].contains(&id)
    }
}

/// Those that were found.
#[derive(Default)]
pub struct Nodes {
    known: Mutex<BTreeMap<String, Node>>,
    was_found: AtomicBool,
}

impl Nodes {
    /// All of them.
    pub fn all(&self) -> Vec<Node> {
        held(&self.known).values().cloned().collect()
    }

    /// The one that an id means.
    pub fn find(&self, id: &str) -> Option<Node> {
        held(&self.known).values().find(|node| node.is(id)).cloned()
    }

    /// Whether there ever was one: from then on the proxy is healthy.
    pub fn was_found(&self) -> bool {
        self.was_found.load(Ordering::Relaxed)
    }
}

/// Looks from now on.
pub fn start(proxy: &Arc<Proxy>) {
    let proxy = Arc::clone(proxy);
    if env::var("E2B_DEBUG").as_deref() == Ok("true") {
        proxy.nodes.was_found.store(true, Ordering::Relaxed);
    }
    let began = tokio::time::Instant::now();
    let skips = env::var("SKIP_ORCHESTRATOR_READINESS_CHECK").as_deref() == Ok("true");
    tokio::spawn(async move {
        loop {
            // a name server that is away knows no less for that
            if let Some(addresses) = addresses().await {
                look(&proxy.nodes, addresses).await;
            }
            if skips && began.elapsed() > Duration::from_secs(10) {
                proxy.nodes.was_found.store(true, Ordering::Relaxed);
            }
            tokio::time::sleep(LOOK).await;
        }
    });
}

/// Asks each who it is; those that do not answer are not there.
async fn look(nodes: &Nodes, addresses: Vec<String>) {
    let mut found = BTreeMap::new();
    let nothing = json!({});
    for address in addresses {
        let asked = connect::call(&address, "InfoService/ServiceInfo", &nothing);
        let asked = tokio::time::timeout(Duration::from_secs(2), asked).await;
        if let Ok(Ok(info)) = asked {
            found.insert(address.clone(), Node { address, info });
        }
    }
    if !found.is_empty() {
        nodes.was_found.store(true, Ordering::Relaxed);
    }
    *held(&nodes.known) = found;
}

/// Where orchestrators are, as the environment says to find out; `None` when nobody can tell.
async fn addresses() -> Option<Vec<String>> {
    let variable = |name: &str| {
        let name = format!("SERVICE_DISCOVERY_ORCHESTRATOR_{name}");
        env::var(name).unwrap_or_default()
    };
    let port = env::var("ORCHESTRATOR_PORT").unwrap_or_else(|_| "5008".to_owned());
    let listed = |text: String| -> Vec<String> {
        let words = text
            .split(',')
            .map(str::trim)
            .filter(|word| !word.is_empty());
        words.map(str::to_owned).collect()
    };
    let hosts = match variable("PROVIDER").as_str() {
        "STATIC" => listed(variable("STATIC")),
        _ => {
            let server = variable("DNS_RESOLVER_ADDRESS");
            let mut found = Vec::new();
            let mut is_answered = false;
            for name in listed(variable("DNS_QUERY")) {
                if let Ok(addresses) = dns::look_up(&server, &name).await {
                    is_answered = true;
                    found.extend(addresses.iter().map(ToString::to_string));
                }
            }
            is_answered.then_some(found)?
        }
    };
    let with_port = hosts.into_iter().map(|host| match host.contains(':') {
        true => host,
        false => format!("{host}:{port}"),
    });
    Some(with_port.collect())
}
