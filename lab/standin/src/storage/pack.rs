//! Writing a build's files, all or none.

use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;
use std::process::{Output, Stdio};

use serde_json::Value;
use tokio::process::Command;

use super::header::{BLOCK, Header, id, whole_blocks};
use super::{caches, directory, templates};

/// Where an ext4 file system has its magic number.
const MAGIC: (u64, [u8; 2]) = (0x438, [0x53, 0xef]);
/// What keeps everything of a file in an archive, and restores it.
pub const ARCHIVE: [&str; 3] = ["--numeric-owner", "--xattrs", "--xattrs-include=*"];

/// A build to keep.
#[derive(Debug)]
pub struct Build<'a> {
    /// Its id.
    pub id: &'a str,
    /// The files, or what changed of them.
    pub tree: &'a Path,
    /// On what they stand.
    pub base: Option<&'a Header>,
    /// The guest's memory.
    pub ram_mib: u64,
    /// Of the machine, for `snapfile`.
    pub state: &'a Value,
    /// For `metadata.json`.
    pub metadata: &'a Value,
}

/// Writes a build's files where templates are; gives the size of its root file system.
///
/// # Errors
///
/// With what could not be written; then nothing is left of it.
pub async fn keep(base: &Path, build: &Build<'_>) -> Result<u64, String> {
    let target = directory(base, build.id)?;
    let making = base.join(format!(".{}", build.id));
    let _ = fs::remove_dir_all(&making);
    let kept = write(build, &making).await;
    let kept = kept.and_then(|size| {
        let _ = fs::remove_dir_all(&target);
        fs::rename(&making, &target)?;
        Ok(size)
    });
    kept.map_err(|why| {
        let _ = fs::remove_dir_all(&making);
        format!("error uploading template build to storage: {why}")
    })
}

async fn write(build: &Build<'_>, directory: &Path) -> io::Result<u64> {
    let id = id(build.id).ok_or(io::ErrorKind::InvalidInput)?;
    fs::create_dir_all(directory)?;
    let rootfs = directory.join("rootfs.ext4");
    let mut file = File::create(&rootfs)?;
    file.seek(SeekFrom::Start(MAGIC.0))?;
    file.write_all(&MAGIC.1)?;
    file.seek(SeekFrom::Start(BLOCK))?;
    archive(build.tree, file).await?;
    let file = File::options().write(true).open(&rootfs)?;
    let own = whole_blocks(file.metadata()?.len());
    file.set_len(own)?;
    let header = match build.base {
        Some(base) => base.with(id, own),
        None => Header::first(id, own),
    };
    fs::write(directory.join("rootfs.ext4.header"), header.bytes())?;
    let memory = build.ram_mib.max(1) << 20;
    let mut file = File::create(directory.join("memfile"))?;
    file.write_all(build.id.as_bytes())?;
    file.set_len(memory)?;
    let memory = Header::first(id, memory);
    fs::write(directory.join("memfile.header"), memory.bytes())?;
    fs::write(directory.join("snapfile"), build.state.to_string())?;
    fs::write(directory.join("metadata.json"), build.metadata.to_string())?;
    Ok(header.size())
}

/// Writes a tree's archive to a file from where it stands. Through a pipe: `tar` itself would go back to the start.
async fn archive(tree: &Path, file: File) -> io::Result<()> {
    let mut tar = Command::new("tar")
        .args(["--create", "--file=-"])
        .args(ARCHIVE)
        .arg("--directory")
        .arg(tree)
        .arg(".")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    if let Some(mut stdout) = tar.stdout.take() {
        let mut file = tokio::fs::File::from_std(file);
        tokio::io::copy(&mut stdout, &mut file).await?;
        file.sync_all().await?;
    }
    let output = tar.wait_with_output().await?;
    match output.status.success() {
        true => Ok(()),
        false => Err(io::Error::other(last_line(&output.stderr))),
    }
}

/// Removes a build, also from the cache.
///
/// # Errors
///
/// When its id is none, or its files stay.
pub fn remove(build: &str) -> Result<(), String> {
    for base in [templates(), caches().join("template")] {
        match fs::remove_dir_all(directory(&base, build)?) {
            Err(why) if why.kind() != io::ErrorKind::NotFound => {
                return Err(format!("error deleting template build: {why}"));
            }
            _ => {}
        }
    }
    Ok(())
}

/// What a program said, and whether it succeeded.
#[derive(Debug)]
pub struct Run {
    /// Whether it succeeded.
    pub ok: bool,
    /// Its output.
    pub said: String,
    /// The last line of what it complained about.
    pub why: String,
}

/// Runs a program of the node.
///
/// # Errors
///
/// When it is not there.
pub async fn run(program: &str, words: &[&str]) -> Result<Run, String> {
    let output = Command::new(program)
        .args(words)
        .stdin(Stdio::null())
        .output()
        .await;
    let Output {
        status,
        stdout,
        stderr,
    } = output.map_err(|why| format!("cannot run `{program}`: {why}"))?;
    Ok(Run {
        ok: status.success(),
        said: String::from_utf8_lossy(&stdout).into_owned(),
        why: last_line(&stderr),
    })
}

fn last_line(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.trim_end()
        .lines()
        .last()
        .unwrap_or_default()
        .to_owned()
}
