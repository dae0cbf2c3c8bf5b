//! Arguments that are literals: options that exist, values of the right kind.
//!
//! The rules are those of [`crate::engine::call::Call`], as far as the text shows what it will see.

use rhai::{Array, Dynamic, Expr, FnPtr, Map, Position, Stmt};

use crate::diag::Failure;
use crate::engine::call::unknown_option;
use crate::engine::registry::{Function, Param};
use crate::engine::ty::{Ty, describe, parse_duration};
use crate::suggest::nearest;

use super::View;
use super::page::Page;
use super::survey::Call;
use super::unit::{Script, Unit};

/// What the text says about a value.
enum Shown {
    /// All of it.
    Value(Dynamic),
    /// Only its kind; the value is one of that kind.
    Kind(Dynamic),
    /// A string with something in it.
    Text,
    Nothing,
}

/// A problem and where it is.
type Problem = (Failure, Position);

/// Checks a call of a module's binding.
pub fn native(
    page: &mut Page,
    unit: &Unit,
    function: &'static Function,
    owner: &str,
    args: &[Expr],
) {
    for (failure, at) in problems(unit, function, owner, args) {
        page.error(failure, at);
    }
    shell_text(page, function, args);
}

/// Checks a method call against every handle that has such a method: the receiver's type is not
/// known, so one that fits is enough.
pub fn method(view: &View, page: &mut Page, unit: &Unit, call: &Call) {
    let count = call.args.len();
    let mut first: Option<Vec<Problem>> = None;
    let mut bindings = Vec::new();
    for (ty, function) in view.program.registry.methods(call.name) {
        if !(function.min_args()..=function.max_args()).contains(&count) {
            continue;
        }
        bindings.push(function);
        let problems = problems(unit, function, &format!("{}.", ty.name), call.args);
        first.get_or_insert(problems.clone());
        if problems.is_empty() {
            first = Some(problems);
            break;
        }
    }
    let builtin =
        crate::diag::builtin::named(call.name).any(|function| function.params.len() == count + 1);
    if builtin {
        return;
    }
    for (failure, at) in first.into_iter().flatten() {
        page.error(failure, at);
    }
    if let [function] = bindings.as_slice() {
        shell_text(page, function, call.args);
    }
}

fn problems(unit: &Unit, function: &'static Function, owner: &str, args: &[Expr]) -> Vec<Problem> {
    let mut problems = Vec::new();
    let name = format!("{owner}{}", function.name);
    let options = options_index(function, args);
    if let Some(given) = options.and_then(|index| args.get(index)) {
        match given {
            Expr::Map(map, _) => {
                for (key, value) in &map.0 {
                    let known = function
                        .options
                        .iter()
                        .find(|option| option.name == key.as_str());
                    match known {
                        None => {
                            problems.push((unknown_option(function, &name, key.as_str()), key.pos))
                        }
                        Some(option) => {
                            problems.extend(refuse(unit, option.ty, value).map(|reason| {
                                let message =
                                    format!("option `{}` of `{name}`: {reason}", option.name);
                                let help = format!("{}: {}", option.name, option.doc);
                                (
                                    Failure::new("script.option", message).help(help),
                                    value.start_position(),
                                )
                            }))
                        }
                    }
                }
            }
            other => problems.extend(refuse(unit, Ty::Map, other).map(|_| {
                let message = format!("the options of `{name}` must be a map");
                let help = format!("write `{}`", function.signature(owner));
                (
                    Failure::new("script.argument", message).help(help),
                    other.start_position(),
                )
            })),
        }
    }
    for (param, value) in positional(function, args, options) {
        problems.extend(refuse(unit, param.ty, value).map(|reason| {
            let message = format!("`{}` of `{name}`: {reason}", param.name);
            let help = format!("{}: {}", param.name, param.doc);
            (
                Failure::new("script.argument", message).help(help),
                value.start_position(),
            )
        }));
    }
    problems
}

/// Where the options stand; see `engine::call`.
pub fn options_index(function: &Function, args: &[Expr]) -> Option<usize> {
    if function.params.iter().all(|param| !param.optional) {
        return function.options_index(args.len());
    }
    let behind = usize::from(function.callback_last() && args.last().is_some_and(may_be_closure));
    let index = args.len().checked_sub(1 + behind)?;
    let fits = !function.options.is_empty()
        && index >= function.min_args()
        && matches!(args.get(index), Some(Expr::Map(..)));
    fits.then_some(index)
}

