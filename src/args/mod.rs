//! A script's own command-line arguments: declared, read, and explained by `--help`.

mod parse;
mod usage;

use serde_json::Value;

pub use parse::Parsed;
pub use usage::about;

/// One argument of a script.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Argument {
    /// As the script reads it, for example `env_file`; typed `--env-file`.
    pub name: String,
    pub kind: Kind,
    /// Holds when the argument is not given.
    pub fallback: Option<Value>,
    pub help: String,
    pub required: bool,
    /// May be given several times; the value is an array.
    pub many: bool,
    /// Stands alone, without a value.
    pub flag: bool,
    /// Given by place instead of by name; places are in the order of these numbers.
    pub positional: Option<i64>,
    /// The only values that are accepted; empty for any.
    pub choices: Vec<String>,
    /// The environment variable that is read when the argument is not given.
    pub env: Option<String>,
}

/// What a value must look like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    #[default]
    String,
    Int,
    Number,
    Bool,
    /// Stays text, such as `30s`.
    Duration,
    /// Stays text, such as `64MiB`.
    Size,
}

impl Kind {
    pub const NAMES: &[&str] = &["string", "int", "number", "bool", "duration", "size"];

    pub fn from_name(name: &str) -> Option<Kind> {
        Some(match name {
            "string" => Kind::String,
            "int" => Kind::Int,
            "number" => Kind::Number,
            "bool" => Kind::Bool,
            "duration" => Kind::Duration,
            "size" => Kind::Size,
            _ => return None,
        })
    }

    /// The kind of which `value` is, for an argument that names none.
    pub fn of(value: &Value) -> Kind {
        match value {
            Value::Bool(_) => Kind::Bool,
            Value::Number(number) if number.is_i64() => Kind::Int,
            Value::Number(_) => Kind::Number,
            _ => Kind::String,
        }
    }
}

impl Argument {
    /// How it is typed: `--env-file`.
    pub fn option(&self) -> String {
        format!("--{}", self.name.replace('_', "-"))
    }

    /// What stands for its value: `ENV_FILE`.
    pub fn placeholder(&self) -> String {
        self.name.to_uppercase()
    }

    /// What people call it in messages.
    fn spoken(&self) -> String {
        match self.positional {
            Some(_) => self.placeholder(),
            None => self.option(),
        }
    }
}

/// The arguments a script takes.
#[derive(Clone, Debug, Default)]
pub struct Declaration {
    arguments: Vec<Argument>,
}

/// Why a declaration makes no sense.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the argument `{name}` {what}")]
pub struct DeclarationError {
    pub name: String,
    pub what: String,
}

/// What is wrong with the arguments as typed, all of it.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{}", .0.iter().map(|p| p.what.as_str()).collect::<Vec<_>>().join("; "))]
pub struct UsageError(pub Vec<Problem>);

/// One thing that is wrong with the arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub what: String,
    pub help: Option<String>,
}

impl Declaration {
    /// Puts positional arguments in order and refuses combinations without a meaning.
    pub fn new(mut arguments: Vec<Argument>) -> Result<Declaration, DeclarationError> {
        arguments.sort_by_key(|argument| (argument.positional.is_none(), argument.positional));
        let declaration = Declaration { arguments };
        for argument in &declaration.arguments {
            if let Some(what) = declaration.refuse(argument) {
                return Err(DeclarationError {
                    name: argument.name.clone(),
                    what,
                });
            }
        }
        Ok(declaration)
    }

    fn refuse(&self, argument: &Argument) -> Option<String> {
        let same_place = |other: &&Argument| other.positional == argument.positional;
        let last = self.positionals().last();
        if argument.name == "help" {
            return Some("is built in: `--help` shows the arguments".into());
        }
        if argument.flag && (argument.positional.is_some() || argument.many) {
            return Some("is a flag: it cannot be `positional` or `many`".into());
        }
        if argument.flag && (argument.required || argument.kind != Kind::Bool) {
            return Some("is a flag: it is `true` when given, and never `required`".into());
        }
        if argument.required && argument.fallback.is_some() {
            return Some("is `required`, so its `fallback` would never be used".into());
        }
        if argument.positional.is_some() && self.positionals().filter(same_place).count() > 1 {
            return Some("shares its place: number them `positional: 1`, `positional: 2`".into());
        }
        if argument.positional.is_some() && argument.many && last != Some(argument) {
            return Some("takes `many` values, so it must be the last by place".into());
        }
        None
    }

    /// Those that are given by place, in their order.
    pub fn positionals(&self) -> impl Iterator<Item = &Argument> {
        self.arguments
            .iter()
            .filter(|argument| argument.positional.is_some())
    }

    /// Those that are given by name.
    pub fn options(&self) -> impl Iterator<Item = &Argument> {
        self.arguments
            .iter()
            .filter(|argument| argument.positional.is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn combinations_without_a_meaning_are_refused() {
        let named = |name: &str| Argument {
            name: name.into(),
            ..Argument::default()
        };
        let refused = |arguments: Vec<Argument>| Declaration::new(arguments).unwrap_err().what;
        let place = |name: &str, place: i64, many: bool| Argument {
            positional: Some(place),
            many,
            ..named(name)
        };
        assert!(refused(vec![named("help")]).contains("built in"));
        assert!(refused(vec![place("a", 1, false), place("b", 1, false)]).contains("place"));
        assert!(refused(vec![place("a", 1, true), place("b", 2, false)]).contains("last"));
        let both = Argument {
            required: true,
            fallback: Some("x".into()),
            ..named("a")
        };
        assert!(refused(vec![both]).contains("fallback"));
    }
}
