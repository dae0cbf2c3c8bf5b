//! Calls and names: what is called must exist and take that many arguments.

use rhai::Ident;

use crate::diag::Failure;
use crate::diag::names::{Asked, Known, Written};
use crate::diag::span::Text;
use crate::engine::known::known;
use crate::engine::registry::Function;

use super::modules::Used;
use super::page::Page;
use super::shape::{Kinds, Shape};
use super::survey::{Call, Name, Survey, written as written_path};
use super::unit::{Script, Unit};
use super::{View, arguments};

/// Checks every call and every name of a unit.
pub fn check(view: &View, unit: usize, page: &mut Page, used: &mut Used) {
    let Some((own, survey)) = view.at(unit) else {
        return;
    };
    for call in &survey.calls {
        match call.path {
            [] if call.method => method(view, unit, page, call),
            [] => plain(view, unit, page, call),
            [first, rest @ ..] => match call.import {
                Some(import) => match view.follow(unit, import, rest, used) {
                    Follow::Unit(target) => imported(view, unit, page, call, target),
                    Follow::Missing(part) => page.error(no_module(call.path, part), part.pos),
                    Follow::Unreadable => {}
                },
                None => native(view, unit, page, call, first),
            },
        }
    }
    for name in &survey.names {
        self::name(view, unit, page, name, used, own);
    }
}

fn plain(view: &View, unit: usize, page: &mut Page, call: &Call) {
    let Some((own, _)) = view.at(unit) else {
        return;
    };
    let count = call.args.len();
    let written: Vec<&Script> = own.named().filter(|f| f.name == call.name).collect();
    if let Some(function) = written.iter().find(|f| f.params.len() == count) {
        return arguments::script(page, own, function, call, "");
    }
    if !view.names.has(call.name, count) {
        let mut help = help(view, unit);
        help.variables.extend(call.is_variable.then_some(call.name));
        page.error(help.function(&asked(call, None)), call.at);
    }
}

fn method(view: &View, unit: usize, page: &mut Page, call: &Call) {
    let Some((own, _)) = view.at(unit) else {
        return;
    };
    let count = call.args.len();
    let is_script = own
        .named()
        .any(|function| function.name == call.name && function.params.len() == count);
    if is_script {
        return;
    }
    let receiver = view
        .inferred
        .receiver(unit, call.at)
        .filter(|shape| shape.is_definite());
    let key = view.key(call.name);
    if let Some(receiver) = receiver {
        return of_kinds(view, unit, page, call, receiver);
    }
    // A closure in a map is called like a method.
    if view.names.has(call.name, count + 1) {
        if key != Some(true) {
            arguments::method(view, page, own, call);
        }
        return;
    }
    let failure = help(view, unit).function(&asked(call, None));
    match key {
        Some(true) => {}
        Some(false) => page.warning(failure, call.at),
        None => page.error(failure, call.at),
    }
}

/// A method of what is known to be of some kinds.
fn of_kinds(view: &View, unit: usize, page: &mut Page, call: &Call, receiver: &Shape) {
    let count = call.args.len();
    let is_closure = receiver.fields().and_then(|fields| fields.get(call.name));
    if is_closure.is_some_and(|field| field.may_be(Kinds::CLOSURE)) || receiver.may_be(Kinds::ERROR)
    {
        return;
    }
    let names: Vec<&str> = receiver
        .kinds
        .names()
        .chain(receiver.handles.iter().copied())
        .collect();
    if names
        .iter()
        .any(|name| view.names.has_method(name, call.name, count))
    {
        if let Some(handle) = receiver.only_handle() {
            let mut bindings = view.program.registry.methods(call.name);
            if let Some((_, function)) =
                bindings.find(|(ty, function)| ty.name == handle && takes(function, count))
            {
                arguments::native(
                    page,
                    page.unit(),
                    function,
                    &format!("{handle}."),
                    call.args,
                );
            }
        }
        return;
    }
    let asked = Asked {
        receiver: names.last().copied(),
        ..asked(call, None)
    };
    page.error(help(view, unit).function(&asked), call.at);
}

