//! Calls of bindings: their arguments by kind, and what they give where the manual's words do not
//! say it.

use rhai::Expr;

use crate::bindings::args::KEYS as DECLARATION;
use crate::check::arguments::{is_shown, options_index, positional};
use crate::check::shape::{Fields, Kinds, Shape};
use crate::diag::Failure;
use crate::engine::call::unknown_option;
use crate::engine::registry::Function;
use crate::engine::ty::Ty;

use super::Walk;
use super::needs::{Want, refuse};

impl<'a> Walk<'a> {
    pub(super) fn native(
        &mut self,
        function: &'static Function,
        owner: &str,
        args: &'a [Expr],
    ) -> Shape {
        let name = format!("{owner}{}", function.name);
        let options = options_index(function, args);
        let taken = positional(function, args, options);
        // Of two closures it is the first that does the work: `task::cleanup`.
        let body = taken
            .iter()
            .find(|(param, _)| matches!(param.ty, Ty::Callback(_)))
            .map(|(_, value)| *value);
        let is_body = |arg: &Expr| body.is_some_and(|body| std::ptr::eq(arg, body));
        let mut shapes = Vec::new();
        let mut closure_returns = Shape::any();
        for (index, arg) in args.iter().enumerate() {
            let closure = self.own().and_then(|unit| unit.closure(arg));
            let shape = match closure {
                Some((closure, captured, _)) => {
                    let given = callback(&name, &shapes);
                    let shape = self.closure(closure, captured, &given);
                    if is_body(arg) {
                        closure_returns = shape.returns();
                    }
                    shape
                }
                None => self.value(arg),
            };
            // A closure that came from elsewhere.
            if closure.is_none() && is_body(arg) && shape.is_only(Kinds::CLOSURE) {
                closure_returns = shape.returns();
            }
            shapes.push(shape);
            if Some(index) == options {
                self.options(
                    function,
                    &name,
                    arg,
                    shapes.last().cloned().unwrap_or_default(),
                );
            }
        }
        for (param, value) in taken {
            let index = args.iter().position(|arg| std::ptr::eq(arg, value));
            let shape = index
                .and_then(|index| shapes.get(index))
                .cloned()
                .unwrap_or_else(Shape::any);
            if param.ty != Ty::Any {
                self.need(value, Want::Ty(param.ty));
            }
            if let Some(reason) = refuse(param.ty, &shape)
                .filter(|_| !is_shown(value) || matches!(param.ty, Ty::Handle(_)))
            {
                let message = format!("`{}` of `{name}`: {reason}", param.name);
                let help = format!("{}: {}", param.name, param.doc);
                self.error(
                    Failure::new("script.argument", message).help(help),
                    value.start_position(),
                );
            }
        }
        self.given(function, &name, &shapes, options, closure_returns, args)
    }

    /// Options of a binding: those that a variable holds, and values that are no literals.
    fn options(&mut self, function: &'static Function, name: &str, given: &'a Expr, shape: Shape) {
        let Some(fields) = shape.fields().filter(|_| shape.is_only(Kinds::MAP)) else {
            return;
        };
        let literal = match given {
            Expr::Map(map, _) => Some(&map.0),
            _ => None,
        };
        for (key, shape) in &fields.known {
            let value = literal
                .and_then(|map| map.iter().find(|(name, _)| name.as_str() == key))
                .map(|(_, value)| value);
            let at = value.unwrap_or(given).start_position();
            let Some(option) = function
                .options
                .iter()
                .find(|option| option.name == key.as_str())
            else {
                if literal.is_none() {
                    self.error(unknown_option(function, name, key), at);
                }
                continue;
            };
            if let Some(value) = value {
                self.need(value, Want::Ty(option.ty));
                if is_shown(value) && !matches!(option.ty, Ty::Handle(_)) {
                    continue;
                }
            }
            if let Some(reason) = refuse(option.ty, shape) {
                let message = format!("option `{key}` of `{name}`: {reason}");
                let help = format!("{key}: {}", option.doc);
                self.error(Failure::new("script.option", message).help(help), at);
            }
        }
    }

