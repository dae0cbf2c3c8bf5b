//! What the host has.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::super::Model;
use super::super::content::Content;
use super::super::error::{Error, last_lines};
use super::super::mode::Mode;
use super::super::pace::Compress;
use super::super::payload::{self, Carried, Progress};
use super::super::quote::quote_bytes;
use super::super::record::{Record, Records};
use super::super::shell::{Channel, Job, Launch, Shell, Sudo, not_started, standin};
use super::super::world::{self, NodeKind};
use super::globs::Globs;
use super::tree::{Tree, What};

const START: &str = include_str!("../sh/start.sh");
const RECEIVE: &str = include_str!("../sh/receive.sh");
const LIST: &str = include_str!("../sh/list.sh");

/// A host's tree by relative path.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// Whether the directory is there at all.
    pub exists: bool,
    pub nodes: BTreeMap<Vec<u8>, Node>,
    /// What was not looked into.
    pub kept: BTreeSet<Vec<u8>>,
    pub gzip: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    /// As `find -printf %y` says it: `f`, `d`, `l`, …
    pub kind: char,
    pub mode: Mode,
    pub user: String,
    pub group: String,
    pub uid: u32,
    pub gid: u32,
    pub sha256: Option<String>,
    pub target: Option<Vec<u8>>,
}

/// Lists the host's `remote` and hashes the files that the workstation has too.
pub(super) async fn list(
    shell: &dyn Shell,
    remote: &str,
    tree: &Tree,
    globs: &Globs,
    sudo: &Sudo,
) -> Result<Listing, Error> {
    if let Some(model) = standin(shell) {
        return Ok(Listing::of(&model, remote));
    }
    let mut script = format!("{START}{RECEIVE}{LIST}list ").into_bytes();
    script.extend(quote_bytes(remote.as_bytes()));
    for (at, pruned) in globs.pruned().iter().enumerate() {
        let or = if at > 0 { " -o" } else { "" };
        script.extend_from_slice(format!("{or} {} ", pruned.test).as_bytes());
        script.extend(quote_bytes(pruned.pattern.as_bytes()));
    }
    script.extend_from_slice(b"\nprintf 'end\\n\\0'\n");
    let launch = Launch::new(sudo, &script);
    let mut records = Records::default();
    let mut listing = Listing::default();
    let mut reading = Reading::default();
    let mut job = Job::new(launch.command);
    job.input = payload::stream(
        launch.head,
        vec![Carried {
            content: Content::bytes(wanted(tree)),
            with_hash: false,
        }],
        Compress::Off,
        &Progress::default(),
    );
    job.on_output = Some(Box::new(|channel, chunk| {
        if channel == Channel::Stdout {
            records.feed(chunk);
            while let Some(record) = records.next() {
                reading.take(&mut listing, record);
            }
        }
        Ok(())
    }));
    let finished = shell.run(job).await.map_err(|source| Error::Transport {
        host: shell.host().to_owned(),
        source,
    })?;
    if !records.greeted() {
        return Err(not_started(shell.host(), sudo, &finished));
    }
    if reading.not_a_directory {
        return Err(Error::RemoteKind {
            host: shell.host().to_owned(),
            path: remote.to_owned(),
            problem: "is not a directory".to_owned(),
        });
    }
    if !reading.complete {
        let output = last_lines(&finished.stderr);
        let status = finished.status.to_string();
        return Err(Error::Read {
            host: shell.host().to_owned(),
            what: format!("`{remote}`"),
            detail: match output.last() {
                Some(line) => format!("{line} ({status})"),
                None => format!("the answer broke off ({status})"),
            },
            output,
        });
    }
    if let Some(model) = shell.model() {
        listing.teach(&model, remote);
    }
    Ok(listing)
}

