//! How a binding fails: as a failure a script may catch, as an error of the script itself, or
//! because the run was cancelled, which nothing catches.

use rhai::{Dynamic, EvalAltResult, Position};

use crate::diag::{Class, Failure};

/// The error of a binding's body.
#[derive(Debug)]
pub enum Raise {
    /// An operation failed; `catch` sees it.
    Failure(Box<Failure>),
    /// A closure that the binding called failed; passed on unchanged.
    Script(Box<EvalAltResult>),
    /// The run was cancelled; no `catch` sees it.
    Cancelled,
}

impl Raise {
    /// A defect of this program.
    pub fn internal(message: impl Into<String>) -> Self {
        Failure::new("internal", message)
            .class(Class::Internal)
            .help("this is a defect of e2bscript: report it with the script line above")
            .into()
    }

    /// As Rhai's error, thrown at `position`.
    pub fn into_rhai(self, position: Position) -> Box<EvalAltResult> {
        match self {
            Raise::Failure(failure) => Box::new(EvalAltResult::ErrorRuntime(
                Dynamic::from(*failure),
                position,
            )),
            Raise::Script(error) => error,
            Raise::Cancelled => Box::new(EvalAltResult::ErrorTerminated(Dynamic::UNIT, position)),
        }
    }
}

impl<F: Into<Failure>> From<F> for Raise {
    fn from(failure: F) -> Self {
        Raise::Failure(Box::new(failure.into()))
    }
}

impl From<Box<EvalAltResult>> for Raise {
    fn from(error: Box<EvalAltResult>) -> Self {
        Raise::Script(error)
    }
}

/// The failure that `error` carries, however deep in calls and modules, or one made of Rhai's words.
pub fn failure_of(error: &EvalAltResult) -> Failure {
    match error.unwrap_inner() {
        EvalAltResult::ErrorRuntime(value, _) => match value.read_lock::<Failure>() {
            Some(failure) => failure.clone(),
            None => thrown(value),
        },
        // A deadline that passed in a pure loop comes with its failure, a cancellation without.
        EvalAltResult::ErrorTerminated(token, _) => match token.read_lock::<Failure>() {
            Some(failure) => failure.clone(),
            None => Failure::new("run.cancelled", "the run was cancelled"),
        },
        other => crate::diag::language::explain(other),
    }
}

/// `throw "text"`, or `throw #{ kind, message, help, host, exit, output, causes, failures }`: `exit`
/// names the class of exit code, `output` has the last lines of what failed, `causes` what led to it,
/// `failures` lists what this one stands for, as strings or as such maps.
fn thrown(value: &Dynamic) -> Failure {
    let Some(map) = value.read_lock::<rhai::Map>() else {
        return Failure::new("script.thrown", value.to_string());
    };
    let field = |name: &str| {
        map.get(name)
            .filter(|value| !value.is_unit())
            .map(ToString::to_string)
    };
    let kind = field("kind").unwrap_or_else(|| "script.thrown".into());
    let class = field("exit")
        .and_then(|name| Class::named(&name))
        .unwrap_or_default();
    let failures = map
        .get("failures")
        .and_then(|items| items.read_lock::<rhai::Array>().map(|items| items.clone()))
        .unwrap_or_default();
    let lines = |name: &str| {
        map.get(name)
            .and_then(super::ty::strings)
            .unwrap_or_default()
    };
    Failure {
        output: lines("output"),
        causes: lines("causes"),
        message: field("message").unwrap_or_else(|| value.to_string()),
        help: field("help"),
        host: field("host"),
        failures: failures
            .iter()
            .map(|item| match item.read_lock::<Failure>() {
                Some(failure) => failure.clone(),
                None if item.is_map() => thrown(item),
                None => Failure::new(&kind, item.to_string()),
            })
            .collect(),
        ..Failure::new(kind, "").class(class)
    }
}
