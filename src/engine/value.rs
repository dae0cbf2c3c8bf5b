//! Script values to and from plain data.

use rhai::{Array, Blob, Dynamic, Map};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::diag::Failure;
use crate::secret::Secret;

use super::raise::Raise;
use super::ty::describe;

/// Plain data as a script's value. Numbers beyond 64 bits become strings, `null` becomes `()`.
pub fn from_json(value: Value) -> Dynamic {
    match value {
        Value::Null => Dynamic::UNIT,
        Value::Bool(flag) => flag.into(),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(int), _) => int.into(),
            (None, Some(float)) if number.is_f64() => float.into(),
            _ => number.to_string().into(),
        },
        Value::String(text) => text.into(),
        // `into` would collect what is collected once more
        Value::Array(items) => Dynamic::from_array(items.into_iter().map(from_json).collect()),
        Value::Object(fields) => Dynamic::from_map(
            fields
                .into_iter()
                .map(|(name, value)| (name.into(), from_json(value)))
                .collect(),
        ),
    }
}

/// What to do with a secret on the way out of the script.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Secrets {
    /// Replace by `***`.
    Mask,
    /// Refuse, naming the path.
    Refuse,
    /// Show: the result is as secret as what it was made of.
    Expose,
}

/// Whether a secret is anywhere in `value`.
pub fn holds_secret(value: &Dynamic) -> bool {
    if let Some(items) = value.read_lock::<Array>() {
        return items.iter().any(holds_secret);
    }
    if let Some(fields) = value.read_lock::<Map>() {
        return fields.values().any(holds_secret);
    }
    value.is::<Secret>()
}

/// A script's value as plain data; closures and handles are refused by path.
pub fn to_json(value: &Dynamic, secrets: Secrets) -> Result<Value, Failure> {
    convert(value, secrets, "value")
}

fn convert(value: &Dynamic, secrets: Secrets, path: &str) -> Result<Value, Failure> {
    if value.is_unit() {
        return Ok(Value::Null);
    }
    if let Ok(flag) = value.as_bool() {
        return Ok(flag.into());
    }
    if let Ok(int) = value.as_int() {
        return Ok(int.into());
    }
    if let Ok(float) = value.as_float() {
        return serde_json::Number::from_f64(float)
            .map(Value::Number)
            .ok_or_else(|| {
                Failure::new(
                    "script.value",
                    format!("`{path}` is {float}, which JSON cannot hold"),
                )
            });
    }
    if let Some(text) = super::ty::text(value) {
        return Ok(text.into());
    }
    if let Some(character) = value.read_lock::<char>() {
        return Ok(character.to_string().into());
    }
    if let Some(items) = value.read_lock::<Array>() {
        return items
            .iter()
            .enumerate()
            .map(|(index, item)| convert(item, secrets, &format!("{path}[{index}]")))
            .collect::<Result<Vec<_>, _>>()
            .map(Value::Array);
    }
    if let Some(fields) = value.read_lock::<Map>() {
        return fields
            .iter()
            .map(|(name, field)| {
                Ok((
                    name.to_string(),
                    convert(field, secrets, &format!("{path}.{name}"))?,
                ))
            })
            .collect::<Result<serde_json::Map<_, _>, Failure>>()
            .map(Value::Object);
    }
    if let Some(blob) = value.read_lock::<Blob>() {
        return Ok(blob.iter().copied().map(Value::from).collect());
    }
    if let Some(secret) = value.read_lock::<Secret>() {
        match secrets {
            Secrets::Mask => return Ok(crate::secret::MASK.into()),
            Secrets::Expose => return Ok(secret.expose().into()),
            Secrets::Refuse => {}
        }
    }
    if let Some(failure) = value.read_lock::<Failure>() {
        return serde_json::to_value(&*failure)
            .map_err(|error| Failure::from_error("script.value", &error));
    }
    Err(Failure::new(
        "script.value",
        format!("`{path}` is {}, which is no plain data", describe(value)),
    ))
}

/// Plain data of any Rust type as a script's value.
pub fn from_serde<T: Serialize>(value: &T) -> Result<Dynamic, Raise> {
    serde_json::to_value(value).map(from_json).map_err(|error| {
        Raise::internal(format!("a result cannot be shown to the script: {error}"))
    })
}

/// A script's value as a Rust type; the error names the path of the field that does not fit.
pub fn to_serde<T: DeserializeOwned>(value: &Dynamic, what: &str) -> Result<T, Failure> {
    let json = convert(value, Secrets::Refuse, what)?;
    serde_json::from_value(json)
        .map_err(|error| Failure::new("script.value", format!("`{what}` does not fit: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_survives_the_round_trip() {
        let json = serde_json::json!({"a": [1, 2.5, true, null, "x"], "b": {"c": -7}});
        assert_eq!(
            to_json(&from_json(json.clone()), Secrets::Refuse).unwrap(),
            json
        );
    }

    #[test]
    fn an_integer_beyond_64_bits_keeps_its_digits() {
        let value = from_json(serde_json::json!(u64::MAX));
        assert_eq!(value.to_string(), u64::MAX.to_string());
    }

    #[test]
    fn a_secret_is_refused_by_path_or_masked() {
        let mut map = Map::new();
        map.insert("token".into(), Dynamic::from(Secret::new("abcdef")));
        let value = Dynamic::from(map);
        let error = to_json(&value, Secrets::Refuse).unwrap_err();
        assert!(error.message.contains("value.token"), "{}", error.message);
        assert_eq!(
            to_json(&value, Secrets::Mask).unwrap(),
            serde_json::json!({"token": "***"})
        );
    }
}
