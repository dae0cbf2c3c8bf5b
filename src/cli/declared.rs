//! The arguments that a script declares by `args::parse(#{ … })`, read without running it.

use rhai::{ASTNode, Dynamic, Expr, Map};

use crate::args::Declaration;
use crate::bindings::args::declaration;
use crate::engine::host::lenient_parser;
use crate::engine::source::without_shebang;

/// What the script with this text takes; `None` when it does not say so in plain values.
pub fn declared(text: &str) -> Option<Declaration> {
    let ast = lenient_parser().compile(without_shebang(text)).ok()?;
    let mut found = None;
    ast.walk(&mut |path| {
        if let Some(ASTNode::Expr(Expr::FnCall(call, _))) = path.last()
            && call.name == "parse"
            && call.namespace.to_string() == "args"
        {
            found = call.args.first().and_then(literal);
        }
        found.is_none()
    });
    let map = found?;
    declaration(&*map.read_lock::<Map>()?).ok()
}

fn literal(expression: &Expr) -> Option<Dynamic> {
    expression.get_literal_value(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::library::SCRIPTS;

    #[test]
    fn every_built_in_script_says_what_it_takes() {
        for script in SCRIPTS {
            let takes = script.text.contains("args::parse(#{");
            assert_eq!(declared(script.text).is_some(), takes, "{}", script.name);
        }
    }

    #[test]
    fn a_script_that_works_them_out_says_nothing() {
        assert!(declared("args::parse(#{ a: #{ fallback: f() } })").is_none());
        assert!(declared("let x = 1;").is_none());
        assert!(declared("let x = ").is_none());
    }
}
