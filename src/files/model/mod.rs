//! A host that exists only as a model: what is at its paths, what its system would answer. It is read
//! and changed as a host is, so that what brings a host to a state can be tried without one.

mod json;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::facts::Facts;
use super::hash::sha256;
use super::item::Item;
use super::mode::Mode;
use super::world::{Node, NodeKind, World};

/// Directories that every host has.
const USUAL: &[&str] = &[
    "/",
    "/dev",
    "/etc",
    "/etc/systemd",
    "/etc/systemd/system",
    "/etc/systemd/system/multi-user.target.wants",
    "/etc/modprobe.d",
    "/etc/modules-load.d",
    "/etc/sysctl.d",
    "/home",
    "/lib",
    "/opt",
    "/root",
    "/run",
    "/srv",
    "/tmp",
    "/usr",
    "/usr/bin",
    "/usr/local",
    "/usr/local/bin",
    "/usr/local/sbin",
    "/usr/sbin",
    "/var",
    "/var/lib",
    "/var/log",
    "/var/tmp",
];
/// What systemd says of a unit that nobody described: it is there and does not run.
const IDLE: &str = "1\nType=simple\nResult=success\nLoadState=loaded\nActiveState=inactive\nSubState=dead\n\
                    UnitFileState=disabled\nNeedDaemonReload=no\n";

/// Kinds of state that neither a path nor a unit shows.
const UNSEEN: &[&str] = &[
    "command",
    "download",
    "group",
    "kernel_module",
    "mount",
    "nft_table",
    "packages",
    "sysctl",
    "user",
];
/// The question for a unit, as `state/unit.read.sh` answers it.
const UNIT: &str = "unit";

/// A model of one host.
#[derive(Debug, Default)]
pub struct Model {
    inner: Mutex<Inner>,
    /// It hears what a host itself answers, and answers nothing.
    learns: bool,
}

#[derive(Debug, Default)]
struct Inner {
    nodes: BTreeMap<String, Node>,
    answers: BTreeMap<(String, Vec<String>), Vec<u8>>,
    /// What was applied last of the states that no path and no unit shows, by their addresses.
    met: BTreeMap<String, String>,
    facts: Facts,
    /// Its clock, in seconds; it goes on with every change.
    now: i64,
}

impl Model {
    /// A fresh host: the usual directories, nothing installed, nothing running.
    pub fn new() -> Model {
        let model = Model::default();
        model.lock().facts = Facts {
            os: "Ubuntu 22.04.5 LTS".into(),
            os_id: "ubuntu".into(),
            os_version: "22.04".into(),
            kernel: "6.8.0".into(),
            arch: "x86_64".into(),
            cpus: 8,
            memory_bytes: 32 << 30,
            memory_available_bytes: 28 << 30,
            kvm: true,
            cpu_virtualization: true,
            systemd: super::facts::Systemd {
                state: "running".into(),
                ..Default::default()
            },
            disks: vec![super::facts::Disk {
                mount: "/".into(),
                total_bytes: 100 << 30,
                used_bytes: 20 << 30,
                free_bytes: 80 << 30,
                used_percent: 20,
            }],
            ..Facts::default()
        };
        model
    }

    /// A model that learns from a host itself.
    pub fn learning() -> Model {
        Model {
            learns: true,
            ..Model::new()
        }
    }

    pub fn learns(&self) -> bool {
        self.learns
    }

    /// Puts a file there, owned by root.
    pub fn put_file(&self, path: &str, content: impl Into<Bytes>, mode: Mode) {
        let content = content.into();
        let mut inner = self.lock();
        let node = Node {
            kind: NodeKind::File,
            mode,
            size: content.len() as u64,
            sha256: Some(sha256(&content)),
            text: Some(content),
            changed: inner.now,
            ..root()
        };
        inner.nodes.insert(path.to_owned(), node);
    }

    /// Puts a directory there, owned by root.
    pub fn put_dir(&self, path: &str, mode: Mode) {
        let node = Node {
            kind: NodeKind::Dir,
            mode,
            ..root()
        };
        self.lock().nodes.insert(path.to_owned(), node);
    }

    /// What systemd says of a unit: whether it runs, and whether it starts at boot.
    pub fn put_unit(&self, name: &str, running: bool, enabled: bool) {
        self.lock().unit(name, running, Some(enabled));
    }

    pub fn set_facts(&self, facts: Facts) {
        self.lock().facts = facts;
    }

    pub fn facts(&self) -> Facts {
        self.lock().facts.clone()
    }

    /// The content of a file, as far as it is known.
    pub fn content(&self, path: &str) -> Option<Bytes> {
        self.lock().nodes.get(path)?.text.clone()
    }