    /// What a binding gives.
    fn given(
        &mut self,
        function: &'static Function,
        name: &str,
        shapes: &[Shape],
        options: Option<usize>,
        closure: Shape,
        args: &'a [Expr],
    ) -> Shape {
        let option = |key: &str| {
            let fields = options
                .and_then(|index| shapes.get(index))
                .and_then(Shape::fields);
            fields.and_then(|fields| fields.known.get(key).cloned())
        };
        match name {
            "task::step"
            | "task::retry"
            | "task::timeout"
            | "task::cleanup"
            | "Database.transaction" => closure,
            "task::parallel" => {
                let given = options.and_then(|index| shapes.get(index));
                let mode = option("on_error");
                let collects = match &mode {
                    None => given
                        .is_none_or(|given| given.fields().is_some_and(|fields| !fields.open))
                        .then_some(false),
                    Some(mode) => mode
                        .texts()
                        .map(|texts| texts.iter().any(|text| text == "collect")),
                };
                match collects {
                    Some(true) => {
                        let item = shapes.first().map_or_else(Shape::any, Shape::item);
                        Shape::array(fields(
                            &[
                                ("item", item),
                                ("ok", Shape::of(Kinds::BOOL)),
                                // Without a value, or without an error.
                                (
                                    "value",
                                    if closure.is_definite() {
                                        closure
                                    } else {
                                        Shape::any()
                                    },
                                ),
                                ("error", Shape::any()),
                            ],
                            None,
                        ))
                    }
                    Some(false) => Shape::array(closure),
                    None => Shape::any(),
                }
            }
            "env::load" => self.configuration(&option),
            "args::options" => {
                let fallbacks = shapes.get(2).cloned().unwrap_or_else(Shape::any);
                if let Some(Expr::Variable(variable, ..)) = args.get(1)
                    && let Some(known) = self.function.and_then(|key| self.known.get_mut(&key))
                {
                    known
                        .options
                        .insert(variable.1.to_string(), fallbacks.clone());
                }
                loosened(&fallbacks)
            }
            "args::parse" => {
                self.declaration(args);
                shapes.first().map_or_else(Shape::any, declared)
            }
            "ssh::limited" => shapes.first().cloned().unwrap_or_else(Shape::any),
            _ => self.returned_by(function),
        }
    }

    /// What a script says of its arguments.
    fn declaration(&mut self, args: &'a [Expr]) {
        let Some(Expr::Map(map, _)) = args.first() else {
            return;
        };
        for (name, about) in &map.0 {
            let Expr::Map(about, _) = about else { continue };
            for (key, _) in about
                .0
                .iter()
                .filter(|(key, _)| !DECLARATION.contains(&key.as_str()))
            {
                let message = format!(
                    "the argument `{}` has an unknown key `{}`",
                    name.as_str(),
                    key.as_str()
                );
                let near = crate::suggest::nearest(key.as_str(), DECLARATION.iter().copied());
                let help = near.map_or_else(
                    || format!("it takes: {}", DECLARATION.join(", ")),
                    |near| format!("did you mean `{near}`?"),
                );
                self.error(Failure::new("script.option", message).help(help), key.pos);
            }
        }
    }

