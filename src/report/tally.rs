//! What a run counts, as a fold over its events.

use std::collections::BTreeMap;

use crate::diag::{Class, Failure};

use super::event::{Event, StepId};

/// The counts so far.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// By host name.
    pub hosts: BTreeMap<String, HostTally>,
    /// By number, so in the order in which they began.
    steps: BTreeMap<StepId, StepTally>,
}

/// The counts of one host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostTally {
    /// Items found as wanted.
    pub ok: u64,
    /// Items changed; under plan, to change.
    pub changed: u64,
    /// Failures that name the host.
    pub failed: u64,
    pub unreachable: bool,
}

#[derive(Clone, Debug, Default)]
struct StepTally {
    parent: Option<StepId>,
    changed: u64,
    name: String,
    open: bool,
}

impl Tally {
    /// Changes made, or under plan found, on all hosts.
    pub fn changed(&self) -> u64 {
        self.hosts.values().map(|host| host.changed).sum()
    }

    /// Items found as wanted.
    pub fn ok(&self) -> u64 {
        self.hosts.values().map(|host| host.ok).sum()
    }

    pub fn failed(&self) -> u64 {
        self.hosts.values().map(|host| host.failed).sum()
    }

    /// Changes in a step and the steps within it.
    pub fn changed_in(&self, step: StepId) -> u64 {
        self.steps.get(&step).map_or(0, |step| step.changed)
    }

    /// Names of the innermost steps that are open, in the order in which they began.
    pub fn open_steps(&self) -> Vec<String> {
        let open = || self.steps.iter().filter(|(_, step)| step.open);
        let parents: Vec<StepId> = open().filter_map(|(_, step)| step.parent).collect();
        open()
            .filter(|(id, _)| !parents.contains(id))
            .map(|(_, step)| format!("step `{}`", step.name))
            .collect()
    }

    pub(super) fn count(&mut self, event: &Event) {
        match event {
            Event::StepStarted { step, parent, name } => {
                let tally = StepTally {
                    parent: *parent,
                    changed: 0,
                    name: name.clone(),
                    open: true,
                };
                self.steps.insert(*step, tally);
            }
            Event::StepFinished { step, .. } => {
                if let Some(tally) = self.steps.get_mut(step) {
                    tally.open = false;
                }
            }
            Event::Change { host, step, .. } => {
                self.host(host).changed += 1;
                let mut at = *step;
                while let Some(tally) = at.and_then(|step| self.steps.get_mut(&step)) {
                    tally.changed += 1;
                    at = tally.parent;
                }
            }
            Event::Unchanged { host, count, .. } => self.host(host).ok += count,
            Event::Failure { failure, .. } => self.fail(failure),
            Event::Output { host, .. }
            | Event::Transfer { host, .. }
            | Event::Check {
                host: Some(host), ..
            } => self.touch(host),
            _ => {}
        }
    }

    /// Counts a failure against the hosts it names; one that stands for several counts as those.
    fn fail(&mut self, failure: &Failure) {
        if !failure.failures.is_empty() {
            for item in &failure.failures {
                self.fail(item);
            }
        } else if let Some(name) = &failure.host {
            let host = self.host(name);
            host.failed += 1;
            host.unreachable |= failure.class == Class::Unreachable;
        }
    }

    fn host(&mut self, name: &str) -> &mut HostTally {
        self.hosts.entry(name.to_owned()).or_default()
    }

    /// Thousands of lines of output come from the same few hosts.
    fn touch(&mut self, name: &str) {
        if !self.hosts.contains_key(name) {
            self.host(name);
        }
    }
}
