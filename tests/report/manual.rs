use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use e2bscript::report::Record;
use serde_json::Value;

/// The examples of `docs/events.md`, one for each type of event, with every field there is.
pub fn examples() -> Vec<Value> {
    manual()
        .lines()
        .filter(|line| line.starts_with('{'))
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

fn manual() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/events.md")).unwrap()
}

/// The variants of `Event` and their fields, as its source lists them.
fn variants() -> BTreeMap<String, BTreeSet<String>> {
    let source = include_str!("../../src/report/event.rs");
    let (_, body) = source.split_once("pub enum Event {\n").unwrap();
    let (body, _) = body.split_once("\n}\n").unwrap();
    let mut variants: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut variant = String::new();
    for line in body.lines() {
        let depth = line.len() - line.trim_start().len();
        let line = line.trim_start();
        if depth == 4 && line.starts_with(|first: char| first.is_ascii_uppercase()) {
            variant = snake(line.split(' ').next().unwrap());
            let one_line = line
                .split_once("{ ")
                .and_then(|(_, fields)| fields.split_once(':'));
            let fields = one_line.map(|(field, _)| field.to_owned());
            variants.insert(variant.clone(), fields.into_iter().collect());
        } else if depth == 8
            && !line.starts_with(['/', '#'])
            && let Some((field, _)) = line.split_once(':')
        {
            variants.get_mut(&variant).unwrap().insert(field.to_owned());
        }
    }
    variants
}

fn snake(name: &str) -> String {
    let mut snake = String::new();
    for char in name.chars() {
        if char.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(char.to_ascii_lowercase());
    }
    snake
}

/// The fields of `Failure` that are written.
fn failure_fields() -> BTreeSet<String> {
    let source = include_str!("../../src/diag/failure.rs");
    let (_, body) = source.split_once("pub struct Failure {\n").unwrap();
    let (body, _) = body.split_once("\n}\n").unwrap();
    body.lines()
        .filter_map(|line| line.trim().strip_prefix("pub ")?.split_once(':'))
        .map(|(field, _)| field.to_owned())
        .filter(|field| field != "class")
        .collect()
}

fn keys(value: &Value) -> BTreeSet<String> {
    value.as_object().unwrap().keys().cloned().collect()
}

#[test]
fn the_example_of_every_event_has_every_field() {
    let variants = variants();
    assert!(variants.len() > 10, "{variants:?}");
    let mut seen = BTreeSet::new();
    for example in examples() {
        let name = example["type"].as_str().unwrap().to_owned();
        let mut fields = keys(&example);
        for common in ["schema", "seq", "time", "run", "type"] {
            assert!(fields.remove(common), "{common} in {example}");
        }
        assert_eq!(fields, variants[&name], "{name}");
        if name == "failure" {
            let mut fields = keys(&example["failure"]);
            fields.extend(keys(&example["failure"]["failures"][0]));
            assert_eq!(fields, failure_fields());
        }
        seen.insert(name);
    }
    assert_eq!(seen, variants.into_keys().collect());
}

#[test]
fn every_field_of_every_event_is_described() {
    let manual = manual();
    for section in manual.split("\n## `").skip(1) {
        let (heading, _) = section.split_once('`').unwrap();
        let example = section.lines().find(|line| line.starts_with('{')).unwrap();
        let record: Record = serde_json::from_str(example).unwrap();
        let written = serde_json::to_value(&record).unwrap();
        assert_eq!(written["type"], heading);
        // The example shows every field: what the program would write is what stands there.
        assert_eq!(written, serde_json::from_str::<Value>(example).unwrap());
        for field in written.as_object().unwrap().keys() {
            let common = ["schema", "seq", "time", "run", "type"].contains(&field.as_str());
            let described =
                section.contains(&format!("`{field}`")) || section.contains(&format!("`{field}."));
            assert!(common || described, "`{field}` in {section}");
        }
    }
}
