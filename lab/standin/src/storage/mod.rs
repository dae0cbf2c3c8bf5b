//! Templates and snapshots as they lie on disk: `<base>/<build id>/` with the platform's five files.
//!
//! `rootfs.ext4` has an ext4 file system's magic number where one has it, and behind it the files as an archive. That
//! of a snapshot has only what changed, and its header says on whose it stands, as the platform's headers do.

pub mod header;
mod layers;
mod pack;

use std::env;
use std::path::{Path, PathBuf};

pub use layers::Layers;
pub use pack::{Build, Run, keep, remove, run};

/// The files that every build must have.
pub const FILES: [&str; 5] = [
    "rootfs.ext4",
    "rootfs.ext4.header",
    "memfile",
    "memfile.header",
    "snapfile",
];

/// Where templates are.
#[must_use]
pub fn templates() -> PathBuf {
    env::var_os("LOCAL_TEMPLATE_STORAGE_BASE_PATH")
        .map_or_else(|| PathBuf::from("/tmp/templates"), PathBuf::from)
}

/// Where services keep what they can make again.
#[must_use]
pub fn caches() -> PathBuf {
    env::var_os("ORCHESTRATOR_BASE_PATH")
        .map_or_else(|| PathBuf::from("/orchestrator"), PathBuf::from)
}

/// A build's directory. Only ids that cannot lead elsewhere have one.
///
/// # Errors
///
/// With what is wrong with the id.
pub fn directory(base: &Path, build: &str) -> Result<PathBuf, String> {
    match header::id(build) {
        Some(_) => Ok(base.join(build)),
        None => Err(format!("build id '{build}' is no UUID")),
    }
}
