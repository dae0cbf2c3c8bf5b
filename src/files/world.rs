//! What is known about a host: what was read, then what the items so far will have made of it.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;

use bytes::Bytes;

use super::content::Content;
use super::mode::Mode;
use super::read::{RECORD, Snippet};

/// The known state of one host during a comparison.
#[derive(Debug, Default)]
pub(super) struct World {
    pub host: String,
    /// Who the scripts run as.
    pub uid: u32,
    pub gid: u32,
    /// Whether the host can decompress.
    pub gzip: bool,
    /// Where links lead, for the paths that may be followed.
    pub real_paths: HashMap<String, String>,
    /// Answers of the kinds' own snippets, by snippet and question.
    pub answers: HashMap<(String, Vec<String>), Vec<u8>>,
    /// Workstation files by path.
    pub local: HashMap<PathBuf, (Content, bool)>,
    nodes: HashMap<String, Node>,
    changed: BTreeSet<String>,
    facts: BTreeSet<(&'static str, String)>,
    unpredictable: Option<String>,
}

/// What stands at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    pub kind: NodeKind,
    pub mode: Mode,
    pub uid: u32,
    pub gid: u32,
    pub user: String,
    pub group: String,
    pub size: u64,
    /// Seconds since the epoch.
    pub changed: i64,
    pub sha256: Option<String>,
    pub text: Option<Bytes>,
    pub target: Option<String>,
    pub filled: bool,
    /// An item of this batch makes it so; it was not read.
    pub predicted: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NodeKind {
    Absent,
    File,
    Dir,
    Link,
    Other,
}

impl NodeKind {
    pub fn noun(self) -> &'static str {
        match self {
            NodeKind::Absent => "nothing",
            NodeKind::File => "a file",
            NodeKind::Dir => "a directory",
            NodeKind::Link => "a link",
            NodeKind::Other => "a device, socket or pipe",
        }
    }
}

impl Node {
    pub fn absent() -> Node {
        Node {
            kind: NodeKind::Absent,
            mode: Mode::new(0),
            uid: 0,
            gid: 0,
            user: String::new(),
            group: String::new(),
            size: 0,
            changed: 0,
            sha256: None,
            text: None,
            target: None,
            filled: false,
            predicted: false,
        }
    }

    /// From a line of `stat -c '%f|%u|%g|%U|%G|%s|%d|%i|%Z|…'`.
    pub fn parse(line: &str) -> Option<Node> {
        let mut fields = line.split('|');
        let raw = u32::from_str_radix(fields.next()?, 16).ok()?;
        let kind = match raw >> 12 {
            0x8 => NodeKind::File,
            0x4 => NodeKind::Dir,
            0xa => NodeKind::Link,
            _ => NodeKind::Other,
        };
        let uid = fields.next()?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        let user = fields.next()?.to_owned();
        let group = fields.next()?.to_owned();
        let size = fields.next()?.parse().ok()?;
        let changed = fields.nth(2)?.parse().ok()?;
        Some(Node {
            kind,
            mode: Mode::new(raw & 0o7777),
            uid,
            gid,
            user,
            group,
            size,
            changed,
            ..Node::absent()
        })
    }

    pub fn is_absent(&self) -> bool {
        self.kind == NodeKind::Absent
    }

    /// Whether the owner is `name`, by name or number.
    pub fn owned_by(&self, name: &str) -> bool {
        self.user == name || name.parse() == Ok(self.uid)
    }

    /// Whether the group is `name`, by name or number.
    pub fn in_group(&self, name: &str) -> bool {
        self.group == name || name.parse() == Ok(self.gid)
    }
}

impl World {
    pub fn new(host: &str) -> World {
        World {
            host: host.to_owned(),
            ..World::default()
        }
    }

    /// What stands at `path`, as far as the items before know.
    pub fn node(&self, path: &str) -> Node {
        self.nodes.get(path).cloned().unwrap_or_else(Node::absent)
    }

    /// What stands at `path`, if it was asked about or is predicted.
    pub fn known(&self, path: &str) -> Option<&Node> {
        self.nodes.get(path)
    }

