//! Waiting until the agents are a cluster: leaders, and every client registered.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Cluster, runs_on};
use crate::error::{Error, Result};
use crate::lab::Lab;
use crate::namespace;
use crate::state::State;
use crate::topology::Role;

/// How long the agents may take to find each other.
const PATIENCE: Duration = Duration::from_secs(180);
const NOMAD: u16 = 4646;
const CONSUL: u16 = 8500;

/// Gives Nomad the lab's management token; needs a leader.
fn bootstrap(lab: &Lab, cluster: &Cluster) -> Result<()> {
    let Some(server) = first_server(cluster).filter(|_| cluster.acl) else {
        return Ok(());
    };
    let body = serde_json::json!({ "BootstrapSecret": cluster.secrets.nomad_token() }).to_string();
    until(lab, "let Nomad be given its first token", || {
        let request = Request {
            method: "POST",
            path: "/v1/acl/bootstrap",
            header: String::new(),
            body: &body,
        };
        matches!(ask((server, NOMAD), &request), Some((200, _)))
    })
}

/// Waits until both have a leader, every agent is a member, and every client takes jobs.
pub fn wait(lab: &Lab, cluster: &Cluster) -> Result<()> {
    let Some(server) = first_server(cluster) else {
        return Ok(());
    };
    let agents = cluster.nodes.iter().filter(|node| runs_on(node.role));
    let clients = agents.clone().filter(|node| node.role != Role::Server);
    let (agents, clients) = (agents.count(), clients.count());
    until(lab, "have Consul's leader and members", || {
        let members = get(cluster, (server, CONSUL), "/v1/catalog/nodes");
        members.is_some_and(|list| list.as_array().is_some_and(|list| list.len() == agents))
    })?;
    until(lab, "have Nomad's leader", || {
        let leader = get(cluster, (server, NOMAD), "/v1/status/leader");
        leader.is_some_and(|leader| leader.as_str().is_some_and(|text| !text.is_empty()))
    })?;
    bootstrap(lab, cluster)?;
    until(
        lab,
        "have all of Nomad's clients ready, with Consul",
        || {
            let nodes = get(cluster, (server, NOMAD), "/v1/nodes");
            let ready = nodes.as_ref().and_then(Value::as_array).map(|nodes| {
                let ready = nodes.iter().filter(|node| {
                    node.get("Status").and_then(Value::as_str) == Some("ready")
                        && node.pointer("/Drivers/raw_exec/Healthy") == Some(&Value::Bool(true))
                        && knows_consul(cluster, server, node)
                });
                ready.count()
            });
            ready == Some(clients)
        },
    )
}

/// The node of Nomad's leader, while there is one.
pub fn leader(lab: &Lab, state: &State) -> Option<String> {
    let servers = state
        .nodes
        .iter()
        .filter(|machine| machine.node.role == Role::Server);
    let request = Request {
        method: "GET",
        path: "/v1/status/leader",
        header: String::new(),
        body: "",
    };
    let said = namespace::inside(&lab.namespace("lan"), || {
        let mut answers = servers.clone().filter_map(|machine| {
            ask((machine.node.address, NOMAD), &request).filter(|(status, _)| *status == 200)
        });
        answers.next().map(|(_, body)| body)
    });
    let said = said.ok().flatten()?;
    let address = said.trim().trim_matches('"').split(':').next()?.to_owned();
    let mut leading = servers.filter(|machine| machine.node.address.to_string() == address);
    leading.next().map(|machine| machine.node.name.clone())
}

/// Whether a client has found the Consul beside it; jobs with services go nowhere else.
fn knows_consul(cluster: &Cluster, server: Ipv4Addr, node: &Value) -> bool {
    let id = node.get("ID").and_then(Value::as_str).unwrap_or_default();
    let whole = get(cluster, (server, NOMAD), &format!("/v1/node/{id}"));
    whole.is_some_and(|node| node.pointer("/Attributes/consul.version").is_some())
}

fn first_server(cluster: &Cluster) -> Option<Ipv4Addr> {
    let mut servers = cluster
        .nodes
        .iter()
        .filter(|node| node.role == Role::Server);
    servers.next().map(|node| node.address)
}

/// Asks again and again, from inside the private network.
fn until(lab: &Lab, what: &'static str, ready: impl Fn() -> bool + Sync) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    let came = namespace::inside(&lab.namespace("lan"), || {
        loop {
            if ready() {
                return true;
            }
            if Instant::now() > deadline {
                return false;
            }
            sleep(Duration::from_millis(50));
        }
    })?;
    if came {
        return Ok(());
    }
    Err(Error::AgentsNotReady {
        what,
        seconds: PATIENCE.as_secs(),
        lab: lab.name().to_owned(),
    })
}

struct Request<'a> {
    method: &'static str,
    path: &'a str,
    header: String,
    body: &'a str,
}

fn get(cluster: &Cluster, peer: (Ipv4Addr, u16), path: &str) -> Option<Value> {
    let header = match (cluster.acl, peer.1) {
        (false, _) => String::new(),
        (true, NOMAD) => format!("X-Nomad-Token: {}\r\n", cluster.secrets.nomad_token()),
        (true, _) => format!("X-Consul-Token: {}\r\n", cluster.secrets.consul_token()),
    };
    let request = Request {
        method: "GET",
        path,
        header,
        body: "",
    };
    let (status, body) = ask(peer, &request)?;
    (status == 200)
        .then(|| serde_json::from_str(&body).ok())
        .flatten()
}

/// One request of HTTP/1.0, whose answer ends with the connection.
fn ask(peer: (Ipv4Addr, u16), request: &Request) -> Option<(u16, String)> {
    let limit = Duration::from_secs(5);
    let mut stream = TcpStream::connect_timeout(&peer.into(), limit).ok()?;
    stream.set_read_timeout(Some(limit)).ok()?;
    let Request {
        method,
        path,
        header,
        body,
    } = request;
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.0\r\n{header}Content-Length: {length}\r\n\r\n{body}"
    )
    .ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, body.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn an_answer_is_read_to_its_end() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = std::thread::spawn(move || {
            let mut stream = listener.accept().unwrap().0;
            // it may come in pieces
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                head.extend(byte);
            }
            assert!(head.starts_with(b"GET /v1/x HTTP/1.0\r\n"));
            stream
                .write_all(b"HTTP/1.0 403 Forbidden\r\nA: b\r\n\r\nno\n")
                .unwrap();
        });
        let request = Request {
            method: "GET",
            path: "/v1/x",
            header: String::new(),
            body: "",
        };
        let answer = ask((Ipv4Addr::LOCALHOST, port), &request);
        assert_eq!(answer, Some((403, "no\n".to_owned())));
        server.join().unwrap();
    }
}
