//! The kinds of value a binding takes, and how a script's value becomes one.

use rhai::{Array, Blob, Dynamic, FnPtr, Map};

use crate::secret::Secret;
use crate::units;

pub use crate::units::{parse_duration, parse_mode, parse_size};

/// A parameter's or an option's kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ty {
    Any,
    Bool,
    Int,
    /// Integer or float.
    Number,
    Str,
    /// String or secret.
    Text,
    /// String, secret or blob.
    Bytes,
    Array,
    /// Array of strings.
    Strings,
    Map,
    /// Array of strings (an argument vector), or one string for a shell.
    Command,
    /// `"30s"`, `"5m"`, `"1h 30m"`.
    Duration,
    /// `"64MiB"`, `"10GB"`, or a number of bytes.
    Size,
    /// An octal mode in a string: `"0644"`.
    Mode,
    /// One of these strings.
    Choice(&'static [&'static str]),
    /// A closure with that many parameters.
    Callback(u8),
    /// A handle, by the name of its type.
    Handle(&'static str),
}

impl Ty {
    /// The kind in words, with an example where the form is not obvious.
    pub fn words(self) -> String {
        match self {
            Ty::Any => "any value".into(),
            Ty::Bool => "a bool".into(),
            Ty::Int => "an integer".into(),
            Ty::Number => "a number".into(),
            Ty::Str => "a string".into(),
            Ty::Text => "a string or a secret".into(),
            Ty::Bytes => "a string, a secret or a blob".into(),
            Ty::Array => "an array".into(),
            Ty::Strings => "an array of strings".into(),
            Ty::Map => "a map".into(),
            Ty::Command => {
                "an array of strings such as `[\"systemctl\", \"restart\", unit]`, or a string for a shell".into()
            }
            Ty::Duration => units::DURATION.into(),
            Ty::Size => units::SIZE.into(),
            Ty::Mode => units::MODE.into(),
            Ty::Choice(words) => either(words),
            Ty::Callback(0) => "a closure without parameters".into(),
            Ty::Callback(1) => "a closure with one parameter".into(),
            Ty::Callback(n) => format!("a closure with {n} parameters"),
            Ty::Handle(name) => format!("a {name}"),
        }
    }

    /// Why `value` is not of this kind; `None` when it is.
    ///
    /// Handles are checked by the binding that downcasts them.
    pub fn refuse(self, value: &Dynamic) -> Option<String> {
        let fits = match self {
            Ty::Any | Ty::Handle(_) => true,
            Ty::Bool => value.is_bool(),
            Ty::Int => value.is_int(),
            Ty::Number => value.is_int() || value.is_float(),
            Ty::Str => value.is_string(),
            Ty::Text => value.is_string() || value.is::<Secret>(),
            Ty::Bytes => value.is_string() || value.is::<Secret>() || value.is::<Blob>(),
            Ty::Array => value.is::<Array>(),
            Ty::Strings => strings(value).is_some(),
            Ty::Map => value.is::<Map>(),
            Ty::Command => match value.read_lock::<Array>() {
                Some(words) => {
                    !words.is_empty() && words.iter().all(|word| word.is_string() || word.is_int())
                }
                None => value.is_string(),
            },
            Ty::Duration => {
                return text(value)
                    .map_or_else(|| Some(self.got(value)), |text| parse_duration(&text).err());
            }
            Ty::Size => {
                return match text(value) {
                    Some(text) => parse_size(&text).err(),
                    None => (!value.as_int().is_ok_and(|n| n >= 0)).then(|| self.got(value)),
                };
            }
            Ty::Mode => {
                return text(value)
                    .map_or_else(|| Some(self.got(value)), |text| parse_mode(&text).err());
            }
            Ty::Choice(words) => text(value).is_some_and(|text| words.contains(&text.as_str())),
            Ty::Callback(_) => value.is::<FnPtr>(),
        };
        (!fits).then(|| self.got(value))
    }

    fn got(self, value: &Dynamic) -> String {
        format!("expected {}, got {}", self.words(), describe(value))
    }
}

/// `"one", "two" or "three"`.
fn either(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => "no value".into(),
    }
}

/// A value's kind in the words a script's author uses.
pub fn describe(value: &Dynamic) -> String {
    if value.is_unit() {
        return "`()`".into();
    }
    if let Some(text) = text(value) {
        let short: String = text.chars().take(40).collect();
        let dots = if short.len() < text.len() { "…" } else { "" };
        return format!("the string \"{short}{dots}\"");
    }
    if let Ok(number) = value.as_int() {
        return format!("the number {number}");
    }
    if let Ok(flag) = value.as_bool() {
        return format!("`{flag}`");
    }
    let name = value.type_name();
    match name.rsplit("::").next().unwrap_or(name) {
        "array" => "an array".into(),
        "map" => "a map".into(),
        "FnPtr" | "Fn" => "a closure".into(),
        "f64" => "a float".into(),
        other => format!("a {other}"),
    }
}

/// The string in `value`, if it is one.
pub fn text(value: &Dynamic) -> Option<String> {
    value
        .read_lock::<rhai::ImmutableString>()
        .map(|text| text.to_string())
}

/// The strings in `value`, if it is an array of nothing else.
pub fn strings(value: &Dynamic) -> Option<Vec<String>> {
    value.read_lock::<Array>()?.iter().map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_number_is_no_duration() {
        assert!(Ty::Duration.refuse(&Dynamic::from_int(30)).is_some());
        assert!(Ty::Duration.refuse(&"30".into()).is_some());
        assert!(Ty::Duration.refuse(&"30s".into()).is_none());
    }
}