fn takes(function: &Function, count: usize) -> bool {
    (function.min_args()..=function.max_args()).contains(&count)
}

fn imported(view: &View, unit: usize, page: &mut Page, call: &Call, target: usize) {
    let Some((theirs, _)) = view.at(target) else {
        return;
    };
    let count = call.args.len();
    let function = theirs
        .named()
        .find(|f| f.name == call.name && f.params.len() == count && !f.private);
    match function {
        Some(function) => {
            arguments::script(
                page,
                theirs,
                function,
                call,
                &format!("{}::", written_path(call.path)),
            );
        }
        None => {
            let owner = written_path(call.path);
            let mut help = help(view, unit);
            help.functions.retain(|function| function.owner != owner);
            help.functions
                .extend(theirs.named().map(|f| written(f, &owner)));
            page.error(help.function(&asked(call, Some(&owner))), call.at);
        }
    }
}

fn native(view: &View, unit: usize, page: &mut Page, call: &Call, first: &Ident) {
    let owner = written_path(call.path);
    let (first, first_at) = (first.as_str(), first.pos);
    let Some(module) = view.program.registry.module(first) else {
        if first != "global" {
            page.error(help(view, unit).module(first), first_at);
        } else {
            let failure = Failure::new(
                "script.unknown_function",
                format!("`global` holds constants, no function `{}`", call.name),
            );
            page.error(
                failure.help(format!("call `{}` without `global::`", call.name)),
                call.at,
            );
        }
        return;
    };
    let count = call.args.len();
    match module.function(call.name) {
        Some(function) if (function.min_args()..=function.max_args()).contains(&count) => {
            arguments::native(
                page,
                page.unit(),
                function,
                &format!("{owner}::"),
                call.args,
            );
        }
        _ => {
            let help = help(view, unit);
            page.error(help.function(&asked(call, Some(&owner))), call.at);
        }
    }
}

/// A variable, or a constant of a module.
fn name(view: &View, unit: usize, page: &mut Page, name: &Name, used: &mut Used, own: &Unit) {
    match (name.path, name.import) {
        // Where Rhai is content, so are we: it knows its scopes better.
        ([], _) if own.incomplete => {
            let mut help = help(view, unit);
            help.variables.extend(&name.visible);
            help.elsewhere = declared(own);
            help.in_function = Some(name.in_function);
            help.aliases.extend(own_aliases(view, unit));
            page.error(help.variable(name.name), name.at);
        }
        ([], _) => {}
        ([_, rest @ ..], Some(import)) => match view.follow(unit, import, rest, used) {
            Follow::Unit(target) => {
                if let Some((theirs, _)) = view.at(target)
                    && !exports(theirs, name.name)
                {
                    page.error(no_constant(&written_path(name.path), name.name), name.at);
                }
            }
            Follow::Missing(part) => page.error(no_module(name.path, part), part.pos),
            Follow::Unreadable => {}
        },
        ([first, ..], None) if first.as_str() == "global" => {
            let constants = own.constants();
            if !constants.contains(&name.name) {
                let near = crate::suggest::nearest(name.name, constants);
                let failure = Failure::new(
                    "script.unknown_variable",
                    format!(
                        "there is no constant `{}` at the top of this script",
                        name.name
                    ),
                );
                let near = near.map(|near| format!("did you mean `global::{near}`?"));
                page.error(failure.maybe_help(near), name.at);
            }
        }
        ([first, ..], None) => match view.program.registry.module(first.as_str()) {
            Some(module) => {
                let mut failure = no_constant(first.as_str(), name.name);
                failure.help = module.function(name.name).map(|_| {
                    format!(
                        "it is a function: write `{}::{}(…)`",
                        first.as_str(),
                        name.name
                    )
                });
                page.error(failure, name.at);
            }
            None => page.error(help(view, unit).module(first.as_str()), first.pos),
        },
    }
}

