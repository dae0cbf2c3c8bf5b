//! Reports as text: the script's lines, what happened, through which calls, and what to do next.

use std::error::Error as StdError;
use std::fmt;

use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, Severity as MietteSeverity,
    SourceCode,
};
use rhai::EvalAltResult;

use crate::diag::span::Text;
use crate::diag::{Failure, folded};
use crate::engine::source::Sources;
use crate::engine::trace::{Entered, Frame, Place};
use crate::report::text::visible;

use super::paint::{Paint, wrap};
use super::record::{Diagnostic, Severity};

/// How a report looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RenderOptions {
    pub color: bool,
    /// Columns of the terminal.
    pub width: usize,
    /// Shows the lines of the standard modules too.
    pub trace: bool,
    /// Box drawing characters; else ASCII.
    pub unicode: bool,
}

impl Default for RenderOptions {
    fn default() -> Self {
        RenderOptions {
            color: false,
            width: 90,
            trace: false,
            unicode: true,
        }
    }
}

/// The report of an error that ended a script.
pub fn render(error: &EvalAltResult, sources: &Sources, options: RenderOptions) -> String {
    render_diagnostic(&Diagnostic::of(error, sources), sources, options)
}

/// The report of a failure that has no place in a script.
pub fn render_failure(failure: &Failure, options: RenderOptions) -> String {
    render_diagnostic(
        &Diagnostic::from(failure.clone()),
        &Sources::default(),
        options,
    )
}

/// The report of anything, with its lines taken from `sources`.
pub fn render_diagnostic(report: &Diagnostic, sources: &Sources, options: RenderOptions) -> String {
    let options = RenderOptions {
        // Some terminals say that they have no columns.
        width: options.width.max(40),
        ..options
    };
    let mut page = Page {
        sources,
        options,
        paint: Paint::new(options.color),
        text: String::new(),
    };
    page.main(report);
    page.facts(report, 2);
    page.frames(&report.frames);
    let failures = folded(&report.failures);
    for (index, (hosts, failure)) in failures.iter().enumerate() {
        let next = failures.get(index + 1).map(|(_, next)| next);
        // Items often fail alike: what to do then is said once.
        let said_again = next.is_some_and(|next| next.help == failure.help);
        page.item(hosts, failure, !said_again);
    }
    if let Some(help) = &report.help {
        page.help(help, 2);
    }
    let lines: Vec<&str> = page.text.lines().map(str::trim_end).collect();
    lines.join("\n") + "\n"
}

struct Page<'a> {
    sources: &'a Sources,
    options: RenderOptions,
    paint: Paint,
    text: String,
}

