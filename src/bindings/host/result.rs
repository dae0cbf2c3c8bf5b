//! What a command said and how it ended.

use std::any::TypeId;

use rhai::Dynamic;

use crate::diag::Failure;
use crate::engine::raise::Raise;
use crate::engine::registry::{Property, Type};

pub static RESULT: Type = Type {
    name: "Result",
    doc: "How a command ended. Under `--plan` a command that may change something is not run, and \
          reading its result is an error.",
    id: TypeId::of::<RunResult>,
    rust_name: std::any::type_name::<RunResult>,
    methods: &[],
    properties: &[
        Property {
            name: "ok",
            doc: "whether it ended with code 0",
            get: |value| read(value, |ended| (ended.code == Some(0)).into()),
        },
        Property {
            name: "code",
            doc: "exit code; `()` when a signal ended it",
            get: |value| {
                read(value, |ended| {
                    ended
                        .code
                        .map_or(Dynamic::UNIT, |code| i64::from(code).into())
                })
            },
        },
        Property {
            name: "signal",
            doc: "name of the signal that ended it; `()` for none",
            get: |value| {
                read(value, |ended| {
                    ended.signal.clone().map_or(Dynamic::UNIT, Into::into)
                })
            },
        },
        Property {
            name: "stdout",
            doc: "standard output, invalid UTF-8 replaced; the last 4 MiB of it",
            get: |value| read(value, |ended| ended.stdout.clone().into()),
        },
        Property {
            name: "text",
            doc: "standard output without the line ends it closes with",
            get: |value| {
                read(value, |ended| {
                    ended
                        .stdout
                        .trim_end_matches(['\n', '\r'])
                        .to_owned()
                        .into()
                })
            },
        },
        Property {
            name: "stderr",
            doc: "standard error, likewise",
            get: |value| read(value, |ended| ended.stderr.clone().into()),
        },
    ],
};

/// A command's end, or that it was not run.
#[derive(Clone, Debug)]
pub struct RunResult {
    pub command: String,
    /// `None` under plan.
    pub ended: Option<Ended>,
}

#[derive(Clone, Debug, Default)]
pub struct Ended {
    pub code: Option<i32>,
    pub signal: Option<String>,
    pub stdout: String,
    pub stderr: String,
}

fn read(value: &mut Dynamic, get: impl Fn(&Ended) -> Dynamic) -> Result<Dynamic, Raise> {
    let Some(result) = value.read_lock::<RunResult>() else {
        return Err(Raise::internal(
            "a property of Result was read on another value",
        ));
    };
    match &result.ended {
        Some(ended) => Ok(get(ended)),
        None => Err(Failure::new(
            "plan.unknown",
            format!("`{}` was not run, because this is a plan", result.command),
        )
        .help("give it `read_only: true` if it changes nothing: then it runs under `--plan` too")
        .into()),
    }
}
