//! `test`: what tests of scripts say, and what they stand on.

mod compare;
mod fakes;
mod golden;

use std::sync::Arc;

use rhai::{Dynamic, EvalAltResult};

use crate::diag::Failure;
use crate::engine::Call;
use crate::engine::exit;
use crate::engine::raise::{Raise, failure_of};
use crate::engine::registry::{Function, Module, Param};
use crate::engine::ty::{self, Ty};
use crate::replay::{SKIPPED, Stage};

const BODY: Param = Param::new("body", Ty::Callback(0), "the work");

pub static MODULE: Module = Module {
    name: "test",
    doc: "Assertions of tests, and what answers in them instead of hosts and services. Tests are the functions \
          `test_…` of files `*.test.rhai`; `e2bscript test` runs them.",
    functions: &[
        Function {
            name: "equal",
            doc: "Fails unless both are the same; the failure shows the difference. Maps are compared by their fields, \
                  secrets by what they hold, but never shown.",
            params: &[
                Param::new("found", Ty::Any, "what came out"),
                Param::new("wanted", Ty::Any, "what should have"),
            ],
            errors: &["test.equal"],
            example: "test::equal(1 + 1, 2)",
            body: compare::equal,
            ..Function::BASE
        },
        Function {
            name: "differs",
            doc: "Fails if both are the same.",
            params: &[
                Param::new("found", Ty::Any, "what came out"),
                Param::new("unwanted", Ty::Any, "what should not have"),
            ],
            errors: &["test.differs"],
            example: "test::differs(\"a\", \"b\")",
            body: compare::differs,
            ..Function::BASE
        },
        Function {
            name: "contains",
            doc: "Fails unless `part` is in `whole`: a text in a text, an item in an array, fields in a map. In an array of \
                  texts, a text that is part of one of them counts.",
            params: &[
                Param::new("whole", Ty::Any, "a string or secret, an array or a map"),
                Param::new("part", Ty::Any, "what should be in it"),
            ],
            errors: &["test.contains"],
            example: "test::contains([1, 2, 3], 2)",
            body: compare::contains,
            ..Function::BASE
        },
        Function {
            name: "lacks",
            doc: "Fails if `part` is in `whole`; see `contains`.",
            params: &[
                Param::new("whole", Ty::Any, "a string or secret, an array or a map"),
                Param::new("part", Ty::Any, "what should not be in it"),
            ],
            errors: &["test.lacks"],
            example: "test::lacks(\"abc\", \"x\")",
            body: compare::lacks,
            ..Function::BASE
        },
        Function {
            name: "check",
            doc: "Fails unless `condition` holds.",
            params: &[
                Param::new("condition", Ty::Bool, "what should hold"),
                Param::new("what", Ty::Str, "what it says, as people read it"),
            ],
            errors: &["test.check"],
            example: "test::check(2 > 1, \"two is more than one\")",
            body: check,
            ..Function::BASE
        },
        Function {
            name: "fails",
            doc: "Fails unless `body` fails, and with this kind. `area.*` is any kind of the area.",
            params: &[
                Param::new(
                    "kind",
                    Ty::Str,
                    "the kind of failure, such as `env.invalid`",
                ),
                BODY,
            ],
            returns: "the failure, as `catch` gets it",
            errors: &["test.fails"],
            example: "test::fails(\"json.*\", || json::parse(\"{\"))",
            body: fails,
            ..Function::BASE
        },
        Function {
            name: "exits",
            doc: "Fails unless `body` ends with `exit` and this code.",
            params: &[Param::new("code", Ty::Int, "the exit code"), BODY],
            errors: &["test.exits"],
            example: "test::exits(7, || exit(7))",
            body: exits,
            ..Function::BASE
        },
        Function {
            name: "golden",
            doc: "Fails unless `text` is what the file `name` holds, in the directory `STEM.golden` beside the test. \
                  `e2bscript test --update` writes such files: read what changed before you keep it.",
            params: &[
                Param::new("name", Ty::Str, "the file's name, such as `api.env`"),
                Param::new(
                    "text",
                    Ty::Any,
                    "a string; anything else is compared as JSON, with secrets as `***`",
                ),
            ],
            errors: &["test.golden", "test.outside"],
            example: "let example = || test::golden(\"greeting.txt\", \"hello\\n\");",
            body: golden::golden,
            ..Function::BASE
        },
        fakes::HOSTS,
        fakes::HTTP,
        fakes::SQL,
        fakes::TURNS,
        fakes::ASKED,
        fakes::CONTENT,
        fakes::KEPT,
        fakes::RECORDS,
        fakes::PLANNED,
        Function {
            name: "skip",
            doc: "Ends the test here; it counts as skipped.",
            params: &[Param::new("why", Ty::Str, "what is missing")],
            errors: &["test.skipped"],
            example: "let example = || test::skip(\"there is no cluster\");",
            body: |call| {
                let why = call.string(0)?;
                Err(Failure::new(SKIPPED, why).into())
            },
            ..Function::BASE
        },
    ],
    types: &[],
};

