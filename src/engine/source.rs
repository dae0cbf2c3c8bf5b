//! The text of every script that was loaded, by the id that errors carry.
//!
//! Reports show the text that ran, not what the file holds by now, and a file with a syntax error
//! must be here too: so a source is registered before it is compiled.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// One loaded script.
#[derive(Debug)]
pub struct Source {
    /// What errors call it: `std/deploy`, or the path as the operator gave it.
    pub id: String,
    /// The file, unless it is embedded.
    pub path: Option<PathBuf>,
    pub text: String,
}

/// Every loaded script, and which of them closures came from.
#[derive(Clone, Default)]
pub struct Sources(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    /// The first source: what the operator asked to run.
    entry: Option<String>,
    by_id: BTreeMap<String, Arc<Source>>,
    /// Function name → sources that define it: Rhai may name the wrong one for a closure.
    owners: BTreeMap<String, BTreeSet<String>>,
}

impl Sources {
    pub fn add(&self, source: Source) -> Arc<Source> {
        let source = Arc::new(source);
        let mut inner = self.lock();
        inner.entry.get_or_insert_with(|| source.id.clone());
        inner.by_id.insert(source.id.clone(), source.clone());
        source
    }

    /// Makes another source the one in which every error's way begins.
    pub fn begin_with(&self, id: &str) {
        self.lock().entry = Some(id.to_owned());
    }

    /// The id of the first source that was added, in which every error's way begins.
    pub fn entry(&self) -> Option<String> {
        self.lock().entry.clone()
    }

    pub fn get(&self, id: &str) -> Option<Arc<Source>> {
        self.lock().by_id.get(id).cloned()
    }

    /// Every source, ordered by id.
    pub fn all(&self) -> Vec<Arc<Source>> {
        self.lock().by_id.values().cloned().collect()
    }

    /// Remembers the functions that `ast` defines.
    pub fn index(&self, id: &str, ast: &rhai::AST) {
        let mut inner = self.lock();
        for function in ast.iter_functions() {
            inner
                .owners
                .entry(function.name.to_owned())
                .or_default()
                .insert(id.to_owned());
        }
    }

    /// The source that defines `function`: `claimed` when it does, else the only one that does.
    pub fn owner(&self, function: &str, claimed: &str) -> Option<String> {
        let inner = self.lock();
        let owners = inner.owners.get(function)?;
        if owners.contains(claimed) {
            return Some(claimed.to_owned());
        }
        let mut owners = owners.iter();
        match (owners.next(), owners.next()) {
            (Some(only), None) => Some(only.clone()),
            _ => None,
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Blanks a first line that starts with `#!`, keeping the numbering of lines.
pub fn without_shebang(text: &str) -> String {
    match text.strip_prefix("#!") {
        Some(rest) => rest.find('\n').map_or_else(String::new, |end| {
            rest.get(end..).unwrap_or_default().to_owned()
        }),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shebang_goes_and_the_line_stays() {
        assert_eq!(
            without_shebang("#!/usr/bin/env e2bscript\nlet x = 1;"),
            "\nlet x = 1;"
        );
        assert_eq!(without_shebang("let x = 1;"), "let x = 1;");
        assert_eq!(without_shebang("#!only"), "");
    }
}
