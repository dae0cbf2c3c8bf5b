//! SSH keys: one for the operator, and host keys of its own for every node.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;

use crate::error::{At, Result};
use crate::exec;
use crate::lab::{Lab, write_file};
use crate::topology::{Node, Role, Subnets};

/// The kinds of host key a node has.
const KINDS: [&str; 2] = ["ed25519", "ecdsa"];

/// Makes the key that opens every node, `id_ed25519` in the lab's directory.
pub fn create_operator_key(lab: &Lab) -> Result<()> {
    generate(&lab.file("id_ed25519"), "ed25519", &lab.prefix())
}

/// Makes a node's host keys in a directory of the lab.
pub fn create_host_keys(directory: &Path, node: &str) -> Result<()> {
    fs::create_dir_all(directory).at("create", directory)?;
    for kind in KINDS {
        let file = directory.join(key_file(kind));
        for old in [file.clone(), file.with_extension("pub")] {
            if old.exists() {
                fs::remove_file(&old).at("remove", &old)?;
            }
        }
        generate(&file, kind, &format!("root@{node}"))?;
    }
    Ok(())
}

/// The files of a node's host keys, private and public, with the mode each must have.
pub fn host_key_files() -> impl Iterator<Item = (String, u32)> {
    KINDS
        .into_iter()
        .flat_map(|kind| [(key_file(kind), 0o600), (key_file(kind) + ".pub", 0o644)])
}

/// The lines by which SSH clients know the nodes: their private addresses, and the bastion's
/// outside one as well.
pub fn known_hosts(lab: &Lab, subnets: Subnets, nodes: &[Node]) -> Result<String> {
    let mut lines = String::new();
    for node in nodes {
        let mut addresses = vec![node.address];
        if node.role == Role::Bastion {
            addresses.insert(0, subnets.bastion());
        }
        for kind in KINDS {
            let file = lab.host_keys(&node.name).join(key_file(kind) + ".pub");
            let key = fs::read_to_string(&file).at("read", &file)?;
            lines.push_str(&known_host(&addresses, &key));
        }
    }
    Ok(lines)
}

/// Writes `known_hosts` anew.
pub fn write_known_hosts(lab: &Lab, subnets: Subnets, nodes: &[Node]) -> Result<()> {
    write_file(
        &lab.file("known_hosts"),
        known_hosts(lab, subnets, nodes)?,
        0o600,
    )
}

/// One line: the addresses, the key's kind and the key, without its comment.
fn known_host(addresses: &[Ipv4Addr], key: &str) -> String {
    let names: Vec<String> = addresses.iter().map(Ipv4Addr::to_string).collect();
    let words: Vec<&str> = key.split_whitespace().take(2).collect();
    format!("{} {}\n", names.join(","), words.join(" "))
}

fn key_file(kind: &str) -> String {
    format!("ssh_host_{kind}_key")
}

fn generate(file: &Path, kind: &str, comment: &str) -> Result<()> {
    let path = file.display().to_string();
    exec::run(
        "ssh-keygen",
        ["-q", "-N", "", "-t", kind, "-C", comment, "-f", &path],
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_host_has_its_addresses_and_no_comment() {
        let addresses = [Ipv4Addr::new(10, 78, 1, 6), Ipv4Addr::new(10, 77, 1, 10)];
        assert_eq!(
            known_host(&addresses, "ssh-ed25519 AAAA root@bastion\n"),
            "10.78.1.6,10.77.1.10 ssh-ed25519 AAAA\n"
        );
    }
}
