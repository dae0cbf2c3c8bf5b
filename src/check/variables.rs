//! Variables, constants and functions that nothing uses, and variables that hide others.

use crate::diag::Failure;

use super::View;
use super::page::Page;

/// Checks what a unit declares.
pub fn check(view: &View, unit: usize, page: &mut Page) {
    let Some((own, survey)) = view.at(unit) else {
        return;
    };
    let reads_global = |name: &str| {
        survey.names.iter().any(|read| {
            read.name == name && matches!(read.path, [module] if module.as_str() == "global")
        })
    };
    for variable in &survey.variables {
        let name = variable.name;
        let is_used = variable.is_used
            || variable.is_exported
            || variable.is_top_constant && reads_global(name);
        if !is_used {
            let failure = Failure::new("unused-variable", format!("nothing reads `{name}`"));
            let help = "take it out; what its value does needs no name";
            page.warning(failure.help(help), variable.at);
        }
        if variable.is_hiding {
            let failure = Failure::new(
                "shadowed-variable",
                format!(
                    "this is another `{name}`: the one outside keeps its value, and is read again behind this block"
                ),
            );
            page.warning(
                failure.help(format!(
                    "write `{name} = …` without `let`, or take another name"
                )),
                variable.at,
            );
        }
    }
    let is_module = own.is_library() || view.program.is_imported(unit);
    for function in own
        .named()
        .filter(|function| function.private || !is_module)
    {
        let count = function.params.len();
        let called = survey.calls.iter().any(|call| {
            call.path.is_empty() && call.name == function.name && call.args.len() == count
        });
        if !called
            && !own.bare.contains(&function.name)
            && let Some(at) = own.definition(&function.name)
        {
            let failure = Failure::new(
                "unused-function",
                format!("nothing calls `{}`", function.name),
            );
            page.warning(failure.help("take it out"), at);
        }
    }
}
