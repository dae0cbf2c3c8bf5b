//! Every example in the table of bindings runs.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test fails by panicking

mod common;

use common::script::{registry, run};
use e2bscript::engine::registry::Function;

/// Handles that no example can make without a machine or a server: of an example that begins with
/// one, only the syntax is looked at here. The tests on real machines run those.
const HANDLES: &[&str] = &[
    "api", "consul", "db", "host", "nomad", "process", "response", "sandbox", "tunnel", "tx",
];

fn functions() -> Vec<(String, &'static Function)> {
    let registry = registry();
    let mut all = Vec::new();
    for module in registry.modules().filter(|module| module.name != "expect") {
        all.extend(
            module
                .functions
                .iter()
                .map(|function| (format!("{}::{}", module.name, function.name), function)),
        );
        for ty in module.types {
            all.extend(
                ty.methods
                    .iter()
                    .map(|method| (format!("{}.{}", ty.name, method.name), method)),
            );
        }
    }
    all
}

#[test]
fn examples_run() {
    let mut failed = Vec::new();
    for (name, function) in functions() {
        let handle = HANDLES.iter().find(|handle| {
            function.example.starts_with(&format!("{handle}."))
                || function.example.starts_with(&format!("let {handle} = "))
        });
        let script = match handle {
            Some(handle) => format!("let example = |{handle}| {{ {} }};", function.example),
            None => function.example.to_owned(),
        };
        if let Err(failure) = run(&script).result {
            failed.push(format!(
                "{name}: {}\n  {}: {}",
                function.example, failure.kind, failure.message
            ));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn everything_is_explained() {
    let mut missing = Vec::new();
    for (name, function) in functions() {
        let docs = function
            .params
            .iter()
            .map(|param| param.doc)
            .chain(function.options.iter().map(|option| option.doc));
        if [function.doc, function.example]
            .into_iter()
            .chain(docs)
            .any(str::is_empty)
        {
            missing.push(name);
        }
    }
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn no_name_is_a_reserved_word() {
    for (name, function) in functions() {
        for option in function.options {
            let script = format!("#{{ {}: 1 }}", option.name);
            assert!(
                run(&script).result.is_ok(),
                "{name}: `{}` cannot be a key without quotes",
                option.name
            );
        }
        let last = name.rsplit([':', '.']).next().unwrap();
        assert!(
            run(&format!("let {last} = 1;")).result.is_ok(),
            "`{name}` is a reserved word"
        );
    }
}

#[test]
fn every_name_is_there_once() {
    let mut names: Vec<String> = functions().into_iter().map(|(name, _)| name).collect();
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count);
}
