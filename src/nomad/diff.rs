//! The difference between a job and the one that is registered, as flat lines.

use serde::Serialize;
use serde_json::Value;

/// One field that is new, gone or different.
#[derive(Clone, Debug, Serialize, PartialEq, Eq)]
pub struct Change {
    /// Where in the job: `group api / task api / Config / args[1]`.
    pub path: String,
    /// Empty for a field that is new.
    pub old: String,
    /// Empty for a field that is gone.
    pub new: String,
}

/// All fields that differ, in Nomad's order; of things that are new or gone, all fields they have.
pub fn changes(diff: &Value) -> Vec<Change> {
    let mut found = Vec::new();
    collect(diff, "", &mut found);
    found
}

/// The changes as people read them: `+`, `-` or `~`, the place, the values.
pub fn lines(changes: &[Change]) -> Vec<String> {
    let line = |change: &Change| {
        let path = &change.path;
        match (change.old.as_str(), change.new.as_str()) {
            ("", new) => format!("+ {path}: {new}"),
            (old, "") => format!("- {path}: {old}"),
            (old, new) => format!("~ {path}: {old} → {new}"),
        }
    };
    changes.iter().map(line).collect()
}

fn collect(diff: &Value, path: &str, found: &mut Vec<Change>) {
    let text = |value: &Value, name: &str| {
        let text = value.get(name).and_then(Value::as_str);
        text.unwrap_or_default().to_owned()
    };
    let below = |name: &str| match path {
        "" => name.to_owned(),
        path => format!("{path} / {name}"),
    };
    for field in list(diff, "Fields") {
        if text(field, "Type") == "None" {
            continue;
        }
        found.push(Change {
            path: below(&text(field, "Name")),
            old: text(field, "Old"),
            new: text(field, "New"),
        });
    }
    for (part, word) in [
        ("Objects", ""),
        ("TaskGroups", "group "),
        ("Tasks", "task "),
    ] {
        for inner in list(diff, part) {
            if text(inner, "Type") != "None" {
                collect(
                    inner,
                    &below(&format!("{word}{}", text(inner, "Name"))),
                    found,
                );
            }
        }
    }
}

fn list<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value
        .get(name)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_differs_is_told_and_where_it_is() {
        let diff = json!({
            "Type": "Edited", "ID": "api",
            "Fields": [{"Type": "None", "Name": "Region", "Old": "lab", "New": "lab"}],
            "TaskGroups": [{
                "Type": "Edited", "Name": "api", "Fields": null, "Objects": null,
                "Tasks": [{
                    "Type": "Edited", "Name": "api", "Fields": [],
                    "Objects": [
                        {"Type": "Edited", "Name": "Resources", "Fields": [
                            {"Type": "Edited", "Name": "MemoryMB", "Old": "64", "New": "128"}]},
                        {"Type": "Added", "Name": "Env", "Fields": [
                            {"Type": "Added", "Name": "A", "Old": "", "New": "1"}]},
                    ],
                }],
            }],
        });
        let found = changes(&diff);
        assert_eq!(
            lines(&found),
            [
                "~ group api / task api / Resources / MemoryMB: 64 → 128",
                "+ group api / task api / Env / A: 1",
            ]
        );
    }

    #[test]
    fn nothing_makes_nothing() {
        assert!(changes(&json!({"Type": "None"})).is_empty());
        assert!(changes(&Value::Null).is_empty());
    }
}
