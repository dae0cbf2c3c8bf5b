//! The errors of the script language in plain words, each with a stable kind.
//!
//! Kinds: `script.syntax`, `script.reserved`, `script.unknown_variable`, `script.unknown_module`,
//! `script.unknown_function`, `script.unknown_property`, `script.arguments`, `script.private`,
//! `script.missing_key`, `script.index`, `script.type`, `script.constant`, `script.data_race`,
//! `script.arithmetic`, `script.too_deep`, `script.too_large`, `script.not_a_loop`, `script.error`.

use rhai::{EvalAltResult, Position};

use super::names::{Asked, Known};
use super::span::{Span, Text};
use super::types::{plain, signature, with_article};
use super::{Class, Failure, syntax};

/// What is known about the place of an error.
#[derive(Clone, Default)]
pub struct Scene<'a> {
    /// What bindings and standard modules there are.
    known: Known<'a>,
    /// The text of the script in which it happened.
    pub text: Option<&'a Text<'a>>,
}

impl<'a> Scene<'a> {
    pub fn new(mut known: Known<'a>, text: Option<&'a Text<'a>>) -> Scene<'a> {
        let declared = text.map(Text::declared).unwrap_or_default();
        known.elsewhere.extend(&declared);
        known.variables.extend(declared);
        Scene { known, text }
    }

    pub(super) fn known(&self) -> &Known<'a> {
        &self.known
    }

    /// Whether the name at `position` is followed by `:`, as a key of a map is.
    pub(super) fn is_key(&self, position: Position) -> bool {
        self.text
            .is_some_and(|text| text.after(position) == Some(":"))
    }
}

/// A language error as a failure; without its script's text, so in general words.
pub fn explain(error: &EvalAltResult) -> Failure {
    explain_in(error, &Scene::default())
}

/// A language error as a failure, with help that looks at the script.
pub fn explain_in(error: &EvalAltResult, scene: &Scene) -> Failure {
    use EvalAltResult as E;
    let error = error.unwrap_inner();
    let position = error.position();
    match error {
        E::ErrorParsing(error, position) => syntax::explain(error, *position, scene),
        E::ErrorVariableNotFound(name, _) => match name.rsplit_once("::") {
            Some((owner, name)) => new(
                "unknown_variable",
                format!("`{owner}` has no constant `{name}`"),
            )
            .help("a module shows what it declares with `export const`"),
            None => scene.known().variable(name),
        },
        E::ErrorModuleNotFound(name, _) => scene.known().module(name),
        E::ErrorFunctionNotFound(call, position) => function(call, *position, scene),
        E::ErrorDotExpr(message, _) => property(message, scene),
        E::ErrorPropertyNotFound(key, _) => {
            new("missing_key", format!("the map has no key `{key}`")).help(format!(
                "if it may be missing, write `.get(\"{key}\") ?? …`"
            ))
        }
        E::ErrorIndexNotFound(key, _) => new("missing_key", format!("there is no item `{key}`")),
        E::ErrorIndexingType(types, _) => indexing(types),
        E::ErrorArrayBounds(length, index, _) => out_of_bounds("array", "item", *length, *index),
        E::ErrorStringBounds(length, index, _) => {
            out_of_bounds("string", "character", *length, *index)
        }
        E::ErrorBitFieldBounds(length, index, _) => out_of_bounds("number", "bit", *length, *index),
        E::ErrorMismatchDataType(wanted, got, _) | E::ErrorMismatchOutputType(wanted, got, _) => {
            mismatch(wanted, got)
        }
        E::ErrorFor(_) => new("type", "`for` cannot go through this value")
            .help("it takes an array, a range such as `0..5`, or `map.keys()`"),
        E::ErrorDataRace(name, _) => data_race(name),
        E::ErrorNonPureMethodCallOnConstant(name, _) => new(
            "constant",
            format!("`{}` would change a constant", bare(name)),
        )
        .help("copy it first: `let copy = …;`"),
        E::ErrorAssignmentToConstant(name, _) => new("constant", format!("`{name}` is a constant"))
            .help("declare it with `let` to change it"),
        E::ErrorUnboundThis(_) => new("unknown_variable", "there is no `this` here")
            .help("`this` is the value before the dot in `value.function()`"),
        E::ErrorArithmetic(message, _) => arithmetic(message),
        E::ErrorStackOverflow(_) => new(
            "too_deep",
            "functions call each other more than 64 levels deep",
        )
        .help("look for a function that calls itself without an end"),
        E::ErrorDataTooLarge(what, _) => too_large(what),
        E::ErrorTooManyModules(_) => new("too_large", "more than 256 modules are imported"),
        E::ErrorTooManyVariables(_) => new("too_large", "too many variables are in use"),
        E::ErrorTooManyOperations(_) => new("too_large", "the script takes too many steps"),
        E::LoopBreak(..) => new("not_a_loop", "`break` and `continue` belong in a loop")
            .help("in a closure, `return` ends it"),
        E::ErrorSystem(what, cause) => Failure::new("internal", what.clone())
            .class(Class::Internal)
            .cause(cause.to_string()),
        other => {
            let mut text = other.to_string();
            // The report shows the place itself.
            if let Some(end) = text.rfind(&format!(" ({position})")) {
                text.truncate(end);
            }
            new("error", syntax::first_lower(&text))
        }
    }
}