fn check(call: &mut Call) -> Result<Dynamic, Raise> {
    if call.value(0)?.as_bool() == Ok(true) {
        return Ok(Dynamic::UNIT);
    }
    let what = call.string(1)?;
    Err(Failure::new("test.check", format!("this does not hold: {what}")).into())
}

fn fails(call: &mut Call) -> Result<Dynamic, Raise> {
    let wanted = call.string(0)?;
    let error = match call.invoke(&call.callback(1)?, ()) {
        Ok(value) => {
            let message = format!(
                "it should have failed with `{wanted}`, and returned {}",
                compare::shown(&value)
            );
            return Err(Failure::new("test.fails", message).into());
        }
        Err(Raise::Script(error)) => error,
        Err(other) => return Err(other),
    };
    if matches!(
        error.unwrap_inner(),
        EvalAltResult::ErrorTerminated(token, _) if token.is_unit()
    ) {
        return Err(Raise::Cancelled);
    }
    if let Some(code) = exit::code(&error) {
        let message =
            format!("it should have failed with `{wanted}`, and ended with `exit({code})`");
        return Err(Failure::new("test.fails", message).into());
    }
    let failure = failure_of(&error);
    let fits = match wanted.strip_suffix('*') {
        Some(start) => failure.kind.starts_with(start),
        None => failure.kind == wanted,
    };
    if fits {
        return Ok(Dynamic::from(failure));
    }
    let message = format!(
        "it should have failed with `{wanted}`, and failed with `{}`",
        failure.kind
    );
    Err(Failure::new("test.fails", message)
        .cause(failure.message)
        .into())
}

fn exits(call: &mut Call) -> Result<Dynamic, Raise> {
    let wanted = call.int(0)?;
    let came = match call.invoke(&call.callback(1)?, ()) {
        Ok(value) => match exit::of(&value) {
            Some(code) => Some(code),
            None => {
                let message = format!(
                    "it should have ended with `exit({wanted})`, and returned {}",
                    ty::describe(&value)
                );
                return Err(Failure::new("test.exits", message).into());
            }
        },
        Err(Raise::Script(error)) => match exit::code(&error) {
            Some(code) => Some(code),
            None => return Err(Raise::Script(error)),
        },
        Err(other) => return Err(other),
    };
    match came {
        Some(code) if i64::from(code) == wanted => Ok(Dynamic::UNIT),
        code => {
            let code = code.unwrap_or_default();
            let message =
                format!("it should have ended with `exit({wanted})`, and did with `exit({code})`");
            Err(Failure::new("test.exits", message).into())
        }
    }
}

/// What the running test stands on.
fn stage(call: &Call) -> Result<Arc<Stage>, Raise> {
    call.session.existing::<Stage>().ok_or_else(|| {
        let message = format!("`{}` works in tests only", call.name());
        Failure::usage("test.outside", message)
            .help(
                "put it into a function `test_…` of a file `….test.rhai` and run `e2bscript test`",
            )
            .into()
    })
}
