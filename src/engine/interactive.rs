//! Scripts that come piece by piece: variables, functions and imports of one are there for the next.

use std::path::PathBuf;

use rhai::{
    AST, ASTNode, Dynamic, EvalAltResult, Expr, LexError, ParseErrorType, Position, Scope, Stmt,
};

use super::host::{Host, Outcome, lenient_parser};
use super::source::Source;

/// What earlier pieces left behind.
pub struct Interactive {
    host: Host,
    scope: Scope<'static>,
    functions: AST,
    count: usize,
    lazy: Option<Lazy>,
}

/// A variable that comes to be when it is first used.
struct Lazy {
    name: &'static str,
    /// The script whose result it is.
    script: String,
}

impl Interactive {
    pub fn new(host: Host) -> Interactive {
        Interactive {
            host,
            scope: Scope::new(),
            functions: AST::empty(),
            count: 0,
            lazy: None,
        }
    }

    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Declares a variable whose value is the result of `script`, run when a piece first names it.
    pub fn declare(&mut self, name: &'static str, script: String) {
        self.lazy = Some(Lazy { name, script });
    }

    /// The variables with their values, newest first, shadowed ones left out.
    pub fn variables(&self) -> Vec<(String, Dynamic)> {
        let mut found: Vec<(String, Dynamic)> = Vec::new();
        let all: Vec<_> = self.scope.iter().collect();
        for (name, _, value) in all.into_iter().rev() {
            if !found.iter().any(|(known, _)| known == name) {
                found.push((name.to_owned(), value.flatten()));
            }
        }
        found
    }

    /// The functions, as `name(parameters)`.
    pub fn functions(&self) -> Vec<String> {
        let functions = self.functions.iter_functions();
        let named = functions.filter(|function| !function.name.starts_with("anon$"));
        named
            .map(|function| format!("{}({})", function.name, function.params.join(", ")))
            .collect()
    }

    /// Runs a piece to its end, with what earlier pieces left.
    pub fn evaluate(&mut self, text: &str) -> Result<Outcome, Box<EvalAltResult>> {
        self.make_lazy(text)?;
        self.count += 1;
        let id = format!("input-{}", self.count);
        let ast = self.compile(id, text)?;
        let whole = self.functions.merge(&ast);
        let outcome = self.host.run_in(&mut self.scope, &whole);
        self.functions = whole.clone_functions_only();
        if outcome.is_ok() {
            self.keep_imports(&ast)?;
        }
        outcome
    }

    fn compile(&self, id: String, text: &str) -> Result<AST, Box<EvalAltResult>> {
        self.host.sources().add(Source {
            id: id.clone(),
            // Imports are relative to the working directory.
            path: Some(PathBuf::from(&id)),
            text: text.to_owned(),
        });
        self.host.sources().begin_with(&id);
        let compiled = self.host.engine().compile_with_scope(&self.scope, text);
        let mut ast =
            compiled.map_err(|error| Box::new(EvalAltResult::ErrorParsing(*error.0, error.1)))?;
        ast.set_source(id.as_str());
        self.host.sources().index(&id, &ast);
        Ok(ast)
    }

    /// Makes the lazy variable, if `text` uses it and has none of that name of its own.
    fn make_lazy(&mut self, text: &str) -> Result<(), Box<EvalAltResult>> {
        let Some(lazy) = self.lazy.take_if(|lazy| uses(text, lazy.name)) else {
            return Ok(());
        };
        if self.scope.contains(lazy.name) {
            return Ok(());
        }
        let made = self
            .compile(format!("what-{}-is", lazy.name), &lazy.script)
            .and_then(|ast| self.host.run(&ast));
        match made {
            Ok(Outcome::Value(value)) => {
                self.scope.push_dynamic(lazy.name, value);
                Ok(())
            }
            Ok(Outcome::Exit(_)) => Ok(()),
            // What was wrong may be mended by the next time.
            Err(error) => {
                self.lazy = Some(lazy);
                Err(error)
            }
        }
    }

    /// Rhai forgets imports at the end of a piece; as static modules they stay.
    fn keep_imports(&mut self, ast: &AST) -> Result<(), Box<EvalAltResult>> {
        for statement in ast.statements() {
            let Stmt::Import(import, position) = statement else {
                continue;
            };
            let (Expr::StringConstant(path, _), alias) = (&import.0, &import.1) else {
                continue;
            };
            let module =
                self.host
                    .resolver()
                    .load(self.host.engine(), ast.source(), path, *position)?;
            self.host
                .engine_mut()
                .register_static_module(alias.name.as_str(), module);
        }
        Ok(())
    }
}

/// Whether a piece is only the beginning of one: brackets or texts are open at its end.
pub fn is_incomplete(text: &str) -> bool {
    let Err(error) = lenient_parser().compile(text) else {
        return false;
    };
    match error.err_type() {
        ParseErrorType::UnexpectedEOF | ParseErrorType::BadInput(LexError::UnterminatedString) => {
            true
        }
        _ => at_end(error.position(), text.trim_end()),
    }
}

/// Whether a position is behind everything there is.
fn at_end(position: Position, text: &str) -> bool {
    let lines = text.lines().count();
    let last = text.lines().last().map_or(0, |line| line.chars().count());
    match (position.line(), position.position()) {
        (Some(line), Some(column)) => line > lines || (line == lines && column > last),
        (Some(line), None) => line > lines,
        (None, _) => false,
    }
}

/// Whether a piece reads the variable and does not declare it.
fn uses(text: &str, name: &str) -> bool {
    let Ok(ast) = lenient_parser().compile(text) else {
        return false;
    };
    let (mut used, mut declared) = (false, false);
    ast.walk(&mut |path| {
        match path.last() {
            Some(ASTNode::Expr(Expr::Variable(variable, ..))) => used |= variable.1 == name,
            Some(ASTNode::Stmt(Stmt::Var(variable, ..))) => declared |= variable.0.name == name,
            _ => {}
        }
        true
    });
    used && !declared
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_open_at_its_end_is_incomplete() {
        for text in [
            "if x {",
            "f(",
            "[1,",
            "#{ a: 1",
            "let x =",
            "1 +",
            "let f = |x| {\n  x",
            "`a",
            "fn f(a) {\n  if a {\n  }\n",
        ] {
            assert!(is_incomplete(text), "{text:?}");
        }
        for text in [
            "",
            "1",
            "x }",
            ")",
            "let = 1",
            "a b",
            "f()",
            "if x { 1 }",
            "let x = 1;",
            "1 + * 2",
        ] {
            assert!(!is_incomplete(text), "{text:?}");
        }
    }

    #[test]
    fn a_variable_counts_as_used_where_it_is_read() {
        for text in ["c", "c.hosts", "f(|x| c.x)", "print(`${c.x}`)"] {
            assert!(uses(text, "c"), "{text}");
        }
        for text in ["a.c", "\"c\"", "let c = 1; c", "#{ c: 1 }", "cc", "c::x()"] {
            assert!(!uses(text, "c"), "{text}");
        }
    }
}
