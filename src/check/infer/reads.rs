//! Expressions: what they give.

use rhai::{ASTFlags, Expr, Position};

use crate::check::shape::{Fields, Kinds, Shape, Step};
use crate::check::unit::Script;
use crate::diag::Failure;
use crate::engine::known::known;

use super::Walk;
use super::needs::Want;

/// The variable that a chain of dots begins with, and the steps from it.
pub(super) type Place<'a> = Option<(&'a str, Vec<Step>)>;

impl<'a> Walk<'a> {
    pub(super) fn value(&mut self, value: &'a Expr) -> Shape {
        if let Some((closure, captured, _)) = self.own().and_then(|unit| unit.closure(value)) {
            return self.closure(closure, captured, &[]);
        }
        match value {
            Expr::BoolConstant(..) => Shape::of(Kinds::BOOL),
            Expr::IntegerConstant(..) => Shape::of(Kinds::INT),
            Expr::FloatConstant(..) => Shape::of(Kinds::FLOAT),
            Expr::CharConstant(..) => Shape::of(Kinds::CHAR),
            Expr::Unit(_) => Shape::of(Kinds::UNIT),
            Expr::StringConstant(text, _) => Shape::text(text),
            Expr::InterpolatedString(parts, _) => {
                for part in parts {
                    self.value(part);
                }
                Shape::of(Kinds::TEXT)
            }
            Expr::Array(items, _) => {
                let mut item = Shape::never();
                for value in items {
                    item = item.join(&self.value(value));
                }
                Shape::array(item)
            }
            Expr::Map(map, _) => {
                let mut fields = Fields::default();
                for (key, value) in &map.0 {
                    let shape = self.value(value);
                    fields.known.insert(key.as_str().to_owned(), shape);
                }
                Shape::map(fields)
            }
            Expr::Variable(variable, _, _) => {
                let path = &variable.2.path;
                match path.as_slice() {
                    [] => self.variable(&variable.1),
                    [module] if module.as_str() == "global" => {
                        self.constant(self.unit, &variable.1)
                    }
                    [module] => match self.scope.unit(module.as_str()) {
                        Some(Some(unit)) => self.constant(unit, &variable.1),
                        _ => Shape::any(),
                    },
                    _ => Shape::any(),
                }
            }
            Expr::FnCall(call, at) => self.call(call, *at),
            Expr::And(parts, _) | Expr::Or(parts, _) => {
                for part in parts.iter() {
                    self.condition(part);
                }
                Shape::of(Kinds::BOOL)
            }
            Expr::Coalesce(parts, _) => {
                let mut shape = Shape::never();
                for part in parts.iter() {
                    shape = shape.without_unit().join(&self.value(part));
                }
                shape
            }
            Expr::Stmt(block) => self.block(block),
            Expr::Dot(pair, flags, _) => {
                let on = self.value(&pair.lhs);
                let place = place(&pair.lhs);
                self.first_link(&pair.lhs, &pair.rhs);
                self.dotted(&on, place, &pair.rhs, *flags)
            }
            Expr::Index(pair, flags, _) => {
                let on = self.value(&pair.lhs);
                let kinds = Kinds::ARRAY
                    .or(Kinds::MAP)
                    .or(Kinds::TEXT)
                    .or(Kinds::BLOB)
                    .or(Kinds::INT)
                    .or(Kinds::ERROR);
                self.need(
                    &pair.lhs,
                    Want::Kinds(kinds, "something that has items or keys"),
                );
                self.indexed(&on, place(&pair.lhs), &pair.rhs, *flags)
            }
            _ => Shape::any(),
        }
    }

    fn variable(&mut self, name: &str) -> Shape {
        let Some(found) = self.scope.get(name) else {
            return Shape::any();
        };
        let changes = |name: &str| {
            self.own()
                .is_none_or(|unit| unit.assigned.contains(name) || unit.mutated.contains(name))
        };
        // A closure may run before and after a change.
        match found.captured && changes(name) {
            true => Shape::any(),
            false => found.shape,
        }
    }

    fn constant(&self, unit: usize, name: &str) -> Shape {
        let found = self.constants.get(&(unit, name));
        found.cloned().unwrap_or_else(Shape::any)
    }

