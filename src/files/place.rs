//! Putting one content at one path: what every kind that writes files does.

use super::apply::{Script, parent};
use super::content::Content;
use super::diff::text_diff;
use super::item::Problem;
use super::mode::Mode;
use super::quote::holds_nul;
use super::read::Probe;
use super::report::{Action, Blob, Change, Diff, Reason};
use super::world::{Node, NodeKind, World};

/// Owner, group and mode that something should have; what is not given stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Meta {
    pub mode: Option<Mode>,
    pub owner: Option<String>,
    pub group: Option<String>,
}

/// A file that should be at a path.
#[derive(Debug, Clone)]
pub(super) struct Place<'a> {
    pub path: &'a str,
    pub content: Content,
    pub meta: &'a Meta,
    /// The mode of a file that is not there yet.
    pub default_mode: Mode,
    pub secret: bool,
    pub parents: bool,
}

/// Collapses repeated slashes and removes the last one.
pub(super) fn clean(path: &str) -> String {
    let absolute = path.starts_with('/');
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    match absolute {
        true => format!("/{}", parts.join("/")),
        false => parts.join("/"),
    }
}

/// Whether `path` can be the place of something on a host.
pub(super) fn check_path(path: &str) -> Result<(), Problem> {
    if holds_nul(path) {
        return Err(Problem::new("a path cannot hold a NUL"));
    }
    if !path.starts_with('/') {
        return Err(Problem::new("the path is not absolute")
            .help("begin it with `/`; there is no current directory on a host"));
    }
    if path == "/" {
        return Err(Problem::new("the path is the root directory"));
    }
    if path.split('/').any(|part| part == ".." || part == ".") {
        return Err(Problem::new("the path holds `.` or `..`"));
    }
    Ok(())
}

/// The mode of a secret file where none is given.
const SECRET_MODE: Mode = Mode::new(0o600);

impl Meta {
    /// The same, but closed to others where nothing else is said and the content is secret.
    pub fn closed_if(&self, secret: bool) -> Meta {
        Meta {
            mode: self.mode.or(secret.then_some(SECRET_MODE)),
            ..self.clone()
        }
    }

    pub fn check(&self) -> Result<(), Problem> {
        for name in [&self.owner, &self.group].into_iter().flatten() {
            check_name(name)?;
        }
        Ok(())
    }

    /// What `chown` needs to be told to make a new file at `path` as it should be, given what was
    /// there; empty if a new file is so by itself.
    pub fn chown(&self, world: &World, path: &str, node: &Node) -> String {
        let was_there = !node.is_absent();
        let user = match (&self.owner, was_there) {
            (Some(owner), _) => Some(owner.clone()),
            (None, true) => Some(node.uid.to_string()),
            (None, false) => None,
        };
        let group = match (&self.group, was_there) {
            (Some(group), _) => Some(group.clone()),
            (None, true) => Some(node.gid.to_string()),
            (None, false) => None,
        };
        let is_me = |name: &String, id: u32| name.parse() == Ok(id) || (id == 0 && name == "root");
        let user = user.filter(|user| !is_me(user, world.uid));
        // A directory may pass its own group on.
        let inherits = world
            .known(parent(path))
            .is_none_or(|dir| dir.mode.bits() & 0o2000 != 0);
        let group = group.filter(|group| inherits || !is_me(group, world.gid));
        match (user, group) {
            (Some(user), Some(group)) => format!("{user}:{group}"),
            (Some(user), None) => user,
            (None, Some(group)) => format!(":{group}"),
            (None, None) => String::new(),
        }
    }

    /// How `node` differs.
    pub fn reasons(&self, node: &Node) -> Vec<Reason> {
        let mut reasons = Vec::new();
        if let Some(mode) = self.mode.filter(|mode| *mode != node.mode) {
            reasons.push(Reason::from_to("mode", node.mode, mode));
        }
        if let Some(owner) = self.owner.as_ref().filter(|name| !node.owned_by(name)) {
            reasons.push(Reason::from_to("owner", &node.user, owner));
        }
        if let Some(group) = self.group.as_ref().filter(|name| !node.in_group(name)) {
            reasons.push(Reason::from_to("group", &node.group, group));
        }
        reasons
    }

