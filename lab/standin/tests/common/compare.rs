//! Whether an answer is like the recorded one.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{Answer, Bindings, substitute, unhex};

/// Compares the whole answer.
pub fn answer(recorded: &Value, got: &Answer, bindings: &Bindings) -> Result<(), String> {
    let status = recorded["status"].as_u64().unwrap();
    if u64::from(got.status) != status {
        let body = String::from_utf8_lossy(&got.body);
        return Err(format!("status {} instead of {status}: {body}", got.status));
    }
    if status == 0 {
        return Ok(());
    }
    for (name, value) in recorded["headers"].as_object().unwrap() {
        let (wanted, found) = (value.as_str().unwrap(), got.headers.get(name));
        let found = found.ok_or_else(|| format!("no header {name}: {:?}", got.headers))?;
        let same = match name.as_str() {
            // a set, in no order
            "allow" => sorted(wanted) == sorted(found),
            _ => wanted == found,
        };
        if !same {
            return Err(format!("header {name} is `{found}`, not `{wanted}`"));
        }
    }
    if let Some(envelopes) = recorded["envelopes"].as_array() {
        return stream(envelopes, &recorded["stdout_total_bytes"], got, bindings);
    }
    let body = &recorded["body"];
    if let Some(hex) = body["$hex"].as_str() {
        return match got.body == unhex(hex) {
            true => Ok(()),
            false => Err(format!("other bytes: {:?}", got.body)),
        };
    }
    let text = String::from_utf8_lossy(&got.body).into_owned();
    let is_json = got
        .headers
        .get("content-type")
        .is_some_and(|kind| kind.contains("json"));
    let found = match is_json && !text.is_empty() {
        true => serde_json::from_str(&text).map_err(|why| format!("{why}: {text}"))?,
        false => Value::from(text),
    };
    value(body, &found, bindings, "body")
}

fn sorted(list: &str) -> Vec<&str> {
    let mut words: Vec<&str> = list.split(", ").collect();
    words.sort_unstable();
    words
}

/// Compares streams; how output is cut into envelopes is not fixed.
pub fn stream(
    recorded: &[Value],
    total: &Value,
    got: &Answer,
    bindings: &Bindings,
) -> Result<(), String> {
    let recorded = recorded.iter().map(|envelope| {
        (
            envelope["flags"].as_u64().unwrap(),
            envelope["message"].clone(),
        )
    });
    let found = got
        .envelopes()
        .into_iter()
        .map(|(flags, message)| (u64::from(flags), message));
    let mut found = joined(found);
    if let Some(total) = total.as_u64() {
        let is_data = |message: &Value| message["event"].get("data").is_some();
        let bytes: usize = found
            .iter()
            .filter(|(_, message)| is_data(message))
            .map(|(_, message)| message["event"]["data"]["stdout"].as_str().unwrap().len())
            .sum();
        if bytes as u64 != total {
            return Err(format!("{bytes} bytes of output, not {total}"));
        }
        found.retain(|(_, message)| !is_data(message));
    }
    let shown = |list: &[(u64, Value)]| {
        let list: Vec<Value> = list
            .iter()
            .map(|(flags, message)| json!({"flags": flags, "message": message}))
            .collect();
        Value::from(list)
    };
    let recorded = joined(recorded);
    value(&shown(&recorded), &shown(&found), bindings, "envelopes")
}

/// Joins output of one kind that follows on itself, decoded.
fn joined(list: impl Iterator<Item = (u64, Value)>) -> Vec<(u64, Value)> {
    let mut joined: Vec<(u64, Value)> = Vec::new();
    for (flags, mut message) in list {
        if let Some(data) = message["event"]
            .get("data")
            .and_then(Value::as_object)
            .cloned()
        {
            let (kind, text) = data.iter().next().unwrap();
            let bytes = STANDARD.decode(text.as_str().unwrap()).unwrap();
            let text: String = bytes.iter().map(|byte| char::from(*byte)).collect();
            let last = joined
                .last_mut()
                .and_then(|(_, last)| last.get_mut("event")?.get_mut("data")?.get_mut(kind));
            if let Some(last) = last {
                *last = format!("{}{text}", last.as_str().unwrap()).into();
                continue;
            }
            let mut whole = serde_json::Map::new();
            whole.insert(kind.clone(), text.into());
            message["event"]["data"] = whole.into();
        }
        joined.push((flags, message));
    }
    joined
}

/// Compares two values; what is in angle brackets stands for anything of its kind.
pub fn value(recorded: &Value, found: &Value, bindings: &Bindings, at: &str) -> Result<(), String> {
    let differs = || Err(format!("{at} is {found}, not {recorded}"));
    match (recorded, found) {
        (Value::Object(wanted), Value::Object(map)) => {
            for (name, wanted) in wanted {
                let Some(found) = map.get(name) else {
                    return Err(format!("{at}.{name} is missing: {found}"));
                };
                value(wanted, found, bindings, &format!("{at}.{name}"))?;
            }
            match map.keys().find(|name| !wanted.contains_key(*name)) {
                Some(name) => Err(format!("{at}.{name} is too much: {found}")),
                None => Ok(()),
            }
        }
        (Value::Array(wanted), Value::Array(list)) if wanted.len() == list.len() => wanted
            .iter()
            .zip(list)
            .enumerate()
            .try_for_each(|(number, (wanted, found))| {
                value(wanted, found, bindings, &format!("{at}[{number}]"))
            }),
        (Value::String(wanted), found) => {
            let text = found
                .as_str()
                .map_or_else(|| found.to_string(), str::to_owned);
            match fits(&substitute(wanted, bindings), &text) {
                true => Ok(()),
                false => differs(),
            }
        }
        _ if recorded == found => Ok(()),
        _ => differs(),
    }
}

/// Text with placeholders fits text with something in their places.
fn fits(wanted: &str, found: &str) -> bool {
    let mut rest = found;
    let mut wanted = wanted;
    loop {
        let Some(from) = wanted.find('<').filter(|from| {
            let behind = wanted[from + 1..].chars().next();
            wanted[*from..].contains('>') && behind.is_some_and(char::is_alphabetic)
        }) else {
            return wanted == rest;
        };
        let Some(after) = rest.strip_prefix(&wanted[..from]) else {
            return false;
        };
        let to = from + wanted[from..].find('>').unwrap();
        let kind = &wanted[from + 1..to];
        let length = after
            .find(|letter: char| !letter.is_ascii_alphanumeric() && !"-_:.+=/".contains(letter))
            .unwrap_or(after.len());
        if length == 0 || !is_kind(kind, &after[..length]) {
            // markup has angle brackets, too
            return wanted == rest;
        }
        rest = &after[length..];
        wanted = &wanted[to + 1..];
    }
}

fn is_kind(kind: &str, text: &str) -> bool {
    match kind {
        "pid" | "number" | "int" => text.parse::<f64>().is_ok(),
        "uuid" => text.len() == 36 && text.matches('-').count() == 4,
        "timestamp" => text.contains('T') && (text.ends_with('Z') || text.contains('+')),
        _ => true,
    }
}
