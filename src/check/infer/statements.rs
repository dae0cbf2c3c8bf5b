//! Statements: what is declared, what repeats, what is returned.

use rhai::{ASTFlags, Expr, Position, Stmt, StmtBlock};

use crate::check::shape::{Kinds, Shape};
use crate::diag::{Class, Failure};
use crate::suggest::nearest;

use super::Walk;

/// What `throw #{ … }` says of a failure; see `engine::raise`.
const THROWN: &[&str] = &[
    "kind", "message", "help", "host", "exit", "output", "causes", "failures",
];

impl<'a> Walk<'a> {
    pub(super) fn statements(&mut self, statements: impl IntoIterator<Item = &'a Stmt>) -> Shape {
        let mut value = Shape::of(Kinds::UNIT);
        for statement in statements {
            value = self.statement(statement);
        }
        value
    }

    pub(super) fn block(&mut self, block: &'a StmtBlock) -> Shape {
        let depth = self.scope.depth();
        let value = self.statements(block.statements());
        self.scope.leave(depth);
        value
    }

    pub(super) fn statement(&mut self, statement: &'a Stmt) -> Shape {
        let unit = Shape::of(Kinds::UNIT);
        match statement {
            Stmt::Expr(value) => self.value(value),
            Stmt::FnCall(call, at) => self.call(call, *at),
            Stmt::Block(block) => self.block(block),
            Stmt::If(flow, _) => {
                self.condition(&flow.expr);
                let body = self.block(&flow.body);
                let other = match flow.branch.is_empty() {
                    true => unit,
                    false => self.block(&flow.branch),
                };
                body.join(&other)
            }
            Stmt::Switch(parts, _) => {
                let on = self.value(&parts.0);
                self.cases(&on, parts.0.start_position());
                self.kinds_switched(&parts.0);
                let mut value = match parts.1.def_case {
                    Some(_) => Shape::never(),
                    None => unit,
                };
                for case in &parts.1.expressions {
                    self.condition(&case.lhs);
                    value = value.join(&self.value(&case.rhs));
                }
                value
            }
            Stmt::While(flow, _) | Stmt::Do(flow, ..) => {
                self.repeat(&mut |walk| {
                    if !matches!(flow.expr, Expr::Unit(_)) {
                        walk.condition(&flow.expr);
                    }
                    walk.block(&flow.body);
                });
                // `loop` has the value of its `break`.
                match flow.expr {
                    Expr::Unit(_) => Shape::any(),
                    _ => unit,
                }
            }
            Stmt::For(parts, _) => {
                let over = self.value(&parts.2.expr);
                self.iterated(&parts.2.expr, &over);
                self.repeat(&mut |walk| {
                    let depth = walk.scope.depth();
                    walk.scope.declare(parts.0.as_str(), over.iterated(), None);
                    if let Some(counter) = &parts.1 {
                        walk.scope
                            .declare(counter.as_str(), Shape::of(Kinds::INT), None);
                    }
                    walk.block(&parts.2.body);
                    walk.scope.leave(depth);
                });
                unit
            }
            Stmt::TryCatch(flow, _) => {
                let value = self.block(&flow.body);
                let depth = self.scope.depth();
                if let Expr::Variable(variable, ..) = &flow.expr {
                    self.scope
                        .declare(&variable.1, Shape::of(Kinds::ERROR), None);
                }
                let other = self.block(&flow.branch);
                self.scope.leave(depth);
                value.join(&other)
            }
            Stmt::Var(parts, ..) => {
                let shape = self.value(&parts.1);
                self.scope.declare(parts.0.as_str(), shape, None);
                unit
            }
            Stmt::Assignment(parts) => {
                self.assignment(&parts.0, &parts.1.lhs, &parts.1.rhs);
                unit
            }
            Stmt::BreakLoop(value, ..) => {
                if let Some(value) = value {
                    self.value(value);
                }
                Shape::never()
            }
            Stmt::Return(value, flags, _) => {
                let shape = value.as_ref().map_or(unit, |value| self.value(value));
                match flags.contains(ASTFlags::BREAK) {
                    true => self.thrown(value.as_deref()),
                    false => self.returns = self.returns.join(&shape),
                }
                Shape::never()
            }
            Stmt::Import(parts, _) => {
                self.value(&parts.0);
                let target = self.program.target(self.unit, parts.0.position());
                self.scope.import(parts.1.as_str(), target);
                unit
            }
            _ => unit,
        }
    }

    /// What is done again sees what it has done before.
    fn repeat(&mut self, body: &mut dyn FnMut(&mut Self)) {
        self.rehearsals += 1;
        body(self);
        self.rehearsals -= 1;
        body(self);
    }

    /// A value that decides: it must be a bool.
    pub(super) fn condition(&mut self, value: &'a Expr) {
        let shape = self.value(value);
        self.expect_bool(value, &shape);
    }

    pub(super) fn expect_bool(&mut self, value: &'a Expr, shape: &Shape) {
        self.need(value, super::needs::Want::Kinds(Kinds::BOOL, "a bool"));
        if shape.is_definite() && !shape.may_be(Kinds::BOOL.or(Kinds::ERROR)) {
            let failure = Failure::new(
                "script.type",
                format!("a condition must be a bool, and this is {}", shape.words()),
            );
            self.error(failure, value.start_position());
        }
    }

    fn iterated(&mut self, value: &'a Expr, shape: &Shape) {
        let fits = Kinds::ARRAY
            .or(Kinds::MAP)
            .or(Kinds::TEXT)
            .or(Kinds::RANGE)
            .or(Kinds::BLOB)
            .or(Kinds::ERROR);
        self.need(
            value,
            super::needs::Want::Kinds(fits, "something with items"),
        );
        if shape.is_definite() && !shape.may_be(fits) {
            let failure = Failure::new(
                "script.type",
                format!("there are no items in {}", shape.words()),
            );
            self.error(failure, value.start_position());
        }
    }

    /// `throw #{ … }`: keys and the class of exit code.
    fn thrown(&mut self, value: Option<&'a Expr>) {
        let Some(Expr::Map(map, _)) = value else {
            return;
        };
        for (key, value) in &map.0 {
            if !THROWN.contains(&key.as_str())
                && let Some(near) = nearest(key.as_str(), THROWN.iter().copied())
            {
                let failure = Failure::new(
                    "unknown-key",
                    format!("a failure has no `{}`", key.as_str()),
                );
                self.warning(failure.help(format!("did you mean `{near}`?")), key.pos);
            }
            if key.as_str() == "exit"
                && let Expr::StringConstant(class, at) = value
                && Class::named(class).is_none()
            {
                let failure = Failure::new(
                    "script.option",
                    format!("there is no class of exit code `{class}`"),
                );
                let help =
                    "it is one of: failed, usage, some_hosts, unreachable, problems, deadline";
                self.error(failure.help(help), *at);
            }
        }
    }

    /// The cases of a `switch` on strings that are all known.
    fn cases(&mut self, on: &Shape, at: Position) {
        let Some(texts) = on
            .texts()
            .filter(|_| !self.is_quiet())
            .map(<[String]>::to_vec)
        else {
            return;
        };
        let Some(unit) = self.own() else { return };
        for (case, at) in unit.cases(at) {
            if !texts.contains(&case)
                && let Some(near) = nearest(&case, texts.iter().map(String::as_str))
            {
                let failure = Failure::new("never-equal", format!("the value is never \"{case}\""));
                self.warning(failure.help(format!("did you mean \"{near}\"?")), at);
            }
        }
    }
}
