//! The lab's own processes, mirror and relay: starting, finding and telling them.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::cgroup::Groups;
use crate::detach;
use crate::error::{At, Error, Result};
use crate::exec;
use crate::lab::Lab;
use crate::namespace;
use crate::topology::Subnets;
use crate::user_data;

/// How long a helper may take until it listens.
const PATIENCE: Duration = Duration::from_secs(10);
/// Where the relay listens in the router.
pub const RELAY_PORT: u16 = 7022;

/// Starts the mirror in the private network and waits until it listens.
pub fn start_mirror(lab: &Lab, groups: &Groups, subnets: Subnets) -> Result<()> {
    let address = subnets.mirror();
    let words = ["mirror".to_owned(), format!("--listen={address}")];
    let faults = ("faults", lab.file("faults.json"));
    start(lab, groups, "mirror", "lan", (address, 80), &words, faults)
}

/// Starts what answers the nodes' questions about their cloud, at the address that clouds use.
pub fn start_metadata(lab: &Lab, groups: &Groups) -> Result<()> {
    let address = user_data::METADATA;
    exec::run(
        "ip",
        [
            "-n",
            &lab.namespace("lan"),
            "addr",
            "add",
            &format!("{address}/32"),
            "dev",
            "lan",
        ],
    )?;
    let words = ["metadata".to_owned(), format!("--listen={address}")];
    let cloud = ("cloud", user_data::file(lab));
    start(lab, groups, "metadata", "lan", (address, 80), &words, cloud)
}

/// Has the relay take the faults in force into account; starts it if it is not running.
pub fn steer_relay(lab: &Lab, groups: &Groups, subnets: Subnets) -> Result<()> {
    hang_up_relay(groups);
    let listen = (subnets.router_outside(), RELAY_PORT);
    // one that was about to end did so before it saw the signal, or sees it and stays
    if is_listening(lab, "wan", listen)? && !groups.processes("relay").is_empty() {
        return Ok(());
    }
    let words = [
        "relay".to_owned(),
        format!("--listen={}", SocketAddr::from(listen)),
        format!("--to={}", SocketAddr::from((subnets.bastion(), 22))),
    ];
    let faults = ("faults", lab.file("faults.json"));
    start(lab, groups, "relay", "wan", listen, &words, faults)
}

/// Has a running relay read the faults anew.
pub fn hang_up_relay(groups: &Groups) {
    for pid in groups.processes("relay") {
        if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
            // it may have ended meanwhile
            let _ = kill_process(pid, Signal::HUP);
        }
    }
}

/// Starts this program again as a helper inside one of the lab's namespaces.
fn start(
    lab: &Lab,
    groups: &Groups,
    helper: &'static str,
    part: &str,
    listens: (Ipv4Addr, u16),
    words: &[String],
    (option, file): (&str, PathBuf),
) -> Result<()> {
    let own = std::env::current_exe().at("find", "/proc/self/exe")?;
    let mut all = vec![
        "nsenter".to_owned(),
        format!("--net={}", namespace::path(&lab.namespace(part)).display()),
        own.display().to_string(),
        "helper".to_owned(),
    ];
    all.extend_from_slice(words);
    all.push(format!("--{option}={}", file.display()));
    let log = lab.helper_log(helper);
    let mut child = detach::start(&groups.part(helper)?, &log, &[], &all)?;
    let deadline = Instant::now() + PATIENCE;
    while !is_listening(lab, part, listens)? {
        if child.try_wait().at("wait for", &log)?.is_some() || Instant::now() > deadline {
            return Err(Error::HelperDied(helper, log));
        }
        sleep(Duration::from_millis(10));
    }
    Ok(())
}

/// Whether something listens there, seen from one of the lab's namespaces.
pub fn is_listening(lab: &Lab, part: &str, address: (Ipv4Addr, u16)) -> Result<bool> {
    let limit = Duration::from_secs(1);
    namespace::inside(&lab.namespace(part), || {
        TcpStream::connect_timeout(&SocketAddr::from(address), limit).is_ok()
    })
}
