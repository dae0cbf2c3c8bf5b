//! One node: a systemd machine on its own root and network, and how to get inside.

use std::fs;
use std::io::Read;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::{DirBuilderExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::cgroup::Groups;
use crate::detach;
use crate::error::{At, Error, Result};
use crate::exec;
use crate::keys;
use crate::lab::{Lab, write_file};
use crate::mounts;
use crate::topology::{Node, Role};

/// How long a node may take to boot; a lab of many nodes on few processors needs it.
const PATIENCE: Duration = Duration::from_secs(240);
/// The id of `ubuntu` in the image.
const OPERATOR: u32 = 1000;
const GIB: u64 = 1 << 30;

/// Mounts the node's root and writes what makes it this node and no other.
pub fn prepare(lab: &Lab, node: &Node, layers: &[&Path], hosts: &str, docker: bool) -> Result<()> {
    // Docker keeps a copy of every layer: an overlay cannot stand on an overlay
    let size = if node.role == Role::Client {
        3 * GIB
    } else {
        2 * GIB
    };
    mounts::create(&lab.node_directory(&node.name), layers, size)?;
    let root = lab.node_root(&node.name);
    write_file(
        &root.join("etc/hostname"),
        format!("{}\n", node.name),
        0o644,
    )?;
    write_file(&root.join("etc/hosts"), hosts, 0o644)?;
    let keys = lab.host_keys(&node.name);
    for (name, mode) in keys::host_key_files() {
        let from = keys.join(&name);
        let key = fs::read(&from).at("read", &from)?;
        write_file(&root.join("etc/ssh").join(name), key, mode)?;
    }
    authorize(lab, &root)?;
    if node.role == Role::Client && docker {
        for unit in [
            "docker.service",
            "containerd.service",
            "e2blab-base.service",
        ] {
            enable(&root, "multi-user.target.wants", library(unit))?;
        }
        enable(&root, "sockets.target.wants", library("docker.socket"))?;
    }
    Ok(())
}

/// The `/etc/hosts` of every node.
pub fn hosts(nodes: &[Node]) -> String {
    let mut text = "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n".to_owned();
    for node in nodes {
        text.push_str(&format!("{} {}\n", node.address, node.name));
    }
    text
}

/// Lets the lab's key in as `ubuntu`.
fn authorize(lab: &Lab, root: &Path) -> Result<()> {
    let from = lab.file("id_ed25519.pub");
    let key = fs::read(&from).at("read", &from)?;
    let directory = root.join("home/ubuntu/.ssh");
    fs::DirBuilder::new()
        .mode(0o700)
        .create(&directory)
        .at("create", &directory)?;
    let file = directory.join("authorized_keys");
    write_file(&file, key, 0o600)?;
    for path in [&directory, &file] {
        chown(path, Some(OPERATOR), Some(OPERATOR)).at("change the owner of", path)?;
    }
    Ok(())
}

/// Where the image's packages keep a unit.
pub fn library(unit: &str) -> PathBuf {
    Path::new("/lib/systemd/system").join(unit)
}

/// What `systemctl enable` does for a unit, given by its path inside the node.
pub fn enable(root: &Path, target: &str, unit: impl AsRef<Path>) -> Result<()> {
    let unit = unit.as_ref();
    let wants = root.join("etc/systemd/system").join(target);
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(&wants)
        .at("create", &wants)?;
    let link = wants.join(unit.file_name().unwrap_or_default());
    symlink(unit, &link).at("create", &link)
}

/// Starts the node's machine. The options are those without which a service, Nomad or Docker
/// fails inside, and no others.
pub fn boot(lab: &Lab, groups: &Groups, node: &Node) -> Result<Child> {
    let machine = lab.namespace(&node.name);
    let mut words = vec![
        "systemd-nspawn".to_owned(),
        "--quiet".to_owned(),
        "--register=no".to_owned(),
        "--keep-unit".to_owned(),
        "--boot".to_owned(),
        format!("--directory={}", lab.node_root(&node.name).display()),
        format!("--machine={machine}"),
        format!("--hostname={}", node.name),
        format!("--network-namespace-path=/run/netns/{machine}"),
        "--resolv-conf=off".to_owned(),
        "--timezone=off".to_owned(),
        "--link-journal=no".to_owned(),
        "--console=pipe".to_owned(),
        "--capability=all".to_owned(),
        // `bpf` for the devices of Nomad's tasks, the keyring for Docker's containers
        "--system-call-filter=bpf @keyring".to_owned(),
    ];
    if node.role == Role::Client {
        // no sandbox boots in a rehearsal: a device of that name stands in for virtualisation
        words.push("--bind=/dev/null:/dev/kvm".to_owned());
    }
    let environment = [
        // on machines with both cgroup versions, services could not be stopped otherwise
        ("SYSTEMD_NSPAWN_UNIFIED_HIERARCHY", "1"),
        // the node's own network settings may be changed, this machine's kernel may not
        ("SYSTEMD_NSPAWN_API_VFS_WRITABLE", "network"),
        // /tmp on the node's disk, as the cloud's images have it
        ("SYSTEMD_NSPAWN_TMPFS_TMP", "0"),
    ];
    let group = groups.part(&node.name)?;
    detach::start(&group, &lab.node_log(&node.name), &environment, &words)
}

/// Waits, inside the private network's namespace, until the node's sshd greets.
pub fn wait_for_sshd(lab: &Lab, node: &Node, machine: &mut Child) -> Result<()> {
    wait(lab, node, machine, "answer on port 22", || {
        greets((node.address, 22)).then_some(())
    })
}

/// Waits until the node's systemd has started everything; fails when a unit did not start.
pub fn wait_for_systemd(
    lab: &Lab,
    groups: &Groups,
    node: &Node,
    machine: &mut Child,
) -> Result<()> {
    let state = wait(lab, node, machine, "finish booting", || {
        // also says `starting` for a moment before systemd listens
        match system_state(groups, &node.name) {
            Some(state) if state != "starting" && state != "initializing" => Some(state),
            _ => None,
        }
    })?;
    if state == "running" {
        return Ok(());
    }
    let units = output(
        groups,
        &node.name,
        &["systemctl", "--failed", "--no-legend", "--plain"],
    );
    Err(Error::Degraded {
        node: node.name.clone(),
        state,
        units: units.unwrap_or_default(),
    })
}

fn wait<T>(
    lab: &Lab,
    node: &Node,
    machine: &mut Child,
    what: &'static str,
    mut ready: impl FnMut() -> Option<T>,
) -> Result<T> {
    let deadline = Instant::now() + PATIENCE;
    let log = lab.node_log(&node.name);
    loop {
        if let Some(found) = ready() {
            return Ok(found);
        }
        let ended = machine.try_wait().at("wait for", &log)?.is_some();
        if ended {
            return Err(Error::Died {
                node: node.name.clone(),
                tail: exec::tail(&log),
                log,
            });
        }
        if Instant::now() > deadline {
            return Err(Error::NotReady {
                node: node.name.clone(),
                what,
                seconds: PATIENCE.as_secs(),
                tail: exec::tail(&log),
                log,
            });
        }
        sleep(Duration::from_millis(25));
    }
}

/// Whether an SSH server greets at that address; call it inside a namespace that reaches it.
pub fn greets(address: impl Into<SocketAddr>) -> bool {
    let limit = Duration::from_secs(2);
    let Ok(mut stream) = TcpStream::connect_timeout(&address.into(), limit) else {
        return false;
    };
    let mut greeting = [0; 4];
    stream.set_read_timeout(Some(limit)).is_ok()
        && stream.read_exact(&mut greeting).is_ok()
        && &greeting == b"SSH-"
}

/// `running`, `degraded`, `starting` and so on; `None` when the node cannot be asked.
pub fn system_state(groups: &Groups, node: &str) -> Option<String> {
    let word = output(groups, node, &["systemctl", "is-system-running"])?;
    Some(word.trim().to_owned()).filter(|word| !word.is_empty())
}

/// The process that is PID 1 inside the node.
pub fn leader(groups: &Groups, node: &str) -> Option<u32> {
    let processes = groups.processes(&format!("{node}/payload"));
    processes.into_iter().find(|pid| is_leader(*pid))
}

/// Whether a process is the first of a PID namespace directly below this one (a container's
/// first process is one further down).
fn is_leader(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
    let numbers: Vec<&str> = numbers.unwrap_or_default().split_whitespace().collect();
    matches!(numbers.as_slice(), [_, "1"])
}

/// A command that runs as root inside the node, in all its namespaces and a clean environment.
pub fn inside<S: AsRef<std::ffi::OsStr>>(leader: u32, words: &[S]) -> Command {
    let mut command = exec::command("nsenter");
    command.env_clear().env("PATH", exec::search_path());
    command.args([
        "--all",
        &format!("--target={leader}"),
        "--",
        "/usr/bin/env",
        "-i",
    ]);
    command.args([
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME=/root",
    ]);
    command
        .args(["LANG=C.UTF-8", "TERM=xterm-256color"])
        .args(words);
    command
}

/// What a command inside the node prints, whatever its status; `None` when it cannot be run.
fn output(groups: &Groups, node: &str, words: &[&str]) -> Option<String> {
    let output = inside(leader(groups, node)?, words).output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs a shell script as root inside the node.
pub fn script(
    lab: &Lab,
    groups: &Groups,
    node: &str,
    script: &str,
    arguments: &[&str],
) -> Result<()> {
    let down = || Error::NodeDown {
        node: node.to_owned(),
        lab: lab.name().to_owned(),
    };
    let mut words = vec!["/bin/sh", "-euc", script, "sh"];
    words.extend(arguments);
    let output = inside(leader(groups, node).ok_or_else(down)?, &words)
        .output()
        .map_err(|source| Error::Start {
            program: "nsenter".to_owned(),
            source,
        })?;
    if output.status.success() {
        return Ok(());
    }
    Err(Error::Command {
        command: format!("{node}: {}", script.trim()),
        status: output.status.to_string(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::net::{Ipv4Addr, TcpListener};

    use crate::topology::{Subnets, Topology};

    #[test]
    fn every_node_knows_every_name() {
        let topology = Topology {
            servers: 1,
            api: 0,
            clients: 1,
            database: false,
            docker: false,
            agents: false,
            acl: false,
            ..Topology::default()
        };
        let text = hosts(&topology.nodes(Subnets { slot: 3 }).unwrap());
        assert!(text.starts_with("127.0.0.1 localhost\n"));
        assert!(text.ends_with("10.77.3.10 bastion\n10.77.3.11 server-1\n10.77.3.101 client-1\n"));
    }

    #[test]
    fn an_ssh_greeting_is_told_from_silence() {
        for (said, is_ssh) in [
            ("SSH-2.0-x\r\n", true),
            ("220 mail\r\n", false),
            ("", false),
        ] {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            let address = listener.local_addr().unwrap();
            let server = std::thread::spawn(move || {
                listener
                    .accept()
                    .unwrap()
                    .0
                    .write_all(said.as_bytes())
                    .unwrap();
            });
            assert_eq!(greets(address), is_ssh, "{said}");
            server.join().unwrap();
            assert!(!greets(address), "a closed port greets");
        }
    }
}
