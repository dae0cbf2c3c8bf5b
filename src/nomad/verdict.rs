//! Why a job is not healthy: the allocation to blame, what happened to it, and its last words.

use std::time::Duration;

use serde::Serialize;

use super::Nomad;
use super::allocation::{Allocation, TaskEvent, TaskState};
use super::evaluation::Evaluation;
use super::judge::{Subject, View};

/// What decided that a job is not healthy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The scheduler gave up.
    Evaluation,
    /// No node would do.
    Placement,
    /// A task does not run.
    Task,
    /// The deployment failed.
    Deployment,
    /// The deployment failed, and Nomad went back to an older version.
    Reverted,
    /// A node went away with it.
    Lost,
    /// Somebody registered a newer version.
    Superseded,
    /// Somebody stopped the job.
    Stopped,
    /// Time was up.
    Deadline(Duration),
}

impl Reason {
    /// One word, for programs.
    pub fn word(&self) -> &'static str {
        match self {
            Reason::Evaluation => "evaluation",
            Reason::Placement => "placement",
            Reason::Task => "task",
            Reason::Deployment => "deployment",
            Reason::Reverted => "reverted",
            Reason::Lost => "lost",
            Reason::Superseded => "superseded",
            Reason::Stopped => "stopped",
            Reason::Deadline(_) => "deadline",
        }
    }
}

/// How following a job ended.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Verdict {
    pub job: String,
    pub version: u64,
    pub healthy: bool,
    /// One of [`Reason::word`]; empty when healthy.
    pub reason: String,
    /// One sentence; empty when healthy.
    pub cause: String,
    /// What else is known, a line each.
    pub notes: Vec<String>,
    /// The allocation to blame; empty when there is none.
    pub allocation: String,
    pub node: String,
    pub task: String,
    /// The last lines that the task printed.
    pub log: Vec<String>,
    /// The version that runs instead, where Nomad went back to it.
    pub reverted_to: Option<u64>,
    /// Seconds from Nomad's own time of what decided it to the verdict, where Nomad gives one. The
    /// clocks are the cluster's and this machine's: it means something where they agree.
    pub lag: Option<f64>,
    #[serde(skip)]
    pub took: Duration,
}

/// What shells say of a program that the kernel does not know how to run, and what that means.
const WRONG_FORMAT: &str = "Exec format error";
const FOREIGN: &str = "not for this machine";

/// How many of a task's last lines are told.
const LINES: usize = 4;

impl Nomad {
    pub(super) async fn verdict(
        &self,
        subject: &Subject,
        view: &View,
        reason: Option<Reason>,
    ) -> Verdict {
        let mut verdict = Verdict {
            job: subject.job.clone(),
            version: subject.version,
            healthy: reason.is_none(),
            ..Verdict::default()
        };
        let Some(reason) = reason else {
            return verdict;
        };
        verdict.reason = reason.word().to_owned();
        verdict.cause = explain(&mut verdict, subject, view, &reason);
        if !verdict.allocation.is_empty() && reason != Reason::Lost {
            verdict.log = self
                .last_lines(&verdict.allocation, &verdict.task, LINES)
                .await;
        }
        // shells do not end such a program with a status of its own
        if verdict.log.iter().any(|line| line.contains(WRONG_FORMAT))
            && !verdict.cause.contains(FOREIGN)
        {
            verdict
                .cause
                .push_str(&format!(" (its program is {FOREIGN})"));
        }
        let known = known(subject, view, &reason);
        verdict.lag = known.map(|known| (now() - known) as f64 / 1e9);
        verdict
    }
}

/// Nanoseconds since 1970.
fn now() -> i64 {
    chrono::Utc::now().timestamp_nanos_opt().unwrap_or_default()
}

/// When Nomad came to know what decided, in nanoseconds since 1970, by its own account.
fn known(subject: &Subject, view: &View, reason: &Reason) -> Option<i64> {
    let known = match reason {
        Reason::Stopped | Reason::Superseded | Reason::Deadline(_) => return None,
        Reason::Evaluation => {
            let mine = |evaluation: &&Evaluation| evaluation.id == subject.evaluation;
            view.evaluations.iter().find(mine)?.time
        }
        Reason::Placement | Reason::Lost => view.newest()?.time,
        Reason::Task | Reason::Deployment | Reason::Reverted => {
            let blamed = to_blame(subject, view)?;
            // a deployment is given up once an allocation is known to be unhealthy
            let health = blamed
                .deployment
                .as_ref()
                .filter(|health| health.healthy == Some(false))
                .and_then(|health| chrono::DateTime::parse_from_rfc3339(&health.timestamp).ok())
                .and_then(|time| time.timestamp_nanos_opt());
            let events = blamed.task_states.values().flat_map(|task| &task.events);
            health.or_else(|| events.map(|event| event.time).max())?
        }
    };
    (known > 0).then_some(known)
}

