//! A directory with its owner and mode.

use super::super::apply::{Script, parent};
use super::super::inputs::Inputs;
use super::super::item::{Problem, State, Verdict};
use super::super::mode::Mode;
use super::super::place::{Meta, check_path, clean, need_parent, read_parent};
use super::super::read::Probe;
use super::super::report::{Action, Change, Reason};
use super::super::world::{NodeKind, World};

const DEFAULT_MODE: Mode = Mode::new(0o755);

/// A directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dir {
    path: String,
    meta: Meta,
    parents: bool,
    follow: bool,
}

impl Dir {
    pub fn new(path: impl AsRef<str>) -> Dir {
        Dir {
            path: clean(path.as_ref()),
            meta: Meta::default(),
            parents: false,
            follow: false,
        }
    }

    /// Default: 0755 when it is made, else as it is.
    #[must_use]
    pub fn mode(mut self, mode: impl Into<Option<Mode>>) -> Dir {
        self.meta.mode = mode.into();
        self
    }

    #[must_use]
    pub fn owner(mut self, owner: impl Into<Option<String>>) -> Dir {
        self.meta.owner = owner.into();
        self
    }

    #[must_use]
    pub fn group(mut self, group: impl Into<Option<String>>) -> Dir {
        self.meta.group = group.into();
        self
    }

    /// Also makes the directories above it, with mode 0755. Default: false.
    #[must_use]
    pub fn parents(mut self, parents: bool) -> Dir {
        self.parents = parents;
        self
    }

    /// Accepts a link to a directory in its place. Default: false.
    #[must_use]
    pub fn follow(mut self, follow: bool) -> Dir {
        self.follow = follow;
        self
    }
}

impl State for Dir {
    fn kind(&self) -> &'static str {
        "dir"
    }

    fn name(&self) -> String {
        self.path.clone()
    }

    fn check(&self) -> Result<(), Problem> {
        check_path(&self.path)?;
        self.meta.check()
    }

    fn read(&self, probe: &mut Probe, _inputs: &Inputs) {
        match self.follow {
            true => probe.follow(&self.path),
            false => probe.path(&self.path),
        }
        read_parent(&self.path, probe);
    }

    fn compare(&self, world: &mut World, script: &mut Script) -> Result<Verdict, Problem> {
        let mut node = world.node(&self.path);
        let real = world.real_path(&self.path);
        let change = match node.kind {
            NodeKind::Dir => {
                let reasons = self.meta.reasons(&node);
                if reasons.is_empty() {
                    return Ok(Verdict::unchanged());
                }
                self.meta.repair(&real, &node, script);
                Change {
                    reasons,
                    ..Change::new(Action::Update)
                }
            }
            NodeKind::Absent => {
                let made = need_parent(&real, self.parents, world, script)?;
                let mode = self.meta.mode.unwrap_or(DEFAULT_MODE);
                let owner = self.meta.chown(world, &real, &node);
                script.call(
                    "make_dir",
                    &[&real, parent(&real), &owner, &mode.to_string()],
                );
                node.mode = mode;
                let change = Change::new(Action::Create).because(Reason::new("missing"));
                match made {
                    true => change.because(Reason::new("parent directories")),
                    false => change,
                }
            }
            NodeKind::Link => {
                let target = node.target.as_deref().unwrap_or_default();
                return Err(Problem::new(format!("a link to `{target}` is in the way"))
                    .help("pass `follow: true` if a link to a directory is fine"));
            }
            other => {
                return Err(Problem::new(format!("{} is in the way", other.noun()))
                    .help("remove it with `state::absent` first, if it may go"));
            }
        };
        node.kind = NodeKind::Dir;
        world.predict(&self.path, self.meta.applied_to(node));
        Ok(change.into())
    }
}
