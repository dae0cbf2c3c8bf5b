//! Where an error happened and through which calls: Rhai's nested errors, unwound.

use std::fmt;

use rhai::{EvalAltResult, Position};
use serde::Serialize;

use super::own_calls::plain_name;
use super::source::Sources;

/// A place in a script.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// Id of the source: `std/stage`, or the path as the operator gave it.
    pub source: String,
    /// Counted from 1.
    pub line: usize,
    /// In characters, counted from 1.
    pub column: usize,
}

/// A call or an import that was in progress.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Frame {
    #[serde(flatten)]
    pub place: Place,
    /// What was entered there.
    #[serde(flatten)]
    pub entered: Entered,
}

/// What a frame entered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Entered {
    /// A function; Rhai forgets the module before its name.
    Function(String),
    /// A closure, which has no name.
    #[serde(serialize_with = "as_true")]
    Closure,
    /// A module, by the id of its source.
    Module(String),
}

/// An error's way through the scripts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// The source in which it happened.
    pub source: String,
    /// Where in it; [`Position::NONE`] where Rhai does not say.
    pub position: Position,
    /// The calls that led there, innermost first.
    pub frames: Vec<Frame>,
}

impl Place {
    /// `None` for a position without a line.
    pub fn new(source: &str, position: Position) -> Option<Place> {
        Some(Place {
            source: source.to_owned(),
            line: position.line()?,
            column: position.position().unwrap_or(1),
        })
    }

    pub fn position(&self) -> Position {
        let small = |number: usize| u16::try_from(number).unwrap_or(u16::MAX);
        match self.line {
            0 => Position::NONE,
            line => Position::new(small(line), small(self.column)),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.source, self.line, self.column)
    }
}

/// Follows `error` from `entry`, the source that was run, down to where it happened.
///
/// The position of a call is in the caller, and the source that Rhai names is the callee's: so each
/// step's source is known from the step before.
pub fn unwind(error: &EvalAltResult, sources: &Sources, entry: &str) -> Trace {
    let mut source = entry.to_owned();
    let mut frames = Vec::new();
    let mut error = error;
    loop {
        let (entered, inner, position, next) = match error {
            EvalAltResult::ErrorInFunctionCall(name, claimed, inner, position) => {
                let closure = name.starts_with("anon$");
                let owner = closure.then(|| sources.owner(name, claimed)).flatten();
                let next = owner.unwrap_or_else(|| match claimed.as_str() {
                    "" => source.clone(),
                    claimed => claimed.to_owned(),
                });
                let entered = match closure {
                    true => Entered::Closure,
                    false => Entered::Function(plain_name(name).to_owned()),
                };
                (entered, inner, *position, next)
            }
            EvalAltResult::ErrorInModule(name, inner, position) => (
                Entered::Module(name.clone()),
                inner,
                *position,
                name.clone(),
            ),
            _ => break,
        };
        frames.extend(Place::new(&source, position).map(|place| Frame { entered, place }));
        source = next;
        error = inner;
    }
    frames.reverse();
    Trace {
        source,
        position: error.position(),
        frames,
    }
}

fn as_true<S: serde::Serializer>(serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bool(true)
}

/// Where `error` happened, for those who have no sources at hand; `caller` is the source in which
/// the closure or function was called.
pub fn place_of(error: &EvalAltResult, caller: &str) -> Option<Place> {
    let trace = unwind(error, &Sources::default(), caller);
    Place::new(&trace.source, trace.position)
}
