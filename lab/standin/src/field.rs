//! Fields of JSON values that need not be there: what is not there is null.

use serde_json::Value;

static NULL: Value = Value::Null;

/// Reads and writes fields of values.
pub trait Field {
    /// A field, null without it.
    fn of(&self, name: &str) -> &Value;
    /// Sets a field of an object.
    fn put(&mut self, name: &str, value: impl Into<Value>);
}

impl Field for Value {
    fn of(&self, name: &str) -> &Value {
        self.get(name).unwrap_or(&NULL)
    }

    fn put(&mut self, name: &str, value: impl Into<Value>) {
        if let Value::Object(map) = self {
            map.insert(name.to_owned(), value.into());
        }
    }
}
