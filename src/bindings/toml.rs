//! `toml`: TOML text to values and back.

use rhai::Dynamic;
use serde_json::Value as Json;
use toml::Value as Toml;

use crate::diag::Failure;
use crate::engine::Call;
use crate::engine::raise::Raise;
use crate::engine::registry::{Function, Module, Param};
use crate::engine::ty::Ty;
use crate::engine::value::{self, Secrets};

pub static MODULE: Module = Module {
    name: "toml",
    doc: "TOML text to values and back.",
    functions: &[
        Function {
            name: "parse",
            doc: "Reads a TOML document. Dates and times become strings.",
            params: &[Param::new("text", Ty::Text, "the document")],
            returns: "a map",
            errors: &["toml.parse"],
            example: "toml::parse(\"[pool]\\nsize = 3\").pool.size",
            body: |call| {
                let text = call.text(0)?;
                let table: toml::Table = text
                    .expose()
                    .parse()
                    .map_err(|error| unreadable(text.expose(), &error))?;
                Ok(value::from_json(to_json(Toml::Table(table))))
            },
            ..Function::BASE
        },
        Function {
            name: "stringify",
            doc: "Writes a map as a TOML document. With a secret anywhere in it, the text is a secret itself. \
                  TOML has no value for `()`, so a map with one is refused.",
            params: &[Param::new("value", Ty::Map, "the document")],
            returns: "a string, or a secret",
            errors: &["script.value"],
            example: "toml::stringify(#{ pool: #{ size: 3 } })",
            body: stringify,
            ..Function::BASE
        },
    ],
    types: &[],
};

fn stringify(call: &mut Call) -> Result<Dynamic, Raise> {
    let given = call.value(0)?;
    let document = from_json(value::to_json(given, Secrets::Expose)?, "value")?;
    let text = toml::to_string(&document)
        .map_err(|error| Raise::internal(format!("TOML cannot be written: {error}")))?;
    Ok(super::made_of(call, given, text))
}

fn to_json(value: Toml) -> Json {
    match value {
        Toml::String(text) => text.into(),
        Toml::Integer(number) => number.into(),
        Toml::Float(number) => number.into(),
        Toml::Boolean(flag) => flag.into(),
        Toml::Datetime(moment) => moment.to_string().into(),
        Toml::Array(items) => items.into_iter().map(to_json).collect(),
        Toml::Table(fields) => fields
            .into_iter()
            .map(|(name, field)| (name, to_json(field)))
            .collect(),
    }
}

fn from_json(value: Json, path: &str) -> Result<Toml, Failure> {
    Ok(match value {
        Json::Null => {
            return Err(Failure::new(
                "script.value",
                format!("`{path}` is `()`, for which TOML has no value"),
            )
            .help("leave the field out"));
        }
        Json::Bool(flag) => flag.into(),
        Json::Number(number) => match number.as_i64() {
            Some(int) => int.into(),
            None => number.as_f64().unwrap_or(f64::NAN).into(),
        },
        Json::String(text) => text.into(),
        Json::Array(items) => Toml::Array(
            items
                .into_iter()
                .enumerate()
                .map(|(index, item)| from_json(item, &format!("{path}[{index}]")))
                .collect::<Result<_, _>>()?,
        ),
        Json::Object(fields) => Toml::Table(
            fields
                .into_iter()
                .map(|(name, field)| {
                    let field = from_json(field, &format!("{path}.{name}"))?;
                    Ok((name, field))
                })
                .collect::<Result<_, Failure>>()?,
        ),
    })
}

/// The place is told, the text is not: it may hold secrets.
fn unreadable(text: &str, error: &toml::de::Error) -> Failure {
    let before = error
        .span()
        .and_then(|span| text.get(..span.start))
        .unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    Failure::new(
        "toml.parse",
        format!("the text is not TOML: {} at line {line}", error.message()),
    )
    .detail("line", line)
}
