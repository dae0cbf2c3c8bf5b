//! Plans that are true: what they show is what a run does; and `watch`, which shows them on every save.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test fails by panicking

mod common;

#[path = "plan/flows.rs"]
mod flows;
#[path = "plan/saved.rs"]
mod saved;
#[path = "plan/states.rs"]
mod states;
#[path = "plan/watch.rs"]
mod watch;

use common::lab::Lab;
use serde_json::Value;

/// One cluster for all of it: a lab costs more than what is done on it.
#[test]
fn what_a_plan_shows_is_what_a_run_does() {
    let lab = Lab::up(&["--servers", "1"]);
    states::hold(&lab);
    lab.run_and_replay(&["deploy.rhai"]).ended(0);
    flows::hold(&lab);
    saved::holds_or_is_refused(&lab);
    watch::in_a_terminal(&lab);
}

/// Host, item, action and reason of every change, sorted. What a statement touched is known after it alone.
fn changes(events: &[Value]) -> Vec<String> {
    let word = |event: &Value, key: &str| event[key].as_str().unwrap_or_default().to_owned();
    let mut changes: Vec<String> = events
        .iter()
        .filter(|event| event["type"] == "change")
        .map(|event| {
            let action = word(event, "action");
            let reason = match action.as_str() {
                "run" => String::new(),
                _ => word(event, "reason"),
            };
            let (host, item) = (word(event, "host"), word(event, "item"));
            format!("{host}: {action} {item} ({reason})")
        })
        .collect();
    changes.sort();
    changes
}

/// Numbers that look random and are the same for the same seed.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut number = self.0;
        number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((number ^ (number >> 31)) % end as u64).unwrap()
    }

    /// Some of them, now and then none.
    pub fn some<'a>(&mut self, all: &[&'a str]) -> Vec<&'a str> {
        all.iter().copied().filter(|_| self.below(4) == 0).collect()
    }
}

/// The number in a variable of the environment, for a longer series or to see one again.
fn number(variable: &str, fallback: u64) -> u64 {
    let given = std::env::var(variable).ok();
    given.map_or(fallback, |text| text.parse().unwrap())
}
