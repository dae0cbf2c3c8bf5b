//! The console: a view of the events as text.

mod change;
mod checks;
mod failure;
mod screen;
mod since;
mod steps;
mod summary;
mod table;
mod talk;

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::changes::Shown;
use super::color::{Look, Paint};
use super::event::{CheckStatus, Event, Level, Mode, Record};
use super::options::{ConsoleOptions, Verbosity};
use super::text::visible;
use checks::Checks;
use since::{Age, Since};
use steps::Steps;

pub use screen::Screen;

/// Text that an event adds to the two ends.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Text {
    /// For stdout.
    pub results: String,
    /// For stderr.
    pub talk: String,
}

/// Turns events into text. Knows nothing but the events and the options it was made with, so a
/// stored run looks the same when it is shown again.
pub struct Console {
    options: ConsoleOptions,
    paint: Paint,
    mode: Mode,
    run: String,
    script: String,
    args: Vec<String>,
    journal: Option<String>,
    log: Option<String>,
    /// The line that opens a run waits until there is something to tell, so that a small script
    /// only says what it wants to say.
    announced: bool,
    /// A signal asked the run to stop.
    stopping: bool,
    hosts: HashMap<String, usize>,
    host_width: usize,
    steps: Steps,
    checks: Checks,
    since: Option<Since>,
    transfers: HashMap<u64, DateTime<Utc>>,
}

impl Console {
    pub fn new(options: ConsoleOptions) -> Self {
        Console {
            paint: Paint::new(options.color),
            steps: Steps::new(Paint::new(options.color)),
            since: options.before.clone().map(Since::new),
            options,
            mode: Mode::Apply,
            run: String::new(),
            script: String::new(),
            args: Vec::new(),
            journal: None,
            log: None,
            announced: false,
            stopping: false,
            hosts: HashMap::new(),
            host_width: *talk::HOST_WIDTH.start(),
            checks: Checks::default(),
            transfers: HashMap::new(),
        }
    }

    /// The text that an event adds.
    pub fn show(&mut self, record: &Record) -> Text {
        let mut text = Text::default();
        self.stopping |= matches!(
            &record.event,
            Event::Waiting {
                signal: Some(_),
                ..
            }
        );
        match &record.event {
            Event::Table {
                title,
                columns,
                rows,
            } => text.results = self.table(title.as_deref(), columns, rows),
            Event::Result { value } => text.results = self.result(value),
            // Who pressed Ctrl-C knows why the script came no further.
            Event::Failure { failure, .. }
                if self.stopping && !self.verbose() && failure.kind == "run.cancelled" => {}
            Event::Failure {
                failure,
                report,
                colored,
            } => {
                if self.announced {
                    text.talk.push('\n');
                }
                let colored = colored.as_deref().filter(|_| self.paint.is_on());
                let report = colored.or(report.as_deref());
                text.talk
                    .push_str(&failure::show(failure, report, self.paint));
            }
            event if self.options.verbosity == Verbosity::Quiet => {
                self.show_quietly(event, &mut text)
            }
            event => self.talk(record, event, &mut text),
        }
        text
    }

    /// `-q`: of the talk, only errors are left; the result of a check is still a result.
    fn show_quietly(&mut self, event: &Event, text: &mut Text) {
        match event {
            Event::Log {
                level: Level::Error,
                message,
                fields,
                host,
                ..
            } => {
                self.log(
                    &mut text.talk,
                    Level::Error,
                    message,
                    fields,
                    host.as_deref(),
                    None,
                );
            }
            Event::Check {
                host,
                name,
                status,
                detail,
            } => {
                self.checks.add(host.as_deref(), name, *status, detail);
            }
            Event::Waiting {
                what,
                signal: Some(signal),
            } => self.waiting(&mut text.talk, what, Some(signal)),
            Event::RunFinished { .. } => text.results = self.check_table(),
            _ => {}
        }
    }

