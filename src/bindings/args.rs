//! `args`: what the operator typed after the script's name.

use rhai::{Array, Dynamic, Map};

use crate::args::{self, Argument, Declaration, Kind, Parsed, Problem, UsageError};
use crate::diag::Failure;
use crate::engine::raise::Raise;
use crate::engine::registry::{Function, Module, Param};
use crate::engine::ty::{self, Ty};
use crate::engine::value::{self, Secrets};
use crate::engine::{Call, exit, suggest};
use crate::report::Event;

pub static MODULE: Module = Module {
    name: "args",
    doc: "The script's own command-line arguments: declared once, read, checked and explained by `--help`.",
    functions: &[
        Function {
            name: "parse",
            doc: "Reads the arguments against a declaration: a map from each argument's name to a map of \
                  `type` (`\"string\"`, `\"int\"`, `\"number\"`, `\"bool\"`, `\"duration\"`, `\"size\"`), `fallback` (the value when \
                  it is not given; `default` is a reserved word of the language), `help`, `required`, \
                  `many` (may be repeated; the value is an array), `flag` (stands alone, `true` when given), \
                  `positional` (`true`, or its place from 1), `choices` (array of strings) and `env` (name of the environment variable to \
                  read instead). Without a `type`, the fallback's type holds. `env_file` is typed `--env-file VALUE` or \
                  `--env-file=VALUE`; what follows `--` is left to `args::rest`. `--help` prints the \
                  comment at the top of the script and the arguments, and ends the script with code 0.",
            params: &[Param::new(
                "declaration",
                Ty::Map,
                "the arguments that the script takes, by name",
            )],
            returns: "a map with a value for every declared argument; `()` for one that is neither given nor has a fallback",
            errors: &["args.usage", "args.declaration"],
            example: "args::parse(#{ env_file: #{ fallback: \"deploy.env\", help: \"cluster configuration\" } }).env_file",
            body: parse,
            ..Function::BASE
        },
        Function {
            name: "options",
            doc: "The options of a script function: what was given, over what holds without it. A key that has no \
                  fallback is refused, with the nearest that has one; so is a value of another kind than its fallback.",
            params: &[
                Param::new("function", Ty::Str, "the function's name, for messages"),
                Param::new("given", Ty::Map, "the options as the caller gave them"),
                Param::new(
                    "fallbacks",
                    Ty::Map,
                    "every option with what holds when it is not given",
                ),
            ],
            returns: "a map with every option",
            errors: &["script.option"],
            example: "args::options(\"flow::run\", #{ limit: 2 }, #{ limit: 16, after_host: |host| () }).limit",
            body: options,
            ..Function::BASE
        },
        Function {
            name: "rest",
            doc: "What was typed after `--`, as it is.",
            returns: "an array of strings",
            example: "args::rest()",
            body: |call| {
                let behind = call
                    .session
                    .args
                    .iter()
                    .skip_while(|arg| *arg != "--")
                    .skip(1);
                Ok(behind.cloned().map(Dynamic::from).collect::<Array>().into())
            },
            ..Function::BASE
        },
        Function {
            name: "script",
            doc: "The script's name as the operator typed it.",
            returns: "a string",
            example: "args::script()",
            body: |call| Ok(call.session.script.clone().into()),
            ..Function::BASE
        },
    ],
    types: &[],
};

fn parse(call: &mut Call) -> Result<Dynamic, Raise> {
    let declaration = declaration(&call.map(0)?)?;
    let command = format!("e2bscript {}", call.session.script);
    let session = &call.session;
    let environment = |name: &str| session.variable(name).filter(|text| !text.is_empty());
    match declaration.parse(&call.session.args, environment) {
        Ok(Parsed::Values(values)) => {
            let values = values.into_iter();
            Ok(values
                .map(|(name, value)| (name.into(), value::from_json(value)))
                .collect::<Map>()
                .into())
        }
        Ok(Parsed::Help) => {
            let text = declaration.usage(&command, &about(call));
            call.session
                .run
                .reporter()
                .emit(Event::Result { value: text.into() });
            Err(Raise::Script(exit::with(0)))
        }
        Err(UsageError(problems)) => Err(refused(problems, &command).into()),
    }
}

fn options(call: &mut Call) -> Result<Dynamic, Raise> {
    let function = call.string(0)?;
    let mut options = call.map(2)?;
    for (key, value) in call.map(1)? {
        let Some(fallback) = options.get(&key) else {
            let known: Vec<&str> = options.keys().map(|key| key.as_str()).collect();
            let help = match crate::suggest::nearest(&key, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("it takes: {}", known.join(", ")),
            };
            return Err(Failure::usage(
                "script.option",
                format!("`{function}` has no option `{key}`"),
            )
            .help(help)
            .into());
        };
        if !fallback.is_unit() && fallback.type_id() != value.type_id() {
            return Err(Failure::usage(
                "script.option",
                format!(
                    "option `{key}` of `{function}`: expected something like {}, got {}",
                    ty::describe(fallback),
                    ty::describe(&value)
                ),
            )
            .into());
        }
        options.insert(key, value);
    }
    Ok(options.into())
}

