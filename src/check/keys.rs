//! Keys of maps of which nothing is known: a name that nothing else says, and that is nearly another
//! one, is a slip.

use std::collections::{BTreeMap, BTreeSet};

use crate::diag::Failure;
use crate::engine::registry::Registry;
use crate::suggest::{is_slip, nearest};

use super::View;
use super::page::Page;

/// Names of fields that something in reach has or reads.
pub struct Said<'a> {
    /// Each with the number of places that read it.
    read: BTreeMap<&'a str, usize>,
    known: BTreeSet<&'a str>,
}

impl<'a> Said<'a> {
    pub fn of(view: &'a View) -> Said<'a> {
        let mut read: BTreeMap<&str, usize> = BTreeMap::new();
        for (name, _) in view.inferred.reads() {
            *read.entry(name).or_default() += 1;
        }
        let mut known = view.manual.clone();
        for unit in &view.program.units {
            known.extend(unit.keys.iter().map(String::as_str));
        }
        Said { read, known }
    }

    fn is_known(&self, view: &View, name: &str) -> bool {
        let units = &view.program.units;
        self.known.contains(name)
            || units.iter().any(|unit| unit.words.contains(name))
            || view.names.is_property(name)
    }
}

/// Checks what a unit reads of values that may be anything.
pub fn check(view: &View, unit: usize, page: &mut Page, said: &Said) {
    for (at, name, unknown) in view.inferred.reads_in(unit) {
        let once = said.read.get(name) == Some(&1);
        if !unknown || !once || name.len() < 3 || said.is_known(view, name) {
            continue;
        }
        let alike = |other: &str| {
            other != name
                && other.len().abs_diff(name.len()) <= 2
                && other.len() > 2
                && shares_a_start(other, name)
        };
        // Of two that are read once each, either may be the slip.
        let often = said.read.iter().filter(|(_, places)| **places > 1);
        let often = often.map(|(other, _)| *other);
        let others = often
            .chain(said.known.iter().copied())
            .filter(|other| alike(other));
        if let Some(near) = nearest(name, others.filter(|other| is_slip(name, other))) {
            let failure = Failure::new(
                "unknown-key",
                format!("nothing else speaks of a key `{name}`"),
            );
            page.warning(failure.help(format!("did you mean `{near}`?")), at);
        }
    }
}

/// Whether the names begin alike, or would but for one slip.
fn shares_a_start(one: &str, other: &str) -> bool {
    let start = |name: &str| {
        let mut letters = name.bytes();
        (letters.next(), letters.next())
    };
    let ((a, b), (c, d)) = (start(one), start(other));
    a == c || (a == d && b == c)
}

/// Names that the manual speaks of.
pub fn said_by(registry: Registry) -> BTreeSet<&'static str> {
    let mut known = BTreeSet::new();
    for module in registry.modules() {
        let methods = module.types.iter().flat_map(|ty| ty.methods);
        for function in module.functions.iter().chain(methods) {
            known.extend(function.options.iter().map(|option| option.name));
            known.extend(function.returns.split('`').skip(1).step_by(2));
            let docs = function
                .options
                .iter()
                .flat_map(|option| option.doc.split('`').skip(1).step_by(2));
            known.extend(
                docs.flat_map(|quoted| {
                    quoted.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                }),
            );
        }
        known.extend(
            module
                .types
                .iter()
                .flat_map(|ty| ty.properties)
                .map(|property| property.name),
        );
    }
    known.extend(crate::engine::error_type::FIELDS);
    known
}
