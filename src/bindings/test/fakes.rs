//! What answers in a test instead of hosts and services.

use rhai::{Array, Dynamic, Map};
use serde_json::Value;

use crate::diag::Failure;
use crate::engine::Call;
use crate::engine::raise::Raise;
use crate::engine::registry::{Function, Param};
use crate::engine::ty::Ty;
use crate::engine::value::{Secrets, from_json, to_json};

pub const HOSTS: Function = Function {
    name: "hosts",
    doc: "Describes the hosts of the test by name; `*` is all of them. A host that is not described is a fresh one. \
          `files`: texts by path, or maps with `text` and `mode`; `dirs`: paths; `units`: `running`, `stopped` or `disabled`; \
          `commands`: what commands answer, by what one would type (`*` in it is any text): a string is its output, a number its exit \
          code, a map has `code`, `stdout`, `stderr`, `signal`; `facts`: what differs from a usual host; `down`: it cannot be \
          reached. What `ensure` and its like change stays changed, for the test.",
    params: &[Param::new("hosts", Ty::Map, "maps by the hosts' names")],
    errors: &["test.answers", "test.outside"],
    example: "let example = || test::hosts(#{ \"api-1\": #{ commands: #{ \"uname *\": \"Linux\\n\" }, units: #{ docker: \"running\" } } });",
    body: |call| {
        let hosts = answers(call)?;
        super::stage(call)?.put_hosts(&hosts)?;
        Ok(Dynamic::UNIT)
    },
    ..Function::BASE
};

pub const HTTP: Function = Function {
    name: "http",
    doc: "Answers requests of Nomad, Consul, the platform's API and any other HTTP. A request is a method and a path, with the \
          query or without, with host and port in front or without (`GET /v1/jobs`, `GET :8500/v1/status/leader`); `*` in it is any \
          text. A string answers as it is, a map with `status`, `headers`, `body` or `down` as it says, anything else as JSON.",
    params: &[Param::new("answers", Ty::Map, "answers by request")],
    errors: &["test.answers", "test.outside"],
    example: "let example = || test::http(#{ \"GET /v1/jobs\": [], \"GET /v1/job/*\": #{ status: 404, body: \"job not found\" } });",
    body: |call| {
        let answered = answers(call)?;
        super::stage(call)?.put_http(&answered)?;
        Ok(Dynamic::UNIT)
    },
    ..Function::BASE
};

pub const SQL: Function = Function {
    name: "sql",
    doc: "Answers statements to PostgreSQL. In a statement, `*` is any text; white space and case do not count. An array of maps is \
          the rows, a number how many rows were touched, a map with `error` (the SQLSTATE) and `message` a refusal. Transactions \
          need no answers.",
    params: &[Param::new("answers", Ty::Map, "answers by statement")],
    errors: &["test.answers", "test.outside"],
    example: "let example = || test::sql(#{ \"select * from teams*\": [#{ id: 1, name: \"E2B\" }], \"update *\": 1 });",
    body: |call| {
        let answered = answers(call)?;
        super::stage(call)?.put_sql(&answered)?;
        Ok(Dynamic::UNIT)
    },
    ..Function::BASE
};

pub const TURNS: Function = Function {
    name: "turns",
    doc: "Answers that are given one time after the other; the last one stays.",
    params: &[Param::new("answers", Ty::Array, "in their order")],
    returns: "an answer for `hosts`, `http` or `sql`",
    example: "test::turns([#{ status: 503 }, \"ok\"])",
    body: |call| {
        let mut turns = Map::new();
        turns.insert("turns".into(), call.array(0)?.into());
        Ok(turns.into())
    },
    ..Function::BASE
};

pub const ASKED: Function = Function {
    name: "asked",
    doc: "Everything that the test has asked of hosts and services so far, in order: `HOST: COMMAND`, \
          `METHOD HOST:PORT/PATH`, statements on one line.",
    returns: "array of strings",
    errors: &["test.outside"],
    example: "let example = || test::contains(test::asked(), \"systemctl restart nomad\");",
    body: |call| {
        let asked = super::stage(call)?.asked().into_iter();
        Ok(asked.map(Dynamic::from).collect::<Array>().into())
    },
    ..Function::BASE
};

pub const CONTENT: Function = Function {
    name: "content",
    doc: "What a file on a host of the test holds now.",
    params: &[
        Param::new("host", Ty::Str, "the host's name"),
        Param::new("path", Ty::Str, "the file"),
    ],
    returns: "a string; `()` when there is no such file, or nobody knows what is in it",
    errors: &["test.outside"],
    example: "let example = || test::equal(test::content(\"api-1\", \"/etc/motd\"), ());",
    body: |call| {
        let model = super::stage(call)?.model(&call.string(0)?);
        let content = model.content(&call.string(1)?);
        Ok(content.map_or(Dynamic::UNIT, |bytes| {
            crate::bindings::bytes_or_text(bytes.to_vec())
        }))
    },
    ..Function::BASE
};

pub const KEPT: Function = Function {
    name: "kept",
    doc: "A value that differs from run to run, such as the moment or a configuration: what was recorded, else what `body` \
          returns.",
    params: &[
        Param::new("name", Ty::Str, "what the recording calls it"),
        Param::new("body", Ty::Callback(0), "makes the value: plain data"),
    ],
    returns: "the value; secrets in it are `***` when it comes from a recording",
    errors: &["test.outside", "script.value"],
    example: "let example = || test::kept(\"now\", || time::now());",
    body: |call| {
        let stage = super::stage(call)?;
        let body = call.callback(1)?;
        let value = stage.kept(&call.string(0)?, || {
            let made = call.invoke(&body, ())?;
            to_json(&made, Secrets::Mask).map_err(Raise::from)
        })?;
        Ok(from_json(value))
    },
    ..Function::BASE
};

pub const RECORDS: Function = Function {
    name: "records",
    doc: "Whether the test runs against real hosts and services to record what they answer (`--record`).",
    returns: "bool",
    errors: &["test.outside"],
    example: "let example = || test::records();",
    body: |call| Ok(super::stage(call)?.records().into()),
    ..Function::BASE
};

pub const PLANNED: Function = Function {
    name: "planned",
    doc: "Calls `body` as a run under `--plan` would: nothing is changed.",
    params: &[Param::new("body", Ty::Callback(0), "the work")],
    returns: "what `body` returns",
    errors: &["test.outside"],
    example: "let example = || test::planned(|| task::is_plan());",
    body: |call| {
        super::stage(call)?;
        let body = call.callback(0)?;
        let run = call.session.run.clone();
        run.planning(|| call.invoke(&body, ()))
    },
    ..Function::BASE
};

/// The map of answers as plain data. Secrets in them are masked in everything that is shown.
fn answers(call: &Call) -> Result<serde_json::Map<String, Value>, Raise> {
    match to_json(call.value(0)?, Secrets::Expose)? {
        Value::Object(fields) => Ok(fields),
        _ => Err(Failure::usage("test.answers", "answers are a map").into()),
    }
}