/// The parameters that the other arguments are for.
pub fn positional<'a>(
    function: &'static Function,
    args: &'a [Expr],
    options: Option<usize>,
) -> Vec<(&'static Param, &'a Expr)> {
    let args: Vec<&Expr> = args
        .iter()
        .enumerate()
        .filter(|(index, _)| Some(*index) != options)
        .map(|(_, arg)| arg)
        .collect();
    let missing = function.params.len().saturating_sub(args.len());
    let last = function.params.len().saturating_sub(1);
    let callback = function.callback_last() && args.last().is_some_and(|arg| may_be_closure(arg));
    let keeps = |index: usize| match callback {
        true => index < last.saturating_sub(missing) || index == last,
        false => true,
    };
    let params = function.params.iter().enumerate();
    let params = params
        .filter(|(index, _)| keeps(*index))
        .map(|(_, param)| param);
    params.zip(args).collect()
}

fn may_be_closure(value: &Expr) -> bool {
    match shown(value) {
        Shown::Value(value) | Shown::Kind(value) => value.is::<FnPtr>(),
        Shown::Text => false,
        Shown::Nothing => true,
    }
}

/// Why a value cannot be of a kind, as far as the text shows it.
fn refuse(unit: &Unit, ty: Ty, value: &Expr) -> Option<String> {
    if let (Ty::Callback(wanted), Some((closure, captured, _))) = (ty, unit.closure(value)) {
        let has = closure.params.len() - captured;
        let count = match has {
            0 => "none".to_owned(),
            more => more.to_string(),
        };
        return (has != usize::from(wanted))
            .then(|| format!("expected {}, got one with {count}", ty.words()));
    }
    match shown(value) {
        Shown::Value(value) => ty.refuse(&value),
        // What is in it is not known, so only its kind counts.
        Shown::Kind(kind) if kind.is::<Array>() => (!matches!(
            ty,
            Ty::Any | Ty::Handle(_) | Ty::Array | Ty::Strings | Ty::Command
        ))
        .then(|| format!("expected {}, got {}", ty.words(), describe(&kind))),
        Shown::Kind(kind) => ty.refuse(&kind),
        Shown::Text => (!matches!(
            ty,
            Ty::Any
                | Ty::Handle(_)
                | Ty::Str
                | Ty::Text
                | Ty::Bytes
                | Ty::Command
                | Ty::Duration
                | Ty::Size
                | Ty::Mode
                | Ty::Choice(_)
        ))
        .then(|| format!("expected {}, got a string", ty.words())),
        Shown::Nothing => None,
    }
}

/// Whether the text itself shows the value, or its kind.
pub fn is_shown(value: &Expr) -> bool {
    !matches!(shown(value), Shown::Nothing)
}

fn shown(value: &Expr) -> Shown {
    match value {
        Expr::Array(..) if !value.is_constant() => Shown::Kind(Array::new().into()),
        Expr::Map(..) if !value.is_constant() => Shown::Kind(Map::new().into()),
        Expr::InterpolatedString(..) => Shown::Text,
        Expr::Stmt(block) => match block.statements() {
            // A closure that captures.
            [Stmt::Share(_), Stmt::Expr(curried)] => match &**curried {
                Expr::FnCall(call, _) => call.args.first().map_or(Shown::Nothing, shown),
                _ => Shown::Nothing,
            },
            _ => Shown::Nothing,
        },
        _ => value
            .get_literal_value(None)
            .map_or(Shown::Nothing, Shown::Value),
    }
}

/// Text for a shell with values in it: quoting is then the script's, and usually forgotten.
fn shell_text(page: &mut Page, function: &'static Function, args: &[Expr]) {
    let options = options_index(function, args);
    let named = match options.and_then(|index| args.get(index)) {
        Some(Expr::Map(map, _)) => map.0.as_slice(),
        _ => &[],
    };
    let options = named.iter().filter_map(|(key, value)| {
        let option = function
            .options
            .iter()
            .find(|option| option.name == key.as_str())?;
        Some((option.ty, value))
    });
    let params = positional(function, args, options_index(function, args));
    let params = params.into_iter().map(|(param, value)| (param.ty, value));
    for (ty, value) in options.chain(params) {
        if ty == Ty::Command && matches!(value, Expr::InterpolatedString(..)) {
            let failure = Failure::new(
                "string-command",
                "this text goes to a shell with values in it",
            )
            .help(
                "write an array, which no shell takes apart: `[\"systemctl\", \"restart\", unit]`",
            );
            page.warning(failure, value.start_position());
        }
    }
}

