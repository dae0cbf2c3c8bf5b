//! Hosts that are not there: their commands are answered, their files are models.

use std::any::Any;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::normal::normal;
use super::stage::{Stage, model_key};
use super::table::Table;
use crate::diag::Failure;
use crate::files::{Facts, Mode, Model, sha256};
use crate::ssh::{Answers, Asked, Error, Finished};

/// Longest input of a command that is part of what was asked as it is; of a longer one its hash is.
const SHOWN_INPUT: usize = 2048;
/// For all hosts.
const ALL: &str = "*";

impl Stage {
    /// Describes hosts: by name, `files`, `dirs`, `units`, `commands`, `facts` and `down`.
    ///
    /// # Errors
    /// What cannot be meant.
    pub fn put_hosts(&self, hosts: &Map<String, Value>) -> Result<(), Failure> {
        for (name, host) in hosts {
            self.put_host(name, host)?;
        }
        Ok(())
    }

    fn put_host(&self, name: &str, host: &Value) -> Result<(), Failure> {
        let Some(fields) = host.as_object() else {
            return Err(wrong(name, "it is described by a map"));
        };
        for (field, value) in fields {
            let map = || {
                let map = value.as_object();
                map.ok_or_else(|| wrong(name, &format!("`{field}` is a map")))
            };
            match field.as_str() {
                "commands" => {
                    let mut state = self.lock();
                    let table = state.commands.entry(name.to_owned()).or_default();
                    for (command, answer) in map()? {
                        table.put(command.clone(), answer.clone());
                    }
                }
                "down" => {
                    let mut state = self.lock();
                    state.down.retain(|down| down != name);
                    if value.as_bool() == Some(true) {
                        state.down.push(name.to_owned());
                    }
                }
                "files" | "dirs" | "units" | "facts" => {
                    for model in self.models_of(name) {
                        describe(&model, name, field, value)?;
                    }
                    if name == ALL {
                        self.lock().everywhere.push((field.clone(), value.clone()));
                    }
                }
                other => {
                    let help =
                        "`files`, `dirs`, `units`, `commands`, `facts` and `down` describe a host";
                    return Err(wrong(name, &format!("it has no `{other}`")).help(help));
                }
            }
        }
        Ok(())
    }

    fn models_of(&self, name: &str) -> Vec<Arc<Model>> {
        match name {
            ALL => self.lock().models.values().cloned().collect(),
            name => vec![self.model(name)],
        }
    }

    /// The model of a host, made when it is first wanted.
    pub fn model(&self, host: &str) -> Arc<Model> {
        let mut state = self.lock();
        if let Some(model) = state.models.get(host) {
            return model.clone();
        }
        let model = match state.recording.answer(&model_key(host)) {
            Some(recorded) => Model::from_json(&recorded),
            None if self.records() => Model::learning(),
            None => Model::new(),
        };
        for (field, value) in &state.everywhere {
            // It was found right when it was given.
            let _ = describe(&model, ALL, field, value);
        }
        let model = Arc::new(model);
        state.models.insert(host.to_owned(), model.clone());
        model
    }

    fn is_down(&self, host: &str) -> bool {
        let state = self.lock();
        state.down.iter().any(|down| down == host || down == ALL)
    }
}

impl Answers for Stage {
    fn exec(&self, host: &str, asked: &Asked) -> Option<Result<Finished, Error>> {
        let command = &asked.command;
        self.note_asked(&format!("{host}: {command}"));
        if let Err(error) = self.connect(host) {
            return Some(Err(error));
        }
        let key = self.key(host, asked);
        let mut state = self.lock();
        let own = state.commands.get_mut(host);
        let given = own.and_then(|table| table.answer(&[command])).or_else(|| {
            let all = state.commands.get_mut(ALL);
            all.and_then(|table| table.answer(&[command]))
        });
        if let Some(answer) = given.or_else(|| state.recording.answer(&key)) {
            return Some(Ok(finished(&answer)));
        }
        if self.records() {
            return None;
        }
        let tables = [state.commands.get(host), state.commands.get(ALL)];
        let patterns = tables.into_iter().flatten().flat_map(Table::patterns);
        let start = format!("{host}: ");
        let recorded = state.recording.keys();
        let recorded = recorded.filter_map(|key| key.strip_prefix(&start));
        let known: Vec<String> = patterns.chain(recorded).map(str::to_owned).collect();
        drop(state);
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        Some(Err(Error::Unanswered {
            help: self.note_unanswered(command, &known),
            hop: host.to_owned(),
            asked: command.clone(),
        }))
    }

