//! An `e2bscript.toml`: read, and every mistake in it with its place.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::hide::Hidden;
use super::key::{Form, Key, NONE, Value};
use super::shown;
use crate::diag::Failure;
use crate::diag::span::Text;
use crate::explain::{Diagnostic, Label};
use crate::run::Limit;
use crate::{suggest, workstation};

/// What a file sets.
#[derive(Debug, Default)]
pub struct File {
    pub values: BTreeMap<Key, Set>,
}

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Set {
    pub value: Value,
    /// The file and the line.
    pub origin: String,
}

/// What is wrong in a file, and its text as far as it can be shown.
#[derive(Debug)]
pub struct Mistakes {
    pub file: String,
    pub text: String,
    pub found: Vec<Diagnostic>,
}

/// One thing that is wrong.
#[derive(Debug)]
struct Mistake {
    at: Range<usize>,
    failure: Failure,
    label: &'static str,
}

/// Reads the text of the file at `path`.
pub fn read(path: &Path, text: &str) -> Result<File, Mistakes> {
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut mistakes: Vec<Mistake> = Vec::new();
    for error in errors {
        let at = error.span().unwrap_or(0..0);
        let message = format!("this is no TOML: {}", error.message());
        let help =
            "a setting is `name = value`, with texts between quotes, as in `color = \"never\"`";
        mistakes.push(Mistake {
            at,
            failure: Failure::usage("settings.syntax", message).help(help),
            label: "",
        });
    }
    let mut file = File::default();
    // What is understood of a text that is no TOML may be understood wrongly.
    if mistakes.is_empty() {
        let place = Text::new(text);
        for (name, value) in table.get_ref() {
            match setting(name, value, path) {
                Ok((key, value)) => {
                    let (line, _) = place.line_column(name.span().start);
                    let origin = format!("{}:{line}", shown(path));
                    file.values.insert(key, Set { value, origin });
                }
                Err(mistake) => mistakes.push(mistake),
            }
        }
    }
    match mistakes.is_empty() {
        true => Ok(file),
        false => Err(reported(path, text, mistakes)),
    }
}

fn reported(path: &Path, text: &str, mut mistakes: Vec<Mistake>) -> Mistakes {
    let file = shown(path);
    let hidden = Hidden::new(text, |name| Key::named(name).is_some());
    let lines = Text::new(&hidden.text);
    mistakes.sort_by_key(|mistake| mistake.at.start);
    let found = mistakes
        .into_iter()
        .map(|mistake| {
            let span = hidden.range(mistake.at);
            let mut report = Diagnostic::from(mistake.failure);
            report.spans = vec![Label::new(&file, &lines, span, mistake.label.to_owned())];
            report
        })
        .collect();
    Mistakes {
        file,
        text: hidden.text,
        found,
    }
}

fn setting(
    name: &Spanned<std::borrow::Cow<'_, str>>,
    value: &Spanned<DeValue<'_>>,
    path: &Path,
) -> Result<(Key, Value), Mistake> {
    let Some(key) = Key::named(name.get_ref()) else {
        return Err(unknown(name.get_ref(), name.span()));
    };
    let dir = path.parent().unwrap_or(Path::new("."));
    read_value(key, value, dir).map(|value| (key, value))
}

fn unknown(name: &str, at: Range<usize>) -> Mistake {
    let names = Key::ALL.map(Key::name);
    let help = match advice(name) {
        Some(advice) => advice.to_owned(),
        None => match suggest::nearest(name, names) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are: {}", names.join(", ")),
        },
    };
    Mistake {
        at,
        failure: Failure::usage("settings.unknown", format!("there is no setting `{name}`"))
            .help(help),
        label: "unknown",
    }
}

/// What is meant by names that are something else's.
fn advice(name: &str) -> Option<&'static str> {
    let is_of_env = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    Some(match name {
        "verbose" | "quiet" | "debug" => {
            "write `verbosity = \"quiet\"`, `\"verbose\"` or `\"debug\"`"
        }
        "no_color" | "colour" => "write `color = \"never\"`",
        "no_journal" => "write `journal = false`",
        "no_check" | "plan" | "watch" | "apply" | "json" | "trace" | "out" => {
            "that is for the command line alone"
        }
        "yes" => {
            "questions are answered each time; for one run there is `--yes`, for a pipeline `E2BSCRIPT_YES=true`"
        }
        "scripts" | "args" => "a script of the project can give arguments other fallbacks",
        "production" => "`PRODUCTION=true` stands in `deploy.env`",
        name if !name.is_empty() && name.chars().all(is_of_env) => {
            "what describes the cluster, and every secret, belongs into `deploy.env`"
        }
        _ => return None,
    })
}