impl Page<'_> {
    fn line(&mut self, indent: usize, text: &str) {
        self.text.push_str(&" ".repeat(indent));
        self.text.push_str(text);
        self.text.push('\n');
    }

    /// Kind, message, causes and the script's lines: miette draws them.
    fn main(&mut self, report: &Diagnostic) {
        let options = self.options;
        let theme = match (options.unicode, options.color) {
            (true, true) => GraphicalTheme::unicode(),
            (true, false) => GraphicalTheme::unicode_nocolor(),
            (false, true) => GraphicalTheme::ascii(),
            (false, false) => GraphicalTheme::none(),
        };
        let drawn = GraphicalReportHandler::new_themed(theme)
            .with_width(options.width)
            .with_links(false)
            .with_context_lines(1)
            .render_report(&mut self.text, &Shown::new(report, self.sources));
        if drawn.is_err() {
            // Writing to a string fails only when a source lies about itself: the words remain.
            self.line(2, &visible(&report.message));
        }
        self.last_lines(&report.output);
    }

    /// What failed had a last word: it stands with the message, before the script's lines.
    fn last_lines(&mut self, output: &[String]) {
        if output.is_empty() {
            return;
        }
        let drawn = std::mem::take(&mut self.text);
        let is_frame = |line: &str| {
            let line = crate::report::text::without_color(line);
            let line = line.trim_start();
            line.starts_with('╭') || line.starts_with(",-[")
        };
        let mut said = false;
        for line in drawn.lines() {
            if !said && is_frame(line) {
                said = true;
                self.quote(output);
            }
            self.line(0, line);
        }
        if !said {
            self.quote(output);
        }
    }

    fn quote(&mut self, output: &[String]) {
        let bar = self.paint.dim(if self.options.unicode { "┃" } else { "|" });
        for line in output.iter().flat_map(|text| text.lines()) {
            self.line(4, &format!("{bar} {}", visible(line)));
        }
    }

    fn facts(&mut self, report: &Diagnostic, indent: usize) {
        let mut facts: Vec<(&str, String)> = Vec::new();
        facts.extend(report.host.clone().map(|host| ("host", host)));
        facts.extend(report.command.clone().map(|command| ("command", command)));
        facts.extend(report.exit_code.map(|code| ("exit code", code.to_string())));
        for (name, value) in &report.details {
            let value = match value {
                serde_json::Value::String(text) => text.clone(),
                serde_json::Value::Number(_) | serde_json::Value::Bool(_) => value.to_string(),
                _ => continue,
            };
            facts.push((name, value));
        }
        let width = facts
            .iter()
            .map(|(name, _)| name.chars().count())
            .max()
            .unwrap_or(0);
        for (name, value) in &facts {
            for (index, line) in visible(value).lines().enumerate() {
                let name = if index == 0 { *name } else { "" };
                let name = self.paint.dim(&format!("{name:width$}"));
                self.line(indent, &format!("{name}  {line}"));
            }
        }
    }

    /// The user's own calls with their lines; those of the standard modules in one line each.
    fn frames(&mut self, frames: &[Frame]) {
        for (index, frame) in frames.iter().enumerate() {
            let within = match frames.get(index + 1).map(|outer| &outer.entered) {
                Some(Entered::Function(name)) => format!(", in `{name}`"),
                Some(Entered::Closure) => ", in a closure".to_owned(),
                Some(Entered::Module(_)) | None => String::new(),
            };
            let place = &frame.place;
            let entered = match &frame.entered {
                Entered::Function(name) => format!("`{name}` was called"),
                Entered::Closure => "the closure was called".to_owned(),
                Entered::Module(_) => "imported".to_owned(),
            };
            let at = self.paint.link(&format!("{}:{}", place.source, place.line));
            self.line(2, &format!("{entered} at {at}{within}"));
            if self.options.trace || !self.is_standard(place) {
                self.snippet(place);
            }
        }
    }

    fn is_standard(&self, place: &Place) -> bool {
        place.source.starts_with("std/")
            && self
                .sources
                .get(&place.source)
                .is_none_or(|source| source.path.is_none())
    }

    fn snippet(&mut self, place: &Place) {
        let Some(source) = self.sources.get(&place.source) else {
            return;
        };
        let text = Text::new(&source.text);
        if let Some(line) = text.line(place.line) {
            let bar = if self.options.unicode { '│' } else { '|' };
            let number = self.paint.dim(&format!("{:>5} {bar}", place.line));
            self.line(0, &format!("{number} {}", line.trim()));
        }
    }

    /// What failed for one of several items, or for more of them alike.
    fn item(&mut self, hosts: &[String], failure: &Failure, with_help: bool) {
        let cross = self.paint.red(if self.options.unicode { "×" } else { "x" });
        let mut report = Diagnostic::from(failure.clone());
        report.host = None;
        let named = (!hosts.is_empty())
            .then(|| self.paint.bold(&visible(&hosts.join(", "))))
            .map(|hosts| format!("{hosts}: "));
        let message = visible(&failure.message).into_owned();
        let kind = self.paint.dim(&format!("({})", failure.kind));
        self.text.push('\n');
        self.line(
            2,
            &format!("{cross} {}{message} {kind}", named.unwrap_or_default()),
        );
        for cause in &failure.causes {
            self.line(4, &format!("because {}", visible(cause)));
        }
        self.quote(&failure.output);
        self.facts(&report, 4);
        for nested in &failure.failures {
            let host = nested
                .host
                .as_deref()
                .map(|host| format!("{host}: "))
                .unwrap_or_default();
            self.line(4, &visible(&format!("{host}{}", nested.message)));
        }
        if let Some(help) = failure.help.as_ref().filter(|_| with_help) {
            self.help(help, 4);
        }
    }

    fn help(&mut self, help: &str, indent: usize) {
        let width = self.options.width.saturating_sub(indent + 6);
        for (index, line) in wrap(&visible(help), width).into_iter().enumerate() {
            let head = match index {
                0 => self.paint.cyan("help: "),
                _ => " ".repeat(6),
            };
            self.line(indent, &format!("{head}{line}"));
        }
    }
}

/// A report as miette wants it.
struct Shown {
    message: String,
    code: String,
    severity: MietteSeverity,
    cause: Option<Cause>,
    labels: Vec<LabeledSpan>,
    source: Option<NamedSource<String>>,
}

impl Shown {
    fn new(report: &Diagnostic, sources: &Sources) -> Shown {
        let main = report.spans.first();
        let source = main.and_then(|label| sources.get(&label.place.source));
        let labels = report
            .spans
            .iter()
            .filter(|label| main.is_some_and(|main| main.place.source == label.place.source))
            .enumerate()
            .map(|(index, label)| {
                let text = (!label.label.is_empty()).then(|| label.label.clone());
                match index {
                    0 => LabeledSpan::new_primary_with_span(text, (label.offset, label.length)),
                    _ => LabeledSpan::new_with_span(text, (label.offset, label.length)),
                }
            })
            .collect();
        Shown {
            message: visible(&report.message).into_owned(),
            code: report.code.clone(),
            severity: match report.severity {
                Severity::Error => MietteSeverity::Error,
                Severity::Warning => MietteSeverity::Warning,
            },
            cause: Cause::chain(&report.causes),
            labels,
            source: source.map(|source| NamedSource::new(&source.id, source.text.clone())),
        }
    }
}

impl miette::Diagnostic for Shown {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(&self.code))
    }

    fn severity(&self) -> Option<MietteSeverity> {
        Some(self.severity)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.labels.iter().cloned()))
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Shown {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.cause.as_ref().map(|cause| cause as &dyn StdError)
    }
}

/// A chain of causes out of their texts.
#[derive(Debug)]
struct Cause(String, Option<Box<Cause>>);

impl Cause {
    fn chain(causes: &[String]) -> Option<Cause> {
        let (first, rest) = causes.split_first()?;
        let text = visible(first).into_owned();
        Some(Cause(text, Cause::chain(rest).map(Box::new)))
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl StdError for Cause {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.1.as_deref().map(|cause| cause as &dyn StdError)
    }
}
