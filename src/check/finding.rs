//! One thing that is wrong with a script, found without running it.

use rhai::Position;

use crate::diag::Failure;
use crate::diag::span::Text;
use crate::engine::trace::Place;
use crate::explain::{Diagnostic, Label, Severity};

/// Something that is wrong, or looks wrong, at a place of a script.
#[derive(Clone, Debug)]
pub struct Finding {
    pub severity: Severity,
    /// A stable name: the kind of the error the script would end with, or that of a lint. It is
    /// what `// check: allow(…)` takes.
    pub code: String,
    /// One sentence without a trailing period.
    pub message: String,
    pub help: Option<String>,
    pub place: Place,
    /// What to underline, the main thing first.
    pub spans: Vec<Label>,
}

impl Finding {
    /// What `failure` says, as an error at `position` of the script `source` with this text.
    pub(super) fn error(
        failure: Failure,
        source: &str,
        text: &Text,
        position: Position,
    ) -> Finding {
        let label = text
            .at(position)
            .map(|span| Label::new(source, text, span, String::new()));
        Finding {
            severity: Severity::Error,
            code: failure.kind,
            message: failure.message,
            help: failure.help,
            place: Place::new(source, position).unwrap_or(Place {
                source: source.to_owned(),
                line: 1,
                column: 1,
            }),
            spans: label.into_iter().collect(),
        }
    }

    /// As the record that reports are made of.
    pub fn diagnostic(&self) -> Diagnostic {
        let mut failure = Failure::new(self.code.clone(), self.message.clone());
        failure.help.clone_from(&self.help);
        Diagnostic {
            severity: self.severity,
            spans: self.spans.clone(),
            ..Diagnostic::from(failure)
        }
    }
}
