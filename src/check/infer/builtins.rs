//! Rhai's own methods: what they call closures with, and what they give.

use crate::check::shape::{Kinds, Shape};

/// What a closure is called with that is an argument of a method.
pub fn callback(on: &Shape, method: &str, index: usize) -> Vec<Shape> {
    if !on.is_only(Kinds::ARRAY) {
        return Vec::new();
    }
    match (method, index) {
        (
            "filter" | "map" | "some" | "all" | "find" | "find_map" | "index_of" | "retain"
            | "drain" | "dedup",
            0,
        ) => {
            vec![on.item(), Shape::of(Kinds::INT)]
        }
        ("reduce" | "reduce_rev", 0) => vec![Shape::any(), on.item()],
        ("sort", 0) => vec![on.item(), on.item()],
        _ => Vec::new(),
    }
}

/// What a method gives.
pub fn returned(on: &Shape, method: &str, given: &[Shape]) -> Shape {
    match method {
        "to_string" | "to_debug" | "to_json" | "to_hex" => return Shape::of(Kinds::TEXT),
        "to_int" => return Shape::of(Kinds::INT),
        "to_float" => return Shape::of(Kinds::FLOAT),
        "call" if on.is_only(Kinds::CLOSURE) => return on.returns(),
        _ => {}
    }
    if on.is_only(Kinds::ARRAY) {
        return array(on, method, given);
    }
    if on.is_only(Kinds::TEXT) {
        return text(method);
    }
    if on.is_only(Kinds::MAP) {
        return map(on, method, given);
    }
    Shape::any()
}

fn array(on: &Shape, method: &str, given: &[Shape]) -> Shape {
    match method {
        "len" | "index_of" => Shape::of(Kinds::INT),
        "is_empty" | "contains" | "some" | "all" => Shape::of(Kinds::BOOL),
        "filter" | "extract" | "drain" | "retain" | "split" => on.clone(),
        "map" => given
            .first()
            .map_or_else(Shape::any, |closure| Shape::array(closure.returns())),
        "find" | "pop" | "shift" | "remove" | "get" => match on.item() {
            item if item.is_definite() => item.join(&Shape::of(Kinds::UNIT)),
            _ => Shape::any(),
        },
        "push" | "append" | "insert" | "clear" | "reverse" | "sort" | "truncate" | "dedup"
        | "pad" => Shape::of(Kinds::UNIT),
        _ => Shape::any(),
    }
}

fn text(method: &str) -> Shape {
    match method {
        "len" | "index_of" | "bytes" => Shape::of(Kinds::INT),
        "is_empty" | "contains" | "starts_with" | "ends_with" => Shape::of(Kinds::BOOL),
        "split" | "split_rev" => Shape::array(Shape::of(Kinds::TEXT)),
        "sub_string" | "to_upper" | "to_lower" => Shape::of(Kinds::TEXT),
        "trim" | "replace" | "make_upper" | "make_lower" | "crop" | "truncate" | "pad"
        | "append" | "clear" => Shape::of(Kinds::UNIT),
        _ => Shape::any(),
    }
}

fn map(on: &Shape, method: &str, given: &[Shape]) -> Shape {
    match method {
        "len" => Shape::of(Kinds::INT),
        "is_empty" | "contains" => Shape::of(Kinds::BOOL),
        "keys" => Shape::array(Shape::of(Kinds::TEXT)),
        "values" => match on
            .fields()
            .filter(|fields| !fields.open && !fields.known.is_empty())
        {
            Some(fields) => Shape::array(
                fields
                    .known
                    .values()
                    .fold(Shape::never(), |all, field| all.join(field)),
            ),
            None => Shape::array(Shape::any()),
        },
        "get" => {
            let key = given
                .first()
                .and_then(|key| key.texts().map(<[String]>::to_vec));
            let (Some(fields), Some([key])) = (on.fields(), key.as_deref()) else {
                return Shape::any();
            };
            match fields.get(key) {
                Some(field) if field.is_definite() => field.join(&Shape::of(Kinds::UNIT)),
                _ => Shape::any(),
            }
        }
        _ => Shape::any(),
    }
}
