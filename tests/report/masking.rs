use std::sync::{Arc, Mutex};

use e2bscript::diag::Failure;
use e2bscript::report::{ConsoleOptions, Event, Level, Record, Reporter, Stream, Verbosity};
use serde_json::{Map, Value, json};

use crate::manual;
use crate::reporter::{Buffer, Lines};

const SECRET: &str = "c4n4ry-Väl'ue\"/&=\\x";

/// A reporter with every sink, and a way to read all they got.
fn reporter() -> (Reporter, impl Fn() -> String) {
    let (out, err, lines) = (Buffer::default(), Buffer::default(), Lines::default());
    let options = ConsoleOptions {
        verbosity: Verbosity::Debug,
        ..ConsoleOptions::default()
    };
    let reporter = Reporter::builder("run")
        .console_to(options, Box::new(out.clone()), Box::new(err.clone()))
        .sink(Box::new(lines.clone()))
        .build();
    reporter.mask(SECRET);
    let all = move || {
        // JSON escapes what it writes, so its text is looked at as a reader gets it.
        let records: Vec<String> = lines.texts().iter().map(|line| strings(line)).collect();
        format!(
            "{}\n{}\n{}\n{}",
            out.text(),
            err.text(),
            records.join("\n"),
            lines.texts().join("\n")
        )
    };
    (reporter, all)
}

/// Every text in a line of JSON, names of fields too.
fn strings(line: &str) -> String {
    fn collect(value: &Value, into: &mut Vec<String>) {
        match value {
            Value::String(text) => into.push(text.clone()),
            Value::Array(values) => values.iter().for_each(|value| collect(value, into)),
            Value::Object(map) => map.iter().for_each(|(key, value)| {
                into.push(key.clone());
                collect(value, into);
            }),
            _ => {}
        }
    }
    let mut texts = Vec::new();
    collect(&serde_json::from_str(line).unwrap(), &mut texts);
    texts.join("\n")
}

fn assert_clean(shown: &str) {
    for form in ["c4n4ry", "Yzrnb", "YzRuNHJ5", "63346e347279"] {
        assert!(!shown.contains(form), "`{form}` shows in {shown}");
    }
}

/// Paths of all texts in a value, and of all maps with free keys.
fn texts(value: &Value, path: &str, into: &mut Vec<String>) {
    match value {
        Value::String(_) => into.push(path.to_owned()),
        Value::Array(values) => {
            for (number, value) in values.iter().enumerate() {
                texts(value, &format!("{path}/{number}"), into);
            }
        }
        Value::Object(map) => {
            for (key, value) in map {
                texts(value, &format!("{path}/{key}"), into);
            }
        }
        _ => {}
    }
}

/// Puts the secret into every text field of every event there is, one after the other.
#[test]
fn no_field_of_any_event_is_forgotten() {
    let mut tried = 0;
    for example in manual::examples() {
        let mut paths = Vec::new();
        texts(&example, "", &mut paths);
        for path in paths {
            let field = path.rsplit('/').next().unwrap();
            if ["time", "run", "type"].contains(&path.trim_start_matches('/')) {
                continue;
            }
            let mut value = example.clone();
            // A line that goes on is held back until its next piece.
            value.as_object_mut().unwrap().remove("more");
            *value.pointer_mut(&path).unwrap() = json!(format!("before {SECRET} after"));
            let Ok(record) = serde_json::from_value::<Record>(value) else {
                // A word from a fixed list.
                let words = [
                    "mode",
                    "level",
                    "outcome",
                    "stream",
                    "action",
                    "direction",
                    "status",
                    "verbosity",
                ];
                assert!(words.contains(&field), "{path}");
                continue;
            };
            let (reporter, shown) = reporter();
            reporter.emit(record.event);
            reporter.flush();
            assert_clean(&shown());
            assert!(shown().contains("before *** after"), "{path}: {}", shown());
            tried += 1;
        }
    }
    assert!(tried > 40, "{tried}");
}

