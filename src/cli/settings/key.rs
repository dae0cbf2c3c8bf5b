//! The settings that there are.

use std::fmt;

use serde::Serialize;

/// A setting of `e2bscript.toml`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    EnvFile,
    Std,
    SshConfig,
    AcceptNewHostKeys,
    Limit,
    Timeout,
    Color,
    Verbosity,
    Stats,
    Journal,
    KeepRuns,
}

/// What values a setting takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A path; a relative one begins at the file's directory.
    Path,
    /// The same, or this word.
    PathOr(&'static str),
    Paths,
    /// Host patterns as of `--limit`.
    Hosts,
    /// Such as `10m`, or `none`.
    Duration,
    Word(&'static [&'static str]),
    Flag,
    /// At least 1.
    Count,
}

/// What a setting is set to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Value {
    Text(String),
    Flag(bool),
    Number(u64),
    List(Vec<String>),
}

/// What `timeout` says where runs may take as long as they take.
pub const NONE: &str = "none";

impl Key {
    pub const ALL: [Key; 11] = [
        Key::EnvFile,
        Key::Std,
        Key::SshConfig,
        Key::AcceptNewHostKeys,
        Key::Limit,
        Key::Timeout,
        Key::Color,
        Key::Verbosity,
        Key::Stats,
        Key::Journal,
        Key::KeepRuns,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Key::EnvFile => "env_file",
            Key::Std => "std",
            Key::SshConfig => "ssh_config",
            Key::AcceptNewHostKeys => "accept_new_host_keys",
            Key::Limit => "limit",
            Key::Timeout => "timeout",
            Key::Color => "color",
            Key::Verbosity => "verbosity",
            Key::Stats => "stats",
            Key::Journal => "journal",
            Key::KeepRuns => "keep_runs",
        }
    }

    pub fn named(name: &str) -> Option<Key> {
        Key::ALL.into_iter().find(|key| key.name() == name)
    }

    pub fn form(self) -> Form {
        match self {
            Key::EnvFile => Form::Path,
            Key::Std => Form::Paths,
            Key::SshConfig => Form::PathOr(NONE),
            Key::Limit => Form::Hosts,
            Key::Timeout => Form::Duration,
            Key::Color => Form::Word(&["auto", "always", "never"]),
            Key::Verbosity => Form::Word(&["quiet", "normal", "verbose", "debug"]),
            Key::AcceptNewHostKeys | Key::Stats | Key::Journal => Form::Flag,
            Key::KeepRuns => Form::Count,
        }
    }

    /// What holds when nothing is said.
    pub fn usual(self) -> Value {
        let text = |text: &str| Value::Text(text.to_owned());
        match self {
            Key::EnvFile => text("deploy.env"),
            Key::SshConfig => text("~/.ssh/config"),
            Key::Timeout => text(NONE),
            Key::Color => text("auto"),
            Key::Verbosity => text("normal"),
            Key::Std | Key::Limit => Value::List(Vec::new()),
            Key::AcceptNewHostKeys | Key::Stats => Value::Flag(false),
            Key::Journal => Value::Flag(true),
            Key::KeepRuns => Value::Number(crate::run::journal::KEEP as u64),
        }
    }
}

impl Form {
    /// In words, with an example.
    pub fn expected(self) -> String {
        match self {
            Form::Path => "a path between quotes: `\"deploy.env\"`".to_owned(),
            Form::PathOr(word) => format!("a path between quotes, or `\"{word}\"`"),
            Form::Paths => "a list of directories: `[\"stdlib\"]`".to_owned(),
            Form::Hosts => "a list of host patterns: `[\"client-*\", \"!client-3\"]`".to_owned(),
            Form::Duration => format!("a duration such as `\"10m\"`, or `\"{NONE}\"`"),
            Form::Word(words) => {
                let words: Vec<String> = words.iter().map(|word| format!("`\"{word}\"`")).collect();
                format!("one of {}", words.join(", "))
            }
            Form::Flag => "`true` or `false`".to_owned(),
            Form::Count => "a whole number from 1 on".to_owned(),
        }
    }
}

/// As TOML writes it.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = match self {
            Value::Text(text) => toml::Value::String(text.clone()),
            Value::Flag(flag) => toml::Value::Boolean(*flag),
            Value::Number(number) => {
                toml::Value::Integer(i64::try_from(*number).unwrap_or(i64::MAX))
            }
            Value::List(items) => items
                .iter()
                .cloned()
                .map(toml::Value::String)
                .collect::<Vec<_>>()
                .into(),
        };
        value.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_is_found_by_its_name() {
        for key in Key::ALL {
            assert_eq!(Key::named(key.name()), Some(key));
        }
    }

    #[test]
    fn values_are_written_as_toml() {
        for (value, text) in [
            (Value::Text("a \"b\"".to_owned()), "'a \"b\"'"),
            (Value::Flag(true), "true"),
            (Value::Number(200), "200"),
            (
                Value::List(vec!["a".to_owned(), "!b".to_owned()]),
                "[\"a\", \"!b\"]",
            ),
        ] {
            assert_eq!(value.to_string(), text);
        }
    }
}