    /// Where writing to `path` really writes.
    pub fn real_path(&self, path: &str) -> String {
        let real = self.real_paths.get(path).map(String::as_str);
        real.unwrap_or(path).to_owned()
    }

    pub fn set(&mut self, path: &str, node: Node) {
        self.nodes.insert(path.to_owned(), node);
    }

    pub fn update(&mut self, path: &str, change: impl FnOnce(&mut Node)) {
        if let Some(node) = self.nodes.get_mut(path) {
            change(node);
        }
    }

    /// Predicts what an item makes of `path`.
    pub fn predict(&mut self, path: &str, mut node: Node) {
        node.predicted = true;
        self.changed.insert(path.to_owned());
        self.set(path, node);
    }

    /// Predicts that nothing stands at `path` and below it.
    pub fn predict_gone(&mut self, path: &str) {
        let below = format!("{}/", path.trim_end_matches('/'));
        for (known, node) in &mut self.nodes {
            if known == path || known.starts_with(&below) {
                *node = Node::absent();
                node.predicted = true;
                self.changed.insert(known.clone());
            }
        }
        self.changed.insert(path.to_owned());
    }

    /// The paths that items of this batch change.
    pub fn changed(&self) -> impl Iterator<Item = &String> {
        self.changed.iter()
    }

    /// Whether an item of this batch changes `path`.
    pub fn changes(&self, path: &str) -> bool {
        self.changed.contains(path)
    }

    /// Notes that `item` may change anything: packages, commands, modules.
    pub fn expect_anything(&mut self, item: &str) {
        self.unpredictable.get_or_insert_with(|| item.to_owned());
    }

    /// The first item of this batch after which what was read need not hold any more.
    pub fn unpredictable(&self) -> Option<&str> {
        self.unpredictable.as_deref()
    }

    /// What an earlier run remembered under `name`.
    pub fn record(&self, name: &str) -> Option<String> {
        let text = self.answer(&RECORD, &[name])?;
        Some(text.trim_end_matches('\n').to_owned())
    }

    /// Predicts a fact that is no path: a group, a unit.
    pub fn predict_fact(&mut self, kind: &'static str, name: &str) {
        self.facts.insert((kind, name.to_owned()));
    }

    /// Whether an item of this batch makes that fact true.
    pub fn predicts(&self, kind: &'static str, name: &str) -> bool {
        self.facts.contains(&(kind, name.to_owned()))
    }

    /// All facts of a kind that items of this batch make true.
    pub fn facts(&self, kind: &'static str) -> impl Iterator<Item = &str> {
        self.facts
            .iter()
            .filter(move |(known, _)| *known == kind)
            .map(|(_, name)| name.as_str())
    }

    /// What `snippet` answered about `words`.
    pub fn answer(&self, snippet: &Snippet, words: &[&str]) -> Option<String> {
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        self.answers
            .get(&(snippet.name.to_owned(), words))
            .map(|payload| String::from_utf8_lossy(payload).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stat_line_becomes_a_node() {
        let node = Node::parse("81a4|0|27|root|video|512|2049|77|1700000000|x y|z").unwrap();
        assert_eq!(node.kind, NodeKind::File);
        assert_eq!(node.mode.to_string(), "0644");
        assert_eq!((node.size, node.changed), (512, 1_700_000_000));
        assert!(node.owned_by("root") && node.owned_by("0") && !node.owned_by("27"));
        assert!(node.in_group("video") && node.in_group("27"));
        assert_eq!(Node::parse("nonsense"), None);
        assert_eq!(
            Node::parse("41ed|0|0|a|b|1|2|3|4").unwrap().kind,
            NodeKind::Dir
        );
    }

    #[test]
    fn what_is_below_a_removed_tree_is_gone_too() {
        let mut world = World::new("n");
        let node = Node::parse("81a4|0|0|r|r|1|1|1|1").unwrap();
        for path in ["/a", "/a/b", "/ab"] {
            world.set(path, node.clone());
        }
        world.predict_gone("/a");
        assert!(world.node("/a/b").is_absent() && world.changes("/a/b"));
        assert!(!world.node("/ab").is_absent());
    }
}