#[test]
fn names_and_numbers_are_masked_too() {
    let (reporter, shown) = reporter();
    reporter.mask("1234567890");
    let mut fields = Map::new();
    fields.insert(SECRET.to_owned(), json!(1));
    fields.insert(
        "deep".to_owned(),
        json!([{ SECRET: [SECRET, 1234567890u64, -1234567890.5] }]),
    );
    reporter.emit(Event::Log {
        level: Level::Info,
        message: String::new(),
        fields: fields.clone(),
        host: None,
        step: None,
    });
    let mut failure = Failure::new("a.b", "m");
    failure.details = fields.clone();
    reporter.emit(Event::Failure {
        failure,
        report: None,
        colored: None,
    });
    reporter.emit(Event::Result {
        value: Value::Object(fields),
    });
    reporter.flush();
    assert_clean(&shown());
    assert!(!shown().contains("1234567890"), "{}", shown());
}

#[test]
fn a_secret_in_a_very_long_line_is_masked() {
    for offset in 0..40 {
        let (reporter, shown) = reporter();
        let mut output = reporter.output("api-1", Stream::Stdout).asked(true);
        // Around the border of the first piece.
        let line = format!(
            "{}{SECRET}{}",
            "x".repeat(16 * 1024 - 30 + offset),
            "ж".repeat(20_000)
        );
        for bytes in line.as_bytes().chunks(1000) {
            output.write(bytes);
        }
        drop(output);
        reporter.flush();
        let shown = shown();
        assert_clean(&shown);
        assert_eq!(
            shown.matches("***").count(),
            3,
            "once on the console, twice as read above"
        );
        assert_eq!(
            shown.matches('ж').count() % 20_000,
            0,
            "nothing else is lost"
        );
    }
}

#[test]
fn a_colour_in_the_middle_of_a_secret_does_not_hide_it() {
    let (out, err) = (Buffer::default(), Buffer::default());
    let lines = Lines::default();
    let options = ConsoleOptions {
        color: true,
        ..ConsoleOptions::default()
    };
    let reporter = Reporter::builder("run")
        .console_to(options, Box::new(out), Box::new(err.clone()))
        .sink(Box::new(lines.clone()))
        .build();
    reporter.mask("hunter2hunter2");
    let failure = || Failure::new("a.b", "m");
    let report = |text: &str| Event::Failure {
        failure: failure(),
        report: Some(text.to_owned()),
        colored: None,
    };
    reporter.emit(report("\u{1b}[31mred\u{1b}[0m hunter2hunter2"));
    assert_eq!(err.text(), "\u{1b}[31mred\u{1b}[0m ***\n");
    let stored: Value = serde_json::from_str(&lines.texts()[0]).unwrap();
    assert_eq!(stored["report"], "red ***");
    reporter.emit(report("\u{1b}[31mhunter2\u{1b}[0mhunter2"));
    assert!(err.text().ends_with("***\n***\n"), "{:?}", err.text());
}

#[test]
fn what_is_waited_for_is_masked() {
    let reporter = Reporter::silent();
    reporter.mask(SECRET);
    let _wait = reporter.wait_for(format!("the answer to {SECRET}"));
    assert_eq!(reporter.waiting(), ["the answer to ***"]);
}

#[test]
fn secrets_registered_by_many_at_once_are_all_masked() {
    let (reporter, shown) = reporter();
    let failed = Arc::new(Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for number in 0..8 {
            let (reporter, failed) = (reporter.clone(), failed.clone());
            scope.spawn(move || {
                for round in 0..20 {
                    let secret = format!("s3cret-{number}-{round}");
                    reporter.mask(&secret);
                    reporter.log(Level::Info, format!("<{secret}>"));
                    if reporter.masked(&secret) != "***" {
                        failed.lock().unwrap().push(secret);
                    }
                }
            });
        }
    });
    assert!(failed.lock().unwrap().is_empty());
    assert!(!shown().contains("s3cret"), "{}", shown());
}
