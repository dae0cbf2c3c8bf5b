//! Answers compared with recorded ones: fixed values exactly, volatile ones by their kind.

use std::collections::HashMap;

use serde_json::Value;

/// What placeholders stand for.
pub type Names = HashMap<String, String>;

/// Replaces what is known in a text.
pub fn fill(text: &str, names: &Names) -> String {
    let mut filled = text.to_owned();
    for (name, value) in names {
        filled = filled.replace(&format!("<{name}>"), value);
    }
    filled
}

/// Replaces what is known in a value.
pub fn fill_value(value: &Value, names: &Names) -> Value {
    match value {
        Value::String(text) => Value::String(fill(text, names)),
        Value::Array(items) => items.iter().map(|item| fill_value(item, names)).collect(),
        Value::Object(fields) => Value::Object(
            fields
                .iter()
                .map(|(name, value)| (name.clone(), fill_value(value, names)))
                .collect(),
        ),
        other => other.clone(),
    }
}

/// Why the two differ; empty when they do not.
pub fn differ(at: &str, wanted: &Value, got: &Value, names: &Names) -> Vec<String> {
    match (wanted, got) {
        (Value::String(text), _) if is_volatile(&fill(text, names)) => {
            let name = fill(text, names);
            if is_kind(&name, got) {
                Vec::new()
            } else {
                vec![format!("{at}: {name} is not what {got} is")]
            }
        }
        (Value::String(text), Value::String(found)) => {
            let text = fill(text, names);
            if text == *found {
                Vec::new()
            } else {
                vec![format!("{at}: wanted {text:?}, got {found:?}")]
            }
        }
        (Value::Array(items), Value::Array(found)) if items.len() == found.len() => {
            let in_order: Vec<String> = items
                .iter()
                .zip(found)
                .enumerate()
                .flat_map(|(n, (item, found))| differ(&format!("{at}/{n}"), item, found, names))
                .collect();
            // the order of lists is not told
            let somewhere = items.iter().all(|item| {
                found
                    .iter()
                    .any(|found| differ(at, item, found, names).is_empty())
            });
            if somewhere { Vec::new() } else { in_order }
        }
        (Value::Object(fields), Value::Object(found)) => {
            let mut found_differences = Vec::new();
            for name in found.keys().filter(|name| !fields.contains_key(*name)) {
                found_differences.push(format!("{at}/{name}: not wanted"));
            }
            for (name, value) in fields {
                match found.get(name) {
                    None => found_differences.push(format!("{at}/{name}: missing")),
                    Some(found) => {
                        let at = format!("{at}/{name}");
                        found_differences.extend(differ(&at, value, found, names));
                    }
                }
            }
            found_differences
        }
        (wanted, got) if wanted == got => Vec::new(),
        (wanted, got) => vec![format!("{at}: wanted {wanted}, got {got}")],
    }
}

/// One placeholder and nothing else, of what nobody knows beforehand.
fn is_volatile(text: &str) -> bool {
    text.starts_with('<') && text.ends_with('>') && text.matches('<').count() == 1
}

fn is_kind(name: &str, got: &Value) -> bool {
    let text = got.as_str().unwrap_or_default();
    let named = |length: usize| {
        text.len() == length
            && text
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    let uuid = |text: &str| {
        text.len() == 36
            && text
                .bytes()
                .all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
    };
    let key = |prefix: &str| {
        text.strip_prefix(prefix).is_some_and(|rest| {
            rest.len() == 40 && rest.bytes().all(|byte| byte.is_ascii_hexdigit())
        })
    };
    match name.trim_matches(['<', '>']) {
        "timestamp" => chrono::DateTime::parse_from_rfc3339(text).is_ok(),
        "sandboxID" | "sandboxID1" | "sandboxID2" => named(21) && text.starts_with('i'),
        "templateID" | "snapshotTemplateID" => named(20),
        "buildID" | "buildID2" | "uuid" | "newKeyID" => uuid(text),
        "clientID" | "nodeID" => text.len() == 8,
        "int" | "number" => got.is_number(),
        "mask-part" => (1..=4).contains(&text.len()),
        "nextToken" => text.len() > 20,
        "envdAccessToken" => text.len() == 64,
        "new-api-key" | "newKey" => key("e2b_"),
        "new-access-token" => key("sk_e2b_"),
        "list of build ids" => got.as_array().is_some_and(|items| {
            items
                .iter()
                .all(|item| uuid(item.as_str().unwrap_or_default()))
        }),
        other => panic!("a kind that nobody knows: {other}"),
    }
}
