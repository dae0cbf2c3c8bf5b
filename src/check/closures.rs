//! Closures that cross modules: Rhai runs them where they are called, with the names of that place.
//! `tests/semantics.rs` holds what exactly happens.

use crate::diag::Failure;

use super::View;
use super::calls::Follow;
use super::modules::Used;
use super::page::Page;
use super::survey::{How, Survey, written};

/// Checks the closures of a unit that other scripts import. The entry's own closures are right
/// wherever they are called.
pub fn check(view: &View, unit: usize, page: &mut Page) {
    let Some((own, survey)) = view.at(unit) else {
        return;
    };
    let is_entry = unit == 0 && !own.id().starts_with("std/");
    if is_entry {
        return;
    }
    for escape in &survey.escapes {
        let private = |name: &str| own.named().any(|f| f.name == name && f.private);
        let how = match escape.how {
            How::ReturnedBy(name) if private(name) => continue,
            How::ReturnedBy(name) => format!("`{name}` returns a closure"),
            How::ExportedAs(name) => format!("`{name}` exports a closure"),
        };
        let failure = Failure::new(
            "returned-closure",
            format!("{how}, which nothing outside of this module can call"),
        )
        .help("return plain values, or take a closure from the caller and call it here");
        page.error(failure, escape.at);
    }
    for call in survey.calls.iter().filter(|call| !call.given.is_empty()) {
        let (Some(import), [_, rest @ ..]) = (call.import, call.path) else {
            continue;
        };
        let Follow::Unit(target) = view.follow(unit, import, rest, &mut Used::new()) else {
            continue;
        };
        for closure in &call.given {
            taken(view, unit, target, *closure, page, &written(call.path));
        }
    }
}

/// Names within a closure that would be those of the module it is given to. Its functions stay the closure's own.
fn taken(view: &View, unit: usize, target: usize, closure: usize, page: &mut Page, callee: &str) {
    let (Some((_, survey)), Some((theirs, their_survey))) = (view.at(unit), view.at(target)) else {
        return;
    };
    let mut report = |what: String, at| {
        let failure = Failure::new(
            "closure-across-modules",
            format!("this closure runs within `{callee}`, which has its own {what}"),
        )
        .help("rename one of the two, or pass the value in instead");
        page.error(failure, at);
    };
    for call in survey
        .calls
        .iter()
        .filter(|call| survey.is_within(call.within, closure))
    {
        let alias = call.path.first().filter(|_| call.import.is_some());
        if let Some(alias) = alias
            && other_import(
                view,
                (unit, call.import),
                (target, alias.as_str()),
                their_survey,
            )
        {
            report(format!("import `{}`", alias.as_str()), alias.pos);
        }
    }
    for name in survey
        .names
        .iter()
        .filter(|name| survey.is_within(name.within, closure))
    {
        let is_global = name
            .path
            .first()
            .is_some_and(|first| first.as_str() == "global");
        if is_global && theirs.constants().contains(&name.name) {
            report(format!("constant `{}`", name.name), name.at);
        }
    }
}

/// Whether the same alias stands for another script there.
fn other_import(
    view: &View,
    (unit, import): (usize, Option<usize>),
    (target, alias): (usize, &str),
    theirs: &Survey,
) -> bool {
    let own = view
        .at(unit)
        .and_then(|(_, survey)| survey.imports.get(import?))
        .and_then(|import| view.program.target(unit, import.path_at));
    let their = theirs
        .imports
        .iter()
        .find(|import| import.alias == alias)
        .and_then(|import| view.program.target(target, import.path_at));
    matches!((own, their), (Some(own), Some(their)) if own != their)
}