    fn talk(&mut self, record: &Record, event: &Event, text: &mut Text) {
        let out = &mut text.talk;
        match event {
            Event::RunStarted {
                script,
                args,
                mode,
                journal,
                log,
                ..
            } => {
                self.run.clone_from(&record.run);
                self.script.clone_from(script);
                self.args.clone_from(args);
                self.mode = *mode;
                self.steps.plan = *mode == Mode::Plan;
                self.journal.clone_from(journal);
                self.log.clone_from(log);
                if self.mode == Mode::Plan || self.verbose() {
                    self.announce(out);
                }
            }
            Event::Override {
                module,
                path,
                changed_since_eject,
            } => {
                self.announce_override(out, module, path, *changed_since_eject);
            }
            Event::Log {
                level,
                message,
                fields,
                host,
                step,
            } => {
                self.log(out, *level, message, fields, host.as_deref(), *step);
            }
            Event::StepStarted { step, parent, name } => {
                self.announce(out);
                let reveal = self.verbose();
                self.steps.start(out, *step, *parent, name, reveal);
            }
            Event::StepFinished {
                step,
                outcome,
                seconds,
                changed,
            } => {
                self.steps.finish(out, *step, *outcome, *seconds, *changed);
            }
            Event::Output {
                host,
                stream,
                line,
                asked,
                step,
                ..
            } => {
                if *asked || self.verbose() {
                    self.output(out, host, *stream, line, *step);
                }
            }
            Event::Change {
                host,
                item,
                action,
                reason,
                diff,
                step,
                applied,
            } => {
                self.announce(out);
                let indent = self.steps.enter(out, *step);
                let label = self.host_label(host);
                let mut line = change::line(self.paint, *action, item, reason);
                let age = match (&mut self.since, Shown::of(event)) {
                    (Some(since), Some(shown)) => Some(since.see(&shown)),
                    _ => None,
                };
                if let Some(age) = age {
                    line.push_str(&self.paint.paint(Look::Title, age.mark()));
                }
                self.lines(out, indent, &format!("{label}  "), &line);
                if let Some(diff) = diff
                    && ((!applied && age != Some(Age::Same)) || self.verbose())
                {
                    out.push_str(&change::diff(self.paint, diff, indent + 4));
                }
            }
            Event::Unchanged {
                host,
                count,
                items,
                step,
            } => {
                self.announce(out);
                if self.verbose() {
                    self.unchanged(out, host, *count, items, *step);
                }
            }
            Event::Transfer {
                id,
                host,
                path,
                direction,
                done,
                total,
                finished,
            } => {
                self.announce(out);
                let started = *self.transfers.entry(*id).or_insert(record.time);
                if *finished {
                    self.transfers.remove(id);
                    if self.verbose() {
                        let took = (record.time - started).as_seconds_f64();
                        let broken_off = total.filter(|total| done < total);
                        match broken_off {
                            Some(total) => {
                                self.broken_off(out, host, path, *direction, (*done, total));
                            }
                            None => self.transferred(out, host, path, *direction, *done, took),
                        }
                    }
                }
            }
            Event::Check {
                host,
                name,
                status,
                detail,
            } => {
                self.announce(out);
                self.checks.add(host.as_deref(), name, *status, detail);
                if matches!(status, CheckStatus::Warn | CheckStatus::Fail) || self.verbose() {
                    self.check(out, host.as_deref(), name, *status, detail);
                }
            }
            Event::Waiting { what, signal } => self.waiting(out, what, signal.as_deref()),
            Event::RunFinished { .. } => {
                text.results = self.check_table();
                self.finish(&mut text.talk, event);
            }
            Event::Table { .. } | Event::Result { .. } | Event::Failure { .. } => {}
        }
    }

    fn verbose(&self) -> bool {
        self.options.verbosity >= Verbosity::Verbose
    }

    fn table(&self, title: Option<&str>, columns: &[String], rows: &[Vec<String>]) -> String {
        let rows = rows.iter().map(|row| {
            row.iter()
                .map(|text| table::Cell::new(text.as_str()))
                .collect()
        });
        table::render(
            title,
            columns.iter().map(String::as_str),
            rows,
            self.options.width,
            Paint::new(self.options.color_results),
        )
    }

    fn check_table(&self) -> String {
        self.checks
            .table(self.options.width, Paint::new(self.options.color_results))
    }

    fn result(&self, value: &Value) -> String {
        let mut text = match value {
            Value::Null => return String::new(),
            Value::String(text) => text.clone(),
            other => format!("{other:#}"),
        };
        if self.options.results_on_terminal {
            text = visible(&text).into_owned();
        }
        if !text.ends_with('\n') {
            text.push('\n');
        }
        text
    }
}

/// The script and its arguments as a person would type them.
fn command(script: &str, args: &[String]) -> String {
    let words = std::iter::once(script).chain(args.iter().map(String::as_str));
    // Quoting fails for NUL alone, which no argument of a program can hold.
    shlex::try_join(words).unwrap_or_else(|_| script.to_owned())
}
