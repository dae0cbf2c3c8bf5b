//! What the agents read: configuration files and units.

use serde_json::json;

use super::{Cluster, REGION};
use crate::topology::{Node, Role};

/// The units, as the platform's image has them.
pub const UNITS: [(&str, &str); 2] = [
    ("consul.service", include_str!("consul.service")),
    ("nomad.service", include_str!("nomad.service")),
];

/// What Consul reads in `/opt/consul/config`. `stdlib/agent_files.rhai` writes the same bytes: a
/// deployment finds nothing to change on a node as the image has it.
pub fn consul(node: &Node, cluster: &Cluster) -> Vec<(&'static str, String)> {
    let servers = cluster.servers();
    let mut config = json!({
        "advertise_addr": node.address.to_string(),
        "bind_addr": node.address.to_string(),
    });
    if node.role == Role::Server {
        merge(&mut config, json!({ "bootstrap_expect": servers.len() }));
    }
    let common = json!({
        "client_addr": "0.0.0.0",
        "datacenter": REGION,
        "disable_update_check": true,
        "node_name": node.name,
        "performance": { "raft_multiplier": 1 },
        "retry_interval": "1s",
        "retry_join": servers,
        "server": node.role == Role::Server,
    });
    merge(&mut config, common);
    if node.role == Role::Server {
        merge(&mut config, json!({ "ui_config": { "enabled": true } }));
    }
    let gossip = json!({ "encrypt": cluster.secrets.gossip() });
    let mut files = vec![
        ("default.json", format!("{config:#}\n")),
        ("gossip.json", format!("{gossip:#}\n")),
    ];
    if cluster.acl {
        let token = cluster.secrets.consul_token();
        let mut tokens = json!({ "agent": token });
        if node.role == Role::Server {
            merge(&mut tokens, json!({ "initial_management": token }));
        }
        let acl = json!({ "default_policy": "deny", "enabled": true, "tokens": tokens });
        files.push(("acl.json", format!("{:#}\n", json!({ "acl": acl }))));
    }
    files
}

fn merge(into: &mut serde_json::Value, more: serde_json::Value) {
    if let (Some(into), serde_json::Value::Object(more)) = (into.as_object_mut(), more) {
        into.extend(more);
    }
}

/// What Nomad reads in `/opt/nomad/config`.
pub fn nomad(node: &Node, cluster: &Cluster) -> Vec<(&'static str, String)> {
    let mut files = vec![("default.hcl", agent(node, cluster))];
    if cluster.acl {
        let token = cluster.secrets.consul_token();
        let text = format!("consul {{\n  token = \"{token}\"\n}}\n");
        files.push(("consul.hcl", text));
    }
    files
}

fn agent(node: &Node, cluster: &Cluster) -> String {
    let address = node.address;
    let servers = cluster.servers();
    let list = |port: &str| {
        let quoted = servers.iter().map(|server| format!("\"{server}{port}\""));
        quoted.collect::<Vec<_>>().join(", ")
    };
    let mut text = format!(
        r#"name                 = "{name}"
region               = "{REGION}"
datacenter           = "{REGION}"
data_dir             = "/opt/nomad/data"
bind_addr            = "0.0.0.0"
disable_update_check = true

advertise {{
  http = "{address}"
  rpc  = "{address}"
  serf = "{address}"
}}

consul {{
  address = "127.0.0.1:8500"
}}

acl {{
  enabled = {acl}
}}
"#,
        name = node.name,
        acl = cluster.acl,
    );
    text.push_str(&match node.role {
        Role::Server => format!(
            r#"
server {{
  enabled          = true
  bootstrap_expect = {count}
  raft_multiplier  = 1

  server_join {{
    retry_join     = [{joined}]
    retry_interval = "1s"
  }}
}}
"#,
            count = servers.len(),
            joined = list(""),
        ),
        role => format!(
            r#"
client {{
  enabled    = true
  node_class = "{class}"
  servers    = [{servers}]
{volume}
  options {{
    # this is none of these clouds, and asking for them takes seconds
    "fingerprint.denylist" = "env_aws,env_azure,env_digitalocean,env_gce"
  }}
}}

plugin "raw_exec" {{
  config {{
    enabled    = true
    no_cgroups = true
  }}
}}
"#,
            class = role.word(),
            servers = list(":4647"),
            volume = if role == Role::Client { VOLUME } else { "" },
        ),
    });
    text
}

const VOLUME: &str = r#"
  host_volume "e2b-templates" {
    path = "/var/e2b/templates"
  }
"#;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env_file::Secrets;
    use crate::topology::{Subnets, Topology};

    #[test]
    fn servers_expect_each_other_and_clients_say_their_class() {
        let nodes = Topology::default().nodes(Subnets { slot: 2 }).unwrap();
        let secrets = Secrets::random().unwrap();
        let cluster = Cluster {
            nodes: &nodes,
            secrets: &secrets,
            region: REGION,
            acl: false,
        };
        let server = agent(&nodes[1], &cluster);
        assert!(server.contains("bootstrap_expect = 3"), "{server}");
        assert!(
            server.contains(r#"["10.77.2.11", "10.77.2.12", "10.77.2.13"]"#),
            "{server}"
        );
        let client = agent(&nodes[5], &cluster);
        assert!(client.contains("node_class = \"client\""), "{client}");
        assert!(client.contains("\"10.77.2.11:4647\""), "{client}");
        assert!(client.contains("no_cgroups = true"), "{client}");
        assert!(!client.contains("token"), "{client}");
        let files = consul(&nodes[5], &cluster);
        assert_eq!(
            files.len(),
            2,
            "no token is written where none is asked for"
        );
        let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(read(&files[0].1)["server"], false);
        assert_eq!(read(&files[1].1)["encrypt"], secrets.gossip());
        assert_eq!(super::nomad(&nodes[5], &cluster).len(), 1);
    }

    #[test]
    fn with_acls_clients_hold_no_management_token_of_their_own_making() {
        let nodes = Topology::default().nodes(Subnets { slot: 2 }).unwrap();
        let secrets = Secrets::random().unwrap();
        let cluster = Cluster {
            nodes: &nodes,
            secrets: &secrets,
            region: REGION,
            acl: true,
        };
        let parse = |index: usize| -> serde_json::Value {
            serde_json::from_str(&consul(&nodes[index], &cluster)[2].1).unwrap()
        };
        assert_eq!(parse(1)["acl"]["default_policy"], "deny");
        assert!(parse(1)["acl"]["tokens"]["initial_management"].is_string());
        assert!(parse(5)["acl"]["tokens"]["initial_management"].is_null());
        let files = nomad(&nodes[5], &cluster);
        assert!(files[0].1.contains("acl {\n  enabled = true\n}"));
        assert!(files[1].1.contains(secrets.consul_token()));
    }
}
