//! Masks every text field of an event, in the one place that all sinks lie behind.
//!
//! The fields are taken apart without `..`: a new field does not compile until it is thought of.

use serde_json::{Map, Value};

use crate::diag::Failure;

use super::event::{Event, HostSummary, HostWire, WireStats};
use super::mask::Masker;

pub(super) trait Scrub {
    fn scrub(&mut self, masker: &Masker);
}

impl Scrub for Event {
    fn scrub(&mut self, masker: &Masker) {
        if masker.is_empty() {
            return;
        }
        match self {
            Event::RunStarted {
                script,
                args,
                mode: _,
                version,
                journal,
                log,
                console: _,
            } => {
                script.scrub(masker);
                args.scrub(masker);
                version.scrub(masker);
                journal.scrub(masker);
                log.scrub(masker);
            }
            Event::Override {
                module,
                path,
                changed_since_eject: _,
            } => {
                module.scrub(masker);
                path.scrub(masker);
            }
            Event::Log {
                level: _,
                message,
                fields,
                host,
                step: _,
            } => {
                message.scrub(masker);
                fields.scrub(masker);
                host.scrub(masker);
            }
            Event::StepStarted {
                step: _,
                parent: _,
                name,
            } => name.scrub(masker),
            Event::StepFinished {
                step: _,
                outcome: _,
                seconds: _,
                changed: _,
            } => {}
            Event::Output {
                host,
                stream: _,
                line,
                more: _,
                source: _,
                asked: _,
                step: _,
            } => {
                host.scrub(masker);
                line.scrub(masker);
            }
            Event::Change {
                host,
                item,
                action: _,
                applied: _,
                reason,
                diff,
                step: _,
            } => {
                host.scrub(masker);
                item.scrub(masker);
                reason.scrub(masker);
                diff.scrub(masker);
            }
            Event::Unchanged {
                host,
                count: _,
                items,
                step: _,
            } => {
                host.scrub(masker);
                items.scrub(masker);
            }
            Event::Transfer {
                id: _,
                host,
                path,
                direction: _,
                done: _,
                total: _,
                finished: _,
            } => {
                host.scrub(masker);
                path.scrub(masker);
            }
            Event::Check {
                host,
                name,
                status: _,
                detail,
            } => {
                host.scrub(masker);
                name.scrub(masker);
                detail.scrub(masker);
            }
            Event::Table {
                title,
                columns,
                rows,
            } => {
                title.scrub(masker);
                columns.scrub(masker);
                rows.scrub(masker);
            }
            Event::Result { value } => value.scrub(masker),
            Event::Failure {
                failure,
                report,
                colored,
            } => {
                failure.scrub(masker);
                report.scrub(masker);
                colored.scrub(masker);
            }
            Event::Waiting { what, signal } => {
                what.scrub(masker);
                signal.scrub(masker);
            }
            Event::RunFinished {
                outcome: _,
                exit_code: _,
                seconds: _,
                changed: _,
                ok: _,
                failed: _,
                hosts,
                stats,
            } => {
                hosts.scrub(masker);
                stats.scrub(masker);
            }
        }
    }
}

impl Scrub for Failure {
    fn scrub(&mut self, masker: &Masker) {
        let Failure {
            kind,
            message,
            help,
            host,
            command,
            code: _,
            output,
            details,
            causes,
            failures,
            class: _,
        } = self;
        kind.scrub(masker);
        message.scrub(masker);
        help.scrub(masker);
        host.scrub(masker);
        command.scrub(masker);
        output.scrub(masker);
        details.scrub(masker);
        causes.scrub(masker);
        failures.scrub(masker);
    }
}

impl Scrub for HostSummary {
    fn scrub(&mut self, masker: &Masker) {
        self.host.scrub(masker);
    }
}

impl Scrub for WireStats {
    fn scrub(&mut self, masker: &Masker) {
        self.hosts.scrub(masker);
    }
}

impl Scrub for HostWire {
    fn scrub(&mut self, masker: &Masker) {
        self.host.scrub(masker);
    }
}

impl Scrub for String {
    fn scrub(&mut self, masker: &Masker) {
        if let std::borrow::Cow::Owned(masked) = masker.mask(self) {
            *self = masked;
        }
    }
}

impl<T: Scrub> Scrub for Option<T> {
    fn scrub(&mut self, masker: &Masker) {
        if let Some(value) = self {
            value.scrub(masker);
        }
    }
}

impl<T: Scrub> Scrub for Vec<T> {
    fn scrub(&mut self, masker: &Masker) {
        for value in self {
            value.scrub(masker);
        }
    }
}

impl Scrub for Map<String, Value> {
    fn scrub(&mut self, masker: &Masker) {
        if self.keys().any(|key| masker.mask(key) != key.as_str()) {
            *self = std::mem::take(self)
                .into_iter()
                .map(|(key, value)| (masker.mask(&key).into_owned(), value))
                .collect();
        }
        for value in self.values_mut() {
            value.scrub(masker);
        }
    }
}

impl Scrub for Value {
    fn scrub(&mut self, masker: &Masker) {
        match self {
            Value::Null | Value::Bool(_) => {}
            // A secret of digits is no less secret for having been parsed.
            Value::Number(number) => {
                let text = number.to_string();
                if let std::borrow::Cow::Owned(masked) = masker.mask(&text) {
                    *self = Value::String(masked);
                }
            }
            Value::String(text) => text.scrub(masker),
            Value::Array(values) => values.scrub(masker),
            Value::Object(map) => map.scrub(masker),
        }
    }
}
