//! What a sandbox uses: of all processes in its pid namespace.

use std::fs;
use std::path::PathBuf;

use chrono::Utc;
use serde_json::{Value, json};

use super::sandbox::{Sandbox, number, stamp};

/// How long a tick of the processes' times is, and how big a page.
const TICKS: f64 = 100.0;
const PAGE: u64 = 4096;

/// One sample, of now.
pub fn list(sandbox: &Sandbox) -> Value {
    let namespace = |pid: &str| fs::read_link(format!("/proc/{pid}/ns/pid")).ok();
    let own: Option<PathBuf> = namespace(&sandbox.first.to_string());
    let (mut pages, mut ticks) = (0, 0);
    for item in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let pid = item.file_name().to_string_lossy().into_owned();
        if own.is_none() || namespace(&pid) != own {
            continue;
        }
        let read = |name: &str| fs::read_to_string(item.path().join(name)).unwrap_or_default();
        pages += word(&read("statm"), 1);
        let stat = read("stat");
        // behind the name, which may have spaces in it
        let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        ticks += word(rest, 11) + word(rest, 12);
    }
    let lived = (Utc::now() - sandbox.started).num_milliseconds().max(1);
    let processors = number(&sandbox.config, "vcpu").max(1);
    let used = as_f64(ticks) / TICKS * 1000.0 / as_f64(lived.unsigned_abs());
    let share = used / as_f64(processors) * 100.0;
    json!([{
        "timestamp": stamp(Utc::now()),
        "cpuCount": processors,
        "cpuUsedPct": (share * 100.0).round() / 100.0,
        "memUsedMiB": (pages * PAGE) >> 20,
        "memTotalMiB": number(&sandbox.config, "ramMb"),
    }])
}

fn word(text: &str, number: usize) -> u64 {
    let word = text.split_whitespace().nth(number);
    word.and_then(|word| word.parse().ok()).unwrap_or_default()
}

fn as_f64(number: u64) -> f64 {
    u32::try_from(number).map_or(f64::from(u32::MAX), f64::from)
}
