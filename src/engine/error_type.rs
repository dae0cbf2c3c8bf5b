//! What `catch (e)` holds: a failure whose fields read like those of a map.

use rhai::{Dynamic, Engine, ImmutableString};

use crate::diag::Failure;

use super::value;

/// Fields are properties (`e.kind`) and indices (`e["kind"]`); a field that is not set is `()`.
pub fn register(engine: &mut Engine) {
    engine
        .register_type_with_name::<Failure>("Error")
        .register_fn("to_string", |failure: &mut Failure| failure.message.clone())
        .register_fn("to_debug", |failure: &mut Failure| {
            format!("{}: {}", failure.kind, failure.message)
        })
        .register_fn("to_map", |failure: &mut Failure| -> Dynamic {
            map(failure)
        });
    for name in FIELDS {
        engine.register_get(*name, move |failure: &mut Failure| field(failure, name));
    }
    engine.register_indexer_get(|failure: &mut Failure, name: ImmutableString| {
        field(failure, name.as_str())
    });
}

/// What a failure has.
pub const FIELDS: &[&str] = &[
    "kind", "message", "help", "host", "command", "code", "output", "details", "causes", "failures",
];

fn field(failure: &Failure, name: &str) -> Dynamic {
    match name {
        "kind" => failure.kind.clone().into(),
        "message" => failure.message.clone().into(),
        "help" => optional(failure.help.clone()),
        "host" => optional(failure.host.clone()),
        "command" => optional(failure.command.clone()),
        "code" => failure.code.map_or(Dynamic::UNIT, Dynamic::from_int),
        "output" => failure.output.join("\n").into(),
        "causes" => lines(&failure.causes),
        "details" => value::from_json(failure.details.clone().into()),
        "failures" => failure
            .failures
            .iter()
            .cloned()
            .map(Dynamic::from)
            .collect::<rhai::Array>()
            .into(),
        _ => Dynamic::UNIT,
    }
}

fn map(failure: &Failure) -> Dynamic {
    FIELDS
        .iter()
        .map(|name| ((*name).into(), field(failure, name)))
        .collect::<rhai::Map>()
        .into()
}

fn optional(text: Option<String>) -> Dynamic {
    text.map_or(Dynamic::UNIT, Into::into)
}

fn lines(lines: &[String]) -> Dynamic {
    lines
        .iter()
        .cloned()
        .map(Dynamic::from)
        .collect::<rhai::Array>()
        .into()
}
