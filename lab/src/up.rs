//! `e2blab up`: from nothing, or from whatever an interrupted run left, to a lab that answers.

use std::path::{Path, PathBuf};
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use crate::agents::{self, Cluster};
use crate::artifacts;
use crate::cgroup::Groups;
use crate::database;
use crate::down;
use crate::env_file::{self, Secrets};
use crate::error::{At, Error, Result};
use crate::exec;
use crate::helpers;
use crate::image;
use crate::keys;
use crate::lab::{Lab, write_file};
use crate::limits;
use crate::lock::Lock;
use crate::mirror::Content;
use crate::network;
use crate::node;
use crate::report;
use crate::state::{Machine, State};
use crate::topology::{Node, Role, Subnets, Topology};
use crate::user_data;

/// Brings the lab up unless it is. `wanted` is `None` when any topology will do.
///
/// With the directory of a cluster stack, the nodes set themselves up with its user_data.
pub fn up(lab: &Lab, wanted: Option<Topology>, stack: Option<&Path>) -> Result<()> {
    exec::require_tools()?;
    let groups = Groups::of(lab)?;
    let _lock = Lock::machine(lab.name())?;
    if let Some(state) = State::load(lab)?.filter(|state| state.all_alive(&groups)) {
        return already(lab, &state, wanted);
    }
    artifacts::check()?;
    stack.map_or(Ok(()), user_data::check)?;
    let wanted = wanted.unwrap_or_default();
    let image = image::ensure()?;
    let mut layers = Vec::new();
    if wanted.agents {
        layers = agents::ensure()?;
    }
    layers.push(image);
    down::sweep(lab, &groups)?;
    limits::raise()?;
    let began = Instant::now();
    let inside = groups.enter()?;
    let built = build(lab, &groups, &layers, wanted, stack);
    let state = built.inspect_err(|_| {
        report::talk(format_args!(
            "what was started stays for you to look at; `e2blab down --name {}` removes it",
            lab.name()
        ));
    })?;
    drop(inside);
    report::talk(format_args!(
        "lab `{}` is up: {} nodes in {:.1} s, configuration in `{}`",
        lab.name(),
        state.nodes.len(),
        began.elapsed().as_secs_f64(),
        lab.file("deploy.env").display()
    ));
    Ok(())
}

fn already(lab: &Lab, state: &State, wanted: Option<Topology>) -> Result<()> {
    match wanted {
        // whoever does not ask for a topology asks for a lab, and here it is
        None => Ok(()),
        Some(wanted) if wanted != state.topology => Err(Error::OtherTopology {
            name: lab.name().to_owned(),
            found: state.topology.to_string(),
            wanted: wanted.to_string(),
        }),
        Some(_) => {
            report::talk(format_args!(
                "lab `{}` is up already, with {}",
                lab.name(),
                state.topology
            ));
            Ok(())
        }
    }
}

/// Everything, from an empty directory on; the state file last.
fn build(
    lab: &Lab,
    groups: &Groups,
    layers: &[PathBuf],
    topology: Topology,
    stack: Option<&Path>,
) -> Result<State> {
    lab.create()?;
    let (subnets, nodes) = network::create(lab, |subnets| topology.nodes(subnets))?;
    keys::create_operator_key(lab)?;
    report::talk(format_args!("starting {} nodes", nodes.len()));
    let hosts = node::hosts(&nodes);
    let secrets = Secrets::random()?;
    let cluster = Cluster {
        nodes: &nodes,
        secrets: &secrets,
        region: match stack {
            Some(_) => user_data::REGION,
            None => agents::REGION,
        },
        acl: topology.acl,
    };
    let roots: Vec<&Path> = layers.iter().map(PathBuf::as_path).collect();
    let rendered = stack
        .map(|stack| user_data::render(lab, subnets, topology, stack))
        .transpose()?;
    let late = |node: &&Node| topology.late_servers > 0 && node.role == Role::Server;
    if stack.is_some() {
        user_data::describe(lab, &cluster, nodes.iter().filter(|node| !late(node)))?;
        helpers::start_metadata(lab, groups)?;
    }
    let start = |node: &Node| {
        keys::create_host_keys(&lab.host_keys(&node.name), &node.name)?;
        node::prepare(lab, node, &roots, &hosts, topology.docker)?;
        if node.role == Role::Database {
            database::prepare(lab, node, &nodes, secrets.postgres())?;
        }
        match &rendered {
            Some(rendered) => user_data::prepare(lab, node, rendered)?,
            None if topology.agents => agents::prepare(lab, node, &cluster)?,
            None => {}
        }
        node::boot(lab, groups, node)
    };
    let (servers, others): (Vec<Node>, Vec<Node>) =
        nodes.iter().cloned().partition(|node| late(&node));
    let mut machines = each(&others, start)?;
    if !servers.is_empty() {
        report::talk(format_args!(
            "the servers boot {} s later",
            topology.late_servers
        ));
        thread::sleep(Duration::from_secs(topology.late_servers.into()));
        user_data::describe(lab, &cluster, &nodes)?;
        machines.extend(each(&servers, start)?);
    }
    let started: Vec<Node> = others.into_iter().chain(servers).collect();
    helpers::start_mirror(lab, groups, subnets)?;
    let content = Content::make().at("make the content of", "the mirror")?;
    artifacts::install(lab)?;
    keys::write_known_hosts(lab, subnets, &nodes)?;
    write_file(
        &lab.file("ssh_config"),
        ssh_config(lab, subnets, &nodes),
        0o600,
    )?;
    env_file::write(lab, subnets, &cluster, &content.sums)?;
    wait_for_all(lab, groups, &started, machines)?;
    if topology.agents {
        agents::wait(lab, &cluster)?;
    }
    let state = State {
        version: 1,
        name: lab.name().to_owned(),
        subnets,
        bastion: subnets.bastion(),
        mirror: subnets.mirror(),
        topology,
        layers: layers.to_owned(),
        nodes: note(lab, groups, &nodes)?,
    };
    state.save(lab)?;
    Ok(state)
}

