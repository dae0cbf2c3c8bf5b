//! The lines of the console's talk: messages, output, checks, what is waited for.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::{Console, checks, command};
use crate::report::color::Look;
use crate::report::event::{CheckStatus, Direction, Level, Mode, StepId, Stream};
use crate::report::options::Verbosity;
use crate::report::text::{duration, size, visible, without_color};

/// Columns of a host's name: enough for `client-10` from the start, so that the first lines stand
/// where the later ones do; a very long name does not push all others to the right.
pub(super) const HOST_WIDTH: std::ops::RangeInclusive<usize> = 9..=24;

impl Console {
    pub(super) fn announce(&mut self, out: &mut String) {
        if std::mem::replace(&mut self.announced, true) {
            return;
        }
        let command = visible(&command(&self.script, &self.args)).into_owned();
        let line = match self.mode {
            Mode::Apply => format!("run {}: {command}", self.run),
            Mode::Plan => format!("plan {}: {command}, nothing is written", self.run),
        };
        let _ = writeln!(out, "{}", self.paint.paint(Look::Title, &line));
    }

    pub(super) fn announce_override(
        &mut self,
        out: &mut String,
        module: &str,
        path: &str,
        changed: Option<bool>,
    ) {
        let mut line = format!("`{module}` is taken from `{path}`");
        if changed == Some(true) {
            let name = module.strip_prefix("std/").unwrap_or(module);
            line.push_str(&format!(
                "; the built-in one has changed since this copy was made: `e2bscript std diff {name} --built-in` shows how, `e2bscript std update {name}` brings both together"
            ));
        }
        let label = self.paint.paint(Look::Warning, "note: ");
        self.lines(out, 0, &label, &visible(&line));
    }

    pub(super) fn log(
        &mut self,
        out: &mut String,
        level: Level,
        message: &str,
        fields: &Map<String, Value>,
        host: Option<&str>,
        step: Option<StepId>,
    ) {
        let least = match self.options.verbosity {
            Verbosity::Quiet => Level::Error,
            Verbosity::Normal => Level::Info,
            Verbosity::Verbose => Level::Debug,
            Verbosity::Debug => Level::Trace,
        };
        if level < least {
            return;
        }
        let indent = self.steps.enter(out, step);
        let (word, look) = match level {
            Level::Trace => ("trace: ", Look::Faint),
            Level::Debug => ("debug: ", Look::Faint),
            Level::Info => ("", Look::Title),
            Level::Warn => ("warning: ", Look::Warning),
            Level::Error => ("error: ", Look::Bad),
        };
        let mut label = self.paint.paint(look, word);
        if let Some(host) = host {
            label = format!("{}  {label}", self.host_label(host));
        }
        let mut line = visible(message).into_owned();
        for (name, value) in fields {
            let value = match value {
                Value::String(text) if !text.contains(' ') && !text.is_empty() => text.clone(),
                other => other.to_string(),
            };
            let field = format!("{name}={value}");
            let _ = write!(line, " {}", self.paint.paint(Look::Faint, &visible(&field)));
        }
        self.lines(out, indent, &label, &line);
    }

    pub(super) fn output(
        &mut self,
        out: &mut String,
        host: &str,
        stream: Stream,
        line: &str,
        step: Option<StepId>,
    ) {
        self.announce(out);
        let indent = self.steps.enter(out, step);
        let label = self.host_label(host);
        // Told apart without colour, too.
        let bar = match stream {
            Stream::Stdout => self.paint.paint(Look::Faint, "|"),
            Stream::Stderr => self.paint.paint(Look::Warning, "!"),
        };
        self.lines(out, indent, &format!("{label} {bar} "), &visible(line));
    }

    pub(super) fn unchanged(
        &mut self,
        out: &mut String,
        host: &str,
        count: u64,
        items: &[String],
        step: Option<StepId>,
    ) {
        let indent = self.steps.enter(out, step);
        let label = format!("{}  ", self.host_label(host));
        let faint = |text: &str| self.paint.paint(Look::Faint, text);
        for item in items {
            self.lines(out, indent, &label, &faint(&format!("= {}", visible(item))));
        }
        let rest = count.saturating_sub(items.len() as u64);
        match (rest, items.is_empty()) {
            (0, _) => {}
            (_, true) => self.lines(out, indent, &label, &faint(&format!("= {rest} as wanted"))),
            (_, false) => self.lines(out, indent, &label, &faint(&format!("= {rest} more"))),
        }
    }