impl Listing {
    /// Lets a model hear of it.
    fn teach(&self, model: &Model, remote: &str) {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let start = remote.trim_end_matches('/');
        let known = self.nodes.iter().map(|(path, node)| {
            let known = world::Node {
                kind: match node.kind {
                    'f' => NodeKind::File,
                    'd' => NodeKind::Dir,
                    'l' => NodeKind::Link,
                    _ => NodeKind::Other,
                },
                mode: node.mode,
                user: node.user.clone(),
                group: node.group.clone(),
                uid: node.uid,
                gid: node.gid,
                sha256: node.sha256.clone(),
                target: node.target.as_deref().map(text),
                ..world::Node::absent()
            };
            (format!("{start}/{}", text(path)), known)
        });
        for (path, node) in known {
            model.learn_node(path, node);
        }
    }

    /// What a model has.
    fn of(model: &Model, remote: &str) -> Listing {
        let Some(below) = model.below(remote) else {
            return Listing::default();
        };
        let nodes = below.into_iter().map(|(path, node)| {
            let kind = match node.kind {
                NodeKind::File => 'f',
                NodeKind::Dir => 'd',
                NodeKind::Link => 'l',
                NodeKind::Absent | NodeKind::Other => 'p',
            };
            let node = Node {
                kind,
                mode: node.mode,
                user: node.user,
                group: node.group,
                uid: node.uid,
                gid: node.gid,
                sha256: node.sha256,
                target: node.target.map(String::into_bytes),
            };
            (path.into_bytes(), node)
        });
        Listing {
            exists: true,
            nodes: nodes.collect(),
            ..Listing::default()
        }
    }
}

/// The files whose hashes are compared, as `xargs -0` takes them.
fn wanted(tree: &Tree) -> Bytes {
    let mut names = Vec::new();
    for entry in &tree.entries {
        if matches!(entry.what, What::File { .. }) {
            names.extend_from_slice(b"./");
            names.extend_from_slice(&entry.path);
            names.push(0);
        }
    }
    Bytes::from(names)
}

#[derive(Default)]
struct Reading {
    last: Vec<u8>,
    complete: bool,
    not_a_directory: bool,
}

impl Reading {
    fn take(&mut self, listing: &mut Listing, record: Record) {
        match record.tag.as_str() {
            "hello" => listing.gzip = !record.payload.is_empty(),
            "root" => match record.words.first().map(String::as_str) {
                Some("dir") => listing.exists = true,
                Some("other") => self.not_a_directory = true,
                _ => {}
            },
            "node" => {
                if let Some(node) = Node::parse(&record) {
                    self.last.clone_from(&record.payload);
                    listing.nodes.insert(record.payload, node);
                }
            }
            "target" => {
                if let Some(node) = listing.nodes.get_mut(&self.last) {
                    node.target = Some(record.payload);
                }
            }
            "kept" => {
                listing.kept.insert(record.payload);
            }
            "sha" => {
                let sha = record.payload.get(..64).map(String::from_utf8_lossy);
                let path = record.payload.get(68..);
                if let (Some(sha), Some(path)) = (sha, path)
                    && let Some(node) = listing.nodes.get_mut(path)
                {
                    node.sha256 = Some(sha.into_owned());
                }
            }
            "end" => self.complete = true,
            _ => {}
        }
    }
}

impl Node {
    fn parse(record: &Record) -> Option<Node> {
        let mut words = record.words.iter();
        let kind = words.next()?.chars().next()?;
        let mode = Mode::new(u32::from_str_radix(words.next()?, 8).ok()?);
        let _size = words.next()?;
        Some(Node {
            kind,
            mode,
            user: words.next()?.clone(),
            group: words.next()?.clone(),
            uid: words.next()?.parse().ok()?,
            gid: words.next()?.parse().ok()?,
            sha256: None,
            target: None,
        })
    }

    pub fn noun(&self) -> &'static str {
        match self.kind {
            'f' => "file",
            'd' => "directory",
            'l' => "link",
            _ => "special file",
        }
    }
}
