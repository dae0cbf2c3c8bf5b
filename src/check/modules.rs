//! Imports, and what a module may do when it is imported.

use std::collections::HashSet;

use rhai::{ASTFlags, Position, Stmt};

use crate::diag::Failure;

use super::View;
use super::page::Page;

/// Imports that something uses: unit and number of the import.
pub type Used = HashSet<(usize, usize)>;

/// Checks a unit's imports and its top level.
pub fn check(view: &View, unit: usize, page: &mut Page) {
    let Some((own, survey)) = view.at(unit) else {
        return;
    };
    for import in &survey.imports {
        if view.program.registry.module(import.alias).is_some() {
            let failure = Failure::new(
                "shadowed-module",
                format!(
                    "this import hides the module `{}` that is there anyway",
                    import.alias
                ),
            );
            page.error(failure.help("import it under another name"), import.path_at);
        }
    }
    if own.id().starts_with("std/") {
        for statement in own.top() {
            if let Some(at) = effect(statement) {
                let failure = Failure::new("top-level-effect", "a standard module does something when it is imported")
                    .help("move it into a function; only `fn`, `import`, `const` and `export` belong at the top");
                page.error(failure, at);
            }
        }
    }
}

fn effect(statement: &Stmt) -> Option<Position> {
    match statement {
        Stmt::Noop(_) | Stmt::Import(..) | Stmt::Export(..) => None,
        Stmt::Var(_, flags, _) if flags.intersects(ASTFlags::CONSTANT | ASTFlags::EXPORTED) => None,
        other => Some(other.position()),
    }
}

/// Imports whose name nothing uses.
pub fn unused(view: &View, unit: usize, page: &mut Page, used: &Used) {
    let Some((_, survey)) = view.at(unit) else {
        return;
    };
    for (index, import) in survey.imports.iter().enumerate() {
        if !import.is_used && !used.contains(&(unit, index)) {
            let failure = Failure::new("unused-import", format!("nothing uses `{}`", import.alias))
                .help("take the import out");
            page.warning(failure, import.at);
        }
    }
}
