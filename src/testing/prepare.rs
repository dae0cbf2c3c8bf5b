//! A file of tests before any of it runs: read, checked, its tests known.

use std::path::{Path, PathBuf};

use crate::bindings::REGISTRY;
use crate::check::check;
use crate::diag::{Class, Failure};
use crate::engine::Host;
use crate::engine::library::{self, Found};
use crate::engine::raise::failure_of;
use crate::explain::{RenderOptions, Severity, render, render_diagnostic, render_failure};
use crate::replay;
use crate::run::Inputs;

use super::find::ENDING;

/// How the names of functions that are tests begin.
const PREFIX: &str = "test_";

/// A file whose tests can be run.
pub struct Prepared {
    pub file: PathBuf,
    pub found: Found,
    /// The functions that are tests, in the order of the file.
    pub tests: Vec<String>,
    /// What they have read of this machine so far: the file, what it imports, its recording.
    pub inputs: Inputs,
}

/// A file that cannot be run: why, and that as people read it.
pub type Refused = (Failure, String);

/// Reads and checks the file and finds its tests.
pub fn prepare(file: &Path, host: &Host, look: RenderOptions) -> Result<Prepared, Box<Refused>> {
    let plain = |failure: Failure| {
        let text = render_failure(&failure, look);
        Box::new((failure, text))
    };
    let id = file.display().to_string();
    let inputs = host.session().run.inputs();
    inputs.file(file);
    inputs.file(&replay::path_of(file));
    let text = library::read(file).map_err(plain)?.ok_or_else(|| {
        plain(Failure::usage(
            "test.not_found",
            format!("there is no `{id}`"),
        ))
    })?;
    let found = Found {
        id,
        path: Some(std::path::absolute(file).unwrap_or_else(|_| file.to_path_buf())),
        text,
    };
    mistakes(host, &found, look)?;
    let ast = host.compile(&found).map_err(|error| {
        let text = render(&error, host.sources(), look);
        Box::new((failure_of(&error), text))
    })?;
    let mut tests = Vec::new();
    for function in ast.iter_functions() {
        let name = function.name;
        if !name.starts_with(PREFIX) {
            continue;
        }
        if !function.params.is_empty() {
            let message = format!("`{name}` takes arguments, and nobody would give it any");
            let failure = Failure::usage("test.invalid", message)
                .help("a test is a function without parameters; give a helper another name");
            return Err(plain(failure));
        }
        tests.push(name.to_owned());
    }
    if tests.is_empty() {
        let failure = Failure::usage("test.invalid", "the file has no tests").help(format!(
            "the tests of a file `…{ENDING}` are its functions `{PREFIX}…` without parameters"
        ));
        return Err(plain(failure));
    }
    tests.sort_by_key(|name| place(&found.text, name));
    Ok(Prepared {
        file: file.to_path_buf(),
        found,
        tests,
        inputs: inputs.clone(),
    })
}

/// Everything that the static check finds wrong.
fn mistakes(host: &Host, found: &Found, look: RenderOptions) -> Result<(), Box<Refused>> {
    let mut findings = check(host, REGISTRY, found);
    findings.retain(|finding| finding.severity == Severity::Error);
    let Some(first) = findings.first() else {
        return Ok(());
    };
    let failure = Failure::new(first.code.clone(), first.message.clone())
        .maybe_help(first.help.clone())
        .detail("at", first.place.to_string())
        .class(Class::Check);
    let reports = findings
        .iter()
        .map(|finding| render_diagnostic(&finding.diagnostic(), host.sources(), look));
    Err(Box::new((failure, reports.collect())))
}

/// Where the function stands in the text.
fn place(text: &str, name: &str) -> usize {
    let places = text.match_indices(name).map(|(at, _)| at);
    let mut defined = places.filter(|at| {
        let before = text.get(..*at).unwrap_or_default().trim_end();
        let after = text.get(at + name.len()..).unwrap_or_default();
        before.ends_with("fn") && after.trim_start().starts_with('(')
    });
    defined.next().unwrap_or(usize::MAX)
}