    fn connect(&self, host: &str) -> Result<(), Error> {
        if !self.is_down(host) {
            return Ok(());
        }
        Err(Error::Connect {
            hop: host.to_owned(),
            address: host.to_owned(),
            reason: "the test says that it is down".to_owned(),
        })
    }

    fn heard(&self, host: &str, asked: &Asked, finished: &Finished) {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let answer = json!({
            "code": finished.code,
            "signal": finished.signal,
            "stdout": text(&finished.stdout),
            "stderr": text(&finished.stderr),
        });
        self.note_heard(self.key(host, asked), answer);
    }

    fn are_real(&self) -> bool {
        self.records()
    }

    fn standin(&self, host: &str) -> Option<Arc<dyn Any + Send + Sync>> {
        // One that is out of reach is found so by whatever needs its model.
        match self.is_down(host) {
            true => None,
            false => Some(self.model(host)),
        }
    }
}

impl Stage {
    fn key(&self, host: &str, asked: &Asked) -> String {
        let command = normal(&self.masked_text(&asked.command));
        let input = match asked.stdin.len() {
            0 => String::new(),
            length if length <= SHOWN_INPUT => {
                let text = String::from_utf8_lossy(&asked.stdin).into_owned();
                format!(" < {}", normal(&self.masked_text(&text)))
            }
            _ => format!(" < {}", sha256(&asked.stdin)),
        };
        format!("{host}: {command}{input}")
    }
}

fn describe(model: &Model, name: &str, field: &str, value: &Value) -> Result<(), Failure> {
    if field == "dirs" {
        let Some(paths) = value.as_array() else {
            return Err(wrong(name, "`dirs` is an array of paths"));
        };
        for path in paths.iter().filter_map(Value::as_str) {
            model.put_dir(path, Mode::new(0o755));
        }
        return Ok(());
    }
    let Some(fields) = value.as_object() else {
        return Err(wrong(name, &format!("`{field}` is a map")));
    };
    if field == "facts" {
        let mut facts = json!(model.facts());
        merge(&mut facts, value);
        let facts: Facts = serde_json::from_value(facts)
            .map_err(|error| wrong(name, "`facts` do not fit").cause(error.to_string()))?;
        model.set_facts(facts);
        return Ok(());
    }
    for (key, value) in fields {
        match field {
            "files" => {
                let text = value.as_str().or_else(|| value.get("text")?.as_str());
                let Some(text) = text else {
                    let message =
                        format!("`files.{key}` is a text, or a map with `text` and `mode`");
                    return Err(wrong(name, &message));
                };
                let mode = value.get("mode").and_then(Value::as_str);
                let mode = mode.unwrap_or("0644").parse();
                let mode = mode.map_err(|error| wrong(name, &format!("{error}")))?;
                model.put_file(key, text.to_owned(), mode);
            }
            _ => match value.as_str() {
                Some("running") => model.put_unit(key, true, true),
                Some("stopped") => model.put_unit(key, false, true),
                Some("disabled") => model.put_unit(key, false, false),
                _ => {
                    let message =
                        format!("`units.{key}` is \"running\", \"stopped\" or \"disabled\"");
                    return Err(wrong(name, &message));
                }
            },
        }
    }
    Ok(())
}

/// Replaces the fields of `value` that `with` has, within maps field by field.
fn merge(value: &mut Value, with: &Value) {
    match (value.as_object_mut(), with.as_object()) {
        (Some(fields), Some(with)) => {
            for (name, with) in with {
                merge(fields.entry(name.clone()).or_insert(Value::Null), with);
            }
        }
        _ => *value = with.clone(),
    }
}

/// A text is what the command wrote, a number its exit code, a map all of it.
fn finished(answer: &Value) -> Finished {
    let text = |name: &str| answer.get(name).and_then(Value::as_str).unwrap_or_default();
    let signal = answer.get("signal").and_then(Value::as_str);
    let code = match answer {
        Value::Number(number) => number.as_i64(),
        _ => answer.get("code").and_then(Value::as_i64),
    };
    let stdout = answer
        .as_str()
        .unwrap_or(text("stdout"))
        .as_bytes()
        .to_vec();
    let stderr = text("stderr").as_bytes().to_vec();
    Finished {
        code: match signal {
            Some(_) => None,
            None => Some(code.and_then(|code| i32::try_from(code).ok()).unwrap_or(0)),
        },
        signal: signal.map(str::to_owned),
        stdout_total: stdout.len() as u64,
        stderr_total: stderr.len() as u64,
        stdout,
        stderr,
        left_running: false,
    }
}

fn wrong(host: &str, what: &str) -> Failure {
    Failure::usage(
        "test.answers",
        format!("the host `{host}` of a test: {what}"),
    )
}