fn no_module(path: &[Ident], missing: &Ident) -> Failure {
    let before = path.iter().position(|part| part.pos == missing.pos);
    let before = path.get(..before.unwrap_or(0)).unwrap_or_default();
    Failure::new(
        "script.unknown_module",
        format!(
            "`{}` imports no module `{}`",
            written_path(before),
            missing.as_str()
        ),
    )
}

fn no_constant(owner: &str, name: &str) -> Failure {
    Failure::new(
        "script.unknown_variable",
        format!("`{owner}` has no constant `{name}`"),
    )
    .help("a module shows what it declares with `export const`")
}

fn exports(unit: &Unit, name: &str) -> bool {
    unit.exports().contains(&name)
}

/// Where a path of modules leads.
pub enum Follow<'a> {
    Unit(usize),
    /// The module of this name is not there.
    Missing(&'a Ident),
    /// A script on the way cannot be read, which is a finding of its own.
    Unreadable,
}

impl<'a> View<'a> {
    pub fn at(&self, unit: usize) -> Option<(&'a Unit, &Survey<'a>)> {
        Some((self.program.units.get(unit)?, self.surveys.get(unit)?))
    }

    /// Follows an import of `unit`, then imports of what it leads to.
    pub fn follow<'n>(
        &self,
        unit: usize,
        import: usize,
        rest: &'n [Ident],
        used: &mut Used,
    ) -> Follow<'n> {
        used.insert((unit, import));
        let target = self
            .surveys
            .get(unit)
            .and_then(|survey| survey.imports.get(import))
            .and_then(|import| self.program.target(unit, import.path_at));
        let Some(target) = target else {
            return Follow::Unreadable;
        };
        let [next, rest @ ..] = rest else {
            return Follow::Unit(target);
        };
        let inner = self.surveys.get(target).and_then(|survey| {
            survey
                .imports
                .iter()
                .position(|import| import.is_top && import.alias == next.as_str())
        });
        match inner {
            Some(inner) => self.follow(target, inner, rest, used),
            None => Follow::Missing(next),
        }
    }

    /// Whether any script has a map with this key, and whether a closure was seen under it.
    fn key(&self, name: &str) -> Option<bool> {
        let seen = self
            .surveys
            .iter()
            .filter_map(|survey| survey.keys.get(name));
        seen.copied().reduce(|a, b| a || b)
    }
}

fn asked<'a>(call: &Call<'a>, owner: Option<&'a str>) -> Asked<'a> {
    Asked {
        owner,
        name: call.name,
        args: call.args.len(),
        method: call.method,
        receiver: None,
    }
}

/// Everything that a unit can name.
fn help<'a>(view: &View<'a>, unit: usize) -> Known<'a> {
    let mut known = known(view.program.registry);
    let Some((own, survey)) = view.at(unit) else {
        return known;
    };
    known.functions = own.named().map(|function| written(function, "")).collect();
    for import in survey.imports.iter().filter(|import| import.is_top) {
        known.aliases.push(import.alias);
        let target = view.program.target(unit, import.path_at);
        if let Some((theirs, _)) = target.and_then(|target| view.at(target)) {
            let functions = theirs
                .named()
                .map(|function| written(function, import.alias));
            known.functions.extend(functions);
        }
    }
    known
}

/// Every variable that a script declares anywhere.
fn declared(unit: &Unit) -> Vec<&str> {
    Text::new(&unit.source.text).declared()
}

fn own_aliases<'a>(view: &View<'a>, unit: usize) -> Vec<&'a str> {
    let Some((_, survey)) = view.at(unit) else {
        return Vec::new();
    };
    survey.imports.iter().map(|import| import.alias).collect()
}

fn written<'a>(function: &'a Script, owner: &'a str) -> Written<'a> {
    Written {
        owner,
        name: &function.name,
        params: function.params.iter().map(String::as_str).collect(),
        private: function.private,
    }
}
