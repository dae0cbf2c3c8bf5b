//! The trees of builds, unpacked once and kept: what sandboxes stand on.

use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;
use tokio::process::Command;
use tokio::sync::Mutex;

use super::header::{BLOCK, Header, text};
use super::pack::ARCHIVE;
use super::{FILES, caches, directory, templates};

/// The cache of unpacked trees.
#[derive(Debug, Default)]
pub struct Layers {
    /// One at a time: two sandboxes may want the same tree.
    unpacking: Mutex<()>,
}

/// What a sandbox is made from.
#[derive(Debug)]
pub struct Stack {
    /// The trees, the uppermost first.
    pub trees: Vec<PathBuf>,
    /// The header of the root file system.
    pub header: Header,
    /// `snapfile`.
    pub state: Value,
    /// `metadata.json`, null without one.
    pub metadata: Value,
}

impl Layers {
    /// The trees of a build, unpacked where they are not yet.
    ///
    /// # Errors
    ///
    /// When a file of the build, or of one that it stands on, is missing or broken.
    pub async fn stack(&self, build: &str) -> Result<Stack, String> {
        let kept = check(build)?;
        let read = |name: &str| {
            let file = kept.join(name);
            fs::read(&file).map_err(|why| format!("cannot read '{}': {why}", file.display()))
        };
        let header = Header::read(&read("rootfs.ext4.header")?)
            .ok_or_else(|| format!("the header of build '{build}' is broken"))?;
        let _turn = self.unpacking.lock().await;
        let mut trees = Vec::new();
        for mapping in header.mappings.iter().rev() {
            trees.push(unpacked(&text(mapping.build)).await?);
        }
        Ok(Stack {
            trees,
            header,
            state: serde_json::from_slice(&read("snapfile")?).unwrap_or_default(),
            metadata: read("metadata.json")
                .ok()
                .and_then(|bytes| serde_json::from_slice(&bytes).ok())
                .unwrap_or_default(),
        })
    }

    /// The builds whose trees are there.
    #[must_use]
    pub fn cached(&self) -> Vec<String> {
        let found = fs::read_dir(caches().join("template"));
        let names = found.into_iter().flatten().flatten().filter_map(|item| {
            let name = item.file_name().to_string_lossy().into_owned();
            (!name.starts_with('.')).then_some(name)
        });
        names.collect()
    }
}

/// A build's directory, with all its files in it.
fn check(build: &str) -> Result<PathBuf, String> {
    let kept = directory(&templates(), build)?;
    for name in FILES {
        let file = kept.join(name);
        if !file.is_file() {
            let why = "object does not exist";
            return Err(format!("failed to get '{}': {why}", file.display()));
        }
    }
    Ok(kept)
}

async fn unpacked(build: &str) -> Result<PathBuf, String> {
    let kept = check(build)?;
    let cache = caches().join("template");
    let tree = cache.join(build);
    if tree.is_dir() {
        return Ok(tree);
    }
    let making = cache.join(format!(".{build}"));
    let made = unpack(&kept.join("rootfs.ext4"), &making).await;
    made.and_then(|()| fs::rename(&making, &tree))
        .map_err(|why| {
            let _ = fs::remove_dir_all(&making);
            format!("failed to get the root file system of '{build}': {why}")
        })?;
    Ok(tree)
}

async fn unpack(archive: &Path, directory: &Path) -> io::Result<()> {
    let _ = fs::remove_dir_all(directory);
    fs::create_dir_all(directory)?;
    let mut file = File::open(archive)?;
    file.seek(SeekFrom::Start(BLOCK))?;
    let mut tar = Command::new("tar")
        .args([
            "--extract",
            "--file=-",
            "--preserve-permissions",
            "--same-owner",
        ])
        .args(ARCHIVE)
        .arg("--directory")
        .arg(directory)
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    // `tar` stops reading at the archive's end, and what follows are zeros
    if let Some(mut stdin) = tar.stdin.take() {
        let mut file = tokio::fs::File::from_std(file);
        let _ = tokio::io::copy(&mut file, &mut stdin).await;
    }
    let output = tar.wait_with_output().await?;
    match output.status.success() {
        true => Ok(()),
        false => Err(io::Error::other(
            String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        )),
    }
}
