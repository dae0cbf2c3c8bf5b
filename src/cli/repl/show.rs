//! Values as people read them: in the language's own notation, handles with their facts, secrets as `***`.

use rhai::{Array, Blob, Dynamic, Engine, FnPtr, Map};

use crate::bindings::REGISTRY;
use crate::diag::Failure;
use crate::engine::registry::Type;
use crate::engine::ty;
use crate::secret::Secret;

/// What fits on one line is not broken.
const WIDTH: usize = 90;
/// More items than these are counted.
const ITEMS: usize = 100;
/// Deeper ones are left out.
const DEPTH: usize = 6;

/// The text for a value; empty for `()`.
pub fn pretty(value: &Dynamic, engine: &Engine) -> String {
    match value.is_unit() {
        true => String::new(),
        false => render(value, engine, 0),
    }
}

/// What kind of value it is, in the language's words.
pub fn kind(value: &Dynamic, engine: &Engine) -> String {
    match handle(value) {
        Some(handle) => handle.name.to_owned(),
        None => engine.map_type_name(value.type_name()).to_owned(),
    }
}

fn handle(value: &Dynamic) -> Option<&'static Type> {
    let id = value.type_id();
    REGISTRY.types().find(|handle| (handle.id)() == id)
}

fn render(value: &Dynamic, engine: &Engine, depth: usize) -> String {
    if value.is_unit() {
        return "()".to_owned();
    }
    if let Some(text) = ty::text(value) {
        return serde_json::Value::from(text).to_string();
    }
    if value.is::<Secret>() {
        return "***".to_owned();
    }
    if let Some(items) = value.read_lock::<Array>() {
        let shown = items.iter().take(ITEMS);
        let parts = shown.map(|item| render(item, engine, depth + 1)).collect();
        return group("[", parts, items.len(), "]", depth);
    }
    if let Some(fields) = value.read_lock::<Map>() {
        let shown = fields.iter().take(ITEMS);
        let parts =
            shown.map(|(name, item)| format!("{}: {}", key(name), render(item, engine, depth + 1)));
        return group("#{", parts.collect(), fields.len(), "}", depth);
    }
    if let Some(blob) = value.read_lock::<Blob>() {
        return format!("blob of {} bytes", blob.len());
    }
    if let Some(failure) = value.read_lock::<Failure>() {
        return format!("{}: {}", failure.kind, failure.message);
    }
    if value.is::<FnPtr>() {
        return "closure".to_owned();
    }
    if let Some(handle) = handle(value) {
        return facts(value, handle, engine, depth);
    }
    value.to_string()
}

/// A handle with what it knows without asking anybody.
fn facts(value: &Dynamic, handle: &Type, engine: &Engine, depth: usize) -> String {
    let mut receiver = value.clone();
    let parts: Vec<String> = handle
        .properties
        .iter()
        .filter_map(|property| {
            let fact = (property.get)(&mut receiver).ok()?;
            Some(format!(
                "{}: {}",
                property.name,
                render(&fact, engine, depth + 1)
            ))
        })
        .collect();
    let count = parts.len();
    match count {
        0 => handle.name.to_owned(),
        _ => group(&format!("{} {{", handle.name), parts, count, "}", depth),
    }
}

fn key(name: &str) -> String {
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    match plain && !name.is_empty() {
        true => name.to_owned(),
        false => serde_json::Value::from(name).to_string(),
    }
}

/// Parts between brackets, on one line where they fit.
fn group(open: &str, mut parts: Vec<String>, count: usize, close: &str, depth: usize) -> String {
    if count == 0 {
        return format!("{open}{close}");
    }
    if depth >= DEPTH {
        return format!("{open} … {close}");
    }
    if count > parts.len() {
        parts.push(format!("… and {} more", count - parts.len()));
    }
    let blank = if open.ends_with('{') { " " } else { "" };
    let line = format!("{open}{blank}{}{blank}{close}", parts.join(", "));
    if !line.contains('\n') && line.chars().count() + 2 * depth <= WIDTH {
        return line;
    }
    let indent = "  ".repeat(depth + 1);
    let lines: String = parts
        .iter()
        .map(|part| format!("{indent}{part},\n"))
        .collect();
    format!("{open}\n{lines}{}{close}", "  ".repeat(depth))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(script: &str) -> String {
        let engine = Engine::new();
        pretty(&engine.eval::<Dynamic>(script).unwrap(), &engine)
    }

    #[test]
    fn values_read_as_they_are_written() {
        assert_eq!(shown("()"), "");
        assert_eq!(shown("\"a\\nb\""), "\"a\\nb\"");
        assert_eq!(shown("[1, 2.5, true, ()]"), "[1, 2.5, true, ()]");
        assert_eq!(
            shown("#{ a: [], b: #{ \"x y\": 'c' } }"),
            "#{ a: [], b: #{ \"x y\": c } }"
        );
        assert_eq!(shown("|x| x"), "closure");
    }

    #[test]
    fn what_does_not_fit_on_a_line_is_broken() {
        let long = "x".repeat(60);
        assert_eq!(
            shown(&format!("#{{ a: \"{long}\", b: [\"{long}\"] }}")),
            format!("#{{\n  a: \"{long}\",\n  b: [\"{long}\"],\n}}")
        );
        let many = shown("let a = []; for i in 0..300 { a.push(i); } a");
        assert!(many.ends_with("  … and 200 more,\n]"), "{many}");
    }

    #[test]
    fn a_secret_is_not_shown() {
        let engine = Engine::new();
        let value = Dynamic::from(Secret::new("canary-51".to_owned()));
        assert_eq!(pretty(&value, &engine), "***");
    }
}