    /// Repairs what differs on something that stays.
    pub fn repair(&self, path: &str, node: &Node, script: &mut Script) {
        let owner = self.owner.as_ref().filter(|name| !node.owned_by(name));
        let group = self.group.as_ref().filter(|name| !node.in_group(name));
        let chown = match (owner, group) {
            (Some(owner), Some(group)) => format!("{owner}:{group}"),
            (Some(owner), None) => owner.clone(),
            (None, Some(group)) => format!(":{group}"),
            (None, None) => String::new(),
        };
        let mode = self.mode.unwrap_or(node.mode);
        let narrow = Mode::new(node.mode.bits() & mode.bits());
        let narrow = match narrow == node.mode {
            true => String::new(),
            false => narrow.to_string(),
        };
        // chown drops the set-user-id bit, so the mode comes after it even where it is the same.
        let mode = match self.mode != Some(node.mode) && self.mode.is_some()
            || mode.bits() & 0o6000 != 0
        {
            true => mode.to_string(),
            false => String::new(),
        };
        script.call("set_meta", &[path, &chown, &mode, &narrow]);
    }

    /// The same node with these values.
    pub fn applied_to(&self, mut node: Node) -> Node {
        if let Some(mode) = self.mode {
            node.mode = mode;
        }
        // Names that are not known to be numbers match by name.
        if let Some(owner) = &self.owner {
            node.uid = owner.parse().unwrap_or(u32::MAX);
            node.user.clone_from(owner);
        }
        if let Some(group) = &self.group {
            node.gid = group.parse().unwrap_or(u32::MAX);
            node.group.clone_from(group);
        }
        node
    }
}

/// Whether `name` can name a user or a group.
pub(super) fn check_name(name: &str) -> Result<(), Problem> {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-$@\\".contains(&byte);
    if name.is_empty() || name.starts_with('-') || !name.bytes().all(fine) {
        return Err(Problem::new(format!(
            "`{name}` cannot be a user or group name"
        )));
    }
    Ok(())
}

/// Asks for the directory that will hold `path`.
pub(super) fn read_parent(path: &str, probe: &mut Probe) {
    if parent(path) != "/" {
        probe.path(parent(path));
    }
}

/// Checks that the directory of `path` is there, or makes it; says whether it does.
pub(super) fn need_parent(
    path: &str,
    parents: bool,
    world: &mut World,
    script: &mut Script,
) -> Result<bool, Problem> {
    let dir = parent(path).to_owned();
    let kind = match world.known(&dir) {
        None => return Ok(false),
        Some(node) => node.kind,
    };
    match kind {
        // A link there is the host's own affair; if it leads nowhere, writing fails and says so.
        NodeKind::Dir | NodeKind::Link => Ok(false),
        NodeKind::Absent if parents => {
            script.call("make_parents", &[&dir]);
            predict_parents(&dir, world);
            Ok(true)
        }
        NodeKind::Absent if world.unpredictable().is_some() => Ok(false),
        NodeKind::Absent => Err(
            Problem::new(format!("its directory `{dir}` does not exist")).help(format!(
                "put `state::dir(\"{dir}\")` before it, or pass `parents: true`"
            )),
        ),
        other => Err(Problem::new(format!(
            "`{dir}` is {}, not a directory",
            other.noun()
        ))),
    }
}

fn predict_parents(dir: &str, world: &mut World) {
    let mut at = dir;
    while at != "/" {
        if world.known(at).is_none_or(Node::is_absent) {
            let mut node = Node::absent();
            node.kind = NodeKind::Dir;
            node.mode = Mode::new(0o755);
            world.predict(at, node);
        }
        at = parent(at);
    }
}

