//! The scripts that a script reaches by its imports, parsed and never run.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use rhai::{
    AST, ASTFlags, ASTNode, Engine, EvalAltResult, Expr, FnPtr, Module, ParseErrorType, Position,
    Stmt,
};

use crate::diag::Failure;
use crate::diag::language::{self, Scene};
use crate::diag::span::Text;
use crate::engine::Host;
use crate::engine::host::lenient_parser;
use crate::engine::known::known;
use crate::engine::library::Found;
use crate::engine::registry::Registry;
use crate::engine::source::{Source, without_shebang};
use crate::explain::{Label, Severity};

use super::finding::Finding;
use super::infer::CHANGING;

/// All scripts within reach, the entry first.
pub struct Program {
    pub registry: Registry,
    pub units: Vec<Unit>,
    /// What was found while loading: syntax errors and imports that lead nowhere.
    pub findings: Vec<Finding>,
    by_id: HashMap<String, usize>,
    /// Where an import leads: unit and place of its path → unit.
    links: HashMap<(usize, Position), usize>,
}

/// One parsed script.
pub struct Unit {
    pub source: Arc<Source>,
    /// Functions and closures.
    pub functions: Vec<Script>,
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
    /// Loaded for what is known of it, and not checked.
    pub is_background: bool,
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
struct Written {
    /// `None` when the path is no literal.
    path: Option<String>,
    at: Position,
}

impl Program {
    /// Loads `entry` and everything it imports.
    pub fn load(host: &Host, registry: Registry, entry: &Found) -> Program {
        let mut program = Program {
            registry,
            units: Vec::new(),
            findings: Vec::new(),
            by_id: HashMap::new(),
            links: HashMap::new(),
        };
        let mut loader = Loader {
            host,
            program: &mut program,
            chain: Vec::new(),
            lenient: None,
            is_background: false,
        };
        loader.unit(entry);
        loader.background();
        program
    }

    /// Whether another script imports this one.
    pub fn is_imported(&self, unit: usize) -> bool {
        self.links.values().any(|target| *target == unit)
    }

    /// All units that import this one, also through others.
    pub fn importers(&self, unit: usize) -> Vec<usize> {
        let mut found = vec![unit];
        let mut next = 0;
        while let Some(target) = found.get(next).copied() {
            for ((importer, _), leads) in &self.links {
                if *leads == target && !found.contains(importer) {
                    found.push(*importer);
                }
            }
            next += 1;
        }
        found.retain(|found| *found != unit);
        found.sort_unstable();
        found
    }

    /// Kinds of failure that the scripts throw themselves.
    pub fn kinds(&self) -> impl Iterator<Item = &str> {
        self.units
            .iter()
            .flat_map(|unit| unit.kinds.iter().map(String::as_str))
    }

    /// Whether any script has a map with this key.
    pub fn has_key(&self, name: &str) -> bool {
        self.units.iter().any(|unit| unit.keys.contains(name))
    }

    /// The unit that an import leads to, unless that could not be read.
    pub fn target(&self, unit: usize, path_at: Position) -> Option<usize> {
        self.links.get(&(unit, path_at)).copied()
    }
}

impl Unit {
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
                let name = pointer.fn_name();
                let closure = self
                    .functions
                    .iter()
                    .find(|function| function.name == name)?;
                closure.is_closure().then_some((closure, 0, *at))
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

struct Loader<'a> {
    host: &'a Host,
    program: &'a mut Program,
    /// Ids of the scripts whose imports are being followed.
    chain: Vec<String>,
    lenient: Option<Engine>,
    is_background: bool,
}

impl Loader<'_> {
    /// What standard modules are handed is what these two make.
    fn background(&mut self) {
        if !self
            .program
            .units
            .iter()
            .any(|unit| unit.id().starts_with("std/"))
        {
            return;
        }
        self.is_background = true;
        let before = self.program.findings.len();
        for name in ["std/config", "std/cluster"] {
            if let Ok(found) = self.host.resolver().find(name, None) {
                self.unit(&found);
            }
        }
        self.program.findings.truncate(before);
    }

