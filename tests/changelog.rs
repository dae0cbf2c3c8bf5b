//! The "Script API" part of the changelog names what scripts can see, all of it and nothing else.

#![allow(clippy::unwrap_used)] // a test fails by panicking

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use e2bscript::bindings::REGISTRY;
use e2bscript::engine::library::STDLIB;

type Names = BTreeMap<String, BTreeSet<String>>;

/// What the program has: functions by module, methods and properties by handle, standard modules.
fn there() -> Names {
    let mut names = Names::new();
    let mut add = |owner: &str, name: &str| {
        names
            .entry(owner.to_owned())
            .or_default()
            .insert(name.to_owned());
    };
    for module in REGISTRY.modules() {
        for function in module.functions {
            add(module.name, function.name);
        }
        for handle in module.types {
            for method in handle.methods {
                add(handle.name, method.name);
            }
            for property in handle.properties {
                add(handle.name, property.name);
            }
        }
    }
    for module in STDLIB {
        add("std", module.name);
    }
    names
}

/// What the list items of all "Script API" parts say: `- **owner**: ` and names in backticks.
fn told() -> Names {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/CHANGELOG.md");
    let page = fs::read_to_string(page).unwrap();
    let mut names = Names::new();
    for part in page
        .split("\n### ")
        .filter(|part| part.starts_with("Script API"))
    {
        let part = part.split("\n## ").next().unwrap();
        for item in part.split("\n- **").skip(1) {
            let (owner, rest) = item.split_once("**").unwrap();
            let rest = rest.split("\n\n").next().unwrap();
            let quoted = rest.split('`').skip(1).step_by(2).map(str::to_owned);
            names.entry(owner.to_owned()).or_default().extend(quoted);
        }
    }
    names
}

#[test]
fn the_changelog_names_the_script_api() {
    let (there, told) = (there(), told());
    let owners: BTreeSet<&String> = there.keys().chain(told.keys()).collect();
    let none = BTreeSet::new();
    let mut differences = Vec::new();
    for owner in owners {
        let (has, says) = (
            there.get(owner).unwrap_or(&none),
            told.get(owner).unwrap_or(&none),
        );
        differences.extend(
            has.difference(says)
                .map(|name| format!("`{owner}` has `{name}`, untold")),
        );
        differences.extend(
            says.difference(has)
                .map(|name| format!("`{owner}` has no `{name}`")),
        );
    }
    assert!(
        differences.is_empty(),
        "CHANGELOG.md, \"Script API\":\n{}",
        differences.join("\n")
    );
}
