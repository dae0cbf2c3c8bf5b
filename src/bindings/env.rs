//! `env`: configuration files of the form `NAME=value`, and the process's environment.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rhai::{Array, Dynamic, Map};

use crate::diag::Failure;
use crate::engine::Call;
use crate::engine::raise::Raise;
use crate::engine::registry::{Function, Module, Opt, Param};
use crate::engine::ty::{self, Ty};
use crate::env_file::{self, Checked, Entry, Problem, ProblemKind, Schema};
use crate::secret::{MASK, Secret};
use crate::workstation::{self, path};

const NAME: Param = Param::new("name", Ty::Str, "the variable");

pub static MODULE: Module = Module {
    name: "env",
    doc: "Configuration files of the form `NAME=value`, and the environment this program was started with.",
    functions: &[
        Function {
            name: "load",
            doc: "Reads a configuration file as data: never through a shell, nothing in it expanded. Everything that is \
                  wrong (malformed and duplicate lines, unknown variables, `REPLACE_…` placeholders, missing or empty required \
                  variables) is told at once, with line numbers and without values.",
            params: &[Param::new(
                "path",
                Ty::Str,
                "the file; a leading `~/` is the home directory",
            )],
            options: &[
                Opt::new(
                    "required",
                    Ty::Strings,
                    "[]",
                    "variables that must be set and not be empty",
                ),
                Opt::new(
                    "any_of",
                    Ty::Array,
                    "[]",
                    "arrays of variables; of each, one must be set and not be empty",
                ),
                Opt::new(
                    "optional",
                    Ty::Map,
                    "#{}",
                    "variables that may be set, with what holds when they are not or are empty: a string, `()`, or an \
                          integer or bool, which the file's value must then be as well",
                ),
                Opt::new(
                    "secrets",
                    Ty::Strings,
                    "[]",
                    "variables whose values are secrets; optional unless they are required too",
                ),
                Opt::new(
                    "lists",
                    Ty::Strings,
                    "[]",
                    "variables that hold several values between commas and become arrays",
                ),
                Opt::new(
                    "paths",
                    Ty::Strings,
                    "[]",
                    "variables in which a leading `~/` is the home directory",
                ),
                Opt::new(
                    "allow_unknown",
                    Ty::Bool,
                    "false",
                    "take variables that are named nowhere as they are",
                ),
            ],
            returns: "a map with a value for every variable that is named in an option",
            errors: &["env.invalid", "env.read"],
            example: "env::load(\"tests/data/deploy.env\", #{ required: [\"BASTION_HOST\"], optional: #{ POSTGRES_PORT: 5432 }, \
                      secrets: [\"POSTGRES_PASSWORD\"] }).BASTION_HOST",
            body: load,
            ..Function::BASE
        },
        Function {
            name: "get",
            doc: "A variable of the process's environment.",
            params: &[NAME],
            returns: "a string",
            errors: &["env.missing"],
            example: "env::get(\"PATH\")",
            body: |call| {
                let name = call.string(0)?;
                let value = call.session.variable(&name);
                Ok(value.ok_or_else(|| missing(&name))?.into())
            },
            ..Function::BASE
        },
        Function {
            name: "find",
            doc: "A variable of the process's environment that may not be set.",
            params: &[NAME],
            returns: "a string, or `()`",
            example: "env::find(\"NO_SUCH_VARIABLE\")",
            body: |call| {
                let value = call.session.variable(&call.string(0)?);
                Ok(value.map_or(Dynamic::UNIT, Dynamic::from))
            },
            ..Function::BASE
        },
        Function {
            name: "render",
            doc: "Writes variables as the text of an environment file, sorted by name, quoted so that systemd \
                  (`EnvironmentFile=`), a shell (`set -a; . FILE`) and Nomad read the same values back. With a secret among them, the \
                  text is a secret itself. A value with a line break is refused, and one that a secret was interpolated into.",
            params: &[Param::new(
                "variables",
                Ty::Map,
                "strings, secrets, numbers and bools by name",
            )],
            options: &[Opt::new(
                "comment",
                Ty::Str,
                "",
                "a line of explanation at the top",
            )],
            returns: "a string, or a secret",
            errors: &["env.render"],
            example: "env::render(#{ PORT: 5432, GREETING: \"hello world\" })",
            body: render,
            ..Function::BASE
        },
        Function {
            name: "parse",
            doc: "Reads the text of an environment file as it is, placeholders and all: for each variable its `value` and the \
                  `comment` on its line. What is no assignment is left out; `load` is what finds mistakes.",
            params: &[Param::new("text", Ty::Text, "the file's text")],
            options: &[Opt::new(
                "secrets",
                Ty::Strings,
                "[]",
                "variables whose values are shown nowhere from now on",
            )],
            returns: "a map of maps by name",
            example: "env::parse(\"A=1 # one\").A.comment",
            body: parse,
            ..Function::BASE
        },
        Function {
            name: "merge",
            doc: "Sets variables in the text of an environment file. Comments, order and all other lines stay; a variable that is \
                  not set yet comes behind the line that shows it commented out, or to the end.",
            params: &[
                Param::new("text", Ty::Text, "the file's text"),
                Param::new(
                    "variables",
                    Ty::Map,
                    "strings, secrets, numbers and bools by name",
                ),
            ],
            options: &[Opt::new(
                "comment",
                Ty::Str,
                "",
                "what to say behind each of them",
            )],
            returns: "a string, or a secret",
            errors: &["env.render"],
            example: "env::merge(\"# A=0\\nB=1\", #{ A: 2 }, #{ comment: \"set by hand\" })",
            body: merge,
            ..Function::BASE
        },
    ],
    types: &[],
};