    /// Type (`file`, `dir`, `link`, `other`), mode and owner of what is at a path.
    pub fn look(&self, path: &str) -> Option<(&'static str, String, String)> {
        let inner = self.lock();
        let node = inner.node(path);
        let kind = kind(node.kind)?;
        Some((kind, node.mode.to_string(), node.user))
    }

    /// The paths that are not there.
    pub fn missing<'a>(&self, paths: impl IntoIterator<Item = &'a str>) -> Vec<String> {
        let inner = self.lock();
        let absent = paths
            .into_iter()
            .filter(|path| inner.node(path.trim_end_matches('/')).is_absent());
        absent.map(str::to_owned).collect()
    }

    /// What a reading round trip would have found.
    pub(super) fn world<'a>(
        &self,
        host: &str,
        paths: impl Iterator<Item = &'a String>,
        asks: impl Iterator<Item = (&'a str, &'a Vec<String>)>,
    ) -> World {
        let inner = self.lock();
        let mut world = World::new(host);
        for path in paths {
            world.set(path, inner.node(path));
        }
        for (snippet, words) in asks {
            if let Some(answer) = inner.answer(snippet, words) {
                world
                    .answers
                    .insert((snippet.to_owned(), words.clone()), answer);
            }
        }
        world
    }

    /// Everything below a directory, by relative path; `None` when there is no such directory.
    pub(super) fn below(&self, dir: &str) -> Option<Vec<(String, Node)>> {
        let inner = self.lock();
        if inner.node(dir).kind != NodeKind::Dir {
            return None;
        }
        let start = format!("{}/", dir.trim_end_matches('/'));
        let found = inner.nodes.iter().filter(|(_, node)| !node.is_absent());
        let found = found
            .filter_map(|(path, node)| Some((path.strip_prefix(&start)?.to_owned(), node.clone())));
        Some(found.collect())
    }

    pub(super) fn set(&self, path: &str, node: Node) {
        self.lock().nodes.insert(path.to_owned(), node);
    }

    /// Whether exactly this was applied before, where nothing else would show it.
    pub(super) fn has_met(&self, item: &Item) -> bool {
        self.lock().met.get(&item.address()) == Some(&format!("{item:?}"))
    }

    /// Notes that the items were applied: `world` is what they make of the host.
    pub(super) fn applied<'a>(&self, world: &World, items: impl Iterator<Item = &'a Item>) {
        let mut inner = self.lock();
        inner.now += 1;
        let now = inner.now;
        for path in world.changed() {
            let mut node = world.node(path);
            node.predicted = false;
            node.changed = now;
            if node.user.is_empty() {
                node.user = "root".into();
                node.group = "root".into();
            }
            inner.nodes.insert(path.clone(), node);
        }
        inner.now += 1;
        for item in items {
            if let Item::Service(service) = item {
                let (running, enabled) = service.wanted();
                inner.unit(&item.name(), running.unwrap_or(true), enabled);
            } else if UNSEEN.contains(&item.kind()) {
                inner.met.insert(item.address(), format!("{item:?}"));
            }
        }
    }

    /// Hears what a host itself answered; what was learnt first stays.
    pub(super) fn learn<'a>(&self, world: &World, paths: impl Iterator<Item = &'a String>) {
        let mut inner = self.lock();
        for path in paths {
            let node = world.node(path);
            inner.nodes.entry(path.clone()).or_insert(node);
        }
        for (question, answer) in &world.answers {
            inner
                .answers
                .entry(question.clone())
                .or_insert_with(|| answer.clone());
        }
    }

    /// Hears which paths a host has.
    pub fn learn_presence<'a>(&self, paths: impl IntoIterator<Item = &'a str>, missing: &[String]) {
        let mut inner = self.lock();
        for path in paths {
            let there = !missing.iter().any(|missing| missing == path);
            let node = Node {
                kind: match there {
                    true => NodeKind::Other,
                    false => NodeKind::Absent,
                },
                ..root()
            };
            inner.nodes.entry(path.to_owned()).or_insert(node);
        }
    }

    /// Hears what is in a file of a host.
    pub(super) fn learn_content(&self, path: &str, content: &[u8]) {
        let mut inner = self.lock();
        let node = inner.nodes.entry(path.to_owned()).or_insert_with(|| Node {
            kind: NodeKind::File,
            mode: Mode::new(0o644),
            size: content.len() as u64,
            sha256: Some(sha256(content)),
            ..root()
        });
        // One that was written by the test itself was something else before.
        if node.sha256.as_deref() == Some(&sha256(content)) {
            node.text = Some(Bytes::copy_from_slice(content));
        }
    }

    /// Hears of something in a tree of a host.
    pub(super) fn learn_node(&self, path: String, node: Node) {
        self.lock().nodes.entry(path).or_insert(node);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn node(&self, path: &str) -> Node {
        if let Some(node) = self.nodes.get(path) {
            return node.clone();
        }
        let start = format!("{}/", path.trim_end_matches('/'));
        let below = self.nodes.range(start.clone()..);
        let holds_something = below
            .take_while(|(other, _)| other.starts_with(&start))
            .any(|(_, node)| !node.is_absent());
        if holds_something || USUAL.contains(&path) {
            return Node {
                kind: NodeKind::Dir,
                mode: Mode::new(0o755),
                filled: true,
                ..root()
            };
        }
        Node::absent()
    }

    fn answer(&self, snippet: &str, words: &[String]) -> Option<Vec<u8>> {
        let known = self.answers.get(&(snippet.to_owned(), words.to_vec()));
        match (known, snippet) {
            (Some(answer), _) => Some(answer.clone()),
            (None, UNIT) => Some(IDLE.into()),
            (None, "sysctl") => Some(Vec::new()),
            (None, _) => None,
        }
    }

    /// `enabled`: as it was when not said.
    fn unit(&mut self, name: &str, running: bool, enabled: Option<bool>) {
        let words = vec![super::state::full_name(name)];
        let before = self.answer(UNIT, &words).unwrap_or_default();
        let was_enabled = String::from_utf8_lossy(&before).contains("UnitFileState=enabled");
        let (active, sub) = match running {
            true => ("active", "running"),
            false => ("inactive", "dead"),
        };
        let file = match enabled.unwrap_or(was_enabled) {
            true => "enabled",
            false => "disabled",
        };
        let moment = chrono::DateTime::from_timestamp(self.now, 0).unwrap_or_default();
        let moment = moment.format("%a %Y-%m-%d %H:%M:%S UTC");
        let answer = format!(
            "{}\nType=simple\nResult=success\nLoadState=loaded\nActiveState={active}\nSubState={sub}\n\
             UnitFileState={file}\nNeedDaemonReload=no\nActiveEnterTimestamp={moment}\n\
             ExecMainStartTimestamp={moment}\n",
            self.now
        );
        self.answers.insert((UNIT.to_owned(), words), answer.into());
    }
}

