//! Nodes that set themselves up: each boots with the user_data that the cluster stack renders for its
//! pool, run by cloud-init, beside stand-ins for what of OCI it asks for (metadata, the `oci` command).

mod cloud;
mod render;

use std::collections::HashMap;
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::agents::{Cluster, runs_on};
use crate::error::{At, Error, Result};
use crate::lab::{Lab, write_file};
use crate::topology::{Node, Role, Subnets, Topology};

pub use cloud::{ACTIVE, Cloud, Instance, serve};

/// The region by its full name, which is Nomad's region and everybody's datacenter. The metadata's
/// other field calls it [`REGION_KEY`], as OCI's does there.
pub const REGION: &str = "us-ashburn-1";
const REGION_KEY: &str = "iad";
/// Where the metadata answers: OCI's own address.
pub const METADATA: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);
/// The cluster's name in the tags of its instances.
const CLUSTER: &str = "e2b";
const COMPARTMENT: &str = "ocid1.compartment.oc1..e2blab";
const GOSSIP_SECRET: &str = "ocid1.vaultsecret.oc1.iad.e2blab-gossip";
/// The variable of the stack, short so that rehearsals are.
const JOIN_RETRY_SECONDS: &str = "2";
const DRAIN_SECONDS: &str = "10";

/// The user_data of every pool, ready for the nodes' disks.
#[derive(Debug)]
pub struct Rendered(HashMap<&'static str, Vec<u8>>);

/// Renders the stack in `stack` for this lab's cluster.
pub fn render(lab: &Lab, subnets: Subnets, topology: Topology, stack: &Path) -> Result<Rendered> {
    let servers = topology.servers.to_string();
    let vcn = format!("{}/24", subnets.private_network());
    let roles = [Role::Server, Role::Api, Role::Client].map(Role::word);
    render::render(
        &lab.file("user-data"),
        &stack.join("user-data"),
        &roles,
        &[
            ("region", REGION),
            ("compartment_ocid", COMPARTMENT),
            ("prefix", CLUSTER),
            ("server_count", &servers),
            ("consul_gossip_secret_ocid", GOSSIP_SECRET),
            ("join_retry_seconds", JOIN_RETRY_SECONDS),
            ("drain_timeout_seconds", DRAIN_SECONDS),
            ("vcn_cidr", &vcn),
            ("sandboxes_host_network_cidr", "10.11.0.0/16"),
            ("sandboxes_vrt_network_cidr", "10.12.0.0/16"),
        ],
    )
    .map(Rendered)
}

/// Lets cloud-init run on a node at its first boot, and puts the stand-in for the `oci` command there.
pub fn prepare(lab: &Lab, node: &Node, rendered: &Rendered) -> Result<()> {
    let Some(user_data) = rendered.0.get(node.role.word()) else {
        return Ok(());
    };
    let root = lab.node_root(&node.name);
    let disabled = root.join("etc/cloud/cloud-init.disabled");
    fs::remove_file(&disabled).at("remove", &disabled)?;
    write_file(
        &root.join("etc/cloud/cloud.cfg.d/99-e2blab.cfg"),
        include_str!("cloud.cfg"),
        0o644,
    )?;
    let seed = root.join("var/lib/cloud/seed/nocloud");
    fs::create_dir_all(&seed).at("create", &seed)?;
    write_file(
        &seed.join("meta-data"),
        format!(
            "instance-id: {}\nlocal-hostname: {}\n",
            ocid(lab, node),
            node.name
        ),
        0o644,
    )?;
    write_file(&seed.join("user-data"), user_data, 0o600)?;
    write_file(
        &root.join("usr/local/bin/oci"),
        include_str!("oci.sh"),
        0o755,
    )
}

/// The OCID that a node has as an instance.
fn ocid(lab: &Lab, node: &Node) -> String {
    format!("ocid1.instance.oc1.iad.{}-{}", lab.name(), node.name)
}

/// Writes what the stand-ins answer with: the instances there are now, and the gossip key.
pub fn describe<'a>(
    lab: &Lab,
    cluster: &Cluster,
    running: impl IntoIterator<Item = &'a Node>,
) -> Result<()> {
    let instances = running.into_iter().filter(|node| runs_on(node.role));
    let cloud = Cloud {
        region: REGION_KEY.to_owned(),
        canonical_region_name: REGION.to_owned(),
        compartment: COMPARTMENT.to_owned(),
        cluster: CLUSTER.to_owned(),
        instances: instances
            .map(|node| Instance {
                id: ocid(lab, node),
                name: node.name.clone(),
                role: node.role.word().to_owned(),
                address: node.address,
                pool_state: ACTIVE.to_owned(),
            })
            .collect(),
        secrets: HashMap::from([(
            GOSSIP_SECRET.to_owned(),
            STANDARD.encode(cluster.secrets.gossip()),
        )]),
    };
    cloud.save(&file(lab))
}

/// Where the stand-ins' answers are kept.
pub fn file(lab: &Lab) -> PathBuf {
    lab.file("cloud.json")
}

/// Fails early when the stack cannot be rendered here.
pub fn check(stack: &Path) -> Result<()> {
    if !stack.join("user-data/main.tf").is_file() {
        return Err(Error::NoStack {
            directory: stack.to_owned(),
        });
    }
    render::find_terraform().map(drop)
}
