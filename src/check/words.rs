//! The words of the manual as shapes: `an array of maps with …` is what a binding returns, too.

use std::collections::BTreeMap;

use crate::engine::registry::Registry;
use crate::engine::ty::Ty;

use super::shape::{Fields, Kinds, Shape};

/// The shape that `returns` of a binding speaks of; unknown where it says too little.
pub fn returned(registry: Registry, words: &str) -> Shape {
    let (words, none) = match words.split_once("`()` when there is none") {
        Some((words, _)) => (words, true),
        None => (words, false),
    };
    let shape = one(registry, words.trim_end_matches([';', ' ', ',']));
    match none && shape.is_definite() {
        true => shape.join(&Shape::of(Kinds::UNIT)),
        false => shape,
    }
}

fn one(registry: Registry, words: &str) -> Shape {
    if let Some(rest) = strip(words, "array of ") {
        return Shape::array(item(registry, rest));
    }
    if let Some(rest) = strip(words, "map with ") {
        return with(rest);
    }
    let simple = [
        ("()", Kinds::UNIT),
        ("a bool", Kinds::BOOL),
        ("bool", Kinds::BOOL),
        ("an integer", Kinds::INT),
        ("a float", Kinds::FLOAT),
        ("a string", Kinds::TEXT),
        ("a secret", Kinds::SECRET),
        ("a blob", Kinds::BLOB),
        ("seconds, a float", Kinds::FLOAT),
        ("seconds since 1970, an integer", Kinds::INT),
        ("a string, or a secret", Kinds::TEXT.or(Kinds::SECRET)),
        ("a string, or `()`", Kinds::TEXT.or(Kinds::UNIT)),
    ];
    if let Some((_, kinds)) = simple.into_iter().find(|(known, _)| *known == words) {
        return Shape::of(kinds);
    }
    let is_text = words.starts_with("a string")
        && ![" or ", "secret", "blob"]
            .iter()
            .any(|other| words.contains(other));
    if is_text {
        return Shape::of(Kinds::TEXT);
    }
    if words.starts_with("whether ") {
        return Shape::of(Kinds::BOOL);
    }
    if words.starts_with("how many ") {
        return Shape::of(Kinds::INT);
    }
    let name = words
        .strip_prefix("a ")
        .or_else(|| words.strip_prefix("an "));
    match name.and_then(|name| registry.types().find(|ty| ty.name == name)) {
        Some(ty) => Shape::handle(ty.name),
        None if words == "a map" || words.starts_with("a map") => Shape::open_map(),
        None => Shape::any(),
    }
}

fn item(registry: Registry, words: &str) -> Shape {
    if words == "strings" || words == "paths" {
        return Shape::of(Kinds::TEXT);
    }
    if words == "hosts" {
        return Shape::handle("Host");
    }
    match words.strip_prefix("maps with ") {
        Some(rest) => with(rest),
        None if words.starts_with("maps") => Shape::open_map(),
        None => {
            let handle = words.strip_suffix('s');
            let ty = handle.and_then(|name| registry.types().find(|ty| ty.name == name));
            ty.map_or_else(Shape::any, |ty| Shape::handle(ty.name))
        }
    }
}

fn strip<'a>(words: &'a str, what: &str) -> Option<&'a str> {
    let words = words
        .strip_prefix("an ")
        .or_else(|| words.strip_prefix("a "))
        .unwrap_or(words);
    words.strip_prefix(what)
}

/// A map with the names in backticks; what stands in parentheses is about the name before.
fn with(words: &str) -> Shape {
    // What follows says what the map is for.
    let words = words.split(", for `").next().unwrap_or(words);
    let mut known = BTreeMap::new();
    let mut depth = 0_usize;
    let mut name: Option<String> = None;
    for c in words.chars() {
        match (c, &mut name) {
            ('`', Some(done)) => {
                let done = std::mem::take(done);
                name = None;
                let is_key = done
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
                if depth == 0 && is_key && !done.is_empty() {
                    known.insert(done, Shape::any());
                }
            }
            (c, Some(name)) => name.push(c),
            ('`', None) => name = Some(String::new()),
            ('(', None) => depth += 1,
            (')', None) => depth = depth.saturating_sub(1),
            (';', None) if depth == 0 => break,
            _ => {}
        }
    }
    match known.is_empty() {
        true => Shape::open_map(),
        false => Shape::map(Fields {
            known,
            ..Fields::default()
        }),
    }
}

/// The kinds that a parameter takes; `None` where any value will do.
pub fn taken(ty: Ty) -> Option<Kinds> {
    let kinds = match ty {
        Ty::Any => return None,
        Ty::Handle(_) => Kinds::NONE,
        Ty::Bool => Kinds::BOOL,
        Ty::Int => Kinds::INT,
        Ty::Number => Kinds::NUMBER,
        Ty::Str | Ty::Duration | Ty::Mode | Ty::Choice(_) => Kinds::TEXT,
        Ty::Text => Kinds::TEXT.or(Kinds::SECRET),
        Ty::Bytes => Kinds::TEXT.or(Kinds::SECRET).or(Kinds::BLOB),
        Ty::Array | Ty::Strings => Kinds::ARRAY,
        Ty::Map => Kinds::MAP,
        Ty::Command => Kinds::TEXT.or(Kinds::ARRAY),
        Ty::Size => Kinds::TEXT.or(Kinds::INT),
        Ty::Callback(_) => Kinds::CLOSURE,
    };
    Some(kinds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::REGISTRY;

    fn keys(words: &str) -> Vec<String> {
        let shape = returned(REGISTRY, words);
        let shape = if shape.is_only(Kinds::ARRAY) {
            shape.item()
        } else {
            shape
        };
        shape.fields().unwrap().known.keys().cloned().collect()
    }

    #[test]
    fn the_manual_says_what_is_in_a_map() {
        assert_eq!(
            keys("a map with `job` (the `id`) and `index`, for `x_y`"),
            ["index", "job"]
        );
        assert_eq!(
            keys("an array of maps with `a` (`b`, `c`) and `d`; see `e`"),
            ["a", "d"]
        );
        assert!(returned(REGISTRY, "a Host").only_handle() == Some("Host"));
        let maybe = returned(REGISTRY, "a map with `a`; `()` when there is none");
        assert!(maybe.may_be(Kinds::UNIT) && maybe.may_be(Kinds::MAP));
        assert!(returned(REGISTRY, "the value").is_any());
    }
}