fn about(call: &Call) -> String {
    let source = call
        .context
        .call_source()
        .and_then(|id| call.session.sources.get(id));
    source
        .map(|source| args::about(&source.text))
        .unwrap_or_default()
}

/// One failure for everything that is wrong, so that the operator corrects it in one go.
fn refused(problems: Vec<Problem>, command: &str) -> Failure {
    let count = problems.len();
    let mut failures: Vec<Failure> = problems
        .into_iter()
        .map(|problem| Failure::usage("args.usage", problem.what).maybe_help(problem.help))
        .collect();
    let hint = format!("`{command} --help` shows the arguments");
    if count == 1
        && let Some(only) = failures.pop()
    {
        let help = only
            .help
            .clone()
            .map_or_else(|| hint.clone(), |help| format!("{help} ({hint})"));
        return only.help(help);
    }
    Failure {
        failures,
        ..Failure::usage("args.usage", format!("{count} arguments are wrong")).help(hint)
    }
}

/// Keys of one argument's declaration.
pub const KEYS: &[&str] = &[
    "type",
    "fallback",
    "help",
    "required",
    "many",
    "flag",
    "positional",
    "choices",
    "env",
];

/// The arguments that a map of `args::parse` declares.
pub fn declaration(map: &Map) -> Result<Declaration, Failure> {
    let arguments = map
        .iter()
        .map(|(name, fields)| argument(name, fields))
        .collect::<Result<Vec<_>, _>>()?;
    Declaration::new(arguments)
        .map_err(|error| Failure::usage("args.declaration", error.to_string()))
}

fn argument(name: &str, fields: &Dynamic) -> Result<Argument, Failure> {
    let wrong =
        |what: String| Failure::usage("args.declaration", format!("the argument `{name}` {what}"));
    let Some(fields) = fields.read_lock::<Map>() else {
        return Err(wrong(format!(
            "is declared by a map, not by {}",
            ty::describe(fields)
        ))
        .help(format!("write `{name}: #{{ help: \"…\" }}`")));
    };
    if let Some(key) = fields.keys().find(|key| !KEYS.contains(&key.as_str())) {
        return Err(wrong(format!("has an unknown key `{key}`")).help(known_key(key)));
    }
    let flag = field(&fields, "flag", Ty::Bool)
        .map_err(wrong)?
        .is_some_and(|value| value.as_bool() == Ok(true));
    let fallback = match fields.get("fallback") {
        Some(value) if !value.is_unit() => Some(value::to_json(value, Secrets::Refuse)?),
        _ => None,
    };
    let kind = match field(&fields, "type", Ty::Str)
        .map_err(wrong)?
        .and_then(ty::text)
    {
        Some(word) => Kind::from_name(&word).ok_or_else(|| {
            wrong(format!("has an unknown type `{word}`"))
                .help(format!("one of {}", Kind::NAMES.join(", ")))
        })?,
        None if flag => Kind::Bool,
        None => fallback.as_ref().map(Kind::of).unwrap_or_default(),
    };
    let yes = |key: &str| {
        Ok::<_, Failure>(
            field(&fields, key, Ty::Bool)
                .map_err(wrong)?
                .is_some_and(|v| v.as_bool() == Ok(true)),
        )
    };
    let text = |key: &str| {
        Ok::<_, Failure>(
            field(&fields, key, Ty::Str)
                .map_err(wrong)?
                .and_then(ty::text),
        )
    };
    Ok(Argument {
        name: name.to_owned(),
        kind,
        fallback,
        help: text("help")?.unwrap_or_default(),
        required: yes("required")?,
        many: yes("many")?,
        flag,
        positional: match fields.get("positional") {
            None => None,
            Some(value) if value.as_bool() == Ok(true) => Some(1),
            Some(value) if value.as_bool() == Ok(false) => None,
            Some(value) => Some(value.as_int().map_err(|_| {
                wrong("has a `positional` that is neither `true` nor a number".into())
            })?),
        },
        choices: field(&fields, "choices", Ty::Strings)
            .map_err(wrong)?
            .and_then(ty::strings)
            .unwrap_or_default(),
        env: text("env")?,
    })
}

fn field<'a>(fields: &'a Map, key: &str, kind: Ty) -> Result<Option<&'a Dynamic>, String> {
    let Some(value) = fields.get(key) else {
        return Ok(None);
    };
    match kind.refuse(value) {
        Some(reason) => Err(format!("has a wrong `{key}`: {reason}")),
        None => Ok(Some(value)),
    }
}

fn known_key(key: &str) -> String {
    if key == "default" {
        return "write `fallback`: `default` is a reserved word of the language".into();
    }
    match suggest::nearest(key, KEYS.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("it takes: {}", KEYS.join(", ")),
    }
}
