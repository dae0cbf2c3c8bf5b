//! `time`: the clock, pauses, and durations in words.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use rhai::Dynamic;

use crate::diag::Failure;
use crate::engine::Call;
use crate::engine::raise::Raise;
use crate::engine::registry::{Function, Module, Param};
use crate::engine::ty::Ty;

pub static MODULE: Module = Module {
    name: "time",
    doc: "The clock, pauses, and durations in words. Moments are ISO 8601 strings in UTC or seconds since 1970; \
          durations are strings such as `\"1m 30s\"` or numbers of seconds.",
    functions: &[
        Function {
            name: "now",
            doc: "The current moment, for example `2026-01-31T08:15:30.250Z`.",
            returns: "a string",
            example: "time::now()",
            body: |_| Ok(iso(Utc::now(), SecondsFormat::Millis).into()),
            ..Function::BASE
        },
        Function {
            name: "unix",
            doc: "Seconds since 1970, now.",
            returns: "an integer",
            example: "time::unix()",
            body: |_| Ok(Utc::now().timestamp().into()),
            ..Function::BASE
        },
        Function {
            name: "sleep",
            doc: "Pauses the script. Ctrl-C and deadlines end the pause.",
            params: &[Param::new(
                "duration",
                Ty::Duration,
                "how long, such as `\"2s\"`",
            )],
            example: "time::sleep(\"1ms\")",
            body: |call| {
                call.pause(call.duration(0)?)?;
                Ok(Dynamic::UNIT)
            },
            ..Function::BASE
        },
        Function {
            name: "since",
            doc: "Seconds from a moment until now; negative for one to come.",
            params: &[Param::new(
                "moment",
                Ty::Any,
                "an ISO 8601 string, or seconds since 1970",
            )],
            returns: "a float",
            errors: &["time.parse"],
            example: "time::since(time::now())",
            body: |call| {
                let passed = Utc::now() - moment(call.value(0)?)?;
                Ok((passed.num_microseconds().unwrap_or(i64::MAX) as f64 / 1e6).into())
            },
            ..Function::BASE
        },
        Function {
            name: "parse",
            doc: "Reads an ISO 8601 moment, with any offset.",
            params: &[Param::new(
                "moment",
                Ty::Str,
                "for example `2026-01-31T08:15:30Z`",
            )],
            returns: "seconds since 1970, an integer",
            errors: &["time.parse"],
            example: "time::parse(\"1970-01-01T00:01:00Z\")",
            body: |call| Ok(moment(call.value(0)?)?.timestamp().into()),
            ..Function::BASE
        },
        Function {
            name: "format",
            doc: "Writes a moment in UTC, as ISO 8601 or by a pattern in the notation of `date`, such as `%Y%m%d-%H%M%S`.",
            params: &[
                Param::new(
                    "moment",
                    Ty::Any,
                    "an ISO 8601 string, or seconds since 1970",
                ),
                Param::optional("pattern", Ty::Str, "the form"),
            ],
            returns: "a string",
            errors: &["time.parse", "time.pattern"],
            example: "time::format(60, \"%H:%M\")",
            body: format,
            ..Function::BASE
        },
        Function {
            name: "seconds",
            doc: "Reads a duration.",
            params: &[Param::new("duration", Ty::Duration, "such as `\"1m 30s\"`")],
            returns: "seconds, a float",
            example: "time::seconds(\"1m 30s\")",
            body: |call| Ok(call.duration(0)?.as_secs_f64().into()),
            ..Function::BASE
        },
        Function {
            name: "duration",
            doc: "Writes a number of seconds as a duration, to the millisecond.",
            params: &[Param::new("seconds", Ty::Number, "how many; not negative")],
            returns: "a string such as `1m 30s`",
            errors: &["script.argument"],
            example: "time::duration(90)",
            body: duration,
            ..Function::BASE
        },
    ],
    types: &[],
};

fn moment(value: &Dynamic) -> Result<DateTime<Utc>, Failure> {
    let text = value.to_string();
    let read = match value.as_int() {
        Ok(seconds) => DateTime::from_timestamp(seconds, 0),
        Err(_) => DateTime::parse_from_rfc3339(text.trim())
            .ok()
            .map(|moment| moment.to_utc()),
    };
    read.ok_or_else(|| {
        Failure::new("time.parse", format!("`{text}` is no moment"))
            .help("write it as `2026-01-31T08:15:30Z`, or as seconds since 1970")
    })
}

fn format(call: &mut Call) -> Result<Dynamic, Raise> {
    let moment = moment(call.value(0)?)?;
    if !call.has(1) {
        return Ok(iso(moment, SecondsFormat::AutoSi).into());
    }
    let pattern = call.string(1)?;
    let mut text = String::new();
    std::fmt::Write::write_fmt(&mut text, format_args!("{}", moment.format(&pattern))).map_err(
        |_| {
            Failure::new(
                "time.pattern",
                format!("`{pattern}` is no pattern for a moment"),
            )
        },
    )?;
    Ok(text.into())
}

fn duration(call: &mut Call) -> Result<Dynamic, Raise> {
    let value = call.value(0)?;
    let seconds = value
        .as_float()
        .or_else(|_| value.as_int().map(|int| int as f64))
        .unwrap_or(f64::NAN);
    let duration = Duration::try_from_secs_f64(seconds).map_err(|_| {
        Failure::usage(
            "script.argument",
            format!("{seconds} seconds are no duration"),
        )
    })?;
    let rounded = Duration::from_millis((duration.as_secs_f64() * 1000.0).round() as u64);
    Ok(humantime::format_duration(rounded).to_string().into())
}

fn iso(moment: DateTime<Utc>, form: SecondsFormat) -> String {
    moment.to_rfc3339_opts(form, true)
}