    /// Walks a closure where it stands; `given` are the shapes of its first arguments.
    pub(super) fn closure(
        &mut self,
        closure: &'a Script,
        captured: usize,
        given: &[Shape],
    ) -> Shape {
        let depth = self.scope.depth();
        self.scope.enter_closure();
        let params = closure.params.get(captured..).unwrap_or_default();
        for (index, name) in params.iter().enumerate() {
            let shape = given.get(index).filter(|shape| shape.is_definite());
            self.scope
                .declare(name, shape.cloned().unwrap_or_else(Shape::any), None);
        }
        let returns = self.body(&closure.body);
        self.scope.leave_closure();
        self.scope.leave(depth);
        Shape::closure(returns)
    }

    /// What a parameter's first use behind a dot asks of it.
    fn first_link(&mut self, on: &'a Expr, rhs: &'a Expr) {
        let link = match rhs {
            Expr::Dot(pair, ..) | Expr::Index(pair, ..) => &pair.lhs,
            link => link,
        };
        match link {
            Expr::Property(property, _) => self.need(on, Want::Property(property.2.to_string())),
            Expr::MethodCall(call, _) => {
                let function = self.find(self.unit, &call.name, call.args.len());
                if function.is_none() {
                    self.need(on, Want::Method(call.name.to_string(), call.args.len()));
                }
            }
            _ => {}
        }
    }

    /// What stands behind a dot.
    pub(super) fn dotted(
        &mut self,
        on: &Shape,
        place: Place<'a>,
        rhs: &'a Expr,
        flags: ASTFlags,
    ) -> Shape {
        // `?.` gives `()` for `()`.
        let optional = flags.contains(ASTFlags::NEGATED);
        let on = match optional {
            true => on.clone().without_unit(),
            false => on.clone(),
        };
        match rhs {
            Expr::Dot(pair, flags, _) => {
                let next = self.link(&on, place.clone(), &pair.lhs);
                self.dotted(&next, step(place, &pair.lhs), &pair.rhs, *flags)
            }
            Expr::Index(pair, flags, _) => {
                let next = self.link(&on, place.clone(), &pair.lhs);
                self.indexed(&next, step(place, &pair.lhs), &pair.rhs, *flags)
            }
            link => self.link(&on, place, link),
        }
    }

    /// What stands between brackets, and behind them.
    pub(super) fn indexed(
        &mut self,
        on: &Shape,
        place: Place<'a>,
        rhs: &'a Expr,
        flags: ASTFlags,
    ) -> Shape {
        let place = place.map(|(name, mut path)| {
            path.push(Step::Index);
            (name, path)
        });
        match rhs {
            Expr::Dot(pair, inner, _) if !flags.contains(ASTFlags::BREAK) => {
                let next = self.index(on, &pair.lhs);
                self.dotted(&next, place, &pair.rhs, *inner)
            }
            Expr::Index(pair, inner, _) if !flags.contains(ASTFlags::BREAK) => {
                let next = self.index(on, &pair.lhs);
                self.indexed(&next, place, &pair.rhs, *inner)
            }
            index => self.index(on, index),
        }
    }

    fn index(&mut self, on: &Shape, index: &'a Expr) -> Shape {
        let key = self.value(index);
        if on.is_only(Kinds::MAP)
            && let (Some(fields), Some(texts)) = (on.fields(), key.texts())
        {
            let mut found = Shape::never();
            for text in texts {
                match fields.get(text) {
                    Some(shape) => found = found.join(&shape),
                    // Reading what is not there fails, and so it would be found soon; but the map may get it later.
                    None if matches!(index, Expr::StringConstant(..)) => {
                        let failure = missing(fields, text);
                        self.error(failure, index.start_position());
                        return Shape::any();
                    }
                    None => return Shape::any(),
                }
            }
            return found;
        }
        if on.is_only(Kinds::MAP)
            && let Some(fields) = on
                .fields()
                .filter(|fields| !fields.open && !fields.known.is_empty())
        {
            let all = fields
                .known
                .values()
                .fold(Shape::never(), |all, field| all.join(field));
            return all;
        }
        let fits = Kinds::ARRAY
            .or(Kinds::MAP)
            .or(Kinds::TEXT)
            .or(Kinds::BLOB)
            .or(Kinds::INT)
            .or(Kinds::ERROR);
        if on.is_definite() && !on.may_be(fits) {
            let failure = Failure::new(
                "script.type",
                format!("there are no items in {}", on.words()),
            );
            self.error(failure, index.start_position());
            return Shape::any();
        }
        match key.is_only(Kinds::RANGE) {
            true => on.outline(),
            false => on.item(),
        }
    }