/// Checks a call of a script's function: an options map against the fallbacks that the function
/// gives to `args::options`.
pub fn script(page: &mut Page, unit: &Unit, function: &Script, call: &Call, owner: &str) {
    for (param, fallbacks) in declared_options(unit, function) {
        let given = function.params.iter().position(|name| name == param);
        let Some(Expr::Map(given, _)) = given.and_then(|index| call.args.get(index)) else {
            continue;
        };
        let name = format!("{owner}{}", function.name);
        for (key, value) in &given.0 {
            match fallbacks.iter().find(|(known, _)| *known == key.as_str()) {
                None => {
                    let known = fallbacks.iter().map(|(known, _)| *known);
                    let help = match nearest(key.as_str(), known.clone()) {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => format!("it takes: {}", known.collect::<Vec<_>>().join(", ")),
                    };
                    let message = format!("`{name}` has no option `{}`", key.as_str());
                    page.error(Failure::new("script.option", message).help(help), key.pos);
                }
                Some((_, fallback)) => {
                    let wrong = other_kind(fallback, value)
                        .or_else(|| other_closure((unit, fallback), (page.unit(), value)))
                        .or_else(|| no_duration(fallback, value));
                    if let Some((wanted, got)) = wrong {
                        let message = format!(
                            "option `{}` of `{name}`: expected {wanted}, got {got}",
                            key.as_str()
                        );
                        page.error(
                            Failure::new("script.option", message),
                            value.start_position(),
                        );
                    }
                }
            }
        }
    }
}

/// Parameters of a function that are options, each with every option's fallback.
fn declared_options<'a>(
    unit: &'a Unit,
    function: &'a Script,
) -> Vec<(&'a str, Vec<(&'a str, &'a Expr)>)> {
    let mut found = Vec::new();
    for statement in &function.body {
        let value = match statement {
            Stmt::Var(parts, ..) => &parts.1,
            Stmt::Assignment(parts) => &parts.1.rhs,
            _ => continue,
        };
        let Expr::FnCall(call, _) = value else {
            continue;
        };
        let is_options = call.name == "options"
            && matches!(call.namespace.path.as_slice(), [module] if module.as_str() == "args");
        let [_, Expr::Variable(given, ..), fallbacks] = call.args.as_slice() else {
            continue;
        };
        let fallbacks = match fallbacks {
            Expr::Variable(constant, ..) => unit.constant(&constant.1),
            literal => Some(literal),
        };
        if let Some(Expr::Map(map, _)) = fallbacks
            && is_options
        {
            let options = map.0.iter().map(|(key, value)| (key.as_str(), value));
            found.push((given.1.as_str(), options.collect()));
        }
    }
    found
}

/// The kinds of two values that the text shows to differ; a fallback of `()` takes anything.
fn other_kind(fallback: &Expr, value: &Expr) -> Option<(String, String)> {
    let kind = |value: &Expr| match shown(value) {
        Shown::Value(value) | Shown::Kind(value) => Some(value),
        Shown::Text => Some("".into()),
        Shown::Nothing => None,
    };
    let (fallback, value) = (kind(fallback)?, kind(value)?);
    let number = |value: &Dynamic| value.is_int() || value.is_float();
    let same = fallback.is_unit()
        || fallback.type_id() == value.type_id()
        || number(&fallback) && number(&value);
    (!same).then(|| {
        let wanted = crate::diag::types::with_article(fallback.type_name());
        (wanted, describe(&value))
    })
}

/// Two closures with different numbers of parameters: the function calls the one as it would the other.
fn other_closure(
    (theirs, fallback): (&Unit, &Expr),
    (own, value): (&Unit, &Expr),
) -> Option<(String, String)> {
    let count = |unit: &Unit, value: &Expr| {
        let (closure, captured, _) = unit.closure(value)?;
        u8::try_from(closure.params.len() - captured).ok()
    };
    let (wanted, got) = (count(theirs, fallback)?, count(own, value)?);
    (wanted != got).then(|| (Ty::Callback(wanted).words(), format!("one with {got}")))
}

/// A text where the fallback is a duration.
fn no_duration(fallback: &Expr, value: &Expr) -> Option<(String, String)> {
    match (fallback, value) {
        (Expr::StringConstant(fallback, _), Expr::StringConstant(value, _))
            if parse_duration(fallback).is_ok() && parse_duration(value).is_err() =>
        {
            Some((Ty::Duration.words(), format!("the string \"{value}\"")))
        }
        _ => None,
    }
}
