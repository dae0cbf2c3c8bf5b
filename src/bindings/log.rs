//! `log`: messages and tables for the people who watch the run.

use rhai::{Array, Dynamic, Map};
use serde_json::Value;

use crate::diag::Failure;
use crate::engine::Call;
use crate::engine::context::Context;
use crate::engine::raise::Raise;
use crate::engine::registry::{Function, Module, Opt, Param};
use crate::engine::ty::{self, Ty};
use crate::engine::value::{self, Secrets};
use crate::report::{CheckStatus, Event, Level};

const MESSAGE: Param = Param::new(
    "message",
    Ty::Any,
    "what to say; secrets in it show as `***`",
);
const FIELDS: Param = Param::optional(
    "fields",
    Ty::Map,
    "facts by name; a field `host` says which host the message is about",
);

pub static MODULE: Module = Module {
    name: "log",
    doc: "Messages for the people who watch the run. They go to stderr, to `--json` and to the run's journal; \
          results that belong on stdout are printed with `print`.",
    functions: &[
        Function {
            name: "detail",
            doc: "A message that shows only with `-vv`. (`debug` is a reserved word of the language.)",
            params: &[MESSAGE, FIELDS],
            example: "log::detail(\"found it\", #{ path: \"/tmp/x\" })",
            body: |call| say(call, Level::Debug),
            ..Function::BASE
        },
        Function {
            name: "info",
            doc: "A message.",
            params: &[MESSAGE, FIELDS],
            example: "log::info(\"ready\", #{ host: \"api-1\", seconds: 3 })",
            body: |call| say(call, Level::Info),
            ..Function::BASE
        },
        Function {
            name: "warn",
            doc: "A message about something that deserves a look but stops nothing.",
            params: &[MESSAGE, FIELDS],
            example: "log::warn(\"disk is nearly full\", #{ free: \"2 GiB\" })",
            body: |call| say(call, Level::Warn),
            ..Function::BASE
        },
        Function {
            name: "error",
            doc: "A message about something that went wrong. It does not end the script: `throw` does.",
            params: &[MESSAGE, FIELDS],
            example: "log::error(\"health check failed\")",
            body: |call| say(call, Level::Error),
            ..Function::BASE
        },
        Function {
            name: "check",
            doc: "Shows one line of a check: what was looked at and how it was found.",
            params: &[
                Param::new("name", Ty::Str, "what was looked at"),
                Param::new(
                    "status",
                    Ty::Choice(&["ok", "warn", "fail", "not_checked"]),
                    "`ok`, `warn`, `fail` or `not_checked`",
                ),
            ],
            options: &[
                Opt::new("host", Ty::Str, "", "the host it was found on"),
                Opt::new("detail", Ty::Str, "", "what was found, in a few words"),
            ],
            errors: &["script.argument"],
            example: "log::check(\"disk\", \"ok\", #{ host: \"api-1\", detail: \"31 % used\" })",
            body: check,
            ..Function::BASE
        },
        Function {
            name: "table",
            doc: "Shows a table. A row is an array of cells, or a map from which the columns are taken by name; \
                  a cell that is `()` or not there stays empty.",
            params: &[
                Param::new("columns", Ty::Strings, "the headings"),
                Param::new("rows", Ty::Array, "arrays or maps, one a row"),
            ],
            options: &[Opt::new("title", Ty::Str, "", "a line above the table")],
            errors: &["script.argument"],
            example: "log::table([\"host\", \"state\"], [[\"api-1\", \"ok\"], #{ host: \"api-2\", state: \"down\" }])",
            body: table,
            ..Function::BASE
        },
    ],
    types: &[],
};

fn say(call: &mut Call, level: Level) -> Result<Dynamic, Raise> {
    let mut fields = if call.has(1) {
        call.map(1)?
    } else {
        Map::new()
    };
    let host = fields.get("host").and_then(ty::text);
    if host.is_some() {
        fields.remove("host");
    }
    call.session.run.reporter().emit(Event::Log {
        level,
        message: words(call.value(0)?),
        fields: fields
            .iter()
            .map(|(name, value)| (name.to_string(), plain(value)))
            .collect(),
        host,
        step: Context::step(),
    });
    Ok(Dynamic::UNIT)
}

fn check(call: &mut Call) -> Result<Dynamic, Raise> {
    let status = match call.string(1)?.as_str() {
        "warn" => CheckStatus::Warn,
        "fail" => CheckStatus::Fail,
        "not_checked" => CheckStatus::NotChecked,
        _ => CheckStatus::Ok,
    };
    call.session.run.reporter().emit(Event::Check {
        host: call.opt_string("host"),
        name: call.string(0)?,
        status,
        detail: call.opt_string("detail").unwrap_or_default(),
    });
    Ok(Dynamic::UNIT)
}

fn table(call: &mut Call) -> Result<Dynamic, Raise> {
    let columns = call.strings(0)?;
    let rows = call
        .array(1)?
        .iter()
        .enumerate()
        .map(|(index, row)| cells(&columns, index, row))
        .collect::<Result<_, _>>()?;
    let title = call.opt_string("title");
    call.session.run.reporter().emit(Event::Table {
        title,
        columns,
        rows,
    });
    Ok(Dynamic::UNIT)
}

fn cells(columns: &[String], index: usize, row: &Dynamic) -> Result<Vec<String>, Failure> {
    let wrong = |what: String| {
        Failure::usage(
            "script.argument",
            format!("row {} of `log::table` {what}", index + 1),
        )
    };
    if let Some(row) = row.read_lock::<Map>() {
        return Ok(columns
            .iter()
            .map(|name| row.get(name.as_str()).map(words).unwrap_or_default())
            .collect());
    }
    let Some(row) = row.read_lock::<Array>() else {
        return Err(wrong(format!(
            "must be an array or a map, got {}",
            ty::describe(row)
        )));
    };
    if row.len() > columns.len() {
        return Err(wrong(format!(
            "has {} cells for {} columns",
            row.len(),
            columns.len()
        )));
    }
    let mut cells: Vec<String> = row.iter().map(words).collect();
    cells.resize(columns.len(), String::new());
    Ok(cells)
}

/// A value as part of a sentence.
fn words(value: &Dynamic) -> String {
    match plain(value) {
        Value::Null => String::new(),
        Value::String(text) => text,
        other => other.to_string(),
    }
}

/// A value as data; what is no plain data, such as a handle, is named by its kind.
fn plain(value: &Dynamic) -> Value {
    value::to_json(value, Secrets::Mask).unwrap_or_else(|_| {
        super::name_of(value)
            .unwrap_or_else(|| ty::describe(value))
            .into()
    })
}
