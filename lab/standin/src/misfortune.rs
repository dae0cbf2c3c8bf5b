//! `e2blab fault slow-build` and its like: what goes wrong in a service's work, from a file that each request reads.
//!
//! `{"slow-build":{"seconds":30,"serial":…}}`: those in force, by name.

use std::env;
use std::fs;

use serde_json::Value;

/// Where the file is unless `STANDIN_FAULTS` says otherwise.
const FILE: &str = "/run/e2blab/faults.json";

/// The entry of a fault, if it is in force.
#[must_use]
pub fn find(fault: &str) -> Option<Value> {
    let file = env::var("STANDIN_FAULTS").unwrap_or_else(|_| FILE.to_owned());
    let text = fs::read_to_string(file).ok()?;
    let faults: Value = serde_json::from_str(&text).ok()?;
    let entry = faults.get(fault)?;
    let is_over = entry.is_null() || entry == false;
    (!is_over).then(|| entry.clone())
}

/// How many seconds longer a build takes.
#[must_use]
pub fn slow_build() -> Option<u64> {
    find("slow-build")?.get("seconds")?.as_u64()
}

/// Why a build fails.
#[must_use]
pub fn build_error() -> Option<String> {
    Some(find("build-error")?.get("text")?.as_str()?.to_owned())
}

/// Whether no node has room for a sandbox.
#[must_use]
pub fn no_capacity() -> bool {
    find("no-capacity").is_some()
}
