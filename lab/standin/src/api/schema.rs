//! Bodies as the OpenAPI middleware checks them, with its texts.

use serde_json::{Map, Value};

use super::answer::Answer;

/// What a value must be.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// A string.
    Text,
    /// One of these strings.
    OneOf(&'static [&'static str]),
    /// A boolean.
    Bool,
    /// An integer of 32 bits, at least and at most so large.
    Int(i64, i64),
    /// A list of strings.
    Texts,
    /// A list of objects with these fields.
    Objects(&'static [Field]),
    /// Strings by name.
    Map,
    /// An object with anything in it.
    Object,
}

/// A field of an object.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// Whether it must be there.
    pub required: bool,
    /// What it holds.
    pub kind: Kind,
}

/// The body of an operation.
#[derive(Debug)]
pub struct Body {
    /// Its name among the components; empty for one written in place.
    pub name: &'static str,
    /// Whether an empty body is refused.
    pub required: bool,
    /// Whether the schema says `type: object`: without that any other type passes, and fails later.
    pub typed: bool,
    /// Its fields; others are ignored.
    pub fields: &'static [Field],
}

/// A field that may be left out.
pub const fn may(name: &'static str, kind: Kind) -> Field {
    Field {
        name,
        required: false,
        kind,
    }
}

/// A field that must be there.
pub const fn must(name: &'static str, kind: Kind) -> Field {
    Field {
        name,
        required: true,
        kind,
    }
}

/// The largest integer of 32 bits, as no limit.
pub const INT: i64 = i32::MAX as i64;

impl Body {
    /// Reads a body. `None`: there is none, and none is needed.
    pub fn read(&self, content_type: &str, bytes: &[u8]) -> Result<Option<Value>, Answer> {
        let refuse = |why: &str| {
            Answer::invalid(
                400,
                format!("error in openapi3filter.RequestError: request body has an error: {why}"),
            )
        };
        if bytes.is_empty() {
            return if self.required {
                Err(refuse("value is required but missing"))
            } else {
                Ok(None)
            };
        }
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/json") {
            return Err(refuse(&format!(
                "header Content-Type has unexpected value {content_type:?}"
            )));
        }
        let mut value: Value = serde_json::from_slice(bytes).map_err(|error| {
            refuse(&format!(
                "failed to decode request body: {}",
                syntax(&error, bytes)
            ))
        })?;
        without_nul(&mut value);
        if let Err(why) = self.check(&value) {
            let schema = match self.name {
                "" => String::new(),
                name => format!(" #/components/schemas/{name}"),
            };
            return Err(refuse(&format!("doesn't match schema{schema}: {why}")));
        }
        Ok(Some(value))
    }

    fn check(&self, value: &Value) -> Result<(), String> {
        match value {
            Value::Object(fields) => check_fields("", fields, self.fields),
            Value::Null => Err("Value is not nullable".to_owned()),
            _ if self.typed => Err("value must be an object".to_owned()),
            _ => Ok(()),
        }
    }

    /// The fields of a body that passed; what Go says of any other type.
    pub fn object(&self, value: Value) -> Result<Map<String, Value>, Answer> {
        let found = match value {
            Value::Object(fields) => return Ok(fields),
            Value::Array(_) => "array",
            Value::String(_) => "string",
            Value::Bool(_) => "bool",
            Value::Number(_) => "number",
            Value::Null => "null",
        };
        Err(Answer::unparsed(&format!(
            "json: cannot unmarshal {found} into Go value of type api.{}",
            self.name
        )))
    }
}

/// Values first, in the order of their names, then what is missing.
fn check_fields(at: &str, found: &Map<String, Value>, fields: &[Field]) -> Result<(), String> {
    let mut named: Vec<(&String, &Value)> = found.iter().collect();
    named.sort_by_key(|(name, _)| *name);
    for (name, value) in named {
        if let Some(field) = fields.iter().find(|field| field.name == name) {
            check_value(&format!("{at}/{name}"), value, field.kind)?;
        }
    }
    match fields
        .iter()
        .find(|field| field.required && !found.contains_key(field.name))
    {
        None => Ok(()),
        Some(Field { name, .. }) => Err(format!(
            "Error at \"{at}/{name}\": property \"{name}\" is missing"
        )),
    }
}

