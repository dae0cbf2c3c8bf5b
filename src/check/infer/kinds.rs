//! Kinds of failure that `catch` compares with: there must be such a kind.

use rhai::{Expr, Position};

use crate::check::shape::{Kinds, Shape};
use crate::diag::Failure;
use crate::diag::kinds::{KINDS, is_area};
use crate::suggest::nearest;

use super::Walk;

impl<'a> Walk<'a> {
    /// Checks `value == "kind"` and `value in ["kind", …]`.
    pub(super) fn kind_compared(&mut self, value: &'a Expr, with: &'a Expr) {
        if self.is_quiet() || !self.is_kind(value) {
            return;
        }
        match with {
            Expr::StringConstant(kind, at) => self.kind(kind, *at),
            Expr::Array(items, _) => {
                for item in items {
                    if let Expr::StringConstant(kind, at) = item {
                        self.kind(kind, *at);
                    }
                }
            }
            _ => {}
        }
    }

    /// Checks the cases of `switch value { "kind" => … }`.
    pub(super) fn kinds_switched(&mut self, value: &'a Expr) {
        if self.is_quiet() || !self.is_kind(value) {
            return;
        }
        let cases = self
            .own()
            .map(|unit| unit.cases(value.start_position()))
            .unwrap_or_default();
        for (kind, at) in cases {
            self.kind(&kind, at);
        }
    }

    /// Whether an expression is `e.kind`, of something that may be a failure.
    fn is_kind(&self, value: &Expr) -> bool {
        let Expr::Dot(pair, ..) = value else {
            return false;
        };
        let last = match &pair.rhs {
            Expr::Property(property, _) => property.2.as_str(),
            _ => return false,
        };
        let holder = match &pair.lhs {
            Expr::Variable(variable, ..) if variable.2.is_empty() => {
                self.scope.get(&variable.1).map(|found| found.shape)
            }
            _ => None,
        };
        last == "kind" && holder.unwrap_or_else(Shape::any).may_be(Kinds::ERROR)
    }

    fn kind(&mut self, kind: &str, at: Position) {
        // What is no name of this form is the kind of something else.
        let Some((area, _)) = kind.split_once('.') else {
            return;
        };
        let ours: Vec<&str> = KINDS.iter().copied().chain(self.program.kinds()).collect();
        if ours.contains(&kind) {
            return;
        }
        let near = nearest(kind, ours.iter().copied());
        let failure = Failure::new(
            "unknown-kind",
            format!("there is no kind of failure `{kind}`"),
        );
        let failure = failure.maybe_help(near.map(|near| format!("did you mean `{near}`?")));
        // Kinds of other areas may be thrown by scripts that are not at hand.
        match is_area(area) || near.is_some() {
            true => self.error(failure, at),
            false => self.warning(failure, at),
        }
    }
}
