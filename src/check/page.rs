//! The findings of one script, as they are written down.

use std::cell::OnceCell;

use rhai::{EvalAltResult, ParseErrorType, Position};

use crate::diag::Failure;
use crate::diag::span::Text;
use crate::engine::Host;
use crate::engine::library::Found;
use crate::explain::Severity;

use super::finding::Finding;
use super::unit::Unit;

/// Findings of one script.
pub struct Page<'a> {
    unit: &'a Unit,
    /// Most scripts have no findings: their text is cut only when one has.
    text: OnceCell<Text<'a>>,
    findings: Vec<Finding>,
}

impl<'a> Page<'a> {
    pub fn new(unit: &'a Unit) -> Page<'a> {
        Page {
            unit,
            text: OnceCell::new(),
            findings: Vec::new(),
        }
    }

    pub fn unit(&self) -> &'a Unit {
        self.unit
    }

    pub fn error(&mut self, failure: Failure, at: Position) {
        let text = self.text.get_or_init(|| Text::new(&self.unit.source.text));
        let finding = Finding::error(failure, self.unit.id(), text, at);
        self.findings.push(finding);
    }

    pub fn warning(&mut self, failure: Failure, at: Position) {
        self.error(failure, at);
        if let Some(last) = self.findings.last_mut() {
            last.severity = Severity::Warning;
        }
    }

    pub fn tell(&mut self, severity: Severity, failure: Failure, at: Position) {
        match severity {
            Severity::Warning => self.warning(failure, at),
            _ => self.error(failure, at),
        }
    }

    /// Rhai refuses the script for a name that is not there: if no rule found that name, its own
    /// word stands.
    pub fn complete(&mut self, host: &Host) {
        let named = |finding: &Finding| {
            matches!(
                finding.code.as_str(),
                "script.unknown_variable" | "script.unknown_module"
            )
        };
        if !self.unit.incomplete || self.findings.iter().any(named) {
            return;
        }
        let source = &self.unit.source;
        let compiled = host.compile(&Found {
            id: source.id.clone(),
            path: source.path.clone(),
            text: source.text.clone(),
        });
        if let Err(error) = compiled
            && let EvalAltResult::ErrorParsing(error, position) = *error
        {
            let failure = match error {
                ParseErrorType::VariableUndefined(name) => Failure::new(
                    "script.unknown_variable",
                    format!("there is no variable `{name}` here yet"),
                )
                .help(format!(
                    "if `{name}` is a function, define it further up or write `|x| {name}(x)`"
                )),
                ParseErrorType::ModuleUndefined(name) => Failure::new(
                    "script.unknown_module",
                    format!("there is no module `{name}` here yet"),
                )
                .help("imports stand above the functions that use them"),
                other => Failure::new("script.syntax", other.to_string()),
            };
            self.error(failure, position);
        }
    }

    pub fn into_findings(self) -> Vec<Finding> {
        self.findings
    }
}
