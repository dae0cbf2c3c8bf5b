//! Operators: what they give, and what they cannot work on.

use rhai::{Expr, FnCallExpr, Position};

use crate::check::shape::{Kinds, Shape};
use crate::diag::Failure;
use crate::suggest::nearest;

use super::Walk;
use super::needs::Want;

impl<'a> Walk<'a> {
    pub(super) fn operator(&mut self, call: &'a FnCallExpr, at: Position) -> Shape {
        let shapes: Vec<Shape> = call.args.iter().map(|arg| self.value(arg)).collect();
        match (call.args.as_slice(), shapes.as_slice()) {
            ([value], [shape]) => {
                if call.name == "!" {
                    self.expect_bool(value, shape);
                    return Shape::of(Kinds::BOOL);
                }
                shape.clone()
            }
            ([left, right], [one, other]) => {
                if matches!(call.name.as_str(), "==" | "!=") {
                    self.kind_compared(left, right);
                }
                match call.name.as_str() {
                    "==" | "!=" => self.compared((left, one), (right, other), at),
                    "-" | "*" | "/" | "%" | "**" => {
                        for (value, beside) in [(left, other), (right, one)] {
                            if beside.is_only(Kinds::NUMBER) {
                                self.need(
                                    value,
                                    Want::Kinds(Kinds::NUMBER.or(Kinds::TEXT), "a number"),
                                );
                            }
                        }
                    }
                    _ => {}
                }
                self.operation(&call.name, one, other, (left, right))
            }
            _ => Shape::any(),
        }
    }

    /// What an operator gives.
    pub(super) fn operation(
        &mut self,
        name: &str,
        one: &Shape,
        other: &Shape,
        (left, right): (&'a Expr, &'a Expr),
    ) -> Shape {
        let numbers = |shape: &Shape| shape.is_only(Kinds::NUMBER);
        match name {
            "==" | "!=" | "<" | ">" | "<=" | ">=" | "in" | "!in" => {
                if name.starts_with(['<', '>']) {
                    self.unordered(one, other, right.start_position());
                }
                Shape::of(Kinds::BOOL)
            }
            "+" => {
                if one.is_only(Kinds::MAP) && other.is_only(Kinds::MAP) {
                    return one.overlaid(other);
                }
                if one.is_only(Kinds::ARRAY) && other.is_only(Kinds::ARRAY) {
                    return one.join(other);
                }
                if one.is_only(Kinds::ARRAY) {
                    return one.outline();
                }
                if one.is_only(Kinds::SECRET) || other.is_only(Kinds::SECRET) {
                    return Shape::of(Kinds::SECRET);
                }
                if numbers(one) && numbers(other) {
                    return number(one, other);
                }
                if one.is_only(Kinds::TEXT) && !other.may_be(Kinds::SECRET)
                    || other.is_only(Kinds::TEXT) && one.is_only(Kinds::NUMBER)
                {
                    return Shape::of(Kinds::TEXT);
                }
                let fits = Kinds::NUMBER
                    .or(Kinds::TEXT)
                    .or(Kinds::CHAR)
                    .or(Kinds::ARRAY)
                    .or(Kinds::BLOB)
                    .or(Kinds::ERROR);
                self.arithmetic(name, (one, other), fits, (left, right));
                Shape::any()
            }
            "-" | "*" | "/" | "%" | "**" => {
                if numbers(one) && numbers(other) {
                    return number(one, other);
                }
                let fits = Kinds::NUMBER.or(Kinds::ERROR);
                self.arithmetic(name, (one, other), fits, (left, right));
                Shape::any()
            }
            _ => Shape::any(),
        }
    }

    /// A number beside what no number goes with.
    fn arithmetic(
        &mut self,
        name: &str,
        (one, other): (&Shape, &Shape),
        fits: Kinds,
        (left, right): (&'a Expr, &'a Expr),
    ) {
        let wrong = |number: &Shape, beside: &Shape| {
            number.is_only(Kinds::NUMBER) && beside.is_definite() && !beside.may_be(fits)
        };
        let (beside, value) = match (wrong(one, other), wrong(other, one)) {
            (true, _) => (other, right),
            (_, true) => (one, left),
            _ => return,
        };
        let failure = Failure::new(
            "script.type",
            format!("`{name}` does not work on a number and {}", beside.words()),
        );
        self.error(failure, value.start_position());
    }

    fn unordered(&mut self, one: &Shape, other: &Shape, at: Position) {
        let known = one.is_definite() && other.is_definite();
        if known && one.handles.is_empty() && other.handles.is_empty() && disjoint(one, other) {
            let failure = Failure::new(
                "never-equal",
                format!(
                    "{} is neither less nor more than {}",
                    one.words(),
                    other.words()
                ),
            );
            self.warning(failure, at);
        }
    }

    /// Two values that can never be equal.
    fn compared(
        &mut self,
        (left, one): (&'a Expr, &Shape),
        (right, other): (&'a Expr, &Shape),
        at: Position,
    ) {
        let is_unit = |shape: &Shape| shape.is_only(Kinds::UNIT);
        if is_unit(one) || is_unit(other) {
            // Whether there is a value: the function can do without.
            let asked = if is_unit(one) { right } else { left };
            self.need(asked, Want::Any);
            return;
        }
        if !one.is_definite() || !other.is_definite() {
            return;
        }
        if disjoint(one, other) {
            let failure = Failure::new(
                "never-equal",
                format!("{} is never equal to {}", one.words(), other.words()),
            );
            self.warning(failure, at);
            return;
        }
        let (Some(texts), Some([text])) = (one.texts(), other.texts()) else {
            return;
        };
        if !texts.contains(text)
            && let Some(near) = nearest(text, texts.iter().map(String::as_str))
        {
            let failure = Failure::new("never-equal", format!("the value is never \"{text}\""));
            self.warning(
                failure.help(format!("did you mean \"{near}\"?")),
                right.start_position(),
            );
        }
    }
}

fn disjoint(one: &Shape, other: &Shape) -> bool {
    let fuzzy = Kinds::SECRET.or(Kinds::ERROR);
    let number = |kinds: Kinds| {
        if kinds.meets(Kinds::NUMBER) {
            kinds.or(Kinds::NUMBER)
        } else {
            kinds
        }
    };
    if one.may_be(fuzzy) || other.may_be(fuzzy) {
        return false;
    }
    let kinds = number(one.kinds).meets(number(other.kinds));
    let handles = one
        .handles
        .iter()
        .any(|handle| other.handles.contains(handle));
    !kinds && !handles
}

fn number(one: &Shape, other: &Shape) -> Shape {
    match one.is_only(Kinds::INT) && other.is_only(Kinds::INT) {
        true => Shape::of(Kinds::INT),
        false => Shape::of(Kinds::NUMBER),
    }
}
