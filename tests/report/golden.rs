//! The console is a view of the events: stored runs, shown again, look as they are kept here.
//!
//! `tests/golden/report/NAME.jsonl` holds a run's events, `NAME.LOOK.txt` what the console makes of
//! it, stderr and stdout one after the other as a terminal shows them. `UPDATE_GOLDEN=1 cargo test
//! --test report` writes what is missing or differs; read the difference before it is committed.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use e2bscript::report::console::{Console, Text};
use e2bscript::report::{ConsoleOptions, Record, Verbosity};

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/report")
}

fn records(name: &str) -> Vec<Record> {
    let text = fs::read_to_string(directory().join(format!("{name}.jsonl"))).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

/// What a terminal would show; what goes to stdout is marked.
fn shown(name: &str, options: &ConsoleOptions) -> String {
    let mut console = Console::new(options.clone());
    let mut shown = String::new();
    for record in records(name) {
        let Text { talk, results } = console.show(&record);
        for line in results.lines() {
            writeln!(shown, "stdout: {line}").unwrap();
        }
        shown.push_str(&talk);
    }
    // Colours must be seen to be reviewed.
    shown.replace('\u{1b}', "␛")
}

fn look(look: &str) -> ConsoleOptions {
    let plain = ConsoleOptions::default();
    match look {
        "normal" => plain,
        "quiet" => ConsoleOptions {
            verbosity: Verbosity::Quiet,
            ..plain
        },
        "verbose" => ConsoleOptions {
            verbosity: Verbosity::Verbose,
            ..plain
        },
        "color" => ConsoleOptions {
            color: true,
            color_results: true,
            results_on_terminal: true,
            ..plain
        },
        "narrow" => ConsoleOptions {
            width: Some(60),
            ..plain
        },
        other => panic!("no such look: {other}"),
    }
}

fn golden(name: &str, looks: &[&str]) {
    let mut wrong = String::new();
    for name_of_look in looks {
        let path = directory().join(format!("{name}.{name_of_look}.txt"));
        let got = shown(name, &look(name_of_look));
        let expected = fs::read_to_string(&path).unwrap_or_default();
        if got == expected {
            continue;
        }
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&path, &got).unwrap();
        } else {
            let diff = similar::TextDiff::from_lines(expected.as_str(), got.as_str());
            write!(
                wrong,
                "{}",
                diff.unified_diff()
                    .header(&path.display().to_string(), "got")
            )
            .unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn a_run_that_changes_something() {
    golden("apply", &["normal", "verbose", "quiet", "color"]);
}

#[test]
fn a_plan() {
    golden("plan", &["normal"]);
}

#[test]
fn a_run_that_changes_nothing_says_so() {
    golden("no_change", &["normal", "verbose"]);
    assert!(shown("no_change", &look("normal")).contains("0 changed"));
}

#[test]
fn a_small_script_says_only_what_it_says() {
    golden("small", &["normal", "color"]);
}

#[test]
fn a_run_that_fails_on_some_hosts() {
    golden("failed", &["normal", "quiet", "color"]);
}

#[test]
fn a_failure_with_a_report() {
    golden("report", &["normal", "quiet"]);
}

#[test]
fn a_bug_of_the_program_names_the_log() {
    golden("internal", &["normal"]);
}

#[test]
fn a_run_that_is_stopped() {
    golden("cancelled", &["normal", "verbose", "quiet"]);
}

#[test]
fn steps_side_by_side() {
    golden("parallel", &["normal"]);
}

#[test]
fn checks_end_in_a_table() {
    golden("checks", &["normal", "verbose", "quiet", "narrow"]);
}

#[test]
fn remote_text_cannot_act_on_the_terminal() {
    golden("hostile", &["normal", "verbose", "color"]);
    for name in ["normal", "verbose", "color"] {
        let shown = shown("hostile", &look(name));
        for (at, _) in shown.match_indices('␛') {
            let code: String = shown[at..]
                .chars()
                .skip(1)
                .take_while(|c| *c != 'm')
                .collect();
            let colour =
                code.starts_with('[') && code[1..].chars().all(|c| c.is_ascii_digit() || c == ';');
            let raw_result = name != "color"
                && shown[..at]
                    .rsplit('\n')
                    .next()
                    .unwrap()
                    .starts_with("stdout: raw");
            assert!(
                colour && (name == "color" || raw_result),
                "{name}: {code:?} in {shown}"
            );
        }
        assert!(!shown.contains(['\u{7}', '\r', '\u{202e}']), "{shown}");
    }
}

#[test]
fn stored_events_read_back_as_they_were_written() {
    for entry in fs::read_dir(directory()).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_none_or(|extension| extension != "jsonl")
        {
            continue;
        }
        for line in fs::read_to_string(&path).unwrap().lines() {
            let record: Record = serde_json::from_str(line).unwrap();
            let again: Record =
                serde_json::from_str(&serde_json::to_string(&record).unwrap()).unwrap();
            assert_eq!(
                serde_json::to_value(&record).unwrap(),
                serde_json::to_value(&again).unwrap(),
                "{line}"
            );
        }
    }
}
