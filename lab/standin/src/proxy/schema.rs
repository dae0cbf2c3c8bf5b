//! Requests that do not fit the edge API's description, refused in the words of its validator.

use serde_json::Value;

/// Reads a body that must have some text fields.
///
/// # Errors
///
/// With what is wrong.
pub fn read(bytes: &[u8], schema: &str, required: &[&str]) -> Result<Value, String> {
    let wrong = |why: String| {
        format!("error in openapi3filter.RequestError: request body has an error: {why}")
    };
    let value: Value = serde_json::from_slice(bytes).map_err(|why| {
        let why = match why.is_eof() {
            true if bytes.is_empty() => "value is required but missing".to_owned(),
            true => "failed to decode request body: unexpected EOF".to_owned(),
            false => format!("failed to decode request body: {why}"),
        };
        wrong(why)
    })?;
    for name in required {
        let why = match value.get(name) {
            None => format!("property \"{name}\" is missing"),
            Some(Value::Null) => "Value is not nullable".to_owned(),
            Some(_) => continue,
        };
        return Err(wrong(format!(
            "doesn't match schema #/components/schemas/{schema}: Error at \"/{name}\": {why}"
        )));
    }
    Ok(value)
}
