//! What messages look like, and reading them from JSON as protobuf's own mapping does.

use serde_json::{Map, Value};

/// A message type: its full name and its fields.
#[derive(Debug)]
pub struct Message {
    /// As errors say it.
    pub name: &'static str,
    /// In the order they are written.
    pub fields: &'static [Field],
}

/// A field of a message.
#[derive(Debug)]
pub struct Field {
    /// The number in the binary form.
    pub number: u64,
    /// The name in JSON.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Whether it is a list.
    pub repeated: bool,
}

/// What a field holds.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// Text.
    Text,
    /// Bytes; base64 in JSON.
    Bytes,
    /// `uint32`, `int32`, `uint64`.
    Number,
    /// `sint32`.
    Signed,
    /// `bool`.
    Flag,
    /// An enumeration: names with their numbers.
    Choice(&'static [(&'static str, i64)]),
    /// Another message.
    Message(&'static Message),
    /// A map from text to text.
    Texts,
}

/// A field that is there at most once.
pub const fn one(number: u64, name: &'static str, kind: Kind) -> Field {
    Field {
        number,
        name,
        kind,
        repeated: false,
    }
}

/// A field that is a list.
pub const fn many(number: u64, name: &'static str, kind: Kind) -> Field {
    Field {
        number,
        name,
        kind,
        repeated: true,
    }
}

impl Message {
    /// Reads a message. Unknown fields are dropped, enumerations become their names.
    ///
    /// # Errors
    ///
    /// As the platform words them.
    pub fn read(&'static self, bytes: &[u8]) -> Result<Value, String> {
        if bytes.is_empty() {
            return Err("zero-length payload is not a valid JSON object".to_owned());
        }
        let failed = |why: String| format!("unmarshal into *{}: proto: {why}", self.name);
        let value: Value = serde_json::from_slice(bytes).map_err(|error| {
            failed(if error.is_eof() {
                "unexpected EOF".to_owned()
            } else {
                let at = (error.line(), error.column());
                format!("syntax error (line {}:{}): invalid value", at.0, at.1)
            })
        })?;
        let text = String::from_utf8_lossy(bytes);
        let Value::Object(map) = value else {
            return Err(failed(format!(
                "syntax error (line 1:1): unexpected token {value}"
            )));
        };
        self.normal(map, &text).map_err(failed)
    }

    fn normal(&'static self, map: Map<String, Value>, text: &str) -> Result<Value, String> {
        let mut normal = Map::new();
        for field in self.fields {
            let value = map.get(field.name).or_else(|| map.get(&snake(field.name)));
            let Some(value) = value.filter(|value| !value.is_null()) else {
                continue;
            };
            let read = |value: &Value| {
                field
                    .kind
                    .normal(value, text)
                    .ok_or_else(|| invalid(field, value, text))?
            };
            let value = match value {
                Value::Array(list) if field.repeated => {
                    Value::Array(list.iter().map(read).collect::<Result<_, String>>()?)
                }
                other if !field.repeated => read(other)?,
                other => return Err(invalid(field, other, text)),
            };
            normal.insert(field.name.to_owned(), value);
        }
        Ok(Value::Object(normal))
    }
}

impl Kind {
    /// The value as this kind has it; `None` for one of another kind.
    fn normal(self, value: &Value, text: &str) -> Option<Result<Value, String>> {
        let number = || match value {
            Value::Number(number) => number.as_i64(),
            Value::String(text) => text.parse().ok(),
            _ => None,
        };
        Some(Ok(match (self, value) {
            (Kind::Text | Kind::Bytes, Value::String(_)) | (Kind::Flag, Value::Bool(_)) => {
                value.clone()
            }
            (Kind::Number | Kind::Signed, _) => Value::from(number()?),
            (Kind::Choice(names), Value::String(name)) => {
                // an unknown name counts as the first
                let known = names.iter().find(|(known, _)| *known == name.as_str());
                Value::from(known.or(names.first())?.0)
            }
            (Kind::Choice(names), Value::Number(_)) => {
                let number = number()?;
                match names.iter().find(|(_, known)| *known == number) {
                    Some((name, _)) => Value::from(*name),
                    None => Value::from(number),
                }
            }
            (Kind::Message(message), Value::Object(map)) => {
                return Some(message.normal(map.clone(), text));
            }
            (Kind::Texts, Value::Object(map)) => {
                map.values().all(Value::is_string).then(|| value.clone())?
            }
            _ => return None,
        }))
    }

    fn word(self) -> &'static str {
        match self {
            Kind::Text | Kind::Texts => "string",
            Kind::Bytes => "bytes",
            Kind::Number => "uint32",
            Kind::Signed => "sint32",
            Kind::Flag => "bool",
            Kind::Choice(_) => "enum",
            Kind::Message(_) => "message",
        }
    }
}

fn invalid(field: &Field, value: &Value, text: &str) -> String {
    let at = text.find(&format!("\"{}\"", field.name)).map_or(0, |at| {
        let behind = text.get(at..).unwrap_or_default();
        let colon = behind.find(':').map_or(0, |colon| colon + 1);
        let rest = behind.get(colon..).unwrap_or_default();
        at + colon + rest.len() - rest.trim_start().len()
    });
    format!(
        "(line 1:{}): invalid value for {} field {}: {value}",
        at + 1,
        field.kind.word(),
        field.name
    )
}

fn snake(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}
