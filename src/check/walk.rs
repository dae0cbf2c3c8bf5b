//! The walk through a script's tree.
//!
//! Rhai's own knows nothing of scopes and skips what stands behind `break`. Here closures are
//! walked where they stand, with the names that are visible there.

use rhai::{ASTFlags, Expr, FnCallExpr, Ident, Position, Stmt};

use crate::engine::registry::Registry;

use super::program::{Script, Unit};
use super::survey::{Call, Closure, Escape, How, Import, Name, Survey};

/// Closures that a value is or holds.
type Held = Vec<usize>;

/// A name that is visible.
pub(super) enum Entry<'a> {
    Variable(&'a str, Held, Option<&'static str>),
    Alias(&'a str, usize),
}

/// Walks a script and writes down what it says.
pub struct Walker<'a> {
    unit: &'a Unit,
    pub(super) registry: Registry,
    pub(super) survey: Survey<'a>,
    pub(super) scope: Vec<Entry<'a>>,
    /// Blocks around, functions included.
    depth: usize,
    function: Option<&'a Script>,
    within: Option<usize>,
}

impl<'a> Walker<'a> {
    pub fn new(unit: &'a Unit, registry: Registry) -> Walker<'a> {
        Walker {
            unit,
            registry,
            survey: Survey::default(),
            scope: Vec::new(),
            depth: 0,
            function: None,
            within: None,
        }
    }

    pub fn walk(mut self) -> Survey<'a> {
        self.unit();
        self.survey
    }

    fn unit(&mut self) {
        for statement in self.unit.top() {
            self.statement(statement);
        }
        // A function sees the imports around it, and no variables.
        self.scope.retain(|entry| matches!(entry, Entry::Alias(..)));
        let around = self.scope.len();
        self.depth = 1;
        for function in self.unit.named() {
            self.function = Some(function);
            self.parameters(&function.params);
            let held = self.statements(&function.body);
            if let Some(at) = self.first_of(&held) {
                let how = How::ReturnedBy(&function.name);
                self.survey.escapes.push(Escape { at, how });
            }
            self.scope.truncate(around);
        }
    }

    fn parameters(&mut self, names: &'a [String]) {
        let entries = names
            .iter()
            .map(|name| Entry::Variable(name, Held::new(), None));
        self.scope.extend(entries);
    }