/// The cause in one sentence; further facts go into the verdict.
fn explain(verdict: &mut Verdict, subject: &Subject, view: &View, reason: &Reason) -> String {
    let deployment = view
        .deployments
        .iter()
        .filter(|deployment| deployment.version == subject.version)
        .max_by_key(|deployment| deployment.create_index);
    verdict.reverted_to = deployment.and_then(|deployment| deployment.reverted_to());
    if let Some(version) = verdict.reverted_to {
        verdict
            .notes
            .push(format!("Nomad went back to version {version}"));
    }
    match reason {
        Reason::Evaluation => {
            let evaluation = view
                .evaluations
                .iter()
                .find(|evaluation| evaluation.id == subject.evaluation);
            let why = evaluation.map(|evaluation| evaluation.description.clone());
            return format!("the scheduler gave up: {}", why.unwrap_or_default());
        }
        Reason::Stopped => return "somebody stopped it".to_owned(),
        Reason::Superseded => return "somebody registered a newer version meanwhile".to_owned(),
        Reason::Placement => return unplaced(view.newest()),
        _ => {}
    }
    let Some(blamed) = to_blame(subject, view) else {
        return match reason {
            Reason::Deadline(limit) => format!(
                "nothing of it runs after {}",
                humantime::format_duration(*limit)
            ),
            _ => deployment
                .map(|deployment| deployment.description.clone())
                .unwrap_or_default(),
        };
    };
    verdict.allocation = blamed.id.clone();
    verdict.node = blamed.node.clone();
    let place = format!("{} (allocation {})", blamed.node, blamed.short());
    if *reason == Reason::Lost || blamed.status == "lost" {
        verdict
            .notes
            .extend(view.newest().into_iter().flat_map(|evaluation| {
                let groups = evaluation.unplaced.values();
                groups
                    .flat_map(|placement| placement.reasons())
                    .collect::<Vec<_>>()
            }));
        return format!(
            "{} went away with it: allocation {} is lost",
            blamed.node,
            blamed.short()
        );
    }
    let Some((task, state)) = task_to_blame(blamed) else {
        return format!("it has not started on {place}");
    };
    verdict.task = task.to_owned();
    let what = describe(state, blamed);
    match reason {
        Reason::Deadline(limit) => format!(
            "task `{task}` on {place} {what}, after {}",
            humantime::format_duration(*limit)
        ),
        _ => format!("task `{task}` on {place} {what}"),
    }
}

pub(super) fn unplaced(evaluation: Option<&Evaluation>) -> String {
    let found = evaluation.filter(|evaluation| !evaluation.unplaced.is_empty());
    let Some(evaluation) = found else {
        return "no node takes it: none has what its constraints and datacenters ask for"
            .to_owned();
    };
    let groups: Vec<String> = evaluation
        .unplaced
        .iter()
        .map(|(group, placement)| format!("group `{group}`: {}", placement.reasons().join(", ")))
        .collect();
    format!("no node takes it: {}", groups.join("; "))
}

/// The allocation that tells most.
fn to_blame<'a>(subject: &'a Subject, view: &'a View) -> Option<&'a Allocation> {
    let badness = |allocation: &Allocation| {
        let health = allocation
            .deployment
            .as_ref()
            .and_then(|state| state.healthy);
        let status = match allocation.status.as_str() {
            "failed" => 5,
            "lost" => 4,
            _ if health == Some(false) => 3,
            _ if allocation.restarts() > 0 => 2,
            "pending" => 1,
            _ => 0,
        };
        (status, allocation.create_index)
    };
    view.own(subject)
        .max_by_key(|allocation| badness(allocation))
}

fn task_to_blame(allocation: &Allocation) -> Option<(&str, &TaskState)> {
    let badness = |task: &TaskState| (task.failed, task.restarts, task.state != "running");
    let worst = allocation
        .task_states
        .iter()
        .max_by_key(|(_, task)| badness(task));
    worst.map(|(name, task)| (name.as_str(), task))
}

