//! What can be found wrong with a script before the first packet: nothing runs, nothing is reached.
//!
//! A finding can be allowed by a comment on its line or the line before: `// check: allow(CODE)`.

mod allow;
mod arguments;
mod calls;
mod captured;
mod closures;
pub mod finding;
mod flow;
mod infer;
mod keys;
mod modules;
mod names;
mod page;
mod paths;
mod program;
mod shape;
mod shelf;
mod stacks;
mod survey;
mod unit;
mod variables;
mod walk;
mod words;

use std::collections::BTreeSet;

use crate::engine::Host;
use crate::engine::library::Found;
use crate::engine::registry::Registry;

pub use finding::Finding;

use infer::Inferred;
use names::Names;
use page::Page;
use program::Program;
use shelf::Shelf;
use survey::Survey;

/// Everything the rules look at.
struct View<'a> {
    program: &'a Program,
    /// One for each unit of the program.
    surveys: Vec<Survey<'a>>,
    /// Functions of the engine, bindings' methods among them.
    names: &'a Names,
    inferred: Inferred,
    /// Keys that the manual speaks of.
    manual: &'a BTreeSet<&'static str>,
}

/// Looks at scripts of one host; what several of them import is parsed once.
pub struct Checker<'h> {
    shelf: Shelf<'h>,
    names: Names,
    manual: BTreeSet<&'static str>,
}

impl<'h> Checker<'h> {
    /// `registry` is the table that `host` was built with.
    pub fn new(host: &'h Host, registry: Registry) -> Checker<'h> {
        Checker {
            shelf: Shelf::new(host, registry),
            names: Names::of(host.engine(), registry),
            manual: keys::said_by(registry),
        }
    }

    /// Checks a script and all it imports; findings are ordered by script, the entry first, and by
    /// place.
    pub fn check(&self, entry: &Found) -> Vec<Finding> {
        let host = self.shelf.host();
        let program = Program::load(&self.shelf, entry);
        let view = View {
            surveys: program.units.iter().map(|unit| Survey::of(unit)).collect(),
            program: &program,
            inferred: Inferred::of(&program, &self.names),
            names: &self.names,
            manual: &self.manual,
        };
        let mut used = modules::Used::default();
        let mut pages: Vec<Page> = program.units.iter().map(|unit| Page::new(unit)).collect();
        let said = keys::Said::of(&view);
        for (unit, page) in checked(&program, &mut pages) {
            calls::check(&view, unit, page, &mut used);
            closures::check(&view, unit, page);
            captured::check(&view, unit, page);
            flow::check(&view, unit, page);
            keys::check(&view, unit, page, &said);
            modules::check(&view, unit, page);
            variables::check(&view, unit, page);
            paths::check(&view, unit, page, host.resolver().project());
            stacks::check(&view, unit, page, host.resolver().project());
            for (at, complaint) in view.inferred.complaints(unit) {
                page.tell(complaint.severity, complaint.failure.clone(), at);
            }
        }
        for (unit, page) in checked(&program, &mut pages) {
            modules::unused(&view, unit, page, &used);
            page.complete(host);
        }
        let mut findings = program.findings.clone();
        findings.extend(pages.into_iter().flat_map(Page::into_findings));
        allow::filter(&mut findings, host.sources());
        order(&mut findings, &entry.id);
        findings
    }
}

/// Checks one script and all it imports, as [`Checker::check`].
pub fn check(host: &Host, registry: Registry, entry: &Found) -> Vec<Finding> {
    Checker::new(host, registry).check(entry)
}

/// Pages of what is checked, with the numbers of their units.
fn checked<'p, 'a>(
    program: &'p Program,
    pages: &'p mut [Page<'a>],
) -> impl Iterator<Item = (usize, &'p mut Page<'a>)> {
    let pages = pages.iter_mut().enumerate();
    pages.filter(|(unit, _)| !program.is_background(*unit))
}

fn order(findings: &mut Vec<Finding>, entry: &str) {
    findings.sort_by(|a, b| {
        let key = |finding: &Finding| (finding.place.source != entry, finding.place.clone());
        key(a).cmp(&key(b)).then_with(|| a.code.cmp(&b.code))
    });
    findings.dedup_by(|a, b| a.place == b.place && a.code == b.code && a.message == b.message);
}
