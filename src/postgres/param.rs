//! Parameters: values that travel beside the SQL, in the form the server's own input takes.

use std::error::Error as StdError;
use std::fmt;

use bytes::BytesMut;
use tokio_postgres::types::{Format, IsNull, Kind, ToSql, Type};

use crate::secret::Secret;

/// A value to bind. The server gives it the type that the statement asks for.
#[derive(Clone)]
pub enum Param {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    Secret(Secret),
    Bytes(Vec<u8>),
    /// For `json` and `jsonb`.
    Json(serde_json::Value),
    /// For arrays; for `json` and `jsonb` also an array of JSON.
    Array(Vec<Param>),
}

/// Values are not shown: any of them may be a secret.
impl fmt::Debug for Param {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Param(***)")
    }
}

impl Param {
    /// The value's text as the server's input of `ty` takes it; `None` for null.
    pub(super) fn text(&self, ty: &Type) -> Option<String> {
        let ty = base(ty);
        Some(match self {
            Param::Null => return None,
            Param::Bool(flag) => if *flag { "true" } else { "false" }.to_owned(),
            Param::Int(number) => number.to_string(),
            Param::Float(number) => float(*number),
            Param::Text(text) if is_json(ty) => serde_json::Value::from(text.as_str()).to_string(),
            Param::Text(text) => text.clone(),
            Param::Secret(secret) => secret.expose().to_owned(),
            Param::Bytes(bytes) => hex(bytes),
            Param::Json(json) => json.to_string(),
            Param::Array(_) if is_json(ty) => self.json().to_string(),
            Param::Array(items) => array(items, element(ty)),
        })
    }

    /// For people and for recordings: a secret as `***`.
    pub fn shown(&self) -> serde_json::Value {
        match self {
            Param::Secret(_) => crate::secret::MASK.into(),
            Param::Array(items) => items.iter().map(Param::shown).collect(),
            other => other.json(),
        }
    }

    fn json(&self) -> serde_json::Value {
        use serde_json::Value;
        match self {
            Param::Null => Value::Null,
            Param::Bool(flag) => (*flag).into(),
            Param::Int(number) => (*number).into(),
            Param::Float(number) => (*number).into(),
            Param::Text(text) => text.as_str().into(),
            Param::Secret(secret) => secret.expose().into(),
            Param::Bytes(bytes) => bytes.iter().copied().map(Value::from).collect(),
            Param::Json(json) => json.clone(),
            Param::Array(items) => items.iter().map(Param::json).collect(),
        }
    }
}

/// A domain takes what its base type takes.
fn base(ty: &Type) -> &Type {
    match ty.kind() {
        Kind::Domain(inner) => base(inner),
        _ => ty,
    }
}

fn element(ty: &Type) -> &Type {
    match ty.kind() {
        Kind::Array(inner) => inner,
        _ => ty,
    }
}

fn is_json(ty: &Type) -> bool {
    matches!(*ty, Type::JSON | Type::JSONB)
}

fn float(number: f64) -> String {
    if number.is_nan() {
        "NaN".to_owned()
    } else if number.is_infinite() {
        if number > 0.0 {
            "Infinity"
        } else {
            "-Infinity"
        }
        .to_owned()
    } else {
        number.to_string()
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 + bytes.len() * 2);
    text.push_str("\\x");
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from_digit(digit.into(), 16).unwrap_or('0'));
        }
    }
    text
}

/// `{"a",NULL,{"b"}}`: every element quoted, so that none is read as something else.
fn array(items: &[Param], ty: &Type) -> String {
    let mut text = "{".to_owned();
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        match item {
            Param::Array(inner) if !is_json(ty) => text.push_str(&array(inner, ty)),
            item => match item.text(ty) {
                None => text.push_str("NULL"),
                Some(value) => {
                    text.push('"');
                    for c in value.chars() {
                        if matches!(c, '"' | '\\') {
                            text.push('\\');
                        }
                        text.push(c);
                    }
                    text.push('"');
                }
            },
        }
    }
    text.push('}');
    text
}

impl ToSql for Param {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        match self.text(ty) {
            None => Ok(IsNull::Yes),
            Some(text) => {
                out.extend_from_slice(text.as_bytes());
                Ok(IsNull::No)
            }
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    tokio_postgres::types::to_sql_checked!();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_quote_their_elements() {
        let items = Param::Array(vec![
            Param::Text("a\"b\\c,d".to_owned()),
            Param::Null,
            Param::Text("NULL".to_owned()),
        ]);
        assert_eq!(
            items.text(&Type::TEXT_ARRAY).unwrap(),
            r#"{"a\"b\\c,d",NULL,"NULL"}"#
        );
        assert_eq!(
            items.text(&Type::JSONB).unwrap(),
            r#"["a\"b\\c,d",null,"NULL"]"#
        );
        let nested = Param::Array(vec![Param::Array(vec![Param::Int(1), Param::Int(2)])]);
        assert_eq!(nested.text(&Type::INT4_ARRAY).unwrap(), r#"{{"1","2"}}"#);
    }

    #[test]
    fn other_values_read_as_the_server_writes_them() {
        assert_eq!(
            Param::Bytes(vec![0, 255]).text(&Type::BYTEA).unwrap(),
            "\\x00ff"
        );
        assert_eq!(
            Param::Float(f64::NEG_INFINITY).text(&Type::FLOAT8).unwrap(),
            "-Infinity"
        );
        assert_eq!(Param::Text("x".into()).text(&Type::JSONB).unwrap(), "\"x\"");
        assert_eq!(Param::Null.text(&Type::INT4), None);
        assert_eq!(format!("{:?}", Param::Text("key".into())), "Param(***)");
    }
}