impl Place<'_> {
    /// Asks for what [`Place::compare`] needs.
    pub fn read(
        path: &str,
        probe: &mut Probe,
        size: Option<u64>,
        shown: Option<&Content>,
        follow: bool,
    ) {
        match follow {
            true => probe.follow(path),
            false => probe.path(path),
        }
        match shown {
            Some(content) => probe.text(path, content.sha256()),
            None => probe.hash(path, size),
        }
        read_parent(path, probe);
    }

    /// Compares and, where something differs, puts the repair into `script`.
    pub fn compare(
        &self,
        world: &mut World,
        script: &mut Script,
    ) -> Result<Option<Change>, Problem> {
        let node = world.node(self.path);
        let real = world.real_path(self.path);
        let mut change = match node.kind {
            NodeKind::Absent => Change::new(Action::Create).because(Reason::new("missing")),
            NodeKind::File => Change::new(Action::Update),
            NodeKind::Link => {
                let target = node.target.as_deref().unwrap_or_default();
                return Err(Problem::new(format!("a link to `{target}` is in the way"))
                    .help("pass `follow: true` to write the file it leads to, or remove it with `state::absent`"));
            }
            other => {
                return Err(Problem::new(format!("{} is in the way", other.noun()))
                    .help("remove it with `state::absent` first, if it may go"));
            }
        };
        let sha = self.content.sha256();
        let differs = sha.is_none() || node.sha256.as_deref() != sha;
        if node.kind == NodeKind::File {
            if differs {
                change.reasons.push(Reason::content());
                if self.secret {
                    // A file of another size is not hashed.
                    let rough = || format!("{} bytes, {}", node.size, node.changed);
                    change.was = Some(node.sha256.clone().unwrap_or_else(rough));
                }
            }
            change.reasons.extend(self.meta.reasons(&node));
            if change.reasons.is_empty() {
                return Ok(None);
            }
        }
        if differs {
            if need_parent(&real, self.parents, world, script)? {
                change.reasons.push(Reason::new("parent directories"));
            }
            let mode = match (self.meta.mode, node.kind) {
                (Some(mode), _) => mode,
                (None, NodeKind::File) => node.mode,
                (None, _) => self.default_mode,
            };
            let owner = self.meta.chown(world, &real, &node);
            script.put(&real, self.content.clone(), &owner, mode);
            change.diff = self.diff(&node);
        } else {
            self.meta.repair(&real, &node, script);
        }
        world.predict(self.path, self.outcome(node));
        Ok(Some(change))
    }

    fn outcome(&self, mut node: Node) -> Node {
        if node.is_absent() {
            node.mode = self.default_mode;
        }
        node.kind = NodeKind::File;
        node.size = self.content.size();
        node.sha256 = self.content.sha256().map(str::to_owned);
        node.text = match &self.content {
            Content::Bytes { bytes, .. } => Some(bytes.clone()),
            _ => None,
        };
        self.meta.applied_to(node)
    }

    fn diff(&self, node: &Node) -> Option<Diff> {
        if self.secret {
            return Some(Diff::Secret);
        }
        let old: Option<&[u8]> = match node.kind {
            NodeKind::File => node.text.as_deref(),
            _ => Some(b""),
        };
        if let (Some(old), Some(new)) = (old, self.content.in_memory())
            && let Some(diff) = text_diff(old, new)
        {
            return Some(diff);
        }
        let from = (node.kind == NodeKind::File).then(|| Blob {
            size: Some(node.size),
            sha256: node.sha256.clone(),
        });
        Some(Diff::Binary {
            from,
            to: Some(Blob {
                size: Some(self.content.size()),
                sha256: self.content.sha256().map(str::to_owned),
            }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_cleaned_and_checked() {
        assert_eq!(clean("/opt//e2b/"), "/opt/e2b");
        assert_eq!(clean("/"), "/");
        assert!(check_path("/opt/a b\n").is_ok());
        for bad in ["opt", "", "/", "/a/../b", "/a/.", "/a\0"] {
            assert!(check_path(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn names_are_an_allow_list() {
        for good in ["root", "e2b-api", "1000", "_apt", "svc$"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in ["", "-root", "a b", "a;b", "a\n", "a:b"] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }
}
