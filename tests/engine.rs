//! The engine through its public face: steps, branches, deadlines, cleanups.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test fails by panicking

use e2bscript::bindings::REGISTRY;
use e2bscript::engine::library::{Found, Library};
use e2bscript::engine::raise::failure_of;
use e2bscript::engine::{Host, Outcome, Session, Settings};
use e2bscript::report::Mode;
use e2bscript::run::Run;
use rhai::Dynamic;

fn run(script: &str) -> Result<Outcome, e2bscript::diag::Failure> {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let run = Run::silent(Mode::Apply, runtime.handle().clone());
    let session = Session::new(run, Settings::default());
    let host = Host::new(REGISTRY, Library::default(), session, Box::new(|_| {}));
    let found = Found {
        id: "test.rhai".into(),
        path: None,
        text: script.into(),
    };
    let ast = host.compile(&found).map_err(|error| failure_of(&error))?;
    host.run(&ast).map_err(|error| failure_of(&error))
}

fn eval(script: &str) -> Result<Dynamic, e2bscript::diag::Failure> {
    match run(script)? {
        Outcome::Value(value) => Ok(value),
        Outcome::Exit(code) => Ok(i64::from(code).into()),
    }
}

#[test]
fn branches_keep_the_order_and_work_on_copies() {
    let value = eval(
        "let seen = []; let r = task::parallel([3, 1, 2], #{ limit: 3 }, |n| { seen.push(n); n * 2 }); [r, seen]",
    )
    .unwrap();
    assert_eq!(value.to_string(), "[[6, 2, 4], []]");
}

#[test]
fn one_failure_names_every_failed_item() {
    let failure = eval(
        r#"task::parallel(["a", "b", "c"], #{ on_error: "finish" }, |n| if n != "b" { throw `no ${n}` })"#,
    )
    .unwrap_err();
    assert_eq!(failure.kind, "task.parallel");
    assert_eq!(failure.message, "2 of 3 failed: a, c");
    assert_eq!(failure.failures.len(), 2);
}

#[test]
fn exit_at_the_top_is_told_from_a_value() {
    let ended = |script: &str| match run(script) {
        Ok(Outcome::Exit(code)) => format!("exit {code}"),
        Ok(Outcome::Value(value)) => format!("value {value}"),
        Err(failure) => failure.kind,
    };
    assert_eq!(ended("exit(3); 4"), "exit 3");
    assert_eq!(ended("exit()"), "exit 0");
    assert_eq!(ended("3"), "value 3");
    assert_eq!(ended("exit(300)"), "script.argument");
}

#[test]
fn exit_leaves_from_within_closures() {
    assert_eq!(
        eval(r#"task::step("x", || task::parallel([1], |n| exit(3)))"#)
            .unwrap()
            .as_int(),
        Ok(3)
    );
}

#[test]
fn a_deadline_stops_a_pure_loop_and_can_be_caught() {
    let value =
        eval(r#"let kind = ""; try { task::timeout("50ms", || { loop {} }) } catch (e) { kind = e.kind } kind"#).unwrap();
    assert_eq!(value.to_string(), "task.timeout");
}

#[test]
fn a_cleanup_runs_after_a_failure() {
    let value = eval(
        r#"let log = []; try { task::cleanup(|| { throw "x" }, || log.push("cleaned")) } catch (e) {} log"#,
    )
    .unwrap();
    assert_eq!(value.to_string(), r#"["cleaned"]"#);
}

#[test]
fn an_unknown_option_is_refused_with_the_nearest_name() {
    let failure = eval("task::parallel([1], #{ limt: 2 }, |n| n)").unwrap_err();
    assert_eq!(failure.kind, "script.option");
    assert_eq!(failure.help.as_deref(), Some("did you mean `limit`?"));
}
