//! Environment files as data: never through a shell, nothing in them expanded.

mod merge;
mod parse;
mod render;
mod schema;

pub use merge::{Commented, commented, merge};
pub use parse::parse;
pub use render::{RenderError, render};
pub use schema::{Checked, Schema};

/// One `NAME=value` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub name: String,
    pub value: String,
    /// Counts from 1.
    pub line: usize,
}

/// Something in a file that has to be put right. Its words never show a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub kind: ProblemKind,
    /// `None` for what is not in the file at all.
    pub line: Option<usize>,
    /// The variable, where the line got that far.
    pub name: Option<String>,
    /// What is wrong, as a clause.
    pub what: String,
    /// What to do about it.
    pub help: Option<String>,
}

/// Kinds of [`Problem`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProblemKind {
    /// The line is no assignment.
    Syntax,
    /// The variable was set before.
    Duplicate,
    /// The value is still that of the example file.
    Placeholder,
    /// A required variable is not set, or empty.
    Missing,
    /// Nobody reads the variable.
    Unknown,
    /// The value is not of the form it must have.
    Value,
}

impl ProblemKind {
    /// The stable kind of failure.
    pub fn kind(self) -> &'static str {
        match self {
            ProblemKind::Syntax => "env.syntax",
            ProblemKind::Duplicate => "env.duplicate",
            ProblemKind::Placeholder => "env.placeholder",
            ProblemKind::Missing => "env.missing",
            ProblemKind::Unknown => "env.unknown",
            ProblemKind::Value => "env.value",
        }
    }
}

/// What would surprise in a line that is in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    pub line: usize,
    pub name: String,
    pub what: String,
}

/// What a file holds, right and wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parsed {
    /// In the file's order, the first of duplicates only.
    pub entries: Vec<Entry>,
    pub problems: Vec<Problem>,
    pub notes: Vec<Note>,
}

/// Whether `name` can name a variable.
pub fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