/// What the report underlines in the script of the error, and what it writes there.
pub fn labels(error: &EvalAltResult, scene: &Scene) -> Vec<(Span, String)> {
    use EvalAltResult as E;
    let error = error.unwrap_inner();
    if let E::ErrorParsing(error, position) = error {
        return syntax::labels(error, *position, scene);
    }
    let label = match error {
        E::ErrorVariableNotFound(..) => "not found",
        E::ErrorModuleNotFound(..) => "no such module",
        E::ErrorPropertyNotFound(..) => "no such key",
        E::ErrorRuntime(value, _) if !value.is::<Failure>() => "thrown here",
        _ => "",
    };
    let span = scene.text.and_then(|text| text.at(error.position()));
    span.map(|span| (span, label.to_owned()))
        .into_iter()
        .collect()
}

fn new(kind: &str, message: impl Into<String>) -> Failure {
    Failure::new(format!("script.{kind}"), message)
}

fn function(call: &str, position: Position, scene: &Scene) -> Failure {
    let (name, types) = signature(call);
    let is_operator = !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if is_operator {
        return operator(name, &types);
    }
    if name.starts_with("anon$") {
        return new(
            "arguments",
            "the closure is called with more or fewer arguments than it has parameters",
        );
    }
    let (owner, name) = match name.rsplit_once("::") {
        Some((owner, name)) => (Some(owner), name),
        None => (None, name),
    };
    let method = owner.is_none() && scene.text.is_some_and(|text| text.is_method(position));
    let asked = Asked {
        owner,
        name,
        args: types.len() - usize::from(method && !types.is_empty()),
        method,
        receiver: types.first().copied().filter(|_| method),
    };
    let failure = scene.known().function(&asked);
    if failure.kind == "script.arguments" && !types.is_empty() {
        let types: Vec<String> = types
            .iter()
            .skip(usize::from(method))
            .map(|ty| with_article(ty))
            .collect();
        if !types.is_empty() {
            return failure.detail("given", types.join(", "));
        }
    }
    failure
}

fn operator(name: &str, types: &[&str]) -> Failure {
    let kinds: Vec<String> = types.iter().map(|ty| with_article(ty)).collect();
    let failure = new(
        "type",
        format!("`{name}` does not work on {}", kinds.join(" and ")),
    );
    match types {
        _ if types.contains(&"()") => failure.help("one side is `()`: check that it was set"),
        ["string", "integer" | "float"] | ["integer" | "float", "string"] => failure.help(
            "turn the text into a number with `parse_int(…)`, or put the number into text with `${…}` in backticks",
        ),
        ["integer"] | ["string"] if name == "!" => failure.help("`!` takes a bool"),
        _ => failure,
    }
}

