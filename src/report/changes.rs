//! The changes that a run shows, for who compares one run with another.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::event::{Action, Event, Record};
use super::sink::LineSink;

/// What a plan shows in the place of a name that only the run will know.
pub const UNKNOWN: &str = "(known after apply)";

/// A change as it was shown, secrets masked; who made it and when does not count.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Shown {
    pub host: String,
    /// Kind and name, for example `file /etc/hosts`.
    pub item: String,
    pub action: Action,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diff: Option<String>,
}

impl Shown {
    /// The change that an event tells of, if it tells of one.
    pub fn of(event: &Event) -> Option<Shown> {
        let Event::Change {
            host,
            item,
            action,
            reason,
            diff,
            ..
        } = event
        else {
            return None;
        };
        Some(Shown {
            host: host.clone(),
            item: item.clone(),
            action: *action,
            reason: reason.clone(),
            diff: diff.clone(),
        })
    }

    /// Whether a run's change is the one that this plan's change announced.
    pub fn announces(&self, done: &Shown) -> bool {
        let same = self.host == done.host && self.action == done.action;
        let is_it = |pattern: &str| fits(pattern, &done.item);
        // What is not known has spaces, for which a shell's word needs quotes.
        same && self.reason == done.reason && (is_it(&self.item) || is_it(&unquoted(&self.item)))
    }

    /// Host and item, as lists name them.
    pub fn name(&self) -> String {
        format!("{} {}", self.host, self.item)
    }
}

/// Whether `item` is `pattern` with something in the place of what was not known.
fn fits(pattern: &str, item: &str) -> bool {
    let mut parts = pattern.split(UNKNOWN);
    let Some(mut rest) = parts.next().and_then(|first| item.strip_prefix(first)) else {
        return false;
    };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = rest.get(at + part.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    false
}

/// The item without the quotes of words in which something is not known.
fn unquoted(item: &str) -> String {
    let parts = item.split('\'').enumerate();
    let parts = parts.map(|(index, part)| match (index % 2, part.contains(UNKNOWN)) {
        (1, false) => format!("'{part}'"),
        _ => part.to_owned(),
    });
    parts.collect()
}

/// Collects what a run shows; clones share it.
#[derive(Clone, Default)]
pub struct Changes {
    kept: Arc<Mutex<Kept>>,
}

#[derive(Default)]
struct Kept {
    shown: Vec<Shown>,
    as_wanted: Vec<(String, String)>,
}

impl Changes {
    /// The changes so far, sorted: what runs side by side comes in any order.
    pub fn sorted(&self) -> Vec<Shown> {
        let mut shown = self.lock().shown.clone();
        shown.sort();
        shown
    }

    /// Host and item of what was found as wanted, sorted.
    pub fn as_wanted(&self) -> Vec<(String, String)> {
        let mut found = self.lock().as_wanted.clone();
        found.sort();
        found
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LineSink for Changes {
    fn name(&self) -> String {
        "the list of changes".to_owned()
    }

    fn write(&mut self, record: &Record, _: &str) -> io::Result<()> {
        if let Event::Unchanged {
            host, count, items, ..
        } = &record.event
        {
            let mut kept = self.lock();
            let named = items.iter().map(|item| (host.clone(), item.clone()));
            kept.as_wanted.extend(named);
            if *count > items.len() as u64 {
                kept.as_wanted.push((host.clone(), count.to_string()));
            }
        }
        if let Some(change) = Shown::of(&record.event) {
            self.lock().shown.push(change);
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_after_the_run_stands_for_anything() {
        let build = format!("command docker build --tag {UNKNOWN}:{UNKNOWN} -");
        assert!(fits(&build, "command docker build --tag abc:def -"));
        assert!(!fits(&build, "command docker build --tag abc -"));
        assert!(fits(&format!("build {UNKNOWN}"), "build 9f"));
        let quoted = format!("command sh -c 'a b' '{UNKNOWN}:{UNKNOWN}'");
        assert!(fits(&unquoted(&quoted), "command sh -c 'a b' abc:def"));
        assert!(fits("file /a", "file /a"));
        assert!(!fits("file /a", "file /ab") && !fits("file /ab", "file /a"));
    }
}
