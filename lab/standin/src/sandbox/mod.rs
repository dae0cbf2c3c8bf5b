//! A sandbox's walls: a process tree in its own mount, pid, hostname and network namespace, with a file tree as root.
//!
//! `unshare` makes the namespaces; what runs in them first is `inside`, this same program. All of it dies with the
//! service that started it.

pub mod inside;

use std::io;
use std::process::{self, Stdio};

use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};

/// Which network a sandbox has.
#[derive(Debug, Clone, Copy)]
pub enum Network<'a> {
    /// The node's own: for builds, which fetch packages.
    Node,
    /// None but its loopback.
    Alone,
    /// That of a namespace of `ip netns`.
    Named(&'a str),
}

/// Starts a sandbox and tells it what to do (`inside::Plan`, as JSON). Its outputs are pipes.
///
/// # Errors
///
/// When the tools that make namespaces are not there.
pub async fn start(network: Network<'_>, plan: &Value) -> io::Result<Child> {
    // whatever becomes of this process, its sandboxes end with it
    let mut words = vec!["--pdeathsig".to_owned(), "KILL".to_owned()];
    if let Network::Named(name) = network {
        words.extend(["nsenter".to_owned(), format!("--net=/run/netns/{name}")]);
    }
    words.push("unshare".to_owned());
    if let Network::Alone = network {
        words.push("--net".to_owned());
    }
    let namespaces = [
        "--mount",
        "--uts",
        "--ipc",
        "--pid",
        "--fork",
        "--kill-child",
    ];
    words.extend(namespaces.map(str::to_owned));
    // by number: the file may be replaced while this runs
    words.push(format!("/proc/{}/exe", process::id()));
    words.push(inside::NAME.to_owned());
    let mut child = Command::new("setpriv")
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(plan.to_string().as_bytes()).await?;
        stdin.shutdown().await?;
    }
    Ok(child)
}
