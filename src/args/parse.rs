//! Reads arguments as they were typed against a declaration.

use std::collections::{BTreeMap, VecDeque};

use serde_json::Value;

use super::{Argument, Declaration, Kind, Problem, UsageError};
use crate::suggest::nearest;

/// What the arguments mean.
#[derive(Clone, Debug, PartialEq)]
pub enum Parsed {
    /// `--help` was among them.
    Help,
    /// A value for every declared argument; `null` for one that is neither given nor has a fallback.
    Values(BTreeMap<String, Value>),
}

impl Declaration {
    /// Reads `typed`; `env` looks up environment variables. What follows `--` is not looked at.
    pub fn parse(
        &self,
        typed: &[String],
        env: impl Fn(&str) -> Option<String>,
    ) -> Result<Parsed, UsageError> {
        let mut reader = Reader {
            declaration: self,
            given: BTreeMap::new(),
            problems: Vec::new(),
            places: self.positionals().collect(),
        };
        let own = typed.split(|arg| arg == "--").next().unwrap_or_default();
        if own.iter().any(|arg| arg == "--help" || arg == "-h") {
            return Ok(Parsed::Help);
        }
        let mut left: VecDeque<&str> = own.iter().map(String::as_str).collect();
        while let Some(arg) = left.pop_front() {
            reader.take(arg, &mut left);
        }
        reader.finish(env)
    }
}

struct Reader<'a> {
    declaration: &'a Declaration,
    given: BTreeMap<&'a str, Vec<Value>>,
    problems: Vec<Problem>,
    /// Positional arguments that are still to come.
    places: VecDeque<&'a Argument>,
}

impl<'a> Reader<'a> {
    fn take(&mut self, arg: &str, left: &mut VecDeque<&str>) {
        let negative = arg.starts_with('-') && arg.parse::<f64>().is_ok();
        if !arg.starts_with('-') || arg == "-" || negative {
            self.place(arg);
            return;
        }
        let (name, value) = match arg.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (arg, None),
        };
        let Some(argument) = self.find(name) else {
            self.unknown(name);
            return;
        };
        let value = match value {
            Some(value) => value,
            None if argument.flag => "true",
            None => match left.front() {
                Some(next) if !next.starts_with("--") => left.pop_front().unwrap_or_default(),
                _ => {
                    let example = format!("{name} {}", argument.placeholder());
                    self.problem(
                        format!("`{name}` needs a value"),
                        Some(format!("write `{example}`")),
                    );
                    return;
                }
            },
        };
        self.put(argument, value);
    }

    fn find(&self, name: &str) -> Option<&'a Argument> {
        let name = name.strip_prefix("--")?.replace('-', "_");
        self.declaration
            .options()
            .find(|argument| argument.name == name)
    }

    fn unknown(&mut self, name: &str) {
        let known: Vec<String> = self.declaration.options().map(Argument::option).collect();
        let wanted = name.replace('_', "-");
        let help = match nearest(&wanted, known.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "`--help` shows what there is".into(),
        };
        self.problem(format!("there is no argument `{name}`"), Some(help));
    }

    fn place(&mut self, value: &str) {
        match self.places.front().copied() {
            Some(argument) => {
                if !argument.many {
                    self.places.pop_front();
                }
                self.put(argument, value);
            }
            None => self.problem(
                format!("`{value}` is one argument too many"),
                Some("`--help` shows what there is".into()),
            ),
        }
    }

    fn put(&mut self, argument: &'a Argument, text: &str) {
        match read(argument, text) {
            Ok(value) => {
                let values = self.given.entry(&argument.name).or_default();
                values.push(value);
                if values.len() == 2 && !argument.many {
                    self.problem(
                        format!("`{}` is given more than once", argument.spoken()),
                        None,
                    );
                }
            }
            Err(problem) => self.problems.push(problem),
        }
    }

    fn problem(&mut self, what: String, help: Option<String>) {
        self.problems.push(Problem { what, help });
    }

    fn finish(mut self, env: impl Fn(&str) -> Option<String>) -> Result<Parsed, UsageError> {
        let mut values = BTreeMap::new();
        for argument in &self.declaration.arguments {
            let mut given = self
                .given
                .remove(argument.name.as_str())
                .unwrap_or_default();
            if given.is_empty()
                && let Some(text) = argument.env.as_deref().and_then(&env)
            {
                match read(argument, &text) {
                    Ok(value) => given.push(value),
                    Err(Problem { what, help }) => {
                        let name = argument.env.as_deref().unwrap_or_default();
                        self.problem(
                            format!("{what} (from the environment variable `{name}`)"),
                            help,
                        );
                        continue;
                    }
                }
            }
            if given.is_empty() && argument.required {
                let what = format!("`{}` is required", argument.spoken());
                let help = (!argument.help.is_empty())
                    .then(|| format!("{}: {}", argument.spoken(), argument.help));
                self.problem(what, help);
            }
            values.insert(argument.name.clone(), argument.value(given));
        }
        if self.problems.is_empty() {
            Ok(Parsed::Values(values))
        } else {
            Err(UsageError(self.problems))
        }
    }
}

impl Argument {
    fn value(&self, mut given: Vec<Value>) -> Value {
        match (&self.fallback, given.is_empty()) {
            (Some(fallback), true) => fallback.clone(),
            (None, true) if self.flag => false.into(),
            _ if self.many => given.into(),
            _ => given.pop().unwrap_or(Value::Null),
        }
    }
}

