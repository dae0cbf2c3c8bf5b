//! One parsed script, and what a walk through it gathers.

use std::collections::{HashMap, HashSet};

use rhai::{AST, ASTFlags, ASTNode, Expr, FnPtr, Position, Stmt};

use crate::diag::span::Text;
use crate::engine::bodies::bodies;
use crate::engine::source::Source;

use super::infer::CHANGING;

/// One parsed script.
pub struct Unit {
    pub source: Source,
    /// Functions and closures.
    pub functions: Vec<Script>,
    /// The numbers of the closures by their names.
    closures: HashMap<String, usize>,
    /// Variables that are given another value somewhere.
    pub assigned: HashSet<String>,
    /// Variables in which something is changed somewhere.
    pub mutated: HashSet<String>,
    /// The script's own functions that are named without a call.
    pub bare: HashSet<String>,
    /// Keys of maps, as far as they are written out.
    pub keys: HashSet<String>,
    /// Words in its strings: columns in SQL, fields in JSON.
    pub words: HashSet<String>,
    /// Kinds of failure that it throws.
    pub kinds: HashSet<String>,
    /// What it imports.
    pub imports: Vec<Written>,
    /// Rhai knows of a variable or a module that is not there.
    pub incomplete: bool,
    ast: AST,
}

/// A function or a closure that a script defines.
pub struct Script {
    pub name: String,
    /// Of a closure, what it captures comes first.
    pub params: Vec<String>,
    pub private: bool,
    pub body: Vec<Stmt>,
}

/// An import as it is written.
pub struct Written {
    /// `None` when the path is no literal.
    pub path: Option<String>,
    pub at: Position,
}

impl Unit {
    pub fn new(source: Source, ast: AST, incomplete: bool) -> Unit {
        let facts = facts(&ast);
        let functions = functions(&ast);
        let closures = functions.iter().enumerate();
        let closures = closures.filter(|(_, function)| function.is_closure());
        Unit {
            source,
            closures: closures
                .map(|(index, closure)| (closure.name.clone(), index))
                .collect(),
            functions,
            assigned: facts.assigned,
            mutated: facts.mutated,
            bare: facts.bare,
            keys: facts.keys,
            words: facts.words,
            kinds: facts.kinds,
            imports: imports(&ast),
            incomplete,
            ast,
        }
    }

    pub fn id(&self) -> &str {
        &self.source.id
    }

    /// The statements outside of functions.
    pub fn top(&self) -> &[Stmt] {
        self.ast.statements()
    }

    /// Whether it only defines: then others call its functions, also those that are not at hand.
    pub fn is_library(&self) -> bool {
        self.top().iter().all(|statement| match statement {
            Stmt::Var(_, flags, _) => flags.contains(ASTFlags::CONSTANT),
            other => matches!(other, Stmt::Noop(_) | Stmt::Import(..) | Stmt::Export(..)),
        })
    }

    /// Names that `global::` reaches.
    pub fn constants(&self) -> Vec<&str> {
        let constants = self.top().iter().filter_map(|statement| match statement {
            Stmt::Var(parts, flags, _) if flags.contains(ASTFlags::CONSTANT) => {
                Some(parts.0.as_str())
            }
            _ => None,
        });
        constants.collect()
    }

    /// The literal behind a constant at the top.
    pub fn constant(&self, name: &str) -> Option<&Expr> {
        self.top().iter().find_map(|statement| match statement {
            Stmt::Var(parts, flags, _)
                if flags.contains(ASTFlags::CONSTANT) && parts.0.as_str() == name =>
            {
                Some(&parts.1)
            }
            _ => None,
        })
    }

    /// Names of variables and constants that importers see.
    pub fn exports(&self) -> Vec<&str> {
        let exports = self.top().iter().filter_map(|statement| match statement {
            Stmt::Var(parts, flags, _) if flags.contains(ASTFlags::EXPORTED) => {
                Some(parts.0.as_str())
            }
            Stmt::Export(parts, _) if parts.1.as_str().is_empty() => Some(parts.0.as_str()),
            Stmt::Export(parts, _) => Some(parts.1.as_str()),
            _ => None,
        });
        exports.collect()
    }

    /// The closure that an expression is, how many of its parameters are captured variables, and
    /// where it stands.
    pub fn closure(&self, value: &Expr) -> Option<(&Script, usize, Position)> {
        match value {
            Expr::DynamicConstant(constant, at) => {
                let pointer = constant.read_lock::<FnPtr>()?;
                let index = *self.closures.get(pointer.fn_name())?;
                Some((self.functions.get(index)?, 0, *at))
            }
            // Capturing is written as two statements: share the variables, then curry them.
            Expr::Stmt(block) => match block.statements() {
                [Stmt::Share(_), Stmt::Expr(curried)] => match &**curried {
                    Expr::FnCall(call, _) if call.name == "curry" => {
                        let (closure, _, at) = self.closure(call.args.first()?)?;
                        Some((closure, call.args.len() - 1, at))
                    }
                    _ => None,
                },
                _ => None,
            },
            _ => None,
        }
    }

    /// The strings that are cases of the `switch` whose value stands at `at`, with their places.
    pub fn cases(&self, at: Position) -> Vec<(String, Position)> {
        let text = Text::new(&self.source.text);
        let cases = text
            .offset(at)
            .map(|offset| text.cases(offset))
            .unwrap_or_default();
        let place = |span: &std::ops::Range<usize>| {
            let (line, column) = text.line_column(span.start);
            let number = |number: usize| u16::try_from(number).unwrap_or(u16::MAX);
            Position::new(number(line), number(column))
        };
        cases
            .into_iter()
            .map(|(case, span)| (case, place(&span)))
            .collect()
    }

