//! What there is to know about a host, in one round trip.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::error::{Error, last_lines};
use super::shell::{Input, Job, Launch, PAYLOAD, Shell, Sudo, not_started, standin};

const SCRIPT: &str = include_str!("sh/facts.sh");

/// A host's facts. What it does not say is empty or zero.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    pub hostname: String,
    /// For people: `Ubuntu 22.04.5 LTS`.
    pub os: String,
    /// `ubuntu`, `debian`, …
    pub os_id: String,
    pub os_version: String,
    pub kernel: String,
    /// As `uname -m` says it.
    pub arch: String,
    pub cpus: u64,
    pub memory_bytes: u64,
    pub memory_available_bytes: u64,
    pub swap_bytes: u64,
    pub uptime_seconds: u64,
    /// Load of the last minute.
    pub load: f64,
    pub disks: Vec<Disk>,
    pub systemd: Systemd,
    /// Whether `/dev/kvm` is there.
    pub kvm: bool,
    /// Whether the processor says it can virtualise (`vmx`, `svm`).
    pub cpu_virtualization: bool,
    /// What it runs in: `kvm`, `systemd-nspawn`, `none`, …
    pub virtualization: String,
    /// Addresses other hosts can reach.
    pub addresses: Vec<Address>,
    /// The interface of the default route.
    pub default_interface: String,
    pub default_gateway: String,
    /// How far its clock is ahead of this one, in seconds; half the round trip is uncertain.
    pub clock_skew_seconds: f64,
}

/// A mounted file system on a device.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Disk {
    pub mount: String,
    pub total_bytes: u64,
    pub used_bytes: u64,
    pub free_bytes: u64,
    /// Of what a user may fill, rounded up, as `df` shows it.
    pub used_percent: u64,
}

/// systemd's view of the host.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Systemd {
    /// `running`, `degraded`, …; empty where systemd is not the init system.
    pub state: String,
    pub failed_units: Vec<String>,
}

/// An address of an interface.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Address {
    pub interface: String,
    pub address: String,
}

/// Asks the host.
pub async fn facts(shell: &dyn Shell) -> Result<Facts, Error> {
    if let Some(model) = standin(shell) {
        let mut facts = model.facts();
        if facts.hostname.is_empty() {
            facts.hostname = shell.host().to_owned();
        }
        return Ok(facts);
    }
    let script = format!("IFS= read -r line && [ \"$line\" = {PAYLOAD} ] || exit 92\n{SCRIPT}");
    let launch = Launch::new(&Sudo::None, script.as_bytes());
    let mut job = Job::new(launch.command);
    job.input = Input::Bytes(launch.head);
    let before = now();
    let finished = shell.run(job).await.map_err(|source| Error::Transport {
        host: shell.host().to_owned(),
        source,
    })?;
    let after = now();
    let text = String::from_utf8_lossy(&finished.stdout);
    if text.is_empty() {
        return Err(not_started(shell.host(), &Sudo::None, &finished));
    }
    let facts = parse(&text, (before + after) / 2.0);
    if let (Some(facts), Some(model)) = (&facts, shell.model()) {
        model.set_facts(facts.clone());
    }
    facts.ok_or_else(|| Error::Read {
        host: shell.host().to_owned(),
        what: "the host".to_owned(),
        detail: format!("the answer broke off ({})", finished.status),
        output: last_lines(&finished.stderr),
    })
}

fn now() -> f64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0.0, |since| since.as_secs_f64())
}

/// Reads the script's answer; `None` when its end is missing.
fn parse(text: &str, local_time: f64) -> Option<Facts> {
    let mut facts = Facts::default();
    let mut complete = false;
    for line in text.lines() {
        let (name, value) = line.split_once(' ').unwrap_or((line, ""));
        let words: Vec<&str> = value.split_whitespace().collect();
        let kib = || value.trim().parse::<u64>().unwrap_or(0) * 1024;
        match (name, words.as_slice()) {
            ("time", [time]) => {
                let skew = time.parse::<f64>().unwrap_or(local_time) - local_time;
                facts.clock_skew_seconds = (skew * 1000.0).round() / 1000.0;
            }
            ("hostname", _) => facts.hostname = value.to_owned(),
            ("os", _) => facts.os = value.to_owned(),
            ("os_id", _) => facts.os_id = value.to_owned(),
            ("os_version", _) => facts.os_version = value.to_owned(),
            ("kernel", _) => facts.kernel = value.to_owned(),
            ("arch", _) => facts.arch = value.to_owned(),
            ("cpus", [count]) => facts.cpus = count.parse().unwrap_or(0),
            ("memory_kib", _) => facts.memory_bytes = kib(),
            ("memory_available_kib", _) => facts.memory_available_bytes = kib(),
            ("swap_kib", _) => facts.swap_bytes = kib(),
            ("uptime", [seconds]) => facts.uptime_seconds = seconds.parse().unwrap_or(0),
            ("load", [load]) => facts.load = load.parse().unwrap_or(0.0),
            ("disk", [total, used, free, mount @ ..]) => {
                facts
                    .disks
                    .extend(disk(total, used, free, &mount.join(" ")));
            }
            ("systemd", _) => facts.systemd.state = value.to_owned(),
            ("failed_unit", [unit]) => facts.systemd.failed_units.push((*unit).to_owned()),
            ("kvm", _) => facts.kvm = true,
            ("virtualization", _) => facts.virtualization = value.to_owned(),
            ("cpu_flags", [_]) => facts.cpu_virtualization = true,
            ("address", [interface, address]) => facts.addresses.push(Address {
                interface: (*interface).to_owned(),
                address: (*address).to_owned(),
            }),
            ("default_route", [interface, gateway]) => {
                facts.default_interface = (*interface).to_owned();
                facts.default_gateway = (*gateway).to_owned();
            }
            ("end", _) => complete = true,
            // A newer script may say more than this program knows.
            _ => {}
        }
    }
    complete.then_some(facts)
}

fn disk(total: &str, used: &str, free: &str, mount: &str) -> Option<Disk> {
    let bytes = |kib: &str| Some(kib.parse::<u64>().ok()? * 1024);
    let (total, used, free) = (bytes(total)?, bytes(used)?, bytes(free)?);
    Some(Disk {
        mount: mount.to_owned(),
        total_bytes: total,
        used_bytes: used,
        free_bytes: free,
        used_percent: (used * 100).div_ceil((used + free).max(1)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::LocalShell;

    #[tokio::test]
    async fn this_machine_has_facts() {
        let facts = facts(&LocalShell::new()).await.unwrap();
        assert_eq!(facts.arch, std::env::consts::ARCH);
        assert!(facts.cpus > 0 && facts.memory_bytes > 1 << 20);
        assert!(facts.disks.iter().any(|disk| disk.mount == "/"));
        assert!(facts.clock_skew_seconds.abs() < 5.0);
    }

    #[test]
    fn an_answer_that_breaks_off_is_no_answer() {
        assert_eq!(parse("hostname a\n", 0.0), None);
    }

    #[test]
    fn use_of_a_disk_is_rounded_up_as_df_does() {
        let facts = parse("disk 1000 501 499 /mnt/a b\ntime 12.5\nend yes\n", 10.0).unwrap();
        assert_eq!(facts.disks[0].used_percent, 51);
        assert_eq!(facts.disks[0].mount, "/mnt/a b");
        assert_eq!(facts.clock_skew_seconds, 2.5);
    }
}