fn root() -> Node {
    Node {
        user: "root".into(),
        group: "root".into(),
        ..Node::absent()
    }
}

fn kind(kind: NodeKind) -> Option<&'static str> {
    Some(match kind {
        NodeKind::Absent => return None,
        NodeKind::File => "file",
        NodeKind::Dir => "dir",
        NodeKind::Link => "link",
        NodeKind::Other => "other",
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Item, Options, Shell, Silent, ensure, state};
    use super::*;
    use crate::files::{Finished, Job, ShellError};
    use futures_util::future::BoxFuture;
    use std::sync::Arc;

    struct Nobody(Arc<Model>);

    impl Shell for Nobody {
        fn host(&self) -> &str {
            "api-1"
        }

        fn run<'a>(&'a self, _: Job<'a>) -> BoxFuture<'a, Result<Finished, ShellError>> {
            unreachable!("a model is asked without a command")
        }

        fn model(&self) -> Option<Arc<Model>> {
            Some(self.0.clone())
        }
    }

    async fn changed(host: &Nobody, items: &[Item]) -> Vec<String> {
        let report = ensure(host, items, &Options::default(), &mut Silent)
            .await
            .unwrap();
        report.changed().map(|item| item.address()).collect()
    }

    #[tokio::test]
    async fn what_was_applied_is_there_and_is_recorded() {
        let host = Nobody(Arc::new(Model::new()));
        let items = [
            state::Dir::new("/opt/x").into(),
            state::Text::new("/opt/x/a.conf", "one\n").into(),
            state::Service::new("x")
                .running(true)
                .restart_on(["/opt/x/a.conf"])
                .into(),
            state::Packages::new(["jq"]).into(),
        ];
        assert_eq!(changed(&host, &items).await.len(), 4);
        assert_eq!(changed(&host, &items).await, Vec::<String>::new());
        let again = Nobody(Arc::new(Model::from_json(&host.0.to_json())));
        assert_eq!(again.0.content("/opt/x/a.conf").unwrap(), "one\n");
        let other = [
            state::Text::new("/opt/x/a.conf", "two\n").into(),
            items[2].clone(),
        ];
        assert_eq!(
            changed(&host, &other).await,
            ["text /opt/x/a.conf", "service x.service"]
        );
        assert_eq!(host.0.missing(["/opt/x", "/opt/y"]), ["/opt/y"]);
    }
}