/// Does the same for every node, a few at a time; the results in the order of the nodes.
fn each<T: Send>(nodes: &[Node], work: impl Fn(&Node) -> Result<T> + Sync) -> Result<Vec<T>> {
    let workers = 8.min(nodes.len().max(1));
    let share = nodes.len().div_ceil(workers).max(1);
    thread::scope(|scope| {
        let running: Vec<_> = nodes
            .chunks(share)
            .map(|chunk| scope.spawn(|| chunk.iter().map(&work).collect::<Vec<_>>()))
            .collect();
        running
            .into_iter()
            .flat_map(|worker| match worker.join() {
                Ok(results) => results,
                Err(panic) => std::panic::resume_unwind(panic),
            })
            .collect()
    })
}

fn wait_for_all(lab: &Lab, groups: &Groups, nodes: &[Node], machines: Vec<Child>) -> Result<()> {
    let answers: Vec<Result<()>> = thread::scope(|scope| {
        let waiting: Vec<_> = nodes
            .iter()
            .zip(machines)
            .map(|(node, mut machine)| {
                scope.spawn(move || {
                    let lan = lab.namespace("lan");
                    crate::namespace::inside(&lan, || {
                        node::wait_for_sshd(lab, node, &mut machine)
                    })??;
                    node::wait_for_systemd(lab, groups, node, &mut machine)
                })
            })
            .collect();
        waiting
            .into_iter()
            .map(|waiter| match waiter.join() {
                Ok(answer) => answer,
                Err(panic) => std::panic::resume_unwind(panic),
            })
            .collect()
    });
    answers.into_iter().collect()
}

fn note(lab: &Lab, groups: &Groups, nodes: &[Node]) -> Result<Vec<Machine>> {
    let noted = nodes.iter().map(|node| {
        Machine::of(node, groups).ok_or_else(|| Error::NodeDown {
            node: node.name.clone(),
            lab: lab.name().to_owned(),
        })
    });
    noted.collect()
}

/// For the operator's own `ssh -F`: every node by name, through the bastion, keys verified.
fn ssh_config(lab: &Lab, subnets: Subnets, nodes: &[Node]) -> String {
    let path = |name: &str| quoted(&lab.file(name));
    let mut text = format!(
        "Host *\n    User ubuntu\n    IdentityFile {}\n    IdentitiesOnly yes\n    \
         UserKnownHostsFile {}\n    GlobalKnownHostsFile /dev/null\n    StrictHostKeyChecking yes\n",
        path("id_ed25519"),
        path("known_hosts")
    );
    for node in nodes {
        let (address, jump) = match node.role {
            Role::Bastion => (subnets.bastion(), ""),
            _ => (node.address, "    ProxyJump bastion\n"),
        };
        text.push_str(&format!(
            "\nHost {}\n    HostName {address}\n{jump}",
            node.name
        ));
    }
    text
}

fn quoted(path: &Path) -> String {
    format!("\"{}\"", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ssh_knows_each_node_by_name_and_the_way_to_it() {
        let topology = Topology {
            servers: 1,
            api: 0,
            clients: 0,
            database: false,
            docker: false,
            agents: false,
            acl: false,
            ..Topology::default()
        };
        let subnets = Subnets { slot: 2 };
        let lab = Lab::within("/var/lib/e2blab".as_ref(), "sample").unwrap();
        let text = ssh_config(&lab, subnets, &topology.nodes(subnets).unwrap());
        assert!(text.contains("    StrictHostKeyChecking yes\n"), "{text}");
        assert!(
            text.contains("Host bastion\n    HostName 10.78.2.6\n\n"),
            "{text}"
        );
        let server = "Host server-1\n    HostName 10.77.2.11\n    ProxyJump bastion\n";
        assert!(text.ends_with(server), "{text}");
    }

    #[test]
    fn results_come_in_the_order_of_the_nodes() {
        let topology = Topology {
            clients: 20,
            ..Topology::default()
        };
        let nodes = topology.nodes(Subnets { slot: 2 }).unwrap();
        let names = each(&nodes, |node| Ok(node.name.clone())).unwrap();
        let wanted: Vec<_> = nodes.iter().map(|node| node.name.clone()).collect();
        assert_eq!(names, wanted);
    }
}