/// A variable of the environment that is not there.
pub(super) fn missing(name: &str) -> Failure {
    Failure::usage(
        "env.missing",
        format!("the environment variable `{name}` is not set"),
    )
    .help(format!("set it before starting: `{name}=… e2bscript …`"))
}

/// How values are shown to the script.
struct Wanted {
    optional: Map,
    secrets: Vec<String>,
    lists: Vec<String>,
    paths: Vec<String>,
}

fn load(call: &mut Call) -> Result<Dynamic, Raise> {
    let shown = call.string(0)?;
    let path = path::expand(&shown);
    let list = |name: &str| call.opt_strings(name).unwrap_or_default();
    let wanted = Wanted {
        optional: call.opt_map("optional").unwrap_or_default(),
        secrets: list("secrets"),
        lists: list("lists"),
        paths: list("paths"),
    };
    let optional = wanted.optional.keys().map(ToString::to_string);
    let schema = Schema {
        required: list("required"),
        any_of: groups(call)?,
        optional: optional
            .chain(wanted.secrets.clone())
            .chain(wanted.lists.clone())
            .chain(wanted.paths.clone())
            .collect(),
        allow_unknown: call.opt_bool("allow_unknown") == Some(true),
    };
    let file = path.clone();
    call.session.run.inputs().file(&path);
    let text = call
        .wait(async move { workstation::read_text(&file).await })?
        .map_err(|error| unreadable(&shown, error))?;
    let parsed = env_file::parse(&text);
    let checked = schema.check(&parsed);
    for entry in &parsed.entries {
        let is_secret = wanted.secrets.contains(&entry.name);
        let inputs = call.session.run.inputs();
        inputs.setting(&path, &entry.name, &entry.value, is_secret);
    }
    for entry in parsed
        .entries
        .iter()
        .filter(|entry| wanted.secrets.contains(&entry.name))
    {
        call.session.run.reporter().mask(&entry.value);
    }
    let (values, problems) = wanted.read(call, &schema, checked);
    if !problems.is_empty() {
        return Err(invalid(&shown, problems).into());
    }
    for note in &parsed.notes {
        super::warn(
            call,
            &format!("{shown}:{}: `{}` {}", note.line, note.name, note.what),
        );
    }
    if wanted
        .secrets
        .iter()
        .any(|name| parsed.entries.iter().any(|entry| entry.name == *name))
    {
        warn_if_open(call, &path, &shown);
    }
    Ok(values.into())
}