    fn link(&mut self, on: &Shape, place: Place<'a>, link: &'a Expr) -> Shape {
        match link {
            Expr::Property(property, at) => self.property(on, &property.2, *at),
            Expr::MethodCall(call, at) => self.method(on, place, call, *at),
            other => self.value(other),
        }
    }

    fn property(&mut self, on: &Shape, name: &str, at: Position) -> Shape {
        if !self.is_quiet() {
            let read = (name.to_owned(), !on.is_definite());
            self.result.reads.insert((self.unit, at), read);
        }
        if !on.is_definite() {
            return Shape::any();
        }
        let mut found: Option<Shape> = None;
        let mut add = |shape: Shape| {
            let before = found.take().unwrap_or_default();
            found = Some(before.join(&shape));
        };
        if let Some(field) = on.fields().and_then(|fields| fields.get(name)) {
            add(field);
        }
        for kind in on.kinds.names() {
            if self.names.has_property(kind, name) {
                add(match name {
                    "len" => Shape::of(Kinds::INT),
                    "is_empty" => Shape::of(Kinds::BOOL),
                    _ => Shape::any(),
                });
            }
        }
        for handle in &on.handles {
            let mut types = self.registry.types().filter(|ty| ty.name == *handle);
            if types.any(|ty| ty.properties.iter().any(|property| property.name == name)) {
                add(match (*handle, name) {
                    ("Host", "name" | "address" | "role") => Shape::of(Kinds::TEXT),
                    ("Result" | "Response", "ok") => Shape::of(Kinds::BOOL),
                    ("Result", "text" | "stderr") | ("Response", "text") => Shape::of(Kinds::TEXT),
                    _ => Shape::any(),
                });
            }
        }
        if let Some(found) = found {
            return found;
        }
        if on.may_be(Kinds::ERROR) {
            self.error_field(on, name, at);
            return Shape::any();
        }
        let failure = match on.fields() {
            Some(fields) => missing(fields, name),
            None => {
                let receiver = on.kinds.names().chain(on.handles.iter().copied()).last();
                known(self.registry).property(name, receiver.unwrap_or("()"))
            }
        };
        self.error(failure, at);
        Shape::any()
    }

    /// A caught failure has fields of its own; what is no failure of ours is a map with others.
    fn error_field(&mut self, on: &Shape, name: &str, at: Position) {
        const OTHERS: &[&str] = &["error", "line", "position", "source", "function", "exit"];
        let fields = crate::engine::error_type::FIELDS;
        let is_known =
            fields.contains(&name) || OTHERS.contains(&name) || self.program.has_key(name);
        if is_known || !on.is_only(Kinds::ERROR) {
            return;
        }
        let failure = Failure::new(
            "script.unknown_property",
            format!("a failure has no `{name}`"),
        );
        let near = crate::suggest::nearest(name, fields.iter().copied());
        let help = near.map_or_else(
            || format!("it has: {}", fields.join(", ")),
            |near| format!("did you mean `{near}`?"),
        );
        self.error(failure.help(help), at);
    }
}

pub(super) fn missing(fields: &Fields, name: &str) -> Failure {
    let what = fields.title.unwrap_or("this map");
    Failure::new("script.unknown_property", format!("{what} has no `{name}`"))
        .maybe_help(fields.help(name))
}

/// The variable that an expression is.
pub(super) fn place(value: &Expr) -> Place<'_> {
    match value {
        Expr::Variable(variable, ..) if variable.2.is_empty() => {
            Some((variable.1.as_str(), Vec::new()))
        }
        _ => None,
    }
}

fn step<'a>(place: Place<'a>, link: &Expr) -> Place<'a> {
    match (place, link) {
        (Some((name, mut path)), Expr::Property(property, _)) => {
            path.push(Step::Field(property.2.to_string()));
            Some((name, path))
        }
        _ => None,
    }
}
