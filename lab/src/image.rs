//! The one Debian image all nodes are overlays of: built once, cached, rebuilt when its recipe
//! changes.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Instant;

use sha2::{Digest, Sha256};

use crate::error::{At, Error, Result};
use crate::exec;
use crate::lock::Lock;
use crate::report;

/// The Debian release of the nodes.
const SUITE: &str = "bookworm";

/// What the platform's own image has, and what makes a machine of a Debian tree.
const PACKAGES: &[&str] = &[
    "systemd",
    "systemd-sysv",
    "dbus",
    "openssh-server",
    "sudo",
    "iproute2",
    "nftables",
    "iptables",
    "curl",
    "ca-certificates",
    "jq",
    "gzip",
    "zstd",
    "tar",
    "procps",
    "kmod",
    "postgresql",
    "postgresql-contrib",
    "docker.io",
    "rsync",
    "nbd-client",
    "cloud-init",
];

/// Turns the tree into the image.
const CUSTOMIZE: &str = include_str!("image/customize.sh");

/// The image's directory, built if the cache lacks it. An interrupted build leaves no image.
pub fn ensure() -> Result<PathBuf> {
    let cache = cache_directory();
    let image = cache.join(format!("image-{}", recipe_hash()));
    if image.is_dir() {
        return Ok(image);
    }
    exec::require_image_tools()?;
    fs::create_dir_all(&cache).at("create", &cache)?;
    let _lock = Lock::file(&cache.join("image.lock"))?;
    if image.is_dir() {
        return Ok(image);
    }
    let building = cache.join("building");
    remove_tree(&building)?;
    let began = Instant::now();
    report::talk(format_args!(
        "building the nodes' image in `{}`, once, about a minute",
        cache.display()
    ));
    build(&building, &cache.join("image.log"))?;
    fs::rename(&building, &image).at("move the image to", &image)?;
    report::talk(format_args!(
        "the image is ready after {} s",
        began.elapsed().as_secs()
    ));
    Ok(image)
}

/// Where what is built once is kept: `$E2BLAB_CACHE/lab`, else the user's cache directory.
pub fn cache_directory() -> PathBuf {
    let variable = |name| {
        env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    variable("E2BLAB_CACHE")
        .or_else(|| variable("XDG_CACHE_HOME").map(|cache| cache.join("e2bscript")))
        .or_else(|| variable("HOME").map(|home| home.join(".cache/e2bscript")))
        .unwrap_or_else(|| PathBuf::from("/var/cache/e2bscript"))
        .join("lab")
}

/// Changes with everything that decides what is in the image.
fn recipe_hash() -> String {
    let mut hash = Sha256::new();
    for part in [SUITE, &PACKAGES.join(","), CUSTOMIZE] {
        hash.update(part);
        hash.update([0]);
    }
    hash.finalize()
        .iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn build(directory: &Path, log: &Path) -> Result<()> {
    File::create(log).at("create", log)?;
    let target = directory.display().to_string();
    let include = format!("--include={}", PACKAGES.join(","));
    let mut mmdebstrap = vec!["mmdebstrap", "--variant=minbase", &include, SUITE, &target];
    let mirror = env::var("E2BLAB_DEBIAN_MIRROR").unwrap_or_default();
    if !mirror.is_empty() {
        mmdebstrap.push(&mirror);
    }
    contained(&mmdebstrap, log)?;
    contained(&["chroot", &target, "/bin/sh", "-c", CUSTOMIZE], log)
}

/// Runs a build step whose processes and mounts all end when it does, or when e2blab does.
fn contained(words: &[&str], log: &Path) -> Result<()> {
    let open = || File::options().append(true).open(log).at("open", log);
    let status = exec::command("setpriv")
        .args([
            "--pdeathsig",
            "KILL",
            "unshare",
            "--mount",
            "--pid",
            "--fork",
            "--kill-child=KILL",
        ])
        .args(words)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .stdout(open()?)
        .stderr(open()?)
        .status()
        .map_err(|source| Error::Start {
            program: "setpriv".to_owned(),
            source,
        })?;
    if status.success() {
        return Ok(());
    }
    Err(Error::Image {
        log: log.to_owned(),
        tail: exec::tail(log),
    })
}

/// Removes a directory and all below it, if it is there.
pub fn remove_tree(directory: &Path) -> Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).at("remove", directory)
        }
        _ => Ok(()),
    }
}