/// `Unknown property 'x' - a getter is not registered for type 'T'`, and its kin for setters.
fn property(message: &str, scene: &Scene) -> Failure {
    let quoted: Vec<&str> = message.split('\'').skip(1).step_by(2).collect();
    match quoted.as_slice() {
        [name, receiver] => scene.known().property(name, plain(receiver)),
        [name, receiver, ..] => new(
            "unknown_property",
            format!(
                "the property `{name}` of {} cannot be set",
                with_article(receiver)
            ),
        )
        .help("properties of handles are facts; build a new map to hold changed values"),
        [] => new("error", syntax::first_lower(message)),
        [_] => new("error", syntax::first_lower(message)),
    }
}

/// `array [string]`, `array [string] = integer`.
fn indexing(types: &str) -> Failure {
    let (target, rest) = types.split_once(" [").unwrap_or((types, ""));
    let (index, _) = rest.split_once(']').unwrap_or((rest, ""));
    let target = with_article(target);
    let message = match index {
        "" => format!("{target} cannot be indexed"),
        index => format!("{target} cannot be indexed by {}", with_article(index)),
    };
    new("index", message)
}

fn out_of_bounds(what: &str, part: &str, length: usize, index: i64) -> Failure {
    let has = match length {
        0 => format!("the {what} is empty"),
        1 => format!("the {what} has 1 {part}"),
        more => format!("the {what} has {more} {part}s"),
    };
    let help = match length {
        0 => format!("check `.len() > 0` before taking a {part}"),
        more => format!("the first is 0, the last is {}", more - 1),
    };
    new("index", format!("there is no {part} {index}: {has}")).help(help)
}

fn mismatch(wanted: &str, got: &str) -> Failure {
    let message = match (wanted, got) {
        (wanted, "") => format!("expected {}", with_article(wanted)),
        ("", got) => format!("{} does not fit here", with_article(got)),
        (wanted, got) => format!(
            "expected {}, got {}",
            with_article(wanted),
            with_article(got)
        ),
    };
    let failure = new("type", message);
    match (plain(wanted), plain(got)) {
        ("bool", _) => failure.help("compare explicitly, for example `x != 0` or `x != ()`"),
        _ => failure,
    }
}

fn data_race(name: &str) -> Failure {
    let message = match name {
        "" => "a captured variable is in use elsewhere at the same time".to_owned(),
        name if name.starts_with("argument #") => {
            format!(
                "the {} is in use elsewhere at the same time",
                name.replace('\'', "`")
            )
        }
        name => format!("the captured variable `{name}` is in use elsewhere at the same time"),
    };
    new("data_race", message).help(
        "a closure shares what it captures: pass it as an argument, or write `exec(h, …)` instead of `h.exec(…)`",
    )
}

fn arithmetic(message: &str) -> Failure {
    let number = message
        .split_once(" number '")
        .and_then(|(what, rest)| Some((what, rest.split_once('\'')?.0)));
    match number {
        Some((what, text)) if what.starts_with("Error parsing") => {
            let what = if what.contains("integer") {
                "an integer"
            } else {
                "a number"
            };
            new("arithmetic", format!("`{text}` is not {what}"))
        }
        _ => new("arithmetic", syntax::first_lower(message)),
    }
}

fn too_large(what: &str) -> Failure {
    let message = match what {
        "Length of string" => "a string is longer than 64 MiB",
        "Size of array/BLOB" => "an array has more than a million items",
        "Size of object map" => "a map has more than a million keys",
        _ => {
            return new(
                "too_large",
                format!("{} is too large", syntax::first_lower(what)),
            );
        }
    };
    new("too_large", message).help("leave large data in files: bindings take paths")
}

/// `get$name` and `set$name` as the property's name.
fn bare(name: &str) -> &str {
    name.trim_start_matches("get$").trim_start_matches("set$")
}