fn groups(call: &Call) -> Result<Vec<Vec<String>>, Failure> {
    let given = call
        .opt("any_of")
        .and_then(|value| value.read_lock::<Array>());
    let Some(given) = given else {
        return Ok(Vec::new());
    };
    let groups: Option<Vec<Vec<String>>> = given.iter().map(ty::strings).collect();
    groups.ok_or_else(|| {
        Failure::usage(
            "script.option",
            "option `any_of` of `env::load` takes arrays of names",
        )
        .help("for example `any_of: [[\"POOL_PRIVATE\", \"POOL_PUBLIC\"]]`")
    })
}

impl Wanted {
    fn read(&self, call: &Call, schema: &Schema, checked: Checked) -> (Map, Vec<Problem>) {
        let Checked {
            mut entries,
            mut problems,
        } = checked;
        let mut values = Map::new();
        for name in schema.required.iter().chain(&schema.optional) {
            if values.contains_key(name.as_str()) {
                continue;
            }
            let entry = entries.remove(name).filter(|entry| !entry.value.is_empty());
            match self.value(call, name, entry) {
                Ok(value) => {
                    values.insert(name.as_str().into(), value);
                }
                Err(problem) => problems.push(problem),
            }
        }
        values.extend(
            entries
                .into_iter()
                .map(|(name, entry)| (name.into(), entry.value.into())),
        );
        problems.sort_by_key(|problem| problem.line.unwrap_or(usize::MAX));
        (values, problems)
    }

    fn value(&self, call: &Call, name: &str, entry: Option<Entry>) -> Result<Dynamic, Problem> {
        let among = |names: &[String]| names.iter().any(|other| other == name);
        let fallback = self.optional.get(name).cloned().unwrap_or_default();
        let Some(entry) = entry else {
            return Ok(match ty::text(&fallback) {
                Some(text) => self.shaped(call, name, text),
                None if fallback.is_unit() && among(&self.lists) => Array::new().into(),
                None => fallback,
            });
        };
        if fallback.is_int() {
            return entry
                .value
                .parse::<i64>()
                .map(Dynamic::from_int)
                .map_err(|_| mistyped(entry, "a whole number"));
        }
        if fallback.is_bool() {
            return match entry.value.as_str() {
                "true" | "yes" | "1" => Ok(true.into()),
                "false" | "no" | "0" => Ok(false.into()),
                _ => Err(mistyped(entry, "`true` or `false`")),
            };
        }
        Ok(self.shaped(call, name, entry.value))
    }

    fn shaped(&self, call: &Call, name: &str, text: String) -> Dynamic {
        let among = |names: &[String]| names.iter().any(|other| other == name);
        if among(&self.secrets) {
            return super::keep_secret(call, text);
        }
        if among(&self.lists) {
            let items = text
                .split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty());
            return items
                .map(|item| Dynamic::from(item.to_owned()))
                .collect::<Array>()
                .into();
        }
        if among(&self.paths) {
            return path::expand(&text).display().to_string().into();
        }
        text.into()
    }
}

fn mistyped(entry: Entry, wanted: &str) -> Problem {
    Problem {
        kind: ProblemKind::Value,
        line: Some(entry.line),
        what: format!("`{}` must be {wanted}", entry.name),
        name: Some(entry.name),
        help: None,
    }
}

fn unreadable(shown: &str, error: workstation::Error) -> Failure {
    let mut failure = Failure::from(error);
    failure.kind = "env.read".into();
    failure.class = crate::diag::Class::Usage;
    failure.message = format!("cannot read the configuration `{shown}`");
    failure
}

