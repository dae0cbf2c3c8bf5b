//! `task`: steps, branches, retries, deadlines and cleanups.

use std::time::Duration;

use rhai::{Dynamic, EvalAltResult, Map};

use crate::diag::{Class, Failure};
use crate::engine::call::Call;
use crate::engine::context::{self, Context};
use crate::engine::parallel::{Branch, parallel};
use crate::engine::raise::{Raise, failure_of};
use crate::engine::registry::{Function, Module, Opt, Param};
use crate::engine::trace::place_of;
use crate::engine::wait::timeout as timeout_of;
use crate::engine::{exit, ty, ty::Ty};
use crate::report::StepOutcome;

pub static MODULE: Module = Module {
    name: "task",
    doc: "Steps, branches, retries, deadlines and cleanups. Closures given to these functions run on \
          the script's own threads; the closures of `parallel` see copies of what they capture, so \
          return results instead of changing outer variables.",
    functions: &[
        Function {
            name: "step",
            doc: "Runs `body` as a named, timed step of the run. Steps nest.",
            params: &[
                Param::new("name", Ty::Str, "what the step does, as people read it"),
                Param::new("body", Ty::Callback(0), "the work"),
            ],
            returns: "what `body` returns",
            example: r#"task::step("count", || 1 + 1)"#,
            body: step,
            ..Function::BASE
        },
        Function {
            name: "parallel",
            doc: "Calls `body` for every item, several at a time, and returns the results in the \
                  items' order. If items fail, one failure names every one of them.",
            params: &[
                Param::new("items", Ty::Array, "what to work on, for example hosts"),
                Param::new("body", Ty::Callback(1), "the work for one item"),
            ],
            options: &[
                Opt::new("limit", Ty::Int, "16", "how many items run at once"),
                Opt::new(
                    "on_error",
                    Ty::Choice(&["stop", "finish", "collect"]),
                    "\"stop\"",
                    "`stop`: start no further item after a failure; `finish`: run all, then fail; \
                     `collect`: never fail, return `#{ item, ok, value, error }` for each",
                ),
            ],
            returns: "array of results",
            errors: &["task.parallel"],
            example: "task::parallel([1, 2, 3], #{ limit: 2 }, |n| n * 2)",
            body: run_parallel,
            ..Function::BASE
        },
        Function {
            name: "retry",
            doc: "Calls `body` again after a failure, waiting longer each time.",
            params: &[Param::new("body", Ty::Callback(0), "the work")],
            options: &[
                Opt::new("attempts", Ty::Int, "5", "how often to try in all"),
                Opt::new(
                    "delay",
                    Ty::Duration,
                    "\"1s\"",
                    "pause before the second try; doubles each time",
                ),
                Opt::new("max_delay", Ty::Duration, "\"30s\"", "longest pause"),
                Opt::new(
                    "when",
                    Ty::Callback(1),
                    "",
                    "gets the error; `false` gives up at once",
                ),
            ],
            returns: "what `body` returns",
            errors: &["the last failure of `body`"],
            example: "task::retry(#{ attempts: 2 }, || 7)",
            body: retry,
            ..Function::BASE
        },
        Function {
            name: "timeout",
            doc: "Runs `body` under a deadline, inside those already in force. Waiting operations are \
                  abandoned when it passes.",
            params: &[
                Param::new("limit", Ty::Duration, "how long it may take"),
                Param::new("body", Ty::Callback(0), "the work"),
            ],
            returns: "what `body` returns",
            errors: &["task.timeout"],
            example: r#"task::timeout("10s", || 7)"#,
            body: timeout,
            ..Function::BASE
        },
        Function {
            name: "cleanup",
            doc: "Runs `body`, then `after`, whether `body` succeeded, failed or was interrupted. \
                  `after` is not interrupted by Ctrl-C; its own limit bounds it.",
            params: &[
                Param::new("body", Ty::Callback(0), "the work"),
                Param::new("after", Ty::Callback(0), "what puts things right"),
            ],
            options: &[Opt::new(
                "limit",
                Ty::Duration,
                "\"30s\"",
                "how long `after` may take",
            )],
            returns: "what `body` returns",
            example: "task::cleanup(|| 7, || ())",
            body: cleanup,
            ..Function::BASE
        },
        Function {
            name: "wait_until",
            doc: "Calls `condition` until it returns `true`.",
            params: &[
                Param::new("what", Ty::Str, "what is waited for, as people read it"),
                Param::new("condition", Ty::Callback(0), "returns whether it holds"),
            ],
            options: &[
                Opt::new(
                    "timeout",
                    Ty::Duration,
                    "\"60s\"",
                    "how long to wait in all",
                ),
                Opt::new("interval", Ty::Duration, "\"1s\"", "pause between calls"),
            ],
            errors: &["task.timeout"],
            example: r#"task::wait_until("the sky to be blue", || true)"#,
            body: wait_until,
            ..Function::BASE
        },
        Function {
            name: "is_plan",
            doc: "Whether the run only shows what it would change (`--plan`).",
            returns: "bool",
            example: "task::is_plan()",
            body: |call| Ok(call.session.run.is_plan().into()),
            ..Function::BASE
        },
        Function {
            name: "mark_production",
            doc: "Says that the run is about production, where saving a file must not change anything: `--watch --apply` refuses \
                  to go on, unless `--yes` was given.",
            params: &[Param::new(
                "what",
                Ty::Str,
                "what says so, such as \"`PRODUCTION` in `deploy.env`\"",
            )],
            example: "task::mark_production(\"`PRODUCTION` in `deploy.env`\")",
            body: |call| {
                call.session.run.mark_production(call.string(0)?);
                Ok(Dynamic::UNIT)
            },
            ..Function::BASE
        },
    ],
    types: &[],
};