fn read_value(key: Key, value: &Spanned<DeValue<'_>>, dir: &Path) -> Result<Value, Mistake> {
    let wrong = |at: Range<usize>, help: Option<String>| {
        let message = format!("`{}` takes {}", key.name(), key.form().expected());
        Mistake {
            at,
            failure: Failure::usage("settings.value", message).maybe_help(help),
            label: "not this",
        }
    };
    let none = || wrong(value.span(), None);
    let text = || value.get_ref().as_str().ok_or_else(none);
    let listed = |form: fn(&str, &Path) -> Option<String>| {
        let items = value.get_ref().as_array().ok_or_else(none)?;
        let items = items.iter().map(|item| {
            let text = item.get_ref().as_str().and_then(|text| form(text, dir));
            text.ok_or_else(|| wrong(item.span(), None))
        });
        items.collect::<Result<Vec<_>, _>>().map(Value::List)
    };
    match key.form() {
        Form::Path => place(text()?, dir).map(Value::Text).ok_or_else(none),
        Form::PathOr(word) if text()? == word => Ok(Value::Text(word.to_owned())),
        Form::PathOr(_) => place(text()?, dir).map(Value::Text).ok_or_else(none),
        Form::Paths => listed(place),
        Form::Hosts => listed(|text, _| Limit::parse([text]).ok().map(|_| text.to_owned())),
        Form::Duration => match text()? {
            NONE => Ok(Value::Text(NONE.to_owned())),
            text if humantime::parse_duration(text).is_ok() => Ok(Value::Text(text.to_owned())),
            _ => Err(none()),
        },
        Form::Word(words) => {
            let text = text()?;
            match words.contains(&text) {
                true => Ok(Value::Text(text.to_owned())),
                false => {
                    let near = suggest::nearest(text, words.iter().copied());
                    let help = near.map(|near| format!("did you mean `\"{near}\"`?"));
                    Err(wrong(value.span(), help))
                }
            }
        }
        Form::Flag => value.get_ref().as_bool().map(Value::Flag).ok_or_else(none),
        Form::Count => {
            let number = value.get_ref().as_integer();
            let number = number.and_then(|n| u64::from_str_radix(n.as_str(), n.radix()).ok());
            number
                .filter(|number| (1..=u64::from(u32::MAX)).contains(number))
                .map(Value::Number)
                .ok_or_else(none)
        }
    }
}

/// The path that a text means in a file of the directory `dir`; `None` for no path.
fn place(text: &str, dir: &Path) -> Option<String> {
    if text.is_empty() {
        return None;
    }
    let path = dir.join(workstation::path::expand(text));
    Some(super::short(&path).to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn values(text: &str) -> BTreeMap<Key, Value> {
        let file = read(Path::new("/p/e2bscript.toml"), text).unwrap();
        let values = file.values.into_iter();
        values.map(|(key, set)| (key, set.value)).collect()
    }

    fn mistakes(text: &str) -> Vec<(String, usize, usize)> {
        let mistakes = read(Path::new("/p/e2bscript.toml"), text).unwrap_err();
        let found = mistakes.found.iter();
        found
            .map(|report| {
                let place = &report.spans[0].place;
                (report.code.clone(), place.line, place.column)
            })
            .collect()
    }

    #[test]
    fn every_setting_can_be_set() {
        let text = "env_file = 'a.env'\nstd = ['x', '/y']\nssh_config = 'none'\naccept_new_host_keys = true\n\
                    limit = ['a', '!b']\ntimeout = '10m'\ncolor = 'never'\nverbosity = 'debug'\nstats = true\n\
                    journal = false\nkeep_runs = 0x10\n";
        let values = values(text);
        assert_eq!(values.len(), Key::ALL.len());
        assert_eq!(values[&Key::EnvFile], Value::Text("/p/a.env".to_owned()));
        assert_eq!(
            values[&Key::Std],
            Value::List(vec!["/p/x".to_owned(), "/y".to_owned()])
        );
        assert_eq!(values[&Key::KeepRuns], Value::Number(16));
    }

    /// What `config show` prints can be a file.
    #[test]
    fn what_holds_without_a_file_can_be_said_in_one() {
        for key in Key::ALL {
            let text = format!("{} = {}", key.name(), key.usual());
            assert_eq!(values(&text).len(), 1, "{text}");
        }
    }

    #[test]
    fn every_mistake_has_its_place() {
        let found = mistakes(
            "limit = ['a', 3]\ncolr = 'x'\n\n keep_runs = 0\njournal = 'no'\ntimeout = 'soon'\n",
        );
        let places: Vec<(&str, usize, usize)> = found
            .iter()
            .map(|(code, line, column)| (code.as_str(), *line, *column))
            .collect();
        assert_eq!(
            places,
            [
                ("settings.value", 1, 15),
                ("settings.unknown", 2, 1),
                ("settings.value", 4, 14),
                ("settings.value", 5, 11),
                ("settings.value", 6, 11),
            ]
        );
        assert_eq!(mistakes("a = 1\nlimit = [")[0].0, "settings.syntax");
    }

    proptest! {
        /// A file that somebody else wrote is read or refused, and its mistakes stand in its text.
        #[test]
        fn any_text_is_read_or_refused(
            text in prop_oneof![
                any::<String>(),
                "([a-z_]{1,8} ?=? ?['\"\\[\\]{}a-z0-9é,.]{0,9}\n?){0,5}",
                "((limit|std|color|keep_runs|X_Y)( = |=)(\\[?\"[a-é*!]{0,3}\"\\]?|[0-9]{1,20}|true|\"\"\"\n)\n?){0,4}",
            ]
        ) {
            if let Err(mistakes) = read(Path::new("e2bscript.toml"), &text) {
                prop_assert!(!mistakes.found.is_empty());
                for report in &mistakes.found {
                    let label = &report.spans[0];
                    prop_assert!(label.offset + label.length <= mistakes.text.len());
                    prop_assert!(mistakes.text.is_char_boundary(label.offset));
                    prop_assert!(mistakes.text.is_char_boundary(label.offset + label.length));
                }
            }
        }
    }
}
