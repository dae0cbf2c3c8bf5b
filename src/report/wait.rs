//! What the run is waiting for, for the spinner and for those who ask after Ctrl-C.

use std::collections::BTreeMap;

use super::Reporter;

/// Says that something is waited for, until it is dropped.
#[must_use = "the wait ends when this is dropped"]
pub struct Wait {
    reporter: Reporter,
    id: u64,
}

/// The waits in progress, oldest first.
#[derive(Default)]
pub(super) struct Waits {
    next: u64,
    texts: BTreeMap<u64, String>,
}

impl Waits {
    pub(super) fn add(&mut self, text: String) -> u64 {
        self.next += 1;
        self.texts.insert(self.next, text);
        self.next
    }

    pub(super) fn remove(&mut self, id: u64) {
        self.texts.remove(&id);
    }

    /// Each text once: sixteen hosts that wait for the same are one wait.
    pub(super) fn texts(&self) -> Vec<String> {
        let mut texts: Vec<String> = Vec::new();
        for text in self.texts.values() {
            if !texts.contains(text) {
                texts.push(text.clone());
            }
        }
        texts
    }

    pub(super) fn newest(&self) -> Option<&str> {
        self.texts.values().next_back().map(String::as_str)
    }
}

impl Wait {
    pub(super) fn new(reporter: Reporter, text: String) -> Wait {
        let id = reporter.state().waits.add(text);
        Wait { reporter, id }
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        self.reporter.state().waits.remove(self.id);
    }
}
