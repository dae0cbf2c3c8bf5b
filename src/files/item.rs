//! The kinds of state that a host can be asked to have.
//!
//! To add a kind: write `state/<kind>.rs` with a struct, its builder and its [`State`]; name it in
//! the list at the end of this file and in `state/mod.rs`.

use std::path::PathBuf;

use super::apply::Script;
use super::error::Error;
use super::inputs::Inputs;
use super::read::Probe;
use super::report::Change;
use super::state;
use super::world::World;

/// What a kind of state has to answer.
pub(super) trait State {
    /// The kind's name, as scripts write it.
    fn kind(&self) -> &'static str;

    /// What it is about: a path, a unit, a key.
    fn name(&self) -> String;

    /// Whether it can be meant at all, before anything is sent.
    fn check(&self) -> Result<(), Problem>;

    /// The workstation file that it carries, if it does.
    fn source(&self) -> Option<&PathBuf> {
        None
    }

    /// Whether the hash of that file is compared with something.
    fn compares_hash(&self, _world: &World) -> bool {
        true
    }

    /// Says what has to be known about the host.
    fn read(&self, probe: &mut Probe, inputs: &Inputs);

    /// Compares with what is known. A difference adds its repair to `script` and its outcome to
    /// `world`, so that the items after it see it.
    fn compare(&self, world: &mut World, script: &mut Script) -> Result<Verdict, Problem>;
}

/// Why an item cannot be meant, or cannot be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    pub text: String,
    pub help: Option<String>,
}

impl Problem {
    pub fn new(text: impl Into<String>) -> Problem {
        Problem {
            text: text.into(),
            help: None,
        }
    }

    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Problem {
        self.help = Some(help.into());
        self
    }
}

/// How an item compares.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    pub change: Option<Change>,
    pub notes: Vec<String>,
    /// Whether it must be done is found out when its turn comes.
    pub conditional: bool,
}

impl Verdict {
    pub fn unchanged() -> Verdict {
        Verdict::default()
    }

    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Verdict {
        self.notes.push(note.into());
        self
    }
}

impl From<Change> for Verdict {
    fn from(change: Change) -> Verdict {
        Verdict {
            change: Some(change),
            ..Verdict::default()
        }
    }
}

impl From<Option<Change>> for Verdict {
    fn from(change: Option<Change>) -> Verdict {
        Verdict {
            change,
            ..Verdict::default()
        }
    }
}

macro_rules! items {
    ($($name:ident),* $(,)?) => {
        /// One piece of state that a host should have.
        #[derive(Debug, Clone)]
        pub enum Item {
            $($name(state::$name),)*
        }

        impl Item {
            pub(super) fn state(&self) -> &dyn State {
                match self {
                    $(Item::$name(state) => state,)*
                }
            }
        }

        $(impl From<state::$name> for Item {
            fn from(state: state::$name) -> Item {
                Item::$name(state)
            }
        })*
    };
}

items![
    Absent,
    Command,
    Dir,
    Download,
    File,
    Group,
    KernelModule,
    Line,
    Link,
    Mount,
    NftTable,
    Packages,
    Service,
    Sysctl,
    Text,
    UnitFile,
    User,
];

impl Item {
    /// The kind's name, as scripts write it.
    pub fn kind(&self) -> &'static str {
        self.state().kind()
    }

    /// What it is about: a path, a unit, a key.
    pub fn name(&self) -> String {
        self.state().name()
    }

    /// Kind and name, as messages show them.
    pub fn address(&self) -> String {
        format!("{} {}", self.kind(), self.name())
    }

    /// Whether it can be meant at all; looks at nothing outside of it.
    pub fn check(&self) -> Result<(), Error> {
        self.state().check().map_err(|problem| Error::Invalid {
            item: self.address(),
            problem: problem.text,
            help: problem.help,
        })
    }
}
