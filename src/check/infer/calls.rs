//! Calls of functions that scripts define, and of methods.

use rhai::{Expr, FnCallExpr, Position};

use crate::check::shape::{Kinds, Shape};
use crate::check::unit::Script;
use crate::diag::Failure;
use crate::engine::registry::Function;

use super::needs::Want;
use super::reads::Place;
use super::{Key, Walk};

impl<'a> Walk<'a> {
    pub(super) fn call(&mut self, call: &'a FnCallExpr, at: Position) -> Shape {
        if call.is_operator_call() {
            return self.operator(call, at);
        }
        let count = call.args.len();
        let path = call.namespace.path.as_slice();
        match path {
            [] => match self.find(self.unit, &call.name, count) {
                Some((key, function)) => self.script(key, function, &call.args, ""),
                None => self.plain(call),
            },
            [module] => match self.scope.unit(module.as_str()) {
                Some(target) => {
                    let found = target.and_then(|unit| self.find(unit, &call.name, count));
                    match found {
                        Some((key, function)) => self.script(
                            key,
                            function,
                            &call.args,
                            &format!("{}::", module.as_str()),
                        ),
                        None => self.unknown(&call.args),
                    }
                }
                None => {
                    let module = self.registry.module(module.as_str());
                    let function = module.and_then(|module| module.function(&call.name));
                    match (module, function) {
                        (Some(module), Some(function)) if takes(function, count) => {
                            self.native(function, &format!("{}::", module.name), &call.args)
                        }
                        _ => self.unknown(&call.args),
                    }
                }
            },
            _ => self.unknown(&call.args),
        }
    }

    /// A call of which only the arguments are looked at.
    fn unknown(&mut self, args: &'a [Expr]) -> Shape {
        for arg in args {
            self.value(arg);
        }
        Shape::any()
    }

    /// A function of Rhai's own.
    fn plain(&mut self, call: &'a FnCallExpr) -> Shape {
        if call.name == "type_of" {
            for arg in &call.args {
                self.need(arg, Want::Any);
            }
        }
        // `x in list` is written so in the tree.
        if let ("contains", [list, item]) = (call.name.as_str(), call.args.as_slice()) {
            self.kind_compared(item, list);
        }
        let args: Vec<Shape> = call.args.iter().map(|arg| self.value(arg)).collect();
        match (call.name.as_str(), args.as_slice()) {
            ("type_of" | "to_string" | "to_json", _) => Shape::of(Kinds::TEXT),
            ("parse_int" | "to_int", _) => Shape::of(Kinds::INT),
            ("parse_float" | "to_float", _) => Shape::of(Kinds::FLOAT),
            ("print" | "debug", _) => Shape::of(Kinds::UNIT),
            ("exit", _) => Shape::never(),
            ("min" | "max", [one, other]) => one.join(other),
            _ => Shape::any(),
        }
    }

    /// A function of a script.
    fn script(&mut self, key: Key, function: &'a Script, args: &'a [Expr], owner: &str) -> Shape {
        for (index, arg) in args.iter().enumerate() {
            let shape = self.value(arg);
            self.hand_over(key, function, index, arg, &shape, owner);
            self.given_options(key, function, index, arg, &shape, owner);
            self.hand(key, index, &shape);
            self.walked.handed.push((key, index, shape));
        }
        self.walked.callees.push(key);
        self.known
            .get(&key)
            .map_or_else(Shape::any, |known| known.returns.clone())
    }

    /// Options that a variable holds, or whose values are no literals: what the literal ones are is told elsewhere.
    fn given_options(
        &mut self,
        key: Key,
        function: &'a Script,
        index: usize,
        arg: &'a Expr,
        shape: &Shape,
        owner: &str,
    ) {
        if self.is_quiet() {
            return;
        }
        let name = function
            .params
            .get(index)
            .map(String::as_str)
            .unwrap_or_default();
        let options = self
            .known
            .get(&key)
            .and_then(|known| known.options.get(name))
            .cloned();
        let (Some(options), Some(given)) = (
            options,
            shape.fields().filter(|_| shape.is_only(Kinds::MAP)),
        ) else {
            return;
        };
        let Some(options) = options.fields().filter(|options| !options.open) else {
            return;
        };
        let given: Vec<(String, Shape)> = given
            .known
            .iter()
            .map(|(key, shape)| (key.clone(), shape.clone()))
            .collect();
        for (key, shape) in given {
            let full = format!("{owner}{}", function.name);
            let (at, literal) = match arg {
                Expr::Map(map, _) => match map.0.iter().find(|(name, _)| name.as_str() == key) {
                    Some((_, value)) => (
                        value.start_position(),
                        crate::check::arguments::is_shown(value),
                    ),
                    None => continue,
                },
                other => (other.start_position(), false),
            };
            if literal {
                continue;
            }
            match options.known.get(&key) {
                None if matches!(arg, Expr::Map(..)) => {}
                None => {
                    let message = format!("`{full}` has no option `{key}`");
                    self.error(
                        Failure::new("script.option", message).maybe_help(options.help(&key)),
                        at,
                    );
                }
                Some(fallback) => {
                    let number = |kinds: Kinds| {
                        if kinds.meets(Kinds::NUMBER) {
                            kinds.or(Kinds::NUMBER)
                        } else {
                            kinds
                        }
                    };
                    let known =
                        shape.is_definite() && fallback.is_definite() && shape.handles.is_empty();
                    let loose = Kinds::UNIT.or(Kinds::ERROR).or(Kinds::SECRET);
                    if known
                        && fallback.handles.is_empty()
                        && !fallback.may_be(loose)
                        && !shape.may_be(loose)
                        && !number(shape.kinds).meets(number(fallback.kinds))
                    {
                        let message = format!(
                            "option `{key}` of `{full}`: expected {}, got {}",
                            fallback.words(),
                            shape.words()
                        );
                        self.error(Failure::new("script.option", message), at);
                    }
                }
            }
        }
    }

    /// A method, of whatever stands before the dot.
    pub(super) fn method(
        &mut self,
        on: &Shape,
        place: Place<'a>,
        call: &'a FnCallExpr,
        at: Position,
    ) -> Shape {
        if !self.is_quiet() {
            let key = (self.unit, at);
            let seen = self
                .result
                .receivers
                .get(&key)
                .map_or_else(|| on.clone(), |before| before.join(on));
            self.result
                .receivers
                .insert(key, if on.is_definite() { seen } else { Shape::any() });
        }
        let count = call.args.len();
        if self.find(self.unit, &call.name, count).is_some() {
            return self.unknown(&call.args);
        }
        let methods = on.handles.iter().filter_map(|handle| {
            let mut methods = self.registry.methods(&call.name);
            methods.find(|(ty, function)| ty.name == *handle && takes(function, count))
        });
        let methods: Vec<_> = methods.collect();
        if let ([(ty, function)], Some(_)) = (methods.as_slice(), on.only_handle()) {
            return self.native(function, &format!("{}.", ty.name), &call.args);
        }
        let mut given = Vec::new();
        for (index, arg) in call.args.iter().enumerate() {
            let closure = self.own().and_then(|unit| unit.closure(arg));
            given.push(match closure {
                Some((closure, captured, _)) => {
                    let params = super::builtins::callback(on, &call.name, index);
                    self.closure(closure, captured, &params)
                }
                None => self.value(arg),
            });
        }
        self.changed(place, &call.name, &given);
        super::builtins::returned(on, &call.name, &given)
    }
}

fn takes(function: &Function, count: usize) -> bool {
    (function.min_args()..=function.max_args()).contains(&count)
}