fn step(call: &mut Call) -> Result<Dynamic, Raise> {
    let body = call.callback(1)?;
    let run = call.session.run.clone();
    let step = run.step(Context::step(), call.string(0)?);
    let id = step.id();
    let result = context::scoped(|context| context.step = Some(id), || call.invoke(&body, ()));
    let outcome = match &result {
        Ok(_) => StepOutcome::Ok,
        Err(Raise::Cancelled) => StepOutcome::Cancelled,
        Err(Raise::Script(error)) => match error.unwrap_inner() {
            EvalAltResult::ErrorTerminated(..) if run.is_cancelled() => StepOutcome::Cancelled,
            EvalAltResult::Exit(..) => StepOutcome::Ok,
            _ => StepOutcome::Failed,
        },
        Err(Raise::Failure(_)) => StepOutcome::Failed,
    };
    step.finish(outcome);
    result
}

/// What `task::parallel` does about failures.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OnError {
    Stop,
    Finish,
    Collect,
}

fn run_parallel(call: &mut Call) -> Result<Dynamic, Raise> {
    let items = call.array(0)?;
    let body = call.callback(1)?;
    let limit = count(call, "limit", 16)?;
    let on_error = match call.opt_string("on_error").as_deref() {
        Some("finish") => OnError::Finish,
        Some("collect") => OnError::Collect,
        _ => OnError::Stop,
    };
    let labels: Vec<String> = items
        .iter()
        .enumerate()
        .map(|(index, item)| label(index, item))
        .collect();
    let stop = on_error == OnError::Stop;
    let branches = parallel(
        call.session,
        call.context,
        &body,
        &items,
        &labels,
        limit,
        stop,
    );
    if call.session.run.is_cancelled() && !Context::shielded() {
        return Err(Raise::Cancelled);
    }
    if on_error == OnError::Collect {
        return Ok(items
            .into_iter()
            .zip(branches)
            .map(collected)
            .collect::<rhai::Array>()
            .into());
    }
    let caller = call.context.call_source().unwrap_or_default();
    join(branches, &labels, caller)
}

