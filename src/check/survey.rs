//! What a script says, gathered once for all rules: calls, names, imports, closures.

use std::collections::BTreeMap;

use rhai::{Expr, Ident, Position};

use super::unit::Unit;
use super::walk::Walker;

/// Everything the rules ask about one script.
#[derive(Default)]
pub struct Survey<'a> {
    pub calls: Vec<Call<'a>>,
    /// Variables that nothing declares, and constants of modules.
    pub names: Vec<Name<'a>>,
    pub imports: Vec<Import<'a>>,
    pub closures: Vec<Closure>,
    /// Closures that leave the script: returned or exported.
    pub escapes: Vec<Escape<'a>>,
    pub variables: Vec<Variable<'a>>,
    /// What stands behind a statement that never ends.
    pub unreachable: Vec<Position>,
    /// Variables that closures read of what is around them.
    pub captured: Vec<(&'a str, Position)>,
    /// Keys of maps, and whether a closure was seen under them.
    pub keys: BTreeMap<&'a str, bool>,
}

/// A call of a function or a method.
pub struct Call<'a> {
    /// The modules before the name.
    pub path: &'a [Ident],
    pub name: &'a str,
    pub at: Position,
    pub args: &'a [Expr],
    pub method: bool,
    /// The import that gave the first module of the path.
    pub import: Option<usize>,
    /// A variable of that name is visible.
    pub is_variable: bool,
    pub within: Option<usize>,
    /// Closures among the arguments, also within maps and arrays.
    pub given: Vec<usize>,
}

/// A variable or a constant that a script declares.
pub struct Variable<'a> {
    pub name: &'a str,
    pub at: Position,
    pub is_used: bool,
    /// At the top, where `global::` and importers may read it.
    pub is_top_constant: bool,
    pub is_exported: bool,
    /// Where it hides another one of the same body that is read again behind it.
    pub hides: Option<usize>,
    pub is_hiding: bool,
}

/// A name read as a value.
pub struct Name<'a> {
    pub path: &'a [Ident],
    pub name: &'a str,
    pub at: Position,
    pub import: Option<usize>,
    /// What is visible there, for a suggestion.
    pub visible: Vec<&'a str>,
    pub in_function: bool,
    pub within: Option<usize>,
}

/// An `import`.
pub struct Import<'a> {
    pub alias: &'a str,
    pub at: Position,
    /// Where its path stands, by which the program knows its target.
    pub path_at: Position,
    /// Outside of blocks, functions and closures.
    pub is_top: bool,
    pub is_used: bool,
}

/// A closure.
pub struct Closure {
    /// The closure that it stands in.
    pub parent: Option<usize>,
    pub at: Position,
}

/// A closure that leaves its script.
pub struct Escape<'a> {
    pub at: Position,
    pub how: How<'a>,
}

pub enum How<'a> {
    ReturnedBy(&'a str),
    ExportedAs(&'a str),
}

impl<'a> Survey<'a> {
    pub fn of(unit: &'a Unit) -> Survey<'a> {
        Walker::new(unit).walk()
    }

    /// Whether what stands within the closure `inner` stands within the closure `outer` too.
    pub fn is_within(&self, inner: Option<usize>, outer: usize) -> bool {
        let mut current = inner;
        while let Some(index) = current {
            if index == outer {
                return true;
            }
            current = self.closures.get(index).and_then(|closure| closure.parent);
        }
        false
    }
}

/// A path as it is written: `a::b`.
pub fn written(path: &[Ident]) -> String {
    let names: Vec<&str> = path.iter().map(Ident::as_str).collect();
    names.join("::")
}