    /// Loads one script and what it imports; `None` if it cannot be parsed.
    fn unit(&mut self, found: &Found) -> Option<usize> {
        if let Some(index) = self.program.by_id.get(&found.id) {
            return Some(*index);
        }
        let (ast, incomplete) = self.parse(found)?;
        let source = self.host.sources().get(&found.id)?;
        let imports = imports(&ast);
        let facts = facts(&ast);
        let index = self.program.units.len();
        self.program.by_id.insert(found.id.clone(), index);
        self.program.units.push(Unit {
            source: source.clone(),
            functions: functions(&ast),
            assigned: facts.assigned,
            mutated: facts.mutated,
            bare: facts.bare,
            keys: facts.keys,
            words: facts.words,
            kinds: facts.kinds,
            is_background: self.is_background,
            incomplete,
            ast,
        });
        self.chain.push(found.id.clone());
        for import in imports {
            self.import(index, &source, import);
        }
        self.chain.pop();
        Some(index)
    }

    /// The script's tree, and whether Rhai refuses it for a name that is not there.
    fn parse(&mut self, found: &Found) -> Option<(AST, bool)> {
        let error = match self.host.compile(found) {
            Ok(ast) => return Some((ast, false)),
            Err(error) => error,
        };
        let names = matches!(
            *error,
            EvalAltResult::ErrorParsing(
                ParseErrorType::VariableUndefined(_) | ParseErrorType::ModuleUndefined(_),
                _
            )
        );
        if names {
            // Rhai stops at the first such name; without its strictness all of them can be found.
            let parser = self.lenient.get_or_insert_with(lenient_parser);
            if let Ok(mut ast) = parser.compile(without_shebang(&found.text)) {
                ast.set_source(found.id.as_str());
                return Some((ast, true));
            }
        }
        let text = Text::new(&found.text);
        let finding = syntax(&error, &found.id, &text, self.program.registry);
        self.program.findings.push(finding);
        None
    }

    fn import(&mut self, importer: usize, source: &Source, import: Written) {
        let Some(path) = import.path else {
            let failure =
                Failure::new("dynamic-import", "the path of this import is not a literal")
                    .help("what it imports cannot be checked: prefer a fixed path");
            self.report(source, failure, import.at, Severity::Warning);
            return;
        };
        let found = match self.host.resolver().find(&path, Some(&source.id)) {
            Ok(found) => found,
            Err(failure) => return self.report(source, failure, import.at, Severity::Error),
        };
        if let Some(start) = self.chain.iter().position(|id| *id == found.id) {
            let cycle = self.chain.get(start..).unwrap_or_default().join(" → ");
            let failure = Failure::new(
                "script.import_cycle",
                format!("these scripts import each other: {cycle} → {}", found.id),
            )
            .help("move what they share into a third script that imports neither");
            return self.report(source, failure, import.at, Severity::Error);
        }
        if let Some(target) = self.unit(&found) {
            self.program.links.insert((importer, import.at), target);
        }
    }

    fn report(&mut self, source: &Source, failure: Failure, at: Position, severity: Severity) {
        let finding = Finding::error(failure, &source.id, &Text::new(&source.text), at);
        self.program.findings.push(Finding {
            severity,
            ..finding
        });
    }
}

/// A syntax error as a finding, with the same words and labels as in a report of a run.
pub(super) fn syntax(error: &EvalAltResult, id: &str, text: &Text, registry: Registry) -> Finding {
    let scene = Scene::new(known(registry), Some(text));
    let failure = language::explain_in(error, &scene);
    let spans = language::labels(error, &scene)
        .into_iter()
        .map(|(span, label)| Label::new(id, text, span, label))
        .collect();
    Finding {
        spans,
        ..Finding::error(failure, id, text, error.position())
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

/// The functions with their bodies, each out of a tree of its own: Rhai's walk does not say which
/// function a statement belongs to.
fn functions(ast: &AST) -> Vec<Script> {
    let functions = ast.iter_functions().map(|function| {
        let count = function.params.len();
        let mut body = Vec::new();
        if let Some(definition) = ast.shared_lib().get_script_fn(function.name, count) {
            let mut alone = Module::new();
            alone.set_script_fn(definition.clone());
            AST::new_from_module(alone).walk(&mut |path: &[ASTNode]| {
                if let [ASTNode::Stmt(statement)] = path {
                    body.push((*statement).clone());
                }
                true
            });
        }
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