fn read(argument: &Argument, text: &str) -> Result<Value, Problem> {
    let wrong = |wanted: &str| Problem {
        what: format!("`{}` must be {wanted}, got `{text}`", argument.spoken()),
        help: None,
    };
    if !argument.choices.is_empty() && !argument.choices.iter().any(|choice| choice == text) {
        let near = nearest(text, argument.choices.iter().map(String::as_str));
        return Err(Problem {
            what: format!("`{}` does not take `{text}`", argument.spoken()),
            help: Some(match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("it takes: {}", argument.choices.join(", ")),
            }),
        });
    }
    match argument.kind {
        Kind::String => Ok(text.into()),
        Kind::Int => text
            .parse::<i64>()
            .map(Value::from)
            .map_err(|_| wrong("a whole number")),
        Kind::Number => text
            .parse::<f64>()
            .ok()
            .and_then(serde_json::Number::from_f64)
            .map(Value::Number)
            .ok_or_else(|| wrong("a number")),
        Kind::Bool => match text {
            "true" | "yes" | "1" => Ok(true.into()),
            "false" | "no" | "0" => Ok(false.into()),
            _ => Err(wrong("`true` or `false`")),
        },
        Kind::Duration => crate::units::parse_duration(text)
            .map(|_| text.into())
            .map_err(|_| wrong("a duration such as `30s`")),
        Kind::Size => crate::units::parse_size(text)
            .map(|_| text.into())
            .map_err(|_| wrong("a size such as `64MiB`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn declaration() -> Declaration {
        let named = |name: &str| Argument {
            name: name.into(),
            ..Argument::default()
        };
        Declaration::new(vec![
            Argument {
                fallback: Some("deploy.env".into()),
                env: Some("DEPLOY_ENV".into()),
                ..named("env_file")
            },
            Argument {
                many: true,
                ..named("only")
            },
            Argument {
                flag: true,
                kind: Kind::Bool,
                ..named("force")
            },
            Argument {
                kind: Kind::Int,
                ..named("count")
            },
            Argument {
                kind: Kind::Duration,
                ..named("wait")
            },
            Argument {
                choices: vec!["seed".into(), "upstream".into()],
                ..named("api")
            },
            Argument {
                positional: Some(1),
                ..named("target")
            },
            Argument {
                positional: Some(2),
                many: true,
                ..named("rest")
            },
        ])
        .unwrap()
    }

    fn parse(typed: &[&str]) -> Result<BTreeMap<String, Value>, UsageError> {
        let typed: Vec<String> = typed.iter().map(|arg| (*arg).to_owned()).collect();
        match declaration().parse(&typed, |_| None)? {
            Parsed::Values(values) => Ok(values),
            Parsed::Help => panic!("help"),
        }
    }

    #[test]
    fn names_values_and_places_are_read_in_every_form() {
        let values = parse(&[
            "--env_file=a.env",
            "n1",
            "--only",
            "api",
            "--count",
            "-3",
            "--only=x",
            "--force",
            "b",
            "-",
            "--wait",
            "30s",
        ])
        .unwrap();
        assert_eq!(
            json!(values),
            json!({"env_file": "a.env", "only": ["api", "x"], "force": true, "count": -3, "wait": "30s",
                   "api": null, "target": "n1", "rest": ["b", "-"]})
        );
    }

    #[test]
    fn what_is_not_given_has_its_fallback() {
        let values = parse(&["--", "--unknown"]).unwrap();
        assert_eq!(values["env_file"], "deploy.env");
        assert_eq!(values["force"], false);
        assert_eq!(values["only"], json!([]));
        assert_eq!(values["count"], Value::Null);
        let typed = [String::from("--count=1")];
        let Ok(Parsed::Values(values)) =
            declaration().parse(&typed, |name| (name == "DEPLOY_ENV").then(|| "e".into()))
        else {
            panic!("no values");
        };
        assert_eq!(values["env_file"], "e");
    }

    #[test]
    fn everything_wrong_is_told_at_once() {
        let error = parse(&[
            "--envfile",
            "x",
            "--count=many",
            "--api",
            "sed",
            "--wait",
            "5",
            "--force",
            "--force",
        ])
        .unwrap_err();
        let told: Vec<_> = error.0.iter().map(|p| p.what.as_str()).collect();
        assert_eq!(
            told,
            [
                "there is no argument `--envfile`",
                "`--count` must be a whole number, got `many`",
                "`--api` does not take `sed`",
                "`--wait` must be a duration such as `30s`, got `5`",
                "`--force` is given more than once",
            ]
        );
        assert_eq!(
            error.0[0].help.as_deref(),
            Some("did you mean `--env-file`?")
        );
        assert_eq!(error.0[2].help.as_deref(), Some("did you mean `seed`?"));
    }

    #[test]
    fn a_missing_value_does_not_eat_the_next_option() {
        let error = parse(&["--env-file", "--force"]).unwrap_err();
        assert_eq!(error.0[0].what, "`--env-file` needs a value");
    }

    #[test]
    fn help_wins_over_mistakes_and_not_behind_the_dashes() {
        let help = |typed: &[&str]| {
            let typed: Vec<String> = typed.iter().map(|arg| (*arg).to_owned()).collect();
            declaration().parse(&typed, |_| None) == Ok(Parsed::Help)
        };
        assert!(help(&["--wrong", "--help"]));
        assert!(help(&["-h"]));
        assert!(!help(&["--", "--help"]));
    }
}