/// The results, or one failure for all that failed; the closure stands in the source `caller`.
fn join(branches: Vec<Branch>, labels: &[String], caller: &str) -> Result<Dynamic, Raise> {
    let total = branches.len();
    let mut values = rhai::Array::new();
    let mut failures: Vec<Failure> = Vec::new();
    let mut only = None;
    for (branch, label) in branches.into_iter().zip(labels) {
        match branch {
            Branch::Done(value) => values.push(value),
            Branch::Skipped => {}
            Branch::Failed(error) => {
                if exit::code(&error).is_some() {
                    return Err(Raise::Script(error));
                }
                let mut failure = failure_of(&error);
                failure.host.get_or_insert_with(|| label.clone());
                // The summary has one place, that of the call: each item keeps its own.
                if let Some(place) = place_of(&error, caller) {
                    failure = failure.detail("at", place.to_string());
                }
                failures.push(failure);
                only = Some(error);
            }
        }
    }
    match (failures.len(), only) {
        (0, _) => Ok(values.into()),
        // One item, one failure: its own script position says more than a summary.
        (1, Some(error)) if total == 1 => Err(Raise::Script(error)),
        _ => Err(summary(failures, values.len(), total).into()),
    }
}

/// One failure that names every failed item.
fn summary(failures: Vec<Failure>, done: usize, total: usize) -> Failure {
    let names: Vec<&str> = failures
        .iter()
        .filter_map(|failure| failure.host.as_deref())
        .collect();
    let class = match failures.first().map(|failure| failure.class) {
        // All items fail alike when the mistake is the script's or the configuration's.
        Some(class @ (Class::Usage | Class::Unreachable | Class::Deadline))
            if done == 0 && failures.iter().all(|failure| failure.class == class) =>
        {
            class
        }
        _ if done > 0 => Class::SomeHosts,
        _ => Class::Failed,
    };
    let skipped = total - done - failures.len();
    let mut message = format!("{} of {total} failed: {}", failures.len(), names.join(", "));
    if skipped > 0 {
        message.push_str(&format!("; {skipped} not started"));
    }
    Failure {
        failures,
        ..Failure::new("task.parallel", message).class(class)
    }
}

fn collected((item, branch): (Dynamic, Branch)) -> Dynamic {
    let (ok, value, error) = match branch {
        Branch::Done(value) => (true, value, Dynamic::UNIT),
        Branch::Failed(error) => (false, Dynamic::UNIT, Dynamic::from(failure_of(&error))),
        Branch::Skipped => (false, Dynamic::UNIT, Dynamic::UNIT),
    };
    let fields: [(&str, Dynamic); 4] = [
        ("item", item),
        ("ok", ok.into()),
        ("value", value),
        ("error", error),
    ];
    fields
        .into_iter()
        .map(|(name, field)| (name.into(), field))
        .collect::<Map>()
        .into()
}

/// What an item is called in messages: a string itself, a map or handle by its name, else its place.
fn label(index: usize, item: &Dynamic) -> String {
    if let Some(text) = ty::text(item) {
        return text;
    }
    if let Some(name) = super::name_of(item) {
        return name;
    }
    let named = item
        .read_lock::<Map>()
        .and_then(|map| map.get("name").and_then(ty::text));
    named.unwrap_or_else(|| format!("item {}", index + 1))
}

fn retry(call: &mut Call) -> Result<Dynamic, Raise> {
    let body = call.callback(0)?;
    let attempts = count(call, "attempts", 5)?;
    let longest = call
        .opt_duration("max_delay")
        .unwrap_or(Duration::from_secs(30));
    let mut delay = call.opt_duration("delay").unwrap_or(Duration::from_secs(1));
    let mut attempt = 1;
    loop {
        let error = match call.invoke(&body, ()) {
            Err(Raise::Script(error)) if may_retry(&error) => error,
            other => return other,
        };
        if attempt >= attempts || !wanted(call, &error)? {
            return Err(Raise::Script(error));
        }
        let failure = failure_of(&error);
        let pause = humantime::format_duration(delay);
        super::note(
            call,
            &format!(
                "try {attempt} of {attempts} failed, again in {pause}: {}",
                failure.message
            ),
        );
        call.pause(delay)?;
        delay = (delay * 2).min(longest);
        attempt += 1;
    }
}

/// Cancellation, `exit()` and mistakes in the script are not cured by trying again.
fn may_retry(error: &EvalAltResult) -> bool {
    !matches!(
        error.unwrap_inner(),
        EvalAltResult::ErrorTerminated(..) | EvalAltResult::Exit(..)
    ) && failure_of(error).class != Class::Usage
}

