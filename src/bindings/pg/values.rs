//! The database's values as scripts have them, and back.

use rhai::{Array, Blob, Dynamic, Map};

use crate::diag::Failure;
use crate::engine::raise::Raise;
use crate::engine::ty;
use crate::engine::value::{Secrets, from_json, to_json};
use crate::postgres::{Param, Value};
use crate::secret::Secret;

/// A value for a script.
pub fn dynamic(value: Value) -> Dynamic {
    match value {
        Value::Null => Dynamic::UNIT,
        Value::Bool(flag) => flag.into(),
        Value::Int(number) => number.into(),
        Value::Float(number) => number.into(),
        Value::Numeric(text) | Value::Text(text) => text.into(),
        Value::Bytes(bytes) => Dynamic::from_blob(bytes),
        Value::Json(json) => from_json(json),
        Value::Array(values) => Dynamic::from_array(values.into_iter().map(dynamic).collect()),
    }
}

/// What makes maps of rows, by the names of the columns. Of several columns with one name the last counts.
pub fn maps(columns: &[String]) -> impl FnMut(&mut [Value]) -> Dynamic + use<> {
    // A map made once and copied is several times as fast as one sorted anew for each row.
    let empty: Map = columns
        .iter()
        .map(|name| (name.into(), Dynamic::UNIT))
        .collect();
    let column_of = |name: &str| columns.iter().rposition(|column| column == name);
    let order: Vec<usize> = empty.keys().filter_map(|name| column_of(name)).collect();
    move |row| {
        let mut map = empty.clone();
        for (cell, column) in map.values_mut().zip(&order) {
            if let Some(value) = row.get_mut(*column) {
                *cell = dynamic(std::mem::take(value));
            }
        }
        // `into` would collect its entries once more
        Dynamic::from_map(map)
    }
}

/// A script's value to bind.
pub fn param(value: &Dynamic, number: usize) -> Result<Param, Raise> {
    if value.is_unit() {
        return Ok(Param::Null);
    }
    if let Ok(flag) = value.as_bool() {
        return Ok(Param::Bool(flag));
    }
    if let Ok(number) = value.as_int() {
        return Ok(Param::Int(number));
    }
    if let Ok(number) = value.as_float() {
        return Ok(Param::Float(number));
    }
    if let Some(secret) = value.read_lock::<Secret>() {
        return Ok(Param::Secret(secret.clone()));
    }
    if let Some(text) = ty::text(value) {
        return Ok(Param::Text(text));
    }
    if let Some(letter) = value.read_lock::<char>() {
        return Ok(Param::Text(letter.to_string()));
    }
    if let Some(bytes) = value.read_lock::<Blob>() {
        return Ok(Param::Bytes(bytes.clone()));
    }
    if let Some(items) = value.read_lock::<Array>() {
        let items = items.iter().map(|item| param(item, number));
        return Ok(Param::Array(items.collect::<Result<_, _>>()?));
    }
    if value.is_map() {
        return Ok(Param::Json(to_json(value, Secrets::Expose)?));
    }
    Err(Failure::usage(
        "pg.parameter",
        format!(
            "parameter ${number} is {}, which no database has",
            ty::describe(value)
        ),
    )
    .into())
}

/// All of them.
pub fn params(values: &[Dynamic]) -> Result<Vec<Param>, Raise> {
    let numbered = values.iter().enumerate();
    numbered
        .map(|(index, value)| param(value, index + 1))
        .collect()
}
