//! A symbolic link.

use super::super::apply::{Script, parent};
use super::super::inputs::Inputs;
use super::super::item::{Problem, State, Verdict};
use super::super::place::{check_path, clean, need_parent, read_parent};
use super::super::quote::holds_nul;
use super::super::read::Probe;
use super::super::report::{Action, Change, Reason};
use super::super::world::{Node, NodeKind, World};

/// A symbolic link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    path: String,
    target: String,
    force: bool,
    parents: bool,
}

impl Link {
    /// A link at `path` that points to `target`, which may be relative and need not exist.
    pub fn new(path: impl AsRef<str>, target: impl Into<String>) -> Link {
        Link {
            path: clean(path.as_ref()),
            target: target.into(),
            force: false,
            parents: false,
        }
    }

    /// Replaces a file that is there. Default: false; a link is replaced in any case, a directory
    /// never.
    #[must_use]
    pub fn force(mut self, force: bool) -> Link {
        self.force = force;
        self
    }

    /// Also makes the directories above it, with mode 0755. Default: false.
    #[must_use]
    pub fn parents(mut self, parents: bool) -> Link {
        self.parents = parents;
        self
    }
}

impl State for Link {
    fn kind(&self) -> &'static str {
        "link"
    }

    fn name(&self) -> String {
        self.path.clone()
    }

    fn check(&self) -> Result<(), Problem> {
        check_path(&self.path)?;
        if self.target.is_empty() || holds_nul(&self.target) {
            return Err(Problem::new("the target is empty or holds a NUL"));
        }
        Ok(())
    }

    fn read(&self, probe: &mut Probe, _inputs: &Inputs) {
        probe.path(&self.path);
        read_parent(&self.path, probe);
    }

    fn compare(&self, world: &mut World, script: &mut Script) -> Result<Verdict, Problem> {
        let node = world.node(&self.path);
        let change = match node.kind {
            NodeKind::Link if node.target.as_deref() == Some(&self.target) => {
                return Ok(Verdict::unchanged());
            }
            NodeKind::Link => Change::new(Action::Update).because(Reason::from_to(
                "target",
                node.target.unwrap_or_default(),
                &self.target,
            )),
            NodeKind::Absent => {
                let change = Change::new(Action::Create).because(Reason::new("missing"));
                match need_parent(&self.path, self.parents, world, script)? {
                    true => change.because(Reason::new("parent directories")),
                    false => change,
                }
            }
            NodeKind::File if self.force => {
                Change::new(Action::Update).because(Reason::from_to("kind", "file", "link"))
            }
            NodeKind::File => {
                return Err(Problem::new("a file is in the way")
                    .help("pass `force: true` if the link may replace it"));
            }
            other => return Err(Problem::new(format!("{} is in the way", other.noun()))),
        };
        script.call("make_link", &[&self.path, parent(&self.path), &self.target]);
        let mut outcome = Node::absent();
        outcome.kind = NodeKind::Link;
        outcome.target = Some(self.target.clone());
        world.predict(&self.path, outcome);
        Ok(change.into())
    }
}
