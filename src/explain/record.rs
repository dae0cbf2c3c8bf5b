//! A report as data: what the renderer prints and what `--json` carries.

use rhai::{EvalAltResult, Position};
use serde::Serialize;

use crate::bindings::REGISTRY;
use crate::diag::Failure;
use crate::diag::language::{self, Scene};
use crate::diag::span::{Span, Text};
use crate::engine::known::known;
use crate::engine::raise::failure_of;
use crate::engine::source::Sources;
use crate::engine::trace::{Entered, Frame, Place, unwind};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Error,
    Warning,
}

/// A failure or a finding, with everything a report shows.
#[derive(Clone, Debug, Serialize)]
pub struct Diagnostic {
    pub severity: Severity,
    /// The stable kind, for example `script.unknown_function`.
    pub code: String,
    pub message: String,
    /// What to underline, the main thing first; empty when no script is concerned.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub spans: Vec<Label>,
    /// The calls that led there, innermost first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub frames: Vec<Frame>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub output: Vec<String>,
    #[serde(skip_serializing_if = "serde_json::Map::is_empty")]
    pub details: serde_json::Map<String, serde_json::Value>,
    /// What failed for each item, when this stands for several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<Failure>,
}

/// A stretch of a script.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Label {
    #[serde(flatten)]
    pub place: Place,
    /// Bytes from the start of the source.
    pub offset: usize,
    pub length: usize,
    /// What is said about it; may be empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub label: String,
}

impl Diagnostic {
    /// An error that ended a script.
    pub fn of(error: &EvalAltResult, sources: &Sources) -> Diagnostic {
        let entry = sources.entry().unwrap_or_default();
        let trace = unwind(error, sources, &entry);
        let source = sources.get(&trace.source);
        let text = source.as_ref().map(|source| Text::new(&source.text));
        let scene = Scene::new(known(REGISTRY), text.as_ref());
        let failure = match error.unwrap_inner() {
            EvalAltResult::ErrorRuntime(..) | EvalAltResult::ErrorTerminated(..) => {
                failure_of(error)
            }
            _ => language::explain_in(error, &scene),
        };
        let mut report = Diagnostic::from(failure);
        report.spans = match &text {
            Some(text) => language::labels(error, &scene)
                .into_iter()
                .map(|(span, label)| Label::new(&trace.source, text, span, label))
                .collect(),
            None => Vec::new(),
        };
        report.frames = trace.frames;
        for frame in &mut report.frames {
            if let Entered::Function(name) = &mut frame.entered {
                *name = written(sources, &frame.place, name);
            }
        }
        // Some errors know only the call they happened in: then that is the place to show.
        if report.spans.is_empty() && trace.position.is_none() && !report.frames.is_empty() {
            let frame = report.frames.remove(0);
            report.spans = label_at(sources, &frame.place, "in this call")
                .into_iter()
                .collect();
        }
        report
    }

    /// Puts the report at a place of a source.
    #[must_use]
    pub fn at(mut self, sources: &Sources, source: &str, position: Position) -> Diagnostic {
        let label = Place::new(source, position).and_then(|place| label_at(sources, &place, ""));
        self.spans = label.into_iter().collect();
        self
    }
}

/// The call as the script writes it, with the module before the name.
fn written(sources: &Sources, place: &Place, called: &str) -> String {
    let source = sources.get(&place.source);
    let path = source.as_ref().and_then(|source| {
        let path = Text::new(&source.text).path(place.position())?;
        let same = path == called || path.ends_with(&format!("::{called}"));
        same.then(|| path.to_owned())
    });
    path.unwrap_or_else(|| called.to_owned())
}

/// The thing that starts at `place`.
pub(super) fn label_at(sources: &Sources, place: &Place, label: &str) -> Option<Label> {
    let source = sources.get(&place.source)?;
    let text = Text::new(&source.text);
    let span = text.at(place.position())?;
    Some(Label::new(&place.source, &text, span, label.to_owned()))
}

impl Label {
    pub fn new(source: &str, text: &Text, span: Span, label: String) -> Label {
        let (line, column) = text.line_column(span.start);
        Label {
            place: Place {
                source: source.to_owned(),
                line,
                column,
            },
            offset: span.start,
            length: span.len(),
            label,
        }
    }
}

impl From<Failure> for Diagnostic {
    fn from(failure: Failure) -> Diagnostic {
        Diagnostic {
            severity: Severity::Error,
            code: failure.kind,
            message: failure.message,
            spans: Vec::new(),
            frames: Vec::new(),
            causes: failure.causes,
            help: failure.help,
            host: failure.host,
            command: failure.command,
            exit_code: failure.code,
            output: failure.output,
            details: failure.details,
            failures: failure.failures,
        }
    }
}
