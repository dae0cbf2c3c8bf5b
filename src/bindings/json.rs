//! `json`: JSON text to values and back.

use rhai::Dynamic;

use crate::diag::Failure;
use crate::engine::Call;
use crate::engine::raise::Raise;
use crate::engine::registry::{Function, Module, Opt, Param};
use crate::engine::ty::Ty;
use crate::engine::value::{self, Secrets};

pub static MODULE: Module = Module {
    name: "json",
    doc: "JSON text to values and back.",
    functions: &[
        Function {
            name: "parse",
            doc: "Reads JSON. `null` becomes `()`; an integer beyond 64 bits becomes a string of its digits.",
            params: &[Param::new("text", Ty::Text, "one JSON value")],
            returns: "the value",
            errors: &["json.parse"],
            example: "json::parse(\"{\\\"a\\\": [1, 2]}\").a[1]",
            body: |call| {
                let text = call.text(0)?;
                Ok(value::from_json(
                    serde_json::from_str(text.expose()).map_err(|error| unreadable(&error))?,
                ))
            },
            ..Function::BASE
        },
        Function {
            name: "stringify",
            doc: "Writes a value as JSON. With a secret anywhere in the value, the text is a secret itself.",
            params: &[Param::new(
                "value",
                Ty::Any,
                "strings, numbers, bools, `()`, arrays and maps",
            )],
            options: &[Opt::new(
                "pretty",
                Ty::Bool,
                "false",
                "spread over lines and indented",
            )],
            returns: "a string, or a secret",
            errors: &["script.value"],
            example: "json::stringify(#{ a: [1, 2], b: () }, #{ pretty: true })",
            body: stringify,
            ..Function::BASE
        },
    ],
    types: &[],
};

fn stringify(call: &mut Call) -> Result<Dynamic, Raise> {
    let given = call.value(0)?;
    let json = value::to_json(given, Secrets::Expose)?;
    let text = match call.opt_bool("pretty") {
        Some(true) => serde_json::to_string_pretty(&json),
        _ => serde_json::to_string(&json),
    }
    .map_err(|error| Raise::internal(format!("JSON cannot be written: {error}")))?;
    Ok(super::made_of(call, given, text))
}

/// The place is told, the text is not: it may hold secrets.
pub(super) fn unreadable(error: &serde_json::Error) -> Failure {
    let place = format!(" at line {} column {}", error.line(), error.column());
    let what = error.to_string();
    let what = what.strip_suffix(&place).unwrap_or(&what);
    Failure::new("json.parse", format!("the text is not JSON: {what}{place}"))
        .detail("line", error.line())
        .detail("column", error.column())
}
