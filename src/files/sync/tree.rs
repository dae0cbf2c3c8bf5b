//! A tree of the workstation, and its archive.

use std::io::{self, Read, Write};
use std::path::PathBuf;

use bytes::{Bytes, BytesMut};
use tokio::sync::mpsc;

use super::super::Model;
use super::super::error::Error;
use super::super::hash::Stamp;
use super::super::mode::Mode;
use super::super::world::{Node, NodeKind};
use super::globs::as_path;
use super::{SyncAction, SyncChange, SyncOptions};

/// What the workstation has, in the order of the paths.
#[derive(Debug)]
pub struct Tree {
    pub root: PathBuf,
    pub(super) entries: Vec<Entry>,
}

/// One path of a tree.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// Relative to the root.
    pub path: Vec<u8>,
    pub mode: Mode,
    pub what: What,
}

#[derive(Debug, Clone)]
pub(super) enum What {
    Dir,
    File { stamp: Stamp, sha256: String },
    Link { target: Vec<u8> },
}

impl Tree {
    /// Bytes of its files.
    pub fn size(&self) -> u64 {
        let sizes = self.entries.iter().map(|entry| match &entry.what {
            What::File { stamp, .. } => stamp.size,
            _ => 0,
        });
        sizes.sum()
    }

    /// Makes the changes in a model.
    pub(super) fn copy_to(
        &self,
        model: &Model,
        remote: &str,
        changes: &[SyncChange],
        options: &SyncOptions,
    ) {
        let at = |path: &str| format!("{}/{path}", remote.trim_end_matches('/'));
        for gone in changes
            .iter()
            .filter(|change| change.action == SyncAction::Delete)
        {
            model.set(&at(&gone.path), Node::absent());
        }
        model.put_dir(remote, Mode::new(0o755));
        let owner = |name: &Option<String>| name.clone().unwrap_or_else(|| "root".to_owned());
        for entry in &self.entries {
            let mut node = Node {
                mode: entry.mode,
                user: owner(&options.owner),
                group: owner(&options.group),
                ..Node::absent()
            };
            match &entry.what {
                What::Dir => node.kind = NodeKind::Dir,
                What::File { stamp, sha256 } => {
                    node.kind = NodeKind::File;
                    node.size = stamp.size;
                    node.sha256 = Some(sha256.clone());
                    let from = self.root.join(as_path(&entry.path));
                    node.text = std::fs::read(from).ok().map(Bytes::from);
                }
                What::Link { target } => {
                    node.kind = NodeKind::Link;
                    node.target = Some(String::from_utf8_lossy(target).into_owned());
                }
            }
            model.set(&at(&String::from_utf8_lossy(&entry.path)), node);
        }
    }

    /// Writes all files and links as an archive, in blocks of `block` bytes. Blocks the thread.
    pub fn pack(&self, block: usize, to: &mpsc::Sender<Bytes>) -> Result<(), Error> {
        let mut archive = tar::Builder::new(Blocks {
            buffer: BytesMut::with_capacity(block),
            block,
            to,
        });
        for entry in &self.entries {
            let from = self.root.join(as_path(&entry.path));
            let added = match &entry.what {
                What::Dir => Ok(()),
                What::Link { target } => {
                    let mut header = header(tar::EntryType::Symlink, entry.mode, 0);
                    archive.append_link(&mut header, as_path(&entry.path), as_path(target))
                }
                What::File { stamp, .. } => add_file(&mut archive, entry, stamp, &from),
            };
            added.map_err(|source| Error::local("send", &from, source))?;
        }
        let finished = archive
            .into_inner()
            .and_then(|mut blocks| blocks.hand_over());
        finished.map_err(|source| Error::local("send", &self.root, source))
    }
}

fn header(kind: tar::EntryType, mode: Mode, size: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode.bits());
    header.set_size(size);
    header.set_mtime(0);
    header
}

fn add_file<W: Write>(
    archive: &mut tar::Builder<W>,
    entry: &Entry,
    stamp: &Stamp,
    from: &std::path::Path,
) -> io::Result<()> {
    let changed = || io::Error::other("it changed while it was sent");
    let file = std::fs::File::open(from)?;
    if Stamp::of(&file.metadata()?) != *stamp {
        return Err(changed());
    }
    let mut header = header(tar::EntryType::Regular, entry.mode, stamp.size);
    let mut content = (&file).take(stamp.size);
    archive.append_data(&mut header, as_path(&entry.path), &mut content)?;
    match Stamp::of(&file.metadata()?) == *stamp && content.limit() == 0 {
        true => Ok(()),
        false => Err(changed()),
    }
}

/// Collects what is written into blocks and hands them over.
struct Blocks<'a> {
    buffer: BytesMut,
    block: usize,
    to: &'a mpsc::Sender<Bytes>,
}

impl Blocks<'_> {
    fn hand_over(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let block = self.buffer.split().freeze();
        self.to
            .blocking_send(block)
            .map_err(|_| io::Error::other("the connection ended"))
    }
}

impl Write for Blocks<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = self
            .block
            .saturating_sub(self.buffer.len())
            .min(bytes.len());
        self.buffer
            .extend_from_slice(bytes.get(..room).unwrap_or_default());
        if self.buffer.len() >= self.block {
            self.hand_over()?;
        }
        Ok(room)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