    /// The map that `env::load` makes of its options.
    fn configuration(&self, option: &dyn Fn(&str) -> Option<Shape>) -> Shape {
        if option("allow_unknown").is_some() {
            return Shape::open_map();
        }
        let mut known = Fields {
            title: Some("the configuration"),
            ..Fields::default()
        };
        let names = |key: &str| -> Option<Vec<String>> {
            match option(key) {
                None => Some(Vec::new()),
                Some(list) if list.is_only(Kinds::ARRAY) => match list.item() {
                    item if item == Shape::never() => Some(Vec::new()),
                    item if item.is_only(Kinds::ARRAY) => {
                        item.item().texts().map(<[String]>::to_vec)
                    }
                    item => item.texts().map(<[String]>::to_vec),
                },
                Some(_) => None,
            }
        };
        let all = (
            names("required"),
            names("any_of"),
            names("secrets"),
            names("lists"),
            names("paths"),
        );
        let (Some(required), Some(any_of), Some(secrets), Some(lists), Some(paths)) = all else {
            return Shape::open_map();
        };
        for name in required
            .iter()
            .chain(&any_of)
            .chain(&secrets)
            .chain(&lists)
            .chain(&paths)
        {
            known.known.insert(name.clone(), Shape::of(Kinds::TEXT));
        }
        match option("optional") {
            None => {}
            Some(optional) => match optional.fields() {
                Some(fields) if !fields.open => {
                    for (name, fallback) in &fields.known {
                        let shape = match fallback.is_only(Kinds::TEXT) {
                            true => Shape::of(Kinds::TEXT),
                            false if fallback.may_be(Kinds::UNIT) => Shape::any(),
                            false => fallback.clone(),
                        };
                        known.known.insert(name.clone(), shape);
                    }
                }
                _ => return Shape::open_map(),
            },
        }
        for name in &secrets {
            known.known.insert(name.clone(), Shape::of(Kinds::SECRET));
        }
        for name in &lists {
            known
                .known
                .insert(name.clone(), Shape::array(Shape::of(Kinds::TEXT)));
        }
        Shape::map(known)
    }
}

/// What a binding calls its closure with.
fn callback(name: &str, before: &[Shape]) -> Vec<Shape> {
    match name {
        "task::parallel" => vec![before.first().map_or_else(Shape::any, Shape::item)],
        "Database.transaction" => vec![Shape::handle("Transaction")],
        "Nomad.follow_logs" | "Host.stream" | "Sandbox.stream" | "Api.follow_build" => {
            vec![Shape::of(Kinds::TEXT)]
        }
        _ => Vec::new(),
    }
}

fn fields(known: &[(&str, Shape)], title: Option<&'static str>) -> Shape {
    let known = known
        .iter()
        .map(|(key, shape)| ((*key).to_owned(), shape.clone()));
    Shape::map(Fields {
        known: known.collect(),
        title,
        ..Fields::default()
    })
}

/// What options are once they are given: of their fallbacks' kinds, with other values.
fn loosened(fallbacks: &Shape) -> Shape {
    let Some(known) = fallbacks.fields().filter(|_| fallbacks.is_only(Kinds::MAP)) else {
        return Shape::any();
    };
    let mut options = Fields {
        open: known.open,
        title: Some("the map of options"),
        ..Fields::default()
    };
    for (key, fallback) in &known.known {
        let number = fallback.is_only(Kinds::NUMBER);
        let shape = match fallback {
            fallback if fallback.may_be(Kinds::UNIT) => Shape::any(),
            _ if number => Shape::of(Kinds::NUMBER),
            fallback => fallback.outline(),
        };
        options.known.insert(key.clone(), shape);
    }
    Shape::map(options)
}

/// The arguments that a script declares.
fn declared(declaration: &Shape) -> Shape {
    let Some(known) = declaration.fields().filter(|fields| !fields.open) else {
        return Shape::any();
    };
    let mut arguments = Fields {
        title: Some("the map of the script's arguments"),
        ..Fields::default()
    };
    for (name, about) in &known.known {
        let shape = about.fields().map_or_else(Shape::any, |about| {
            let says = |key: &str| about.known.get(key);
            let ty =
                says("type").and_then(|ty| ty.texts().and_then(|texts| texts.first().cloned()));
            let one = match (ty.as_deref(), says("fallback"), says("flag")) {
                (Some("int"), ..) => Shape::of(Kinds::INT),
                (Some("number"), ..) => Shape::of(Kinds::NUMBER),
                (Some("bool"), ..) | (None, None, Some(_)) => Shape::of(Kinds::BOOL),
                (Some(_), ..) => Shape::of(Kinds::TEXT),
                (None, Some(fallback), _) => fallback.outline(),
                (None, None, None) => Shape::of(Kinds::TEXT),
            };
            let is_sure = ["fallback", "required", "flag"]
                .into_iter()
                .any(|key| says(key).is_some());
            match says("many") {
                Some(_) => Shape::array(Shape::any()),
                None if is_sure => one,
                None => Shape::any(),
            }
        });
        arguments.known.insert(name.clone(), shape);
    }
    Shape::map(arguments)
}
