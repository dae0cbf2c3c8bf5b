//! Comparisons of values, and how a difference is shown.

use rhai::{Dynamic, Map};
use serde_json::Value;
use similar::TextDiff;

use crate::diag::Failure;
use crate::engine::Call;
use crate::engine::raise::Raise;
use crate::engine::ty;
use crate::engine::value::{Secrets, to_json};
use crate::secret::Secret;

/// Values that fit into a sentence together are shown in it.
const SHORT: usize = 60;
/// Longest difference that is shown, in lines.
const LINES: usize = 60;

pub fn equal(call: &mut Call) -> Result<Dynamic, Raise> {
    let (found, wanted) = (call.value(0)?, call.value(1)?);
    if same(found, wanted) {
        return Ok(Dynamic::UNIT);
    }
    Err(different("test.equal", found, wanted).into())
}

pub fn differs(call: &mut Call) -> Result<Dynamic, Raise> {
    let (found, unwanted) = (call.value(0)?, call.value(1)?);
    if !same(found, unwanted) {
        return Ok(Dynamic::UNIT);
    }
    let message = format!("both are {}", shown(found));
    Err(Failure::new("test.differs", message).into())
}

pub fn contains(call: &mut Call) -> Result<Dynamic, Raise> {
    let (whole, part) = (call.value(0)?, call.value(1)?);
    if holds(whole, part) {
        return Ok(Dynamic::UNIT);
    }
    let message = format!("{} is not in it", shown(part));
    Err(Failure::new("test.contains", message)
        .output(lines(whole))
        .into())
}

pub fn lacks(call: &mut Call) -> Result<Dynamic, Raise> {
    let (whole, part) = (call.value(0)?, call.value(1)?);
    if !holds(whole, part) {
        return Ok(Dynamic::UNIT);
    }
    let message = format!("{} is in it", shown(part));
    Err(Failure::new("test.lacks", message)
        .output(lines(whole))
        .into())
}

/// The failure that says how the two differ.
pub fn different(kind: &str, found: &Dynamic, wanted: &Dynamic) -> Failure {
    let (one, other) = (shown(found), shown(wanted));
    let is_short = |text: &str| text.len() <= SHORT && !text.contains('\n');
    if one == other {
        let message = match ty::describe(found) == ty::describe(wanted) {
            true => "the two differ in what is secret".to_owned(),
            false => format!(
                "found {} ({}), wanted {}",
                one,
                ty::describe(found),
                ty::describe(wanted)
            ),
        };
        return Failure::new(kind, message);
    }
    if is_short(&one) && is_short(&other) {
        return Failure::new(kind, format!("found {one}, wanted {other}"));
    }
    let diff = difference(&text(wanted), &text(found));
    Failure::new(
        kind,
        "it is not what was wanted (`-` is missing, `+` is too much)",
    )
    .output(diff)
}

/// Lines of a unified diff without its head.
pub fn difference(wanted: &str, found: &str) -> Vec<String> {
    let diff = TextDiff::from_lines(wanted, found);
    let unified = diff.unified_diff().context_radius(3).to_string();
    let mut lines: Vec<String> = unified.lines().map(str::to_owned).collect();
    let more = lines.len().saturating_sub(LINES);
    lines.truncate(LINES);
    if more > 0 {
        lines.push(format!("… {more} more lines"));
    }
    lines
}

/// The value as one reads it in a sentence.
pub fn shown(value: &Dynamic) -> String {
    match to_json(value, Secrets::Mask) {
        Ok(Value::Null) => "()".to_owned(),
        Ok(json) => json.to_string(),
        Err(_) => ty::describe(value),
    }
}

/// The value over several lines: a text as it is, anything else as JSON.
pub fn text(value: &Dynamic) -> String {
    let text = match to_json(value, Secrets::Mask) {
        Ok(Value::String(text)) => text,
        Ok(json) => format!("{json:#}"),
        Err(_) => ty::describe(value),
    };
    match text.ends_with('\n') {
        true => text,
        false => text + "\n",
    }
}

fn lines(value: &Dynamic) -> Vec<String> {
    let text = text(value);
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let more = lines.len().saturating_sub(LINES);
    lines.truncate(LINES);
    if more > 0 {
        lines.push(format!("… {more} more lines"));
    }
    lines
}

fn same(one: &Dynamic, other: &Dynamic) -> bool {
    match (
        to_json(one, Secrets::Expose),
        to_json(other, Secrets::Expose),
    ) {
        (Ok(left), Ok(right)) => left == right && one.is::<Secret>() == other.is::<Secret>(),
        // Handles and closures are alike when they show alike.
        _ => one.type_name() == other.type_name() && format!("{one:?}") == format!("{other:?}"),
    }
}

fn holds(whole: &Dynamic, part: &Dynamic) -> bool {
    if let (Some(whole), Some(part)) = (exposed(whole), exposed(part)) {
        return whole.contains(&part);
    }
    if let Some(items) = whole.read_lock::<rhai::Array>() {
        let text = exposed(part);
        return items.iter().any(|item| {
            same(item, part)
                || matches!((&text, exposed(item)), (Some(part), Some(item)) if item.contains(part))
                || (item.is_map() && part.is_map() && holds(item, part))
        });
    }
    let (Some(whole), Some(part)) = (whole.read_lock::<Map>(), part.read_lock::<Map>()) else {
        return false;
    };
    part.iter().all(|(name, wanted)| {
        whole
            .get(name)
            .is_some_and(|found| same(found, wanted) || (found.is_map() && holds(found, wanted)))
    })
}

fn exposed(value: &Dynamic) -> Option<String> {
    match value.read_lock::<Secret>() {
        Some(secret) => Some(secret.expose().to_owned()),
        None => ty::text(value),
    }
}