fn invalid(shown: &str, problems: Vec<Problem>) -> Failure {
    let count = problems.len();
    let message = match count {
        1 => format!("`{shown}` has a problem"),
        _ => format!("`{shown}` has {count} problems"),
    };
    let failures = problems
        .into_iter()
        .map(|problem| {
            let place = problem
                .line
                .map_or_else(|| shown.to_owned(), |line| format!("{shown}:{line}"));
            let mut failure =
                Failure::usage(problem.kind.kind(), format!("{place}: {}", problem.what))
                    .maybe_help(problem.help)
                    .detail("file", shown);
            if let Some(line) = problem.line {
                failure = failure.detail("line", line);
            }
            if let Some(name) = problem.name {
                failure = failure.detail("name", name);
            }
            failure
        })
        .collect();
    Failure {
        failures,
        ..Failure::usage("env.invalid", message).detail("file", shown)
    }
}

fn warn_if_open(call: &Call, path: &Path, shown: &str) {
    let mode = std::fs::metadata(path).map_or(0, |facts| facts.permissions().mode() & 0o7777);
    if mode & 0o077 != 0 {
        super::warn(
            call,
            &format!(
                "`{shown}` holds secrets and has mode {mode:04o}: close it to others with `chmod 600 {shown}`"
            ),
        );
    }
}

fn render(call: &mut Call) -> Result<Dynamic, Raise> {
    let variables = call.map(0)?;
    let values = variables
        .iter()
        .map(|(name, value)| Ok((name.as_str(), text_of(name, value)?)))
        .collect::<Result<Vec<_>, Failure>>()?;
    let text = env_file::render(values.iter().map(|(name, value)| (*name, value.expose())))
        .map_err(|error| Failure::from_error("env.render", &error))?;
    let comment = call.opt_string("comment").unwrap_or_default();
    let head: String = comment.lines().map(|line| format!("# {line}\n")).collect();
    Ok(super::made_of(
        call,
        call.value(0)?,
        format!("{head}{text}"),
    ))
}

fn parse(call: &mut Call) -> Result<Dynamic, Raise> {
    let text = call.text(0)?;
    let secrets = call.opt_strings("secrets").unwrap_or_default();
    let mut variables = Map::new();
    for env_file::Commented { entry, comment } in env_file::commented(text.expose()) {
        let mut facts = Map::new();
        // a placeholder keeps nothing secret
        let filled = !entry.value.is_empty() && !entry.value.starts_with("REPLACE_");
        let secret = filled && secrets.contains(&entry.name);
        let value = match secret {
            true => super::keep_secret(call, entry.value),
            false => entry.value.into(),
        };
        facts.insert("value".into(), value);
        facts.insert("comment".into(), comment.into());
        variables.insert(entry.name.into(), facts.into());
    }
    Ok(variables.into())
}

fn merge(call: &mut Call) -> Result<Dynamic, Raise> {
    let text = call.text(0)?;
    let variables = call.map(1)?;
    let values = variables
        .iter()
        .map(|(name, value)| Ok((name.to_string(), text_of(name, value)?.expose().to_owned())))
        .collect::<Result<_, Failure>>()?;
    let comment = call.opt_string("comment").unwrap_or_default();
    let merged = env_file::merge(text.expose(), &values, comment.trim())
        .map_err(|error| Failure::from_error("env.render", &error))?;
    match call.is_secret(0) {
        true => Ok(super::keep_secret(call, merged)),
        false => Ok(super::made_of(call, call.value(1)?, merged)),
    }
}

fn text_of(name: &str, value: &Dynamic) -> Result<Secret, Failure> {
    if let Some(secret) = value.read_lock::<Secret>() {
        return Ok(secret.clone());
    }
    let refused =
        |what: String| Failure::new("env.render", format!("the value of `{name}` {what}"));
    match ty::text(value) {
        Some(text) if text.contains(MASK) => Err(refused(format!(
            "holds `{MASK}`, which is what an interpolated secret looks like"
        ))
        .help("join texts and secrets with `+`: the result is a secret itself")),
        Some(text) => Ok(Secret::new(text)),
        None if value.is_int() || value.is_float() || value.is_bool() => {
            Ok(Secret::new(value.to_string()))
        }
        None => Err(refused(format!(
            "must be a string, a secret, a number or a bool, got {}",
            ty::describe(value)
        ))),
    }
}
