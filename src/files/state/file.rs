//! A file with the content of a workstation file.

use std::path::PathBuf;

use super::super::apply::Script;
use super::super::inputs::Inputs;
use super::super::item::{Problem, State, Verdict};
use super::super::mode::Mode;
use super::super::place::{Meta, Place, check_path, clean, read_parent};
use super::super::read::Probe;
use super::super::world::World;

/// A copy of a workstation file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    path: String,
    from: PathBuf,
    meta: Meta,
    secret: bool,
    parents: bool,
    follow: bool,
    always: bool,
}

impl File {
    /// The file `path` on the host, as a copy of the workstation's `from`.
    pub fn new(path: impl AsRef<str>, from: impl Into<PathBuf>) -> File {
        File {
            path: clean(path.as_ref()),
            from: from.into(),
            meta: Meta::default(),
            secret: false,
            parents: false,
            follow: false,
            always: false,
        }
    }

    /// Default: as it is; for a new file 0755 if the workstation's is executable, else 0644; for a
    /// secret one 0600 in any case.
    #[must_use]
    pub fn mode(mut self, mode: impl Into<Option<Mode>>) -> File {
        self.meta.mode = mode.into();
        self
    }

    #[must_use]
    pub fn owner(mut self, owner: impl Into<Option<String>>) -> File {
        self.meta.owner = owner.into();
        self
    }

    #[must_use]
    pub fn group(mut self, group: impl Into<Option<String>>) -> File {
        self.meta.group = group.into();
        self
    }

    /// Its content is never shown. Default: false.
    #[must_use]
    pub fn secret(mut self, secret: bool) -> File {
        self.secret = secret;
        self
    }

    /// Also makes the directories above it, with mode 0755. Default: false.
    #[must_use]
    pub fn parents(mut self, parents: bool) -> File {
        self.parents = parents;
        self
    }

    /// Writes the file that a link at the path leads to. Default: false, which refuses links.
    #[must_use]
    pub fn follow(mut self, follow: bool) -> File {
        self.follow = follow;
        self
    }

    /// Sends it without looking whether the host has the same content. Default: false.
    #[must_use]
    pub fn always(mut self, always: bool) -> File {
        self.always = always;
        self
    }
}

impl State for File {
    fn kind(&self) -> &'static str {
        "file"
    }

    fn name(&self) -> String {
        self.path.clone()
    }

    fn check(&self) -> Result<(), Problem> {
        check_path(&self.path)?;
        self.meta.check()
    }

    fn source(&self) -> Option<&PathBuf> {
        Some(&self.from)
    }

    fn compares_hash(&self, world: &World) -> bool {
        world.node(&self.path).sha256.is_some()
    }

    fn read(&self, probe: &mut Probe, inputs: &Inputs) {
        if self.always {
            match self.follow {
                true => probe.follow(&self.path),
                false => probe.path(&self.path),
            }
            return read_parent(&self.path, probe);
        }
        let shown = inputs.small(&self.from).filter(|_| !self.secret);
        let size = inputs.size(&self.from);
        Place::read(&self.path, probe, size, shown, self.follow);
    }

    fn compare(&self, world: &mut World, script: &mut Script) -> Result<Verdict, Problem> {
        let Some((content, executable)) = world.local.get(&self.from).cloned() else {
            return Err(Problem::new(format!(
                "`{}` was not read",
                self.from.display()
            )));
        };
        let place = Place {
            path: &self.path,
            content,
            meta: &self.meta.closed_if(self.secret),
            default_mode: Mode::new(if executable { 0o755 } else { 0o644 }),
            secret: self.secret,
            parents: self.parents,
        };
        Ok(place.compare(world, script)?.into())
    }
}
