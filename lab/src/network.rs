//! The lab's networks: this machine ─ router (`wan`) ─ bastion ─ private bridge (`lan`) ─ nodes.
//!
//! The router stands between this machine and the bastion so that delays, bandwidth caps and cuts
//! can be put there without changing an address. The private network's gateway leads nowhere:
//! nodes have a default route, as Nomad demands, and no way out.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::error::{At, Error, Result};
use crate::exec;
use crate::lab::Lab;
use crate::lock::Lock;
use crate::namespace;
use crate::topology::{Node, Role, Subnets};

/// The router's interface towards this machine.
pub const OUTSIDE: &str = "outside";
/// How long a veth may outlive its namespace.
const PATIENCE: Duration = Duration::from_secs(10);

/// Takes a free pair of subnets and builds both networks for the nodes that `plan` puts there.
pub fn create(
    lab: &Lab,
    plan: impl FnOnce(Subnets) -> Result<Vec<Node>>,
) -> Result<(Subnets, Vec<Node>)> {
    let (wan, lan) = (lab.namespace("wan"), lab.namespace("lan"));
    batch(
        None,
        &[format!("netns add {wan}"), format!("netns add {lan}")],
    )?;
    let subnets = take_subnets(lab, &wan)?;
    let nodes = plan(subnets)?;
    let adding: Vec<String> = nodes
        .iter()
        .map(|node| format!("netns add {}", lab.namespace(&node.name)))
        .collect();
    batch(None, &adding)?;
    connect_router(lab, subnets, &wan)?;
    connect_nodes(lab, subnets, &lan, &nodes)?;
    Ok((subnets, nodes))
}

/// Chooses subnets that nothing here uses and takes them by making the link that is named after
/// them, under a lock of the whole machine.
fn take_subnets(lab: &Lab, wan: &str) -> Result<Subnets> {
    // no lab can have this name
    let _lock = Lock::machine(".subnets")?;
    let taken = links()?;
    let routes = routes()?;
    let subnets = Subnets::all()
        .find(|subnets| {
            subnets.free_among(&routes) && taken.iter().all(|link| link.name != subnets.link())
        })
        .ok_or(Error::NoSubnet)?;
    let link = subnets.link();
    // made and marked inside, so that it never shows here without its mark
    batch(
        Some(wan),
        &[
            format!("link add {OUTSIDE} type veth peer name {link}"),
            format!("link set {link} alias \"{}\"", lab.mark()),
            format!("link set {link} netns {}", std::process::id()),
        ],
    )?;
    batch(
        None,
        &[
            format!("addr add {}/30 dev {link}", subnets.workstation()),
            format!("link set {link} up"),
        ],
    )?;
    Ok(subnets)
}

/// Connects this machine to the router and the router to the bastion.
fn connect_router(lab: &Lab, subnets: Subnets, wan: &str) -> Result<()> {
    let bastion = lab.namespace("bastion");
    batch(
        Some(wan),
        &[
            "link set lo up".to_owned(),
            format!("addr add {}/30 dev {OUTSIDE}", subnets.router_outside()),
            format!("link set {OUTSIDE} up"),
            format!("link add bastion type veth peer name eth1 netns {bastion}"),
            format!("addr add {}/30 dev bastion", subnets.router_inside()),
            "link set bastion up".to_owned(),
        ],
    )?;
    batch(
        Some(&bastion),
        &[
            "link set lo up".to_owned(),
            format!("addr add {}/30 dev eth1", subnets.bastion()),
            "link set eth1 up".to_owned(),
            format!("route add default via {}", subnets.router_inside()),
        ],
    )?;
    forwarding(wan, true)?;
    let (link, router) = (subnets.link(), subnets.router_outside());
    batch(
        None,
        &[
            format!(
                "route add {}/30 via {router} dev {link}",
                subnets.bastion_network()
            ),
            // the router answers "unreachable" at once; without this route the packets would
            // leave for the machine's own default gateway
            format!(
                "route add {}/24 via {router} dev {link}",
                subnets.private_network()
            ),
        ],
    )
}

/// Builds the private bridge and hangs every node on it.
fn connect_nodes(lab: &Lab, subnets: Subnets, lan: &str, nodes: &[Node]) -> Result<()> {
    let mut lines = vec![
        "link set lo up".to_owned(),
        "link add lan type bridge".to_owned(),
        format!("addr add {}/24 dev lan", subnets.gateway()),
        format!("addr add {}/24 dev lan", subnets.mirror()),
        "link set lan up".to_owned(),
    ];
    for node in nodes {
        let (name, inside) = (&node.name, lab.namespace(&node.name));
        lines.push(format!(
            "link add {name} type veth peer name eth0 netns {inside}"
        ));
        lines.push(format!("link set {name} master lan up"));
    }
    batch(Some(lan), &lines)?;
    // it has nowhere to forward to, but then says so at once
    forwarding(lan, true)?;
    for node in nodes {
        let inside = lab.namespace(&node.name);
        let mut lines = vec![
            "link set lo up".to_owned(),
            format!("addr add {}/24 dev eth0", node.address),
            "link set eth0 up".to_owned(),
        ];
        if node.role != Role::Bastion {
            lines.push(format!("route add default via {}", subnets.gateway()));
        }
        batch(Some(&inside), &lines)?;
        // a namespace inherits this from the machine, which may well be a router
        forwarding(&inside, false)?;
    }
    Ok(())
}

