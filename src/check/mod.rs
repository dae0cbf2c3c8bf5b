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
mod stacks;
mod survey;
mod variables;
mod walk;
mod words;

use crate::engine::Host;
use crate::engine::library::Found;
use crate::engine::registry::Registry;

pub use finding::Finding;

use infer::Inferred;
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
    names: &'a Names,
    inferred: Inferred,
}

/// Checks a script and all it imports; findings are ordered by script, the entry first, and by
/// place. `registry` is the table that `host` was built with.
pub fn check(host: &Host, registry: Registry, entry: &Found) -> Vec<Finding> {
    let program = Program::load(host, registry, entry);
    let names = Names::of(host.engine(), registry);
    let view = View {
        surveys: program.units.iter().map(Survey::of).collect(),
        program: &program,
        inferred: Inferred::of(&program, &names),
        names: &names,
    };
    let mut used = modules::Used::default();
    let mut pages: Vec<Page> = program.units.iter().map(Page::new).collect();
    let said = keys::Said::of(&view);
    for (unit, page) in checked(&mut pages) {
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
    for (unit, page) in checked(&mut pages) {
        modules::unused(&view, unit, page, &used);
        page.complete(host);
    }
    let mut findings = program.findings.clone();
    findings.extend(pages.into_iter().flat_map(Page::into_findings));
    allow::filter(&mut findings, host.sources());
    order(&mut findings, &entry.id);
    findings
}

/// Pages of what is checked, with the numbers of their units.
fn checked<'p, 'a>(pages: &'p mut [Page<'a>]) -> impl Iterator<Item = (usize, &'p mut Page<'a>)> {
    let pages = pages.iter_mut().enumerate();
    pages.filter(|(_, page)| !page.unit().is_background)
}

fn order(findings: &mut Vec<Finding>, entry: &str) {
    findings.sort_by(|a, b| {
        let key = |finding: &Finding| (finding.place.source != entry, finding.place.clone());
        key(a).cmp(&key(b)).then_with(|| a.code.cmp(&b.code))
    });
    findings.dedup_by(|a, b| a.place == b.place && a.code == b.code && a.message == b.message);
}
