//! Reports as people see them, compared byte for byte: `tests/golden/diag/CASE/` holds `main.rhai`,
//! what it imports, and the expected `report.txt`. `UPDATE_GOLDEN=1` writes the latter anew.

// A test may stop at once; clippy knows that only inside test functions.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};

use e2bscript::bindings::task;
use e2bscript::diag::Failure;
use e2bscript::engine::library::{Found, Library};
use e2bscript::engine::registry::{Function, Module, Param, Registry};
use e2bscript::engine::source::Source;
use e2bscript::engine::ty::Ty;
use e2bscript::engine::{Host, Session, Settings};
use e2bscript::explain::{Diagnostic, RenderOptions, render, render_failure};
use e2bscript::report::Mode;
use e2bscript::run::Run;
use rhai::EvalAltResult;

/// A command on a host that always fails.
static FAKE: Module = Module {
    name: "fake",
    doc: "",
    functions: &[Function {
        name: "run",
        params: &[
            Param::new("host", Ty::Str, ""),
            Param::new("command", Ty::Str, ""),
        ],
        body: |call| {
            Err(
                Failure::new("ssh.exit", "the command ended with exit code 1")
                    .host(call.string(0)?)
                    .command(call.string(1)?)
                    .code(1)
                    .output(vec![
                        "Job for nomad.service failed.".into(),
                        "See \"journalctl -xe\".".into(),
                    ])
                    .help("run it by hand with `e2bscript ssh`")
                    .into(),
            )
        },
        ..Function::BASE
    }],
    types: &[],
};

struct Case {
    host: Host,
    error: Box<EvalAltResult>,
}

/// Runs the script of a case, which must fail.
fn fail(name: &str) -> Case {
    let dir = Path::new("tests/golden/diag").join(name);
    let path = dir.join("main.rhai");
    let library = Library {
        std_dirs: vec![dir.join("std")],
        ..Library::default()
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let run = Run::silent(Mode::Apply, runtime.handle().clone());
    let session = Session::new(run, Settings::default());
    static MODULES: &[&Module] = &[&FAKE, &task::MODULE];
    let registry = Registry::new(MODULES);
    let host = Host::new(registry, library, session, Box::new(|_| {}));
    let found = Found {
        id: path.display().to_string(),
        text: fs::read_to_string(&path).unwrap(),
        path: Some(path),
    };
    let error = match host.compile(&found) {
        Ok(ast) => host
            .run(&ast)
            .map(|_| ())
            .expect_err("the script must fail"),
        Err(error) => error,
    };
    for source in host.sources().all() {
        if source.id.starts_with("std/") {
            // As if it were embedded, and no override of the user's.
            host.sources().add(Source {
                id: source.id.clone(),
                path: None,
                text: source.text.clone(),
            });
        }
    }
    Case { host, error }
}

fn golden(path: PathBuf, actual: &str) {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, actual).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        expected,
        actual,
        "{}: run with UPDATE_GOLDEN=1 if this is meant",
        path.display()
    );
}

fn check(name: &str) {
    let case = fail(name);
    let report = render(&case.error, case.host.sources(), RenderOptions::default());
    golden(
        Path::new("tests/golden/diag").join(name).join("report.txt"),
        &report,
    );
}

macro_rules! cases {
    ($($name:ident)*) => { $(#[test] fn $name() { check(stringify!($name)); })* };
}

cases! {
    arithmetic
    closure_not_called
    data_race
    import_cycle
    in_an_imported_file
    in_an_override
    missing_bracket
    missing_key
    missing_semicolon
    missing_std_module
    multi_byte
    number_with_unit
    parallel_two_hosts
    reserved_key
    thrown_map
    thrown_string
    two_std_frames
    unclosed_string
    unit_has_no_method
    unknown_function
    unknown_method
    unknown_module
    unknown_option
    unknown_variable
    wrong_arguments
    wrong_operator
}

#[test]
fn trace_shows_the_lines_of_standard_modules() {
    let case = fail("two_std_frames");
    let options = RenderOptions {
        trace: true,
        unicode: false,
        ..RenderOptions::default()
    };
    let report = render(&case.error, case.host.sources(), options);
    golden(
        Path::new("tests/golden/diag/two_std_frames/trace.txt").into(),
        &report,
    );
    assert!(report.is_ascii(), "{report}");
}

#[test]
fn colour_changes_nothing_but_colour() {
    for name in ["two_std_frames", "parallel_two_hosts", "missing_bracket"] {
        let case = fail(name);
        let plain = RenderOptions::default();
        let color = RenderOptions {
            color: true,
            ..plain
        };
        let colored = render(&case.error, case.host.sources(), color);
        assert!(colored.contains("\u{1b}[31m"), "{name}");
        let mut bare = String::new();
        for (index, part) in colored.split("\u{1b}[").enumerate() {
            let text = if index == 0 {
                part
            } else {
                part.split_once('m').unwrap().1
            };
            bare.push_str(text);
        }
        let bare: Vec<&str> = bare.lines().map(str::trim_end).collect();
        let expected = render(&case.error, case.host.sources(), plain);
        assert_eq!(bare.join("\n") + "\n", expected, "{name}");
    }
}

#[test]
fn the_record_holds_what_the_report_shows() {
    let case = fail("two_std_frames");
    let record = serde_json::to_value(Diagnostic::of(&case.error, case.host.sources())).unwrap();
    golden(
        Path::new("tests/golden/diag/two_std_frames/record.json").into(),
        &(serde_json::to_string_pretty(&record).unwrap() + "\n"),
    );
}

#[test]
fn control_characters_of_a_host_do_not_reach_the_terminal() {
    let failure = Failure::new("ssh.exit", "it \u{1b}[2Jfailed")
        .host("n\u{7}1")
        .output(vec!["\u{1b}]0;title\u{7}".into()])
        .cause("\u{1b}[31mred")
        .help("do \u{8}this");
    let report = render_failure(&failure, RenderOptions::default());
    let active = report.chars().find(|c| c.is_control() && *c != '\n');
    assert_eq!(active, None, "{report}");
    for part in ["2Jfailed", "title", "31mred", "this"] {
        assert!(report.contains(part), "{report}");
    }
}
