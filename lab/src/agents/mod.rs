//! Nomad and Consul in the nodes, as the platform's image has them: `/opt/{nomad,consul}`, systemd
//! units, three servers, node classes `api` and `client`.

mod build;
mod config;
mod ready;

use std::fs;
use std::path::{Path, PathBuf};

use crate::env_file::Secrets;
use crate::error::{At, Result};
use crate::lab::{Lab, write_file};
use crate::topology::{Node, Role};

pub use build::ensure;
pub use ready::{leader, wait};

/// The region of a lab whose nodes do not set themselves up.
pub const REGION: &str = "lab";
/// The id of the `consul` account.
const CONSUL: u32 = 990;

/// What all agents of one lab have in common.
#[derive(Debug)]
pub struct Cluster<'a> {
    pub nodes: &'a [Node],
    pub secrets: &'a Secrets,
    /// The region of Nomad, and the datacenter of both.
    pub region: &'a str,
    /// Whether both refuse who shows no token.
    pub acl: bool,
}

impl Cluster<'_> {
    /// The servers' addresses.
    fn servers(&self) -> Vec<String> {
        let servers = self.nodes.iter().filter(|node| node.role == Role::Server);
        servers.map(|node| node.address.to_string()).collect()
    }
}

/// Whether agents run on such a node.
pub fn runs_on(role: Role) -> bool {
    matches!(role, Role::Server | Role::Api | Role::Client)
}

/// Writes what the image's first boot would: configuration, units, the account and its directories.
pub fn prepare(lab: &Lab, node: &Node, cluster: &Cluster) -> Result<()> {
    if !runs_on(node.role) {
        return Ok(());
    }
    let root = lab.node_root(&node.name);
    add_account(&root)?;
    for (directory, mode, owner) in [
        ("opt/consul/config", 0o750, CONSUL),
        ("opt/consul/data", 0o750, CONSUL),
        ("opt/nomad/config", 0o700, 0),
        ("opt/nomad/data", 0o700, 0),
    ] {
        make(&root.join(directory), mode, owner)?;
    }
    if node.role == Role::Client {
        make(&root.join("var/e2b/templates"), 0o755, 0)?;
    }
    for (name, text) in config::consul(node, cluster) {
        let path = root.join("opt/consul/config").join(name);
        write_file(&path, text, 0o600)?;
        give(&path, CONSUL)?;
    }
    for (name, text) in config::nomad(node, cluster) {
        write_file(&root.join("opt/nomad/config").join(name), text, 0o600)?;
    }
    for (name, text) in config::UNITS {
        write_file(&root.join("etc/systemd/system").join(name), text, 0o644)?;
        crate::node::enable(
            &root,
            "multi-user.target.wants",
            Path::new("/etc/systemd/system").join(name),
        )?;
    }
    Ok(())
}

/// The account that Consul runs as.
fn add_account(root: &Path) -> Result<()> {
    for (file, line) in [
        (
            "etc/passwd",
            format!("consul:x:{CONSUL}:{CONSUL}::/opt/consul:/usr/sbin/nologin\n"),
        ),
        ("etc/group", format!("consul:x:{CONSUL}:\n")),
        ("etc/shadow", "consul:!:19700::::::\n".to_owned()),
    ] {
        let path = root.join(file);
        let mut text = fs::read_to_string(&path).at("read", &path)?;
        text.push_str(&line);
        fs::write(&path, text).at("write", &path)?;
    }
    Ok(())
}

fn make(directory: &PathBuf, mode: u32, owner: u32) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::create_dir_all(directory).at("create", directory)?;
    fs::set_permissions(directory, fs::Permissions::from_mode(mode))
        .at("change the mode of", directory)?;
    give(directory, owner)
}

fn give(path: &Path, owner: u32) -> Result<()> {
    std::os::unix::fs::chown(path, Some(owner), Some(owner)).at("change the owner of", path)
}
