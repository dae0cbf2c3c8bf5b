//! Variables that a closure takes along and that have the name of a function: Rhai then reads the
//! function, and says nothing. `tests/semantics.rs` holds what exactly happens.

use std::collections::BTreeSet;

use crate::diag::Failure;

use super::View;
use super::page::Page;

/// Checks the closures of a unit against its own functions and those of the modules that call it,
/// and, where it is the entry, its functions against the closures of what it imports.
pub fn check(view: &View, unit: usize, page: &mut Page) {
    let Some((own, survey)) = view.at(unit) else {
        return;
    };
    let mut told = BTreeSet::new();
    for (name, at) in &survey.captured {
        let is_own = own.named().any(|function| function.name == *name);
        let importer = view.program.importers(unit).iter().find(|importer| {
            let unit = view.program.units.get(**importer);
            // What an operator's own script calls a function is told of there.
            unit.is_some_and(|unit| {
                unit.id().starts_with("std/") && unit.named().any(|function| function.name == *name)
            })
        });
        if !is_own && importer.is_none() || !told.insert(*name) {
            continue;
        }
        let whose = importer.and_then(|importer| view.program.units.get(*importer));
        let whose = whose.filter(|_| !is_own).map_or_else(String::new, |unit| {
            format!(" of {}, which imports this", unit.id())
        });
        let failure = Failure::new(
            "captured-function",
            format!(
                "within this closure `{name}` is the function `{name}`{whose}, not the variable"
            ),
        );
        page.error(
            failure.help("give the variable, or the function, another name"),
            *at,
        );
    }
    if own.id().starts_with("std/") {
        return;
    }
    for function in own.named() {
        let taken = view.surveys.iter().enumerate().find(|(other, survey)| {
            *other != unit
                && view.program.importers(*other).contains(&unit)
                && survey
                    .captured
                    .iter()
                    .any(|(name, _)| *name == function.name)
        });
        let module = taken.and_then(|(module, _)| view.program.units.get(module));
        if let (Some(module), Some(at)) = (module, own.definition(&function.name)) {
            let failure = Failure::new(
                "captured-function",
                format!(
                    "a closure of {} has a variable `{}`, and would get this function instead",
                    module.id(),
                    function.name
                ),
            );
            page.error(failure.help("give the function another name"), at);
        }
    }
}
