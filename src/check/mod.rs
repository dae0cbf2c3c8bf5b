//! What can be found wrong with a script before the first packet: nothing runs, nothing is reached.
//!
//! A finding can be allowed by a comment on its line or the line before: `// check: allow(CODE)`.

mod allow;
mod arguments;
mod calls;
mod closures;
pub mod finding;
mod handles;
mod modules;
mod names;
mod page;
mod program;
mod stacks;
mod survey;
mod walk;

use crate::engine::Host;
use crate::engine::library::Found;
use crate::engine::registry::Registry;

pub use finding::Finding;

use names::Names;
use page::Page;
use program::Program;
use survey::Survey;

/// Everything the rules look at.
struct View<'a> {
    program: &'a Program,
    /// One for each unit of the program.
    surveys: Vec<Survey<'a>>,
    /// Functions of the engine, bindings' methods among them.
    names: Names,
}

/// Checks a script and all it imports; findings are ordered by script, the entry first, and by
/// place. `registry` is the table that `host` was built with.
pub fn check(host: &Host, registry: Registry, entry: &Found) -> Vec<Finding> {
    let program = Program::load(host, registry, entry);
    let view = View {
        surveys: program
            .units
            .iter()
            .map(|unit| Survey::of(unit, registry))
            .collect(),
        program: &program,
        names: Names::of(host.engine()),
    };
    let mut used = modules::Used::default();
    let mut pages: Vec<Page> = program.units.iter().map(Page::new).collect();
    for (unit, page) in pages.iter_mut().enumerate() {
        calls::check(&view, unit, page, &mut used);
        closures::check(&view, unit, page);
        modules::check(&view, unit, page);
        stacks::check(&view, unit, page, host.resolver().project());
    }
    for (unit, page) in pages.iter_mut().enumerate() {
        modules::unused(&view, unit, page, &used);
        page.complete(host);
    }
    let mut findings = program.findings.clone();
    findings.extend(pages.into_iter().flat_map(Page::into_findings));
    allow::filter(&mut findings, host.sources());
    order(&mut findings, &entry.id);
    findings
}

fn order(findings: &mut Vec<Finding>, entry: &str) {
    findings.sort_by(|a, b| {
        let key = |finding: &Finding| (finding.place.source != entry, finding.place.clone());
        key(a).cmp(&key(b)).then_with(|| a.code.cmp(&b.code))
    });
    findings.dedup_by(|a, b| a.place == b.place && a.code == b.code && a.message == b.message);
}