    fn block<'b>(&mut self, statements: impl IntoIterator<Item = &'a Stmt>) -> Held {
        let around = self.scope.len();
        self.depth += 1;
        let held = self.statements(statements);
        self.depth -= 1;
        self.scope.truncate(around);
        held
    }

    /// Walks statements; the value of the last is theirs.
    fn statements(&mut self, statements: impl IntoIterator<Item = &'a Stmt>) -> Held {
        let mut held = Held::new();
        for statement in statements {
            held = self.statement(statement);
        }
        held
    }

    fn statement(&mut self, statement: &'a Stmt) -> Held {
        match statement {
            Stmt::Expr(value) => return self.value(value),
            Stmt::FnCall(call, at) => self.call(call, *at, None),
            Stmt::Block(block) => return self.block(block.statements()),
            Stmt::If(flow, _) => {
                self.value(&flow.expr);
                let mut held = self.block(flow.body.statements());
                held.extend(self.block(flow.branch.statements()));
                return held;
            }
            Stmt::Switch(switch, _) => {
                self.value(&switch.0);
                let mut held = Held::new();
                for case in &switch.1.expressions {
                    self.value(&case.lhs);
                    held.extend(self.value(&case.rhs));
                }
                return held;
            }
            Stmt::While(flow, _) | Stmt::Do(flow, ..) => {
                self.value(&flow.expr);
                self.block(flow.body.statements());
            }
            Stmt::For(parts, _) => {
                self.value(&parts.2.expr);
                let around = self.scope.len();
                self.declare(parts.0.as_str(), Held::new());
                if let Some(counter) = &parts.1 {
                    self.declare(counter.as_str(), Held::new());
                }
                self.block(parts.2.body.statements());
                self.scope.truncate(around);
            }
            Stmt::TryCatch(flow, _) => {
                self.block(flow.body.statements());
                let around = self.scope.len();
                if let Expr::Variable(variable, ..) = &flow.expr {
                    self.declare(&variable.1, Held::new());
                }
                self.block(flow.branch.statements());
                self.scope.truncate(around);
            }
            Stmt::Var(parts, flags, _) => {
                let held = self.value(&parts.1);
                let name = parts.0.as_str();
                if flags.contains(ASTFlags::EXPORTED) {
                    self.export(&held, name);
                }
                let fixed = !self.unit.assigned.contains(name);
                let ty = self.type_of(&parts.1).filter(|_| fixed);
                self.scope.push(Entry::Variable(name, held, ty));
            }
            Stmt::Assignment(parts) => self.assignment(&parts.1.lhs, &parts.1.rhs),
            Stmt::BreakLoop(Some(value), ..) => {
                self.value(value);
            }
            Stmt::Return(Some(value), flags, _) => {
                let held = self.value(value);
                let thrown = flags.contains(ASTFlags::BREAK);
                if let Some(function) = self.function
                    && let Some(at) = self.first_of(&held)
                    && self.within.is_none()
                    && !thrown
                {
                    let how = How::ReturnedBy(&function.name);
                    self.survey.escapes.push(Escape { at, how });
                }
            }
            Stmt::Import(parts, at) => self.import(&parts.0, parts.1.as_str(), *at),
            Stmt::Export(parts, _) => {
                let held = self.variable(parts.0.as_str()).unwrap_or_default();
                let (name, alias) = (parts.0.as_str(), parts.1.as_str());
                self.export(&held, if alias.is_empty() { name } else { alias });
            }
            _ => {}
        }
        Held::new()
    }

    fn import(&mut self, path: &'a Expr, alias: &'a str, at: Position) {
        self.value(path);
        let index = self.survey.imports.len();
        self.survey.imports.push(Import {
            alias,
            at,
            path_at: path.position(),
            is_top: self.depth == 0,
            is_used: alias.is_empty(),
        });
        self.scope.push(Entry::Alias(alias, index));
    }

    fn export(&mut self, held: &Held, name: &'a str) {
        if let Some(at) = self.first_of(held) {
            let how = How::ExportedAs(name);
            self.survey.escapes.push(Escape { at, how });
        }
    }

    fn assignment(&mut self, target: &'a Expr, value: &'a Expr) {
        let held = self.value(value);
        self.value(target);
        match target {
            Expr::Variable(variable, ..) => {
                let name = variable.1.as_str();
                let entry = self.scope.iter_mut().rev().find_map(|entry| match entry {
                    Entry::Variable(declared, holds, _) if *declared == name => Some(holds),
                    _ => None,
                });
                if let Some(holds) = entry {
                    holds.extend(held);
                }
            }
            _ => {
                if let Some(key) = last_key(target) {
                    *self.survey.keys.entry(key).or_default() |= !held.is_empty();
                }
            }
        }
    }

    fn declare(&mut self, name: &'a str, held: Held) {
        self.scope.push(Entry::Variable(name, held, None));
    }

    /// Walks an expression; what it returns are the closures that its value is or holds.
    pub(super) fn value(&mut self, value: &'a Expr) -> Held {
        if let Some((closure, captured, at)) = self.unit.closure(value) {
            return vec![self.closure(closure, captured, at)];
        }
        match value {
            Expr::Stmt(block) => return self.block(block.statements()),
            Expr::Array(items, _) => {
                return items.iter().flat_map(|item| self.value(item)).collect();
            }
            Expr::Map(map, _) => {
                let mut held = Held::new();
                for (key, item) in &map.0 {
                    let closures = self.value(item);
                    let key = self.survey.keys.entry(key.as_str()).or_default();
                    *key |= !closures.is_empty();
                    held.extend(closures);
                }
                return held;
            }
            Expr::Variable(variable, _, at) => {
                let path = &variable.2.path;
                if path.is_empty() {
                    return self.read(&variable.1, *at);
                }
                let import = self.alias(path);
                self.survey.names.push(Name {
                    path,
                    name: &variable.1,
                    at: *at,
                    import,
                    visible: Vec::new(),
                    in_function: self.function.is_some(),
                    within: self.within,
                });
            }
            Expr::InterpolatedString(parts, _) => self.values(parts),
            Expr::And(parts, _) | Expr::Or(parts, _) | Expr::Coalesce(parts, _) => {
                self.values(parts.iter());
            }
            Expr::FnCall(call, at) => self.call(call, *at, None),
            Expr::MethodCall(call, at) => self.call(call, *at, Some(None)),
            Expr::Dot(pair, ..) => {
                self.value(&pair.lhs);
                self.chain(self.type_of(&pair.lhs), &pair.rhs);
            }
            Expr::Index(pair, ..) => {
                self.value(&pair.lhs);
                self.value(&pair.rhs);
            }
            _ => {}
        }
        Held::new()
    }

    fn values(&mut self, values: impl IntoIterator<Item = &'a Expr>) {
        for value in values {
            self.value(value);
        }
    }

    /// `method` holds the type of the receiver, if the call has one.
    pub(super) fn call(
        &mut self,
        call: &'a FnCallExpr,
        at: Position,
        method: Option<Option<&'static str>>,
    ) {
        let given: Held = call.args.iter().flat_map(|arg| self.value(arg)).collect();
        let name = call.name.as_str();
        if call.is_operator_call()
            || !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        {
            return;
        }
        let path = call.namespace.path.as_slice();
        let import = self.alias(path);
        self.survey.calls.push(Call {
            path,
            name,
            at,
            args: &call.args,
            method: method.is_some(),
            receiver: method.flatten(),
            import,
            is_variable: self.variable(name).is_some(),
            within: self.within,
            given,
        });
    }

    /// A variable that is read: what it holds, or a name that nothing declares.
    fn read(&mut self, name: &'a str, at: Position) -> Held {
        if let Some(held) = self.variable(name) {
            return held;
        }
        if self.unit.named().any(|function| function.name == name) {
            self.survey.bare.push(at);
            return Held::new();
        }
        let visible = self.scope.iter().filter_map(|entry| match entry {
            Entry::Variable(name, ..) => Some(*name),
            Entry::Alias(..) => None,
        });
        let visible = visible.collect();
        self.survey.names.push(Name {
            path: &[],
            name,
            at,
            import: None,
            visible,
            in_function: self.function.is_some(),
            within: self.within,
        });
        Held::new()
    }

    fn variable(&self, name: &str) -> Option<Held> {
        self.scope.iter().rev().find_map(|entry| match entry {
            Entry::Variable(declared, held, _) if *declared == name => Some(held.clone()),
            _ => None,
        })
    }

    /// The import behind the first module of a path, which is thereby used.
    fn alias(&mut self, path: &[Ident]) -> Option<usize> {
        let first = path.first()?.as_str();
        let index = self.scope.iter().rev().find_map(|entry| match entry {
            Entry::Alias(alias, index) if *alias == first => Some(*index),
            _ => None,
        })?;
        if let Some(import) = self.survey.imports.get_mut(index) {
            import.is_used = true;
        }
        Some(index)
    }

    fn closure(&mut self, closure: &'a Script, captured: usize, at: Position) -> usize {
        let index = self.survey.closures.len();
        self.survey.closures.push(Closure {
            parent: self.within,
            at,
        });
        let outer = self.within.replace(index);
        let around = self.scope.len();
        self.parameters(closure.params.get(captured..).unwrap_or_default());
        self.depth += 1;
        self.statements(&closure.body);
        self.depth -= 1;
        self.scope.truncate(around);
        self.within = outer;
        index
    }

    fn first_of(&self, held: &Held) -> Option<Position> {
        let first = held
            .iter()
            .filter_map(|index| self.survey.closures.get(*index));
        first.map(|closure| closure.at).next()
    }
}

/// The key that an assignment to `value.key` or `value["key"]` sets.
fn last_key(target: &Expr) -> Option<&str> {
    match target {
        Expr::Dot(pair, ..) | Expr::Index(pair, ..) => last_key(&pair.rhs),
        Expr::Property(property, _) => Some(&property.2),
        Expr::StringConstant(key, _) => Some(key),
        _ => None,
    }
}