    /// Where the function of this name is defined first.
    pub fn definition(&self, name: &str) -> Option<Position> {
        let text = Text::new(&self.source.text);
        let (line, column) = text.line_column(text.definition(name)?);
        let number = |number: usize| u16::try_from(number).unwrap_or(u16::MAX);
        Some(Position::new(number(line), number(column)))
    }

    /// Functions that have a name.
    pub fn named(&self) -> impl Iterator<Item = &Script> {
        self.functions
            .iter()
            .filter(|function| !function.is_closure())
    }
}

impl Script {
    pub fn is_closure(&self) -> bool {
        self.name.starts_with("anon$")
    }
}

/// What a walk through the whole tree gathers.
#[derive(Default)]
struct Facts {
    assigned: HashSet<String>,
    mutated: HashSet<String>,
    bare: HashSet<String>,
    keys: HashSet<String>,
    kinds: HashSet<String>,
    words: HashSet<String>,
}

fn facts(ast: &AST) -> Facts {
    let functions: HashSet<&str> = ast.iter_functions().map(|function| function.name).collect();
    let mut facts = Facts::default();
    ast.walk(&mut |path: &[ASTNode]| {
        match path.last() {
            Some(ASTNode::Stmt(Stmt::Assignment(parts))) => match &parts.1.lhs {
                Expr::Variable(variable, ..) => {
                    facts.assigned.insert(variable.1.to_string());
                }
                target => {
                    facts.mutated.extend(root(target).map(str::to_owned));
                    facts.keys.extend(last_key(target).map(str::to_owned));
                }
            },
            Some(ASTNode::Expr(Expr::Dot(pair, ..))) if changes(&pair.rhs) => {
                facts.mutated.extend(root(&pair.lhs).map(str::to_owned));
            }
            // A variable that is declared around has an index.
            Some(ASTNode::Expr(Expr::Variable(variable, None, _)))
                if variable.2.is_empty()
                    && variable.0.is_none()
                    && functions.contains(variable.1.as_str()) =>
            {
                facts.bare.insert(variable.1.to_string());
            }
            Some(ASTNode::Expr(Expr::FnCall(call, _))) if call.name == "Fn" => {
                if let Some(Expr::StringConstant(name, _)) = call.args.first() {
                    facts.bare.insert(name.to_string());
                }
            }
            Some(ASTNode::Expr(Expr::StringConstant(text, _))) => {
                let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
                facts
                    .words
                    .extend(words.filter(|word| word.len() > 1).map(str::to_owned));
            }
            Some(ASTNode::Expr(Expr::Map(map, _))) => {
                for (key, value) in &map.0 {
                    facts.keys.insert(key.as_str().to_owned());
                    if let (true, Expr::StringConstant(kind, _)) = (key.as_str() == "kind", value) {
                        facts.kinds.insert(kind.to_string());
                    }
                }
            }
            _ => {}
        }
        true
    });
    facts
}

/// The variable that a chain of dots and brackets begins with.
fn root(target: &Expr) -> Option<&str> {
    match target {
        Expr::Variable(variable, ..) if variable.2.is_empty() => Some(&variable.1),
        Expr::Dot(pair, ..) | Expr::Index(pair, ..) => root(&pair.lhs),
        _ => None,
    }
}

/// The key that an assignment to `value.key` or `value["key"]` sets.
pub(super) fn last_key(target: &Expr) -> Option<&str> {
    match target {
        Expr::Dot(pair, ..) | Expr::Index(pair, ..) => last_key(&pair.rhs),
        Expr::Property(property, _) => Some(&property.2),
        Expr::StringConstant(key, _) => Some(key),
        _ => None,
    }
}

/// Whether a link of a chain is a method that changes what it is called on.
fn changes(link: &Expr) -> bool {
    match link {
        Expr::MethodCall(call, _) => CHANGING.contains(&call.name.as_str()),
        Expr::Dot(pair, ..) | Expr::Index(pair, ..) => changes(&pair.lhs) || changes(&pair.rhs),
        _ => false,
    }
}

fn imports(ast: &AST) -> Vec<Written> {
    let mut found = Vec::new();
    ast.walk(&mut |path: &[ASTNode]| {
        if let Some(ASTNode::Stmt(Stmt::Import(import, _))) = path.last() {
            found.push(match &import.0 {
                Expr::StringConstant(path, at) => Written {
                    path: Some(path.to_string()),
                    at: *at,
                },
                other => Written {
                    path: None,
                    at: other.position(),
                },
            });
        }
        true
    });
    found
}

fn functions(ast: &AST) -> Vec<Script> {
    let functions = bodies(ast).map(|(function, tree)| {
        let mut body = Vec::new();
        tree.walk(&mut |path: &[ASTNode]| {
            if let [ASTNode::Stmt(statement)] = path {
                body.push((*statement).clone());
            }
            true
        });
        Script {
            name: function.name.to_owned(),
            params: function
                .params
                .iter()
                .map(|&param| param.to_owned())
                .collect(),
            private: function.access == rhai::FnAccess::Private,
            body,
        }
    });
    let mut functions: Vec<Script> = functions.collect();
    functions.sort_by(|a, b| (&a.name, a.params.len()).cmp(&(&b.name, b.params.len())));
    functions
}
