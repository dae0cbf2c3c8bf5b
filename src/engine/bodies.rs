//! A script's functions, taken apart.

use rhai::{AST, Module, ScriptFnMetadata};

/// Each function with a tree of its own, closures among them: Rhai's walk through a whole script does not say which
/// function a statement belongs to.
pub fn bodies(ast: &AST) -> impl Iterator<Item = (ScriptFnMetadata<'_>, AST)> {
    ast.iter_functions().map(|about| {
        let mut alone = Module::new();
        let count = about.params.len();
        if let Some(function) = ast.shared_lib().get_script_fn(about.name, count) {
            alone.set_script_fn(function.clone());
        }
        (about, AST::new_from_module(alone))
    })
}
