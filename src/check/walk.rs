//! The walk through a script's tree.
//!
//! Rhai's own knows nothing of scopes and skips what stands behind `break`. Here closures are
//! walked where they stand, with the names that are visible there.

use rhai::{ASTFlags, Expr, FnCallExpr, Ident, Position, Stmt};

use super::survey::{Call, Closure, Escape, How, Import, Name, Survey, Variable};
use super::unit::{Script, Unit, last_key};

/// Closures that a value is or holds.
type Held = Vec<usize>;

/// A name that is visible.
enum Entry<'a> {
    Variable(&'a str, Held, Declared),
    Alias(&'a str, usize),
}

/// Where a visible variable was declared.
#[derive(Clone, Copy)]
struct Declared {
    /// Its number in the survey; parameters have none.
    number: Option<usize>,
    depth: usize,
    /// The closure that it stands in.
    within: Option<usize>,
}

/// Walks a script and writes down what it says.
pub struct Walker<'a> {
    unit: &'a Unit,
    survey: Survey<'a>,
    scope: Vec<Entry<'a>>,
    /// Blocks around, functions included.
    depth: usize,
    function: Option<&'a Script>,
    within: Option<usize>,
}

impl<'a> Walker<'a> {
    pub fn new(unit: &'a Unit) -> Walker<'a> {
        Walker {
            unit,
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
        for name in names {
            self.declare(name, Held::new());
        }
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
        let mut ended = false;
        for statement in statements {
            let is_there = !matches!(statement, Stmt::Noop(_) | Stmt::Share(_));
            if ended && is_there {
                self.survey.unreachable.push(statement.position());
                ended = false;
            }
            held = self.statement(statement);
            ended |= ends(statement);
        }
        held
    }

    fn statement(&mut self, statement: &'a Stmt) -> Held {
        match statement {
            Stmt::Expr(value) => return self.value(value),
            Stmt::FnCall(call, at) => self.call(call, *at, false),
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
                self.variable_declared(name, parts.0.pos, held, *flags);
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
                let held = self.used(parts.0.as_str()).unwrap_or_default();
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
        let declared = Declared {
            number: None,
            depth: self.depth,
            within: self.within,
        };
        self.scope.push(Entry::Variable(name, held, declared));
    }

    fn variable_declared(&mut self, name: &'a str, at: Position, held: Held, flags: ASTFlags) {
        let hidden = self.scope.iter().rev().find_map(|entry| match entry {
            Entry::Variable(other, _, declared) if *other == name => Some(*declared),
            _ => None,
        });
        let hides =
            hidden.filter(|hidden| hidden.depth < self.depth && hidden.within == self.within);
        let declared = Declared {
            number: Some(self.survey.variables.len()),
            depth: self.depth,
            within: self.within,
        };
        self.survey.variables.push(Variable {
            name,
            at,
            is_used: false,
            is_top_constant: self.depth == 0 && flags.contains(ASTFlags::CONSTANT),
            is_exported: flags.contains(ASTFlags::EXPORTED),
            hides: hides.and_then(|hidden| hidden.number),
            is_hiding: false,
        });
        self.scope.push(Entry::Variable(name, held, declared));
    }

    /// What a variable that is read holds.
    fn used(&mut self, name: &str) -> Option<Held> {
        let (held, number) = self.scope.iter().rev().find_map(|entry| match entry {
            Entry::Variable(declared, held, at) if *declared == name => {
                Some((held.clone(), at.number))
            }
            _ => None,
        })?;
        if let Some(number) = number {
            for (index, variable) in self.survey.variables.iter_mut().enumerate() {
                variable.is_used |= index == number;
                // What it hid is read, so its own block is over.
                variable.is_hiding |= variable.hides == Some(number);
            }
        }
        Some(held)
    }

    /// Walks an expression; what it returns are the closures that its value is or holds.
    fn value(&mut self, value: &'a Expr) -> Held {
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
            Expr::FnCall(call, at) => self.call(call, *at, false),
            Expr::MethodCall(call, at) => self.call(call, *at, true),
            Expr::Dot(pair, ..) | Expr::Index(pair, ..) => {
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

    fn call(&mut self, call: &'a FnCallExpr, at: Position, method: bool) {
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
            method,
            import,
            is_variable: self.variable(name).is_some(),
            within: self.within,
            given,
        });
    }

    /// A variable that is read: what it holds, or a name that nothing declares.
    fn read(&mut self, name: &'a str, at: Position) -> Held {
        let outside = self.scope.iter().rev().find_map(|entry| match entry {
            Entry::Variable(declared, _, at) if *declared == name => Some(at.within != self.within),
            _ => None,
        });
        if outside == Some(true) {
            self.survey.captured.push((name, at));
        }
        if let Some(held) = self.used(name) {
            return held;
        }
        // a function of the script's own, meant as a value
        if self.unit.named().any(|function| function.name == name) {
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

/// Whether what follows a statement is never reached.
fn ends(statement: &Stmt) -> bool {
    let is_exit = |call: &FnCallExpr| call.name == "exit" && call.namespace.path.is_empty();
    let last = |block: &[Stmt]| block.iter().any(ends);
    match statement {
        Stmt::Return(..) | Stmt::BreakLoop(..) => true,
        Stmt::FnCall(call, _) => is_exit(call),
        Stmt::Expr(value) => matches!(&**value, Expr::FnCall(call, _) if is_exit(call)),
        Stmt::Block(block) => last(block.statements()),
        Stmt::If(flow, _) => last(flow.body.statements()) && last(flow.branch.statements()),
        _ => false,
    }
}