/// What happened to a task, as the end of a sentence.
fn describe(task: &TaskState, allocation: &Allocation) -> String {
    let last = |kind: &str| task.events.iter().rev().find(|event| event.kind == kind);
    for kind in [
        "Driver Failure",
        "Setup Failure",
        "Failed Validation",
        "Failed Artifact Download",
        "Failed Restarting Task",
        "Template",
    ] {
        if let Some(event) = last(kind) {
            return format!("cannot start: {}", reason_in(event));
        }
    }
    let again = match task.restarts {
        0 => String::new(),
        1 => ", twice".to_owned(),
        count => format!(", {} times", count + 1),
    };
    if let Some(event) = last("Terminated").filter(|_| task.failed || task.restarts > 0) {
        let ran = how_long(task, event);
        return format!("{}{ran}{again}", ending(event));
    }
    let unhealthy = allocation
        .deployment
        .as_ref()
        .is_some_and(|state| state.healthy == Some(false));
    match task.state.as_str() {
        "running" if unhealthy => "runs, and its health checks do not pass".to_owned(),
        "running" => "runs, and is not healthy yet".to_owned(),
        "pending" => {
            let event = task.events.last().map(reason_in).unwrap_or_default();
            format!("has not started: {event}")
        }
        _ => {
            let event = task.events.last().map(reason_in).unwrap_or_default();
            format!("has ended: {event}")
        }
    }
}

fn reason_in(event: &TaskEvent) -> String {
    match event.message.as_str() {
        "" => event.kind.clone(),
        text => text.trim_end().to_owned(),
    }
}

fn how_long(task: &TaskState, ended: &TaskEvent) -> String {
    let started = task
        .events
        .iter()
        .rev()
        .find(|event| event.kind == "Started" && event.time <= ended.time);
    let Some(started) = started else {
        return String::new();
    };
    let nanoseconds = u64::try_from(ended.time - started.time).unwrap_or_default();
    match Duration::from_nanos(nanoseconds) {
        short if short < Duration::from_secs(1) => " at once".to_owned(),
        ran => format!(" after {:.0} s", ran.as_secs_f64()),
    }
}

/// How a process ended, and what that usually means.
fn ending(event: &TaskEvent) -> String {
    let detail = |name: &str| {
        event
            .details
            .get(name)
            .map(String::as_str)
            .unwrap_or_default()
    };
    if detail("oom_killed") == "true" {
        return "was killed for using more memory than it may".to_owned();
    }
    match (detail("exit_code"), detail("signal")) {
        ("126", _) => {
            "ended with status 126 (its program is not executable, or not for this machine)"
                .to_owned()
        }
        ("127", _) => "ended with status 127 (its program is not there)".to_owned(),
        ("137", _) | (_, "9") => "was killed (signal 9)".to_owned(),
        ("" | "0", signal) if !matches!(signal, "" | "0") => {
            format!("was ended by signal {signal}")
        }
        (code, _) => format!("ended with status {code}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn event(kind: &str, seconds: i64, details: &[(&str, &str)]) -> TaskEvent {
        TaskEvent {
            kind: kind.into(),
            time: seconds * 1_000_000_000,
            message: String::new(),
            details: details
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        }
    }

    fn told(task: TaskState) -> String {
        describe(&task, &Allocation::default())
    }

    #[test]
    fn how_a_process_ended_is_told_with_how_long_it_ran() {
        let crash = TaskState {
            state: "dead".into(),
            failed: true,
            restarts: 2,
            events: vec![
                event("Started", 10, &[]),
                event("Terminated", 41, &[("exit_code", "3"), ("signal", "0")]),
                event("Not Restarting", 41, &[]),
            ],
        };
        assert_eq!(told(crash), "ended with status 3 after 31 s, 3 times");
        let missing = TaskState {
            failed: true,
            events: vec![
                event("Started", 10, &[]),
                event("Terminated", 10, &[("exit_code", "127")]),
            ],
            ..TaskState::default()
        };
        assert_eq!(
            told(missing),
            "ended with status 127 (its program is not there) at once"
        );
    }

    #[test]
    fn a_driver_that_cannot_start_says_why() {
        let task = TaskState {
            failed: true,
            events: vec![TaskEvent {
                message: "failed to launch command: no such file\n".into(),
                ..event("Driver Failure", 1, &[])
            }],
            ..TaskState::default()
        };
        assert_eq!(
            told(task),
            "cannot start: failed to launch command: no such file"
        );
    }

    #[test]
    fn the_allocation_that_failed_is_blamed_before_the_one_that_waits() {
        let one = |id: &str, status: &str, index: u64| Allocation {
            id: id.into(),
            version: 1,
            status: status.into(),
            create_index: index,
            task_states: BTreeMap::new(),
            ..Allocation::default()
        };
        let subject = Subject {
            version: 1,
            ..Subject::default()
        };
        let view = View {
            allocations: vec![
                one("a", "pending", 9),
                one("b", "failed", 5),
                one("c", "failed", 7),
            ],
            ..View::default()
        };
        assert_eq!(to_blame(&subject, &view).unwrap().id, "c");
    }
}
