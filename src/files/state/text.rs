//! A file with a given text.

use bytes::Bytes;

use super::super::apply::Script;
use super::super::content::Content;
use super::super::inputs::Inputs;
use super::super::item::{Problem, State, Verdict};
use super::super::mode::Mode;
use super::super::place::{Meta, Place, check_path, clean};
use super::super::read::Probe;
use super::super::world::World;

const DEFAULT_MODE: Mode = Mode::new(0o644);

/// What is done about the end of a text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Newline {
    /// A text that is not empty ends with a newline; one is added where it is missing.
    #[default]
    Final,
    /// The bytes are written as they are.
    Exact,
}

/// A text file.
#[derive(Debug, Clone)]
pub struct Text {
    path: String,
    text: Bytes,
    newline: Newline,
    meta: Meta,
    secret: bool,
    parents: bool,
    follow: bool,
}

impl Text {
    pub fn new(path: impl AsRef<str>, text: impl Into<Bytes>) -> Text {
        Text {
            path: clean(path.as_ref()),
            text: text.into(),
            newline: Newline::default(),
            meta: Meta::default(),
            secret: false,
            parents: false,
            follow: false,
        }
    }

    /// Default: as it is, and 0644 for a new file; for a secret one 0600 in any case.
    #[must_use]
    pub fn mode(mut self, mode: impl Into<Option<Mode>>) -> Text {
        self.meta.mode = mode.into();
        self
    }

    #[must_use]
    pub fn owner(mut self, owner: impl Into<Option<String>>) -> Text {
        self.meta.owner = owner.into();
        self
    }

    #[must_use]
    pub fn group(mut self, group: impl Into<Option<String>>) -> Text {
        self.meta.group = group.into();
        self
    }

    #[must_use]
    pub fn newline(mut self, newline: Newline) -> Text {
        self.newline = newline;
        self
    }

    /// Its content is never shown. Default: false.
    #[must_use]
    pub fn secret(mut self, secret: bool) -> Text {
        self.secret = secret;
        self
    }

    /// Also makes the directories above it, with mode 0755. Default: false.
    #[must_use]
    pub fn parents(mut self, parents: bool) -> Text {
        self.parents = parents;
        self
    }

    /// Writes the file that a link at the path leads to. Default: false, which refuses links.
    #[must_use]
    pub fn follow(mut self, follow: bool) -> Text {
        self.follow = follow;
        self
    }

    fn content(&self) -> Content {
        let ends = self.text.is_empty() || self.text.ends_with(b"\n");
        if ends || self.newline == Newline::Exact {
            return Content::bytes(self.text.clone());
        }
        let mut text = self.text.to_vec();
        text.push(b'\n');
        Content::bytes(text)
    }
}

impl State for Text {
    fn kind(&self) -> &'static str {
        "text"
    }

    fn name(&self) -> String {
        self.path.clone()
    }

    fn check(&self) -> Result<(), Problem> {
        check_path(&self.path)?;
        self.meta.check()
    }

    fn read(&self, probe: &mut Probe, _inputs: &Inputs) {
        let content = self.content();
        let shown = Some(&content).filter(|_| !self.secret);
        Place::read(&self.path, probe, Some(content.size()), shown, self.follow);
    }

    fn compare(&self, world: &mut World, script: &mut Script) -> Result<Verdict, Problem> {
        let place = Place {
            path: &self.path,
            content: self.content(),
            meta: &self.meta.closed_if(self.secret),
            default_mode: DEFAULT_MODE,
            secret: self.secret,
            parents: self.parents,
        };
        Ok(place.compare(world, script)?.into())
    }
}
