//! Scripts that were parsed, kept for all programs that reach them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rhai::{AST, EvalAltResult, ParseErrorType};

use crate::diag::Failure;
use crate::diag::language::{self, Scene};
use crate::diag::span::Text;
use crate::engine::Host;
use crate::engine::host::lenient_parser;
use crate::engine::known::known;
use crate::engine::library::Found;
use crate::engine::registry::Registry;
use crate::engine::source::{Source, without_shebang};
use crate::explain::Label;

use super::finding::Finding;
use super::unit::Unit;

/// A parsed script, or what is wrong with its syntax.
type Parsed = Result<Arc<Unit>, Box<Finding>>;

/// The scripts of one host.
pub struct Shelf<'h> {
    host: &'h Host,
    registry: Registry,
    /// By the scripts' ids.
    parsed: Mutex<HashMap<String, Parsed>>,
}

impl<'h> Shelf<'h> {
    pub fn new(host: &'h Host, registry: Registry) -> Shelf<'h> {
        Shelf {
            host,
            registry,
            parsed: Mutex::default(),
        }
    }

    pub fn host(&self) -> &'h Host {
        self.host
    }

    pub fn registry(&self) -> Registry {
        self.registry
    }

    /// What an import of `path` in the script `importer` means.
    pub fn find(&self, path: &str, importer: Option<&str>) -> Result<Found, Failure> {
        self.host.resolver().find(path, importer)
    }

    /// The script as it is parsed.
    pub fn unit(&self, found: &Found) -> Parsed {
        let kept = self.lock().get(&found.id).cloned();
        kept.unwrap_or_else(|| {
            let parsed = self.parse(found);
            self.lock().insert(found.id.clone(), parsed.clone());
            parsed
        })
    }

    fn parse(&self, found: &Found) -> Parsed {
        let (ast, incomplete) = self.tree(found)?;
        let source = Source {
            id: found.id.clone(),
            path: found.path.clone(),
            text: found.text.clone(),
        };
        Ok(Arc::new(Unit::new(source, ast, incomplete)))
    }

    /// The script's tree, and whether Rhai refuses it for a name that is not there.
    fn tree(&self, found: &Found) -> Result<(AST, bool), Box<Finding>> {
        let error = match self.host.compile(found) {
            Ok(ast) => return Ok((ast, false)),
            Err(error) => error,
        };
        let names = matches!(
            *error,
            EvalAltResult::ErrorParsing(
                ParseErrorType::VariableUndefined(_) | ParseErrorType::ModuleUndefined(_),
                _
            )
        );
        if names {
            // Rhai stops at the first such name; without its strictness all of them can be found.
            if let Ok(mut ast) = lenient_parser().compile(without_shebang(&found.text)) {
                ast.set_source(found.id.as_str());
                return Ok((ast, true));
            }
        }
        let text = Text::new(&found.text);
        Err(Box::new(syntax(&error, &found.id, &text, self.registry)))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Parsed>> {
        self.parsed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A syntax error as a finding, with the same words and labels as in a report of a run.
fn syntax(error: &EvalAltResult, id: &str, text: &Text, registry: Registry) -> Finding {
    let scene = Scene::new(known(registry), Some(text));
    let failure = language::explain_in(error, &scene);
    let spans = language::labels(error, &scene)
        .into_iter()
        .map(|(span, label)| Label::new(id, text, span, label))
        .collect();
    Finding {
        spans,
        ..Finding::error(failure, id, text, error.position())
    }
}