    pub(super) fn transferred(
        &mut self,
        out: &mut String,
        host: &str,
        path: &str,
        direction: Direction,
        bytes: u64,
        seconds: f64,
    ) {
        let verb = match direction {
            Direction::Upload => "uploaded",
            Direction::Download => "downloaded",
        };
        let mut line = format!(
            "{verb} {} ({} in {}",
            visible(path),
            size(bytes),
            duration(seconds)
        );
        if seconds >= 0.1 {
            let _ = write!(line, ", {}/s", size((bytes as f64 / seconds) as u64));
        }
        line.push(')');
        let label = format!("{}  ", self.host_label(host));
        let indent = self.steps.indent();
        self.lines(out, indent, &label, &self.paint.paint(Look::Faint, &line));
    }

    /// A transfer that ended before its time.
    pub(super) fn broken_off(
        &mut self,
        out: &mut String,
        host: &str,
        path: &str,
        direction: Direction,
        (done, total): (u64, u64),
    ) {
        let what = match direction {
            Direction::Upload => "upload",
            Direction::Download => "download",
        };
        let line = format!(
            "{what} of {} broken off after {} of {}",
            visible(path),
            size(done),
            size(total)
        );
        let label = format!("{}  ", self.host_label(host));
        let indent = self.steps.indent();
        self.lines(out, indent, &label, &line);
    }

    pub(super) fn check(
        &mut self,
        out: &mut String,
        host: Option<&str>,
        name: &str,
        status: CheckStatus,
        detail: &str,
    ) {
        let (word, look) = checks::word(status);
        let word = self.paint.paint(look, &format!("{word:<7}"));
        let mut line = format!("{word}  {}", visible(name));
        if !detail.is_empty() {
            let _ = write!(line, ": {}", visible(detail));
        }
        let label = match host {
            Some(host) => format!("{}  ", self.host_label(host)),
            None => String::new(),
        };
        self.lines(out, 0, &label, &line);
    }

    pub(super) fn waiting(&mut self, out: &mut String, what: &[String], signal: Option<&str>) {
        let head = match signal {
            Some(signal) => format!("stopping after {signal}"),
            None => "still at work".to_owned(),
        };
        let head = self.paint.paint(Look::Warning, &head);
        match what {
            [] => {
                let _ = writeln!(out, "{head}");
            }
            [one] => {
                let _ = writeln!(out, "{head}, waiting for {}", visible(one));
            }
            several => {
                let _ = writeln!(out, "{head}, waiting for:");
                for one in several {
                    self.lines(out, 2, "", &visible(one));
                }
            }
        }
        if signal.is_some() {
            out.push_str("the same signal again stops at once, without cleaning up\n");
        }
    }

    /// The host's name, as wide as the widest so far.
    pub(super) fn host_label(&mut self, host: &str) -> String {
        let number = self.hosts.len();
        let number = *self.hosts.entry(host.to_owned()).or_insert(number);
        let name = visible(host);
        let width = name.chars().count();
        self.host_width = self.host_width.max(width.min(*HOST_WIDTH.end()));
        let blanks = self.host_width.saturating_sub(width);
        format!(
            "{}{:blanks$}",
            self.paint.paint(Look::Host(number), &name),
            ""
        )
    }

    /// Writes a text of one or more lines; all but the first stand under the first.
    pub(super) fn lines(&self, out: &mut String, indent: usize, label: &str, text: &str) {
        let blanks = indent + without_color(label).chars().count();
        for (number, line) in text.split('\n').enumerate() {
            let line = match number {
                0 => format!("{:indent$}{label}{line}", ""),
                _ => format!("{:blanks$}{line}", ""),
            };
            let _ = writeln!(out, "{}", line.trim_end());
        }
    }
}
