//! Checks on the console: the table at the end, in which hosts with the same result share a line.

use super::table::{self, Cell};
use crate::report::color::{Look, Paint};
use crate::report::event::CheckStatus;
use crate::report::text::count;

/// The checks of a run, in the order in which their names came up.
#[derive(Default)]
pub(super) struct Checks {
    checks: Vec<Check>,
}

struct Check {
    name: String,
    results: Vec<Found>,
}

struct Found {
    status: CheckStatus,
    detail: String,
    hosts: Vec<String>,
    /// How often it was found, also without a host.
    number: u64,
}

impl Checks {
    pub(super) fn add(
        &mut self,
        host: Option<&str>,
        name: &str,
        status: CheckStatus,
        detail: &str,
    ) {
        let at = match self.checks.iter().position(|check| check.name == name) {
            Some(at) => at,
            None => {
                self.checks.push(Check {
                    name: name.to_owned(),
                    results: Vec::new(),
                });
                self.checks.len() - 1
            }
        };
        let Some(check) = self.checks.get_mut(at) else {
            return;
        };
        // What is well is counted; what is not is told in its own words.
        let same = |found: &Found| {
            found.status == status && (status == CheckStatus::Ok || found.detail == detail)
        };
        let at = match check.results.iter().position(same) {
            Some(at) => at,
            None => {
                check.results.push(Found {
                    status,
                    detail: detail.to_owned(),
                    hosts: Vec::new(),
                    number: 0,
                });
                check.results.len() - 1
            }
        };
        if let Some(found) = check.results.get_mut(at) {
            found.number += 1;
            found.hosts.extend(host.map(str::to_owned));
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.checks.is_empty()
    }

    /// The table, empty where nothing was checked.
    pub(super) fn table(&self, width: Option<u16>, paint: Paint) -> String {
        if self.checks.is_empty() {
            return String::new();
        }
        let mut rows = Vec::new();
        for check in &self.checks {
            let mut name = check.name.as_str();
            let mut results: Vec<&Found> = check.results.iter().collect();
            results.sort_by_key(|found| rank(found.status));
            for found in results {
                let (word, look) = word(found.status);
                rows.push(vec![
                    Cell::new(name),
                    Cell::new(word).look(look),
                    Cell::new(places(found)),
                    Cell::new(detail(found)),
                ]);
                // Named once; further results stand below.
                name = "";
            }
        }
        table::render(
            None,
            ["check", "result", "where", "found"],
            rows,
            width,
            paint,
        )
    }

    /// `40 ok, 1 warning, 1 failed, 3 not checked`; `None` where nothing was checked.
    pub(super) fn summary(&self) -> Option<String> {
        if self.checks.is_empty() {
            return None;
        }
        let number = |status: CheckStatus| -> u64 {
            self.checks
                .iter()
                .flat_map(|check| &check.results)
                .filter(|found| found.status == status)
                .map(|found| found.number)
                .sum()
        };
        let mut text = format!("{} ok", number(CheckStatus::Ok));
        match number(CheckStatus::Warn) {
            0 => {}
            warnings => text.push_str(&format!(", {}", count(warnings, "warning"))),
        }
        text.push_str(&format!(", {} failed", number(CheckStatus::Fail)));
        match number(CheckStatus::NotChecked) {
            0 => {}
            left => text.push_str(&format!(", {left} not checked")),
        }
        Some(text)
    }
}

fn rank(status: CheckStatus) -> u8 {
    match status {
        CheckStatus::Fail => 0,
        CheckStatus::Warn => 1,
        CheckStatus::NotChecked => 2,
        CheckStatus::Ok => 3,
    }
}

/// Up to four hosts by name, more of them by number where all is well.
fn places(found: &Found) -> String {
    match found.hosts.len() {
        0 => String::new(),
        5.. if found.status == CheckStatus::Ok => count(found.hosts.len() as u64, "host"),
        _ => found.hosts.join(", "),
    }
}

/// The detail of what is well is only given where it is one host's.
fn detail(found: &Found) -> &str {
    match (found.status, found.number) {
        (CheckStatus::Ok, 2..) => "",
        _ => &found.detail,
    }
}

pub(super) fn word(status: CheckStatus) -> (&'static str, Look) {
    match status {
        CheckStatus::Ok => ("ok", Look::Good),
        CheckStatus::Warn => ("warning", Look::Warning),
        CheckStatus::Fail => ("failed", Look::Bad),
        CheckStatus::NotChecked => ("not checked", Look::Faint),
    }
}