fn forwarding(namespace: &str, on: bool) -> Result<()> {
    let file = Path::new("/proc/sys/net/ipv4/ip_forward");
    namespace::inside(namespace, || fs::write(file, if on { "1" } else { "0" }))?.at("write", file)
}

/// Removes the lab's namespaces with all that is in them, and its link on this machine.
pub fn destroy(lab: &Lab) -> Result<()> {
    let wanted = lab.namespace("");
    let entries = fs::read_dir(namespace::DIRECTORY);
    let deleting: Vec<String> = entries
        .map(|entries| entries.flatten().collect::<Vec<_>>())
        .unwrap_or_default()
        .iter()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.starts_with(&wanted))
        .map(|name| format!("netns delete {name}"))
        .collect();
    if !deleting.is_empty() {
        batch(None, &deleting)?;
    }
    // the other end died with its namespace, but the kernel may take its time
    let deadline = Instant::now() + PATIENCE;
    while let Some(link) = own_link(lab)? {
        let _ = exec::run("ip", ["link", "delete", &link.name]);
        if Instant::now() > deadline {
            return Err(Error::Leftovers(format!("the link `{}` is", link.name)));
        }
        sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// Makes a node's port on the private bridge drop everything, or forward again. The link stays
/// up at both ends: nobody is told.
pub fn set_port(lab: &Lab, node: &str, open: bool) -> Result<()> {
    let lan = lab.namespace("lan");
    // states of the spanning-tree protocol: 0 is disabled, 3 is forwarding
    let state = if open { "3" } else { "0" };
    exec::run(
        "bridge",
        ["-n", &lan, "link", "set", "dev", node, "state", state],
    )?;
    Ok(())
}

/// Loads nftables rules in the router.
pub fn router_rules(lab: &Lab, rules: &str) -> Result<()> {
    let wan = lab.namespace("wan");
    exec::run_with_input("ip", ["netns", "exec", &wan, "nft", "-f", "-"], rules)?;
    Ok(())
}

/// A link of this machine: its name and the mark on it.
#[derive(Debug)]
pub struct Link {
    pub name: String,
    pub mark: Option<String>,
}

/// The link that bears this lab's name, whatever directory is on it.
pub fn own_link(lab: &Lab) -> Result<Option<Link>> {
    let wanted = format!("{} ", lab.prefix());
    let links = links()?;
    Ok(links.into_iter().find(|link| {
        link.mark
            .as_ref()
            .is_some_and(|mark| mark.starts_with(&wanted))
    }))
}

fn links() -> Result<Vec<Link>> {
    let listed = json(&["-j", "link", "show"])?;
    let text = |entry: &Value, key: &str| entry.get(key).and_then(Value::as_str).map(str::to_owned);
    Ok(listed
        .iter()
        .filter_map(|entry| {
            Some(Link {
                name: text(entry, "ifname")?,
                mark: text(entry, "ifalias"),
            })
        })
        .collect())
}

/// Where this machine already sends packets, in any of its routing tables.
fn routes() -> Result<Vec<(Ipv4Addr, u8)>> {
    let listed = json(&["-4", "-j", "route", "show", "table", "all"])?;
    Ok(listed
        .iter()
        .filter_map(|entry| {
            entry
                .get("dst")
                .and_then(Value::as_str)
                .and_then(destination)
        })
        .collect())
}

/// `10.1.2.0/24`, `10.1.2.3` or `default` as a network and its length.
fn destination(text: &str) -> Option<(Ipv4Addr, u8)> {
    if text == "default" {
        return Some((Ipv4Addr::UNSPECIFIED, 0));
    }
    match text.split_once('/') {
        Some((network, length)) => Some((network.parse().ok()?, length.parse().ok()?)),
        None => Some((text.parse().ok()?, 32)),
    }
}

fn json(arguments: &[&str]) -> Result<Vec<Value>> {
    let text = exec::run("ip", arguments)?;
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    serde_json::from_str(&text).map_err(|error| Error::Output {
        command: format!("ip {}", arguments.join(" ")),
        detail: error.to_string(),
    })
}

/// Runs many `ip` commands in one process, in a namespace or here.
fn batch(namespace: Option<&str>, lines: &[String]) -> Result<()> {
    let mut arguments: Vec<&str> = Vec::new();
    if let Some(namespace) = namespace {
        arguments.extend(["-n", namespace]);
    }
    arguments.extend(["-batch", "-"]);
    exec::run_with_input("ip", arguments, &(lines.join("\n") + "\n"))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destinations_of_routes_are_read() {
        assert_eq!(destination("default"), Some((Ipv4Addr::UNSPECIFIED, 0)));
        assert_eq!(
            destination("10.1.2.0/24"),
            Some((Ipv4Addr::new(10, 1, 2, 0), 24))
        );
        assert_eq!(
            destination("10.1.2.3"),
            Some((Ipv4Addr::new(10, 1, 2, 3), 32))
        );
        assert_eq!(destination("fe80::/64"), None);
    }
}