fn wanted(call: &Call, error: &EvalAltResult) -> Result<bool, Raise> {
    let Some(when) = call.opt_callback("when") else {
        return Ok(true);
    };
    let answer = call.invoke(&when, (failure_of(error),))?;
    answer.as_bool().map_err(|kind| {
        Failure::usage(
            "script.value",
            format!("`when` must return a bool, it returned {kind}"),
        )
        .into()
    })
}

fn timeout(call: &mut Call) -> Result<Dynamic, Raise> {
    let limit = call.duration(0)?;
    let body = call.callback(1)?;
    let result = context::with_deadline("task::timeout", limit, || call.invoke(&body, ()));
    expired(result)
}

/// A pure loop that ran out of time ends as Rhai's termination, which nothing could catch: outside
/// its own deadline it is a failure like any other.
fn expired(result: Result<Dynamic, Raise>) -> Result<Dynamic, Raise> {
    let failure = match &result {
        Err(Raise::Script(error)) => match error.unwrap_inner() {
            EvalAltResult::ErrorTerminated(token, _) => {
                token.read_lock::<Failure>().map(|failure| failure.clone())
            }
            _ => None,
        },
        _ => None,
    };
    failure.map_or(result, |failure| Err(failure.into()))
}

fn cleanup(call: &mut Call) -> Result<Dynamic, Raise> {
    let (body, after) = (call.callback(0)?, call.callback(1)?);
    let limit = call
        .opt_duration("limit")
        .unwrap_or(Duration::from_secs(30));
    let result = call.invoke(&body, ());
    let cleaned = expired(context::shielded(limit, || call.invoke(&after, ())));
    match (result, cleaned) {
        (Ok(value), Ok(_)) => Ok(value),
        (Ok(_), Err(error)) => Err(error),
        (Err(error), Ok(_)) => Err(error),
        // Both failed: the first failure is the cause, but the second must not vanish.
        (Err(error), Err(second)) => {
            let second = match second {
                Raise::Script(second) => failure_of(&second).message,
                Raise::Failure(second) => second.message,
                Raise::Cancelled => "cancelled".into(),
            };
            super::warn(call, &format!("the cleanup failed too: {second}"));
            Err(error)
        }
    }
}

fn wait_until(call: &mut Call) -> Result<Dynamic, Raise> {
    let what = call.string(0)?;
    let condition = call.callback(1)?;
    let limit = call
        .opt_duration("timeout")
        .unwrap_or(Duration::from_secs(60));
    let interval = call
        .opt_duration("interval")
        .unwrap_or(Duration::from_secs(1));
    let until = format!("waiting for {what}");
    expired(context::with_deadline(&until, limit, || {
        let mut waited = Duration::ZERO;
        loop {
            let answer = call.invoke(&condition, ())?;
            match answer.as_bool() {
                Ok(true) => return Ok(Dynamic::UNIT),
                Ok(false) => {
                    waited += interval;
                    // Where pauses take no time, it is their sum that runs out.
                    let over = call.session.settings.no_pauses && waited >= limit;
                    if let Some(deadline) = Context::deadline().filter(|_| over) {
                        return Err(timeout_of(&deadline).into());
                    }
                    call.pause(interval)?;
                }
                Err(kind) => {
                    return Err(Failure::usage(
                        "script.value",
                        format!("the condition of `task::wait_until` must return a bool, it returned {kind}"),
                    )
                    .into());
                }
            }
        }
    }))
}

/// A positive whole number from an option.
fn count(call: &Call, option: &str, fallback: usize) -> Result<usize, Raise> {
    match call.opt_int(option) {
        None => Ok(fallback),
        Some(number) => usize::try_from(number)
            .ok()
            .filter(|number| *number > 0)
            .ok_or_else(|| {
                Failure::usage(
                    "script.option",
                    format!(
                        "option `{option}` of `{}` must be at least 1, got {number}",
                        call.name()
                    ),
                )
                .into()
            }),
    }
}