fn check_value(at: &str, value: &Value, kind: Kind) -> Result<(), String> {
    let wrong = |why: String| Err(format!("Error at \"{at}\": {why}"));
    let must_be = |what: &str| wrong(format!("value must be {what}"));
    if value.is_null() {
        return wrong("Value is not nullable".to_owned());
    }
    match (kind, value) {
        (Kind::Text, Value::String(_)) | (Kind::Bool, Value::Bool(_)) => Ok(()),
        (Kind::OneOf(words), Value::String(word)) => {
            if words.contains(&word.as_str()) {
                return Ok(());
            }
            let words: Vec<String> = words.iter().map(|word| format!("{word:?}")).collect();
            wrong(format!(
                "value is not one of the allowed values [{}]",
                words.join(",")
            ))
        }
        (Kind::Int(least, most), Value::Number(number)) => match whole(number) {
            None => must_be("an integer"),
            Some(number) if i32::try_from(number).is_err() => wrong(
                "integer doesn't match the format \"int32\": value should be between -2147483648 and 2147483647"
                    .to_owned(),
            ),
            Some(number) if number < i128::from(least) => {
                wrong(format!("number must be at least {least}"))
            }
            Some(number) if number > i128::from(most) => {
                wrong(format!("number must be at most {most}"))
            }
            Some(_) => Ok(()),
        },
        (Kind::Texts, Value::Array(items)) => items
            .iter()
            .enumerate()
            .try_for_each(|(n, item)| check_value(&format!("{at}/{n}"), item, Kind::Text)),
        (Kind::Objects(fields), Value::Array(items)) => {
            items.iter().enumerate().try_for_each(|(n, item)| {
                let at = format!("{at}/{n}");
                check_value(&at, item, Kind::Object)?;
                item.as_object()
                    .map_or(Ok(()), |item| check_fields(&at, item, fields))
            })
        }
        (Kind::Map, Value::Object(items)) => {
            let mut items: Vec<(&String, &Value)> = items.iter().collect();
            items.sort_by_key(|(name, _)| *name);
            items
                .into_iter()
                .try_for_each(|(name, item)| check_value(&format!("{at}/{name}"), item, Kind::Text))
        }
        // no `type` in the platform's schema: what is no object passes and fails later
        (Kind::Object, Value::Object(_)) => Ok(()),
        (Kind::Text | Kind::OneOf(_), _) => must_be("a string"),
        (Kind::Bool, _) => must_be("a boolean"),
        (Kind::Int(..), _) => must_be("an integer"),
        (Kind::Texts | Kind::Objects(_), _) => must_be("an array"),
        (Kind::Map | Kind::Object, _) => must_be("an object"),
    }
}

/// A JSON number without a fraction, however it is written.
fn whole(number: &serde_json::Number) -> Option<i128> {
    if let Some(number) = number.as_i128() {
        return Some(number);
    }
    let number = number.as_f64()?;
    (number.fract() == 0.0 && number.abs() < 1e30).then_some(number as i128)
}

/// A field of a checked body as an integer, also when it is written `15.0`.
pub fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => whole(number).and_then(|number| i64::try_from(number).ok()),
        _ => None,
    }
}

/// Go's text for what is no JSON.
fn syntax(error: &serde_json::Error, bytes: &[u8]) -> String {
    if error.is_eof() {
        return "unexpected EOF".to_owned();
    }
    let line = bytes
        .split(|byte| *byte == b'\n')
        .nth(error.line().saturating_sub(1));
    let at = error.column().saturating_sub(1);
    match line.and_then(|line| line.get(at)) {
        Some(byte) => format!(
            "invalid character {:?} looking for beginning of value",
            char::from(*byte)
        ),
        None => "invalid character".to_owned(),
    }
}

/// PostgreSQL has no text with a NUL in it.
fn without_nul(value: &mut Value) {
    match value {
        Value::String(text) => text.retain(|letter| letter != '\0'),
        Value::Array(items) => items.iter_mut().for_each(without_nul),
        Value::Object(fields) => {
            let kept = std::mem::take(fields);
            for (name, mut value) in kept {
                without_nul(&mut value);
                fields.insert(name.replace('\0', ""), value);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::answer::Content;

    const BODY: Body = Body {
        name: "Thing",
        required: true,
        typed: false,
        fields: &[
            must("id", Kind::Text),
            may("timeout", Kind::Int(0, INT)),
            may("metadata", Kind::Map),
            may("state", Kind::OneOf(&["a", "b"])),
            may("steps", Kind::Objects(&[must("type", Kind::Text)])),
        ],
    };

    fn said(text: &str) -> String {
        match BODY.read("application/json", text.as_bytes()) {
            Ok(_) => "fine".to_owned(),
            Err(answer) => match answer.content {
                Content::Json(text) => serde_json::from_str::<Value>(&text).unwrap()["message"]
                    .as_str()
                    .unwrap()
                    .trim_start_matches(
                        "validation error: error in openapi3filter.RequestError: request body has an error: ",
                    )
                    .trim_start_matches("doesn't match schema #/components/schemas/Thing: ")
                    .to_owned(),
                other => format!("{other:?}"),
            },
        }
    }

    #[test]
    fn texts_are_the_middlewares() {
        for (body, text) in [
            (r#"{"id":"x","more":1}"#, "fine"),
            (r#"{"id":"x","timeout":2.0}"#, "fine"),
            ("[]", "fine"),
            ("", "value is required but missing"),
            ("{", "failed to decode request body: unexpected EOF"),
            ("{}", r#"Error at "/id": property "id" is missing"#),
            (
                r#"{"id":1,"timeout":"x"}"#,
                r#"Error at "/id": value must be a string"#,
            ),
            (
                r#"{"metadata":{"a":1}}"#,
                r#"Error at "/metadata/a": value must be a string"#,
            ),
            (
                r#"{"state":"c"}"#,
                r#"Error at "/state": value is not one of the allowed values ["a","b"]"#,
            ),
            (
                r#"{"id":"x","steps":[{}]}"#,
                r#"Error at "/steps/0/type": property "type" is missing"#,
            ),
            (r#"{"id":null}"#, r#"Error at "/id": Value is not nullable"#),
        ] {
            assert_eq!(said(body), text, "{body}");
        }
    }

    #[test]
    fn what_postgresql_cannot_hold_is_dropped() {
        let value = BODY
            .read(
                "application/json; charset=utf-8",
                br#"{"id":"a\u0000b","metadata":{"k\u0000":"v"}}"#,
            )
            .unwrap()
            .unwrap();
        assert_eq!(value["id"], "ab");
        assert_eq!(value["metadata"]["k"], "v");
    }
}
