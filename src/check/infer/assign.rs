//! Assignments, and methods that change what they are called on.

use rhai::{Expr, OpAssignment};

use crate::check::shape::{Kinds, Shape, Step};

use super::Walk;
use super::reads::Place;

/// Methods of Rhai's that change their receiver.
pub const CHANGING: &[&str] = &[
    "append",
    "chop",
    "clear",
    "crop",
    "dedup",
    "drain",
    "fill_with",
    "insert",
    "make_lower",
    "make_upper",
    "mixin",
    "pad",
    "pop",
    "push",
    "remove",
    "replace",
    "retain",
    "reverse",
    "set",
    "shift",
    "sort",
    "sort_desc",
    "sort_by",
    "splice",
    "trim",
    "truncate",
    "for_each",
];

impl<'a> Walk<'a> {
    pub(super) fn assignment(
        &mut self,
        operator: &OpAssignment,
        target: &'a Expr,
        value: &'a Expr,
    ) {
        let given = self.value(value);
        let operator = operator.get_op_assignment_info().map(|info| info.5);
        let Some((name, path)) = target_of(target) else {
            self.value(target);
            return;
        };
        // What stands in the target is read, but for the last name, which need not be there yet.
        self.target(target);
        let new = match operator {
            None => given,
            Some(operator) => {
                let old = self.old(name, &path);
                self.operation(operator, &old, &given, (value, value))
            }
        };
        self.scope
            .change(name, &path, &mut |shape| *shape = shape.join(&new));
    }

    fn old(&self, name: &str, path: &[Step]) -> Shape {
        let mut shape = self
            .scope
            .get(name)
            .map_or_else(Shape::any, |found| found.shape);
        for step in path {
            shape = match step {
                Step::Field(key) => shape
                    .fields()
                    .and_then(|fields| fields.get(key))
                    .unwrap_or_else(Shape::any),
                Step::Index => shape.item(),
            };
        }
        shape
    }

    /// Walks what an assignment's target reads.
    fn target(&mut self, target: &'a Expr) {
        if let Expr::Dot(pair, ..) | Expr::Index(pair, ..) = target {
            self.indices(&pair.rhs, matches!(target, Expr::Index(..)));
        }
    }

    fn indices(&mut self, link: &'a Expr, is_index: bool) {
        match link {
            Expr::Dot(pair, ..) | Expr::Index(pair, ..) => {
                if is_index {
                    self.value(&pair.lhs);
                }
                self.indices(&pair.rhs, matches!(link, Expr::Index(..)));
            }
            other if is_index => {
                self.value(other);
            }
            _ => {}
        }
    }

    /// A method that changes the variable it is called on.
    pub(super) fn changed(&mut self, place: Place<'a>, method: &str, args: &[Shape]) {
        let Some((name, path)) = place.filter(|_| CHANGING.contains(&method)) else {
            return;
        };
        let given = args.last().cloned().unwrap_or_else(Shape::any);
        self.scope.change(name, &path, &mut |shape| {
            if shape.is_any() {
                return;
            }
            if shape.is_only(Kinds::ARRAY) {
                match method {
                    "push" => {
                        shape.change(&[Step::Index], &mut |item| *item = item.join(&given));
                    }
                    "append" => {
                        let items = given.item();
                        shape.change(&[Step::Index], &mut |item| *item = item.join(&items));
                    }
                    "insert" | "pad" | "splice" | "fill_with" | "for_each" => {
                        *shape = shape.outline()
                    }
                    _ => {}
                }
            } else {
                *shape = shape.outline();
            }
        });
    }
}

/// The variable that an assignment changes, and where in it.
fn target_of(target: &Expr) -> Place<'_> {
    match target {
        Expr::Variable(variable, ..) if variable.2.is_empty() => {
            Some((variable.1.as_str(), Vec::new()))
        }
        Expr::Dot(pair, ..) => {
            let (name, mut path) = target_of(&pair.lhs)?;
            links(&pair.rhs, false, &mut path)?;
            Some((name, path))
        }
        Expr::Index(pair, ..) => {
            let (name, mut path) = target_of(&pair.lhs)?;
            links(&pair.rhs, true, &mut path)?;
            Some((name, path))
        }
        _ => None,
    }
}

fn links(link: &Expr, is_index: bool, path: &mut Vec<Step>) -> Option<()> {
    let (first, rest) = match link {
        Expr::Dot(pair, ..) => (&pair.lhs, Some((&pair.rhs, false))),
        Expr::Index(pair, ..) => (&pair.lhs, Some((&pair.rhs, true))),
        other => (other, None),
    };
    path.push(match (is_index, first) {
        (true, Expr::StringConstant(key, _)) => Step::Field(key.to_string()),
        (true, _) => Step::Index,
        (false, Expr::Property(property, _)) => Step::Field(property.2.to_string()),
        _ => return None,
    });
    match rest {
        Some((rest, is_index)) => links(rest, is_index, path),
        None => Some(()),
    }
}
