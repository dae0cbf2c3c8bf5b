//! How a job that was registered is doing, judged from what Nomad says of it at one moment.

use super::allocation::Allocation;
use super::deployment::Deployment;
use super::evaluation::{Evaluation, Placement};
use super::verdict::Reason;

/// How often a task may start anew before it is called unable to run.
const RESTARTS: u64 = 3;

/// The job that is followed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    pub job: String,
    pub version: u64,
    /// `service`, `system`, `batch`, `sysbatch`.
    pub kind: String,
    /// How many allocations its groups ask for, where that is up to the job.
    pub wanted: u64,
    /// The evaluation that places it; empty when there is none.
    pub evaluation: String,
    /// Somebody stopped it.
    pub stopped: bool,
}

/// What Nomad says of the job.
#[derive(Clone, Debug, Default)]
pub struct View {
    pub evaluations: Vec<Evaluation>,
    pub allocations: Vec<Allocation>,
    pub deployments: Vec<Deployment>,
}

/// What to make of a view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// Nothing is decided.
    Wait,
    /// All of it runs, and is healthy if it goes on so: nobody else decides that.
    Steady,
    /// There is nothing of it anywhere; a look at fresh data decides.
    Nothing,
    Healthy,
    /// It will not come up; the deployment may still say more, such as what Nomad goes back to.
    Failing(Reason),
    Failed(Reason),
}

impl View {
    /// The allocations of the job's version that are meant to run.
    pub fn own<'a>(&'a self, subject: &'a Subject) -> impl Iterator<Item = &'a Allocation> {
        self.allocations
            .iter()
            .filter(|allocation| allocation.version == subject.version)
    }

    fn deployment(&self, subject: &Subject) -> Option<&Deployment> {
        self.deployments
            .iter()
            .filter(|deployment| deployment.version == subject.version)
            .max_by_key(|deployment| deployment.create_index)
    }

    fn evaluation(&self, subject: &Subject) -> Option<&Evaluation> {
        self.evaluations
            .iter()
            .find(|evaluation| evaluation.id == subject.evaluation)
    }

    /// The newest evaluation that the scheduler has finished.
    pub fn newest(&self) -> Option<&Evaluation> {
        self.evaluations
            .iter()
            .filter(|evaluation| evaluation.status == "complete")
            .max_by_key(|evaluation| evaluation.modify_index)
    }

    /// What the newest evaluation could not place. One of a system job may be about a single node,
    /// which the job is not meant for: that is nothing, as long as it runs somewhere.
    fn unplaced(&self, subject: &Subject) -> Vec<&Placement> {
        let everywhere = matches!(subject.kind.as_str(), "system" | "sysbatch");
        let somewhere = self.own(subject).any(|one| one.desired == "run");
        let newest = self.newest().into_iter();
        newest
            .flat_map(|evaluation| evaluation.unplaced.values())
            .filter(|placement| {
                !(everywhere && somewhere && placement.dimension_exhausted.is_empty())
            })
            .collect()
    }

    /// Judges a view.
    pub fn judge(&self, subject: &Subject) -> Judgement {
        if subject.evaluation.is_empty() {
            // a periodic or parameterized job: registered is all it can be
            return Judgement::Healthy;
        }
        let Some(evaluation) = self.evaluation(subject) else {
            return Judgement::Wait;
        };
        match evaluation.status.as_str() {
            "failed" | "canceled" | "cancelled" => return Judgement::Failed(Reason::Evaluation),
            "complete" => {}
            _ => return Judgement::Wait,
        }
        if let Some(deployment) = self.deployment(subject) {
            match deployment.status.as_str() {
                "successful" => return Judgement::Healthy,
                "failed" if deployment.reverted_to().is_some() => {
                    return Judgement::Failed(Reason::Reverted);
                }
                "failed" => return Judgement::Failed(Reason::Deployment),
                "cancelled" => return Judgement::Failed(Reason::Superseded),
                _ => {}
            }
        }
        let deploys = self.deployment(subject).is_some();
        // what failed tells more than that nothing can take its place, now or for an older version
        let broken = self.own(subject).any(|allocation| {
            let health = allocation
                .deployment
                .as_ref()
                .and_then(|state| state.healthy);
            allocation.status == "failed" || health == Some(false)
        });
        if deploys && broken {
            return Judgement::Failing(Reason::Deployment);
        }
        let lost = self
            .own(subject)
            .any(|allocation| allocation.status == "lost");
        let unplaced = self.unplaced(subject);
        if !unplaced.is_empty() {
            return match lost {
                true => Judgement::Failed(Reason::Lost),
                // a port that an ending allocation still holds is free in a moment
                false if unplaced.iter().all(|one| one.is_collision()) => {
                    Judgement::Failing(Reason::Placement)
                }
                false => Judgement::Failed(Reason::Placement),
            };
        }
        if deploys {
            return Judgement::Wait;
        }
        self.judge_alone(subject)
    }

    /// A job that has no deployment: system and batch jobs, and those whose groups have no `update`.
    fn judge_alone(&self, subject: &Subject) -> Judgement {
        let meant: Vec<&Allocation> = self
            .own(subject)
            .filter(|allocation| allocation.desired == "run")
            .collect();
        let batch = matches!(subject.kind.as_str(), "batch" | "sysbatch");
        if meant.is_empty() {
            return match subject.kind.as_str() {
                "service" | "batch" if subject.wanted == 0 => Judgement::Healthy,
                _ => Judgement::Nothing,
            };
        }
        // a system job is renewed node by node: all of it is of this version only at the end
        let older = self.allocations.iter().any(|allocation| {
            allocation.version < subject.version
                && allocation.desired == "run"
                && matches!(allocation.status.as_str(), "running" | "pending")
        });
        let is = |status: &str| meant.iter().all(|allocation| allocation.status == status);
        let some = |status: &str| meant.iter().any(|allocation| allocation.status == status);
        if some("lost") {
            return Judgement::Failed(Reason::Lost);
        }
        if some("failed") || meant.iter().any(|one| one.restarts() >= RESTARTS) {
            return Judgement::Failed(Reason::Task);
        }
        if batch && is("complete") {
            return Judgement::Healthy;
        }
        match !batch && !older && is("running") && meant.iter().all(|one| all_tasks_run(one)) {
            true => Judgement::Steady,
            false => Judgement::Wait,
        }
    }

    /// Whether its canaries are healthy and wait for somebody to promote them.
    pub fn awaits_promotion(&self, subject: &Subject) -> bool {
        self.deployment(subject)
            .is_some_and(Deployment::awaits_promotion)
    }

    /// Whether Nomad goes back to an older version if the deployment fails.
    pub fn may_revert(&self, subject: &Subject) -> bool {
        self.deployment(subject).is_some_and(Deployment::may_revert)
    }

    /// Judges a job that nobody has just registered: what counts is what runs now. `None` when it
    /// is as it should be.
    pub fn examine(&self, subject: &Subject) -> Option<Reason> {
        let batch = matches!(subject.kind.as_str(), "batch" | "sysbatch");
        let meant: Vec<&Allocation> = self
            .own(subject)
            .filter(|allocation| allocation.desired == "run")
            .collect();
        let running = meant.iter().filter(|one| {
            let health = one.deployment.as_ref().and_then(|state| state.healthy);
            one.status == "running" && all_tasks_run(one) && health != Some(false)
        });
        let enough = match subject.kind.as_str() {
            "system" => {
                let all = meant.iter().filter(|one| one.status != "lost").count();
                all > 0 && running.count() == all
            }
            _ => running.count() as u64 >= subject.wanted,
        };
        if batch || enough {
            return None;
        }
        let unplaced = !self.unplaced(subject).is_empty();
        let is = |status: &str| self.own(subject).any(|one| one.status == status);
        Some(
            match self.deployment(subject).map(|one| one.status.as_str()) {
                _ if is("lost") && unplaced => Reason::Lost,
                _ if unplaced || meant.is_empty() && !is("failed") => Reason::Placement,
                Some("failed") => Reason::Deployment,
                _ => Reason::Task,
            },
        )
    }

    /// Changes when a task was started anew, or elsewhere: what ran steadily begins again.
    pub fn incarnation(&self, subject: &Subject) -> Vec<(String, u64)> {
        self.own(subject)
            .filter(|allocation| allocation.desired == "run")
            .map(|allocation| (allocation.id.clone(), allocation.restarts()))
            .collect()
    }
}

/// Tasks that end by design (prestart) may have ended well.
fn all_tasks_run(allocation: &Allocation) -> bool {
    !allocation.task_states.is_empty()
        && allocation
            .task_states
            .values()
            .all(|task| task.state == "running" || (task.state == "dead" && !task.failed))
        && allocation
            .task_states
            .values()
            .any(|task| task.state == "running")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nomad::{TaskState, allocation::AllocationHealth};
    use std::collections::BTreeMap;

    fn subject(kind: &str) -> Subject {
        Subject {
            job: "api".into(),
            version: 2,
            kind: kind.into(),
            wanted: 1,
            evaluation: "e".into(),
            stopped: false,
        }
    }

    fn view(status: &str) -> View {
        View {
            evaluations: vec![Evaluation {
                id: "e".into(),
                status: "complete".into(),
                ..Evaluation::default()
            }],
            allocations: vec![
                allocation(2, status),
                // of the version before, and so nobody's business
                allocation(1, "failed"),
            ],
            ..View::default()
        }
    }

    fn allocation(version: u64, status: &str) -> Allocation {
        let task = TaskState {
            state: if status == "running" {
                "running"
            } else {
                "dead"
            }
            .into(),
            failed: status == "failed",
            ..TaskState::default()
        };
        Allocation {
            version,
            status: status.into(),
            desired: "run".into(),
            task_states: BTreeMap::from([("api".to_owned(), task)]),
            deployment: Some(AllocationHealth::default()),
            ..Allocation::default()
        }
    }

    fn deployment(status: &str, description: &str) -> Deployment {
        Deployment {
            version: 2,
            status: status.into(),
            description: description.into(),
            ..Deployment::default()
        }
    }

    #[test]
    fn nothing_is_decided_before_the_evaluation_is() {
        let mut view = view("running");
        view.evaluations[0].status = "pending".into();
        assert_eq!(view.judge(&subject("service")), Judgement::Wait);
        view.evaluations[0].status = "failed".into();
        let failed = Judgement::Failed(Reason::Evaluation);
        assert_eq!(view.judge(&subject("service")), failed);
    }

    #[test]
    fn what_cannot_be_placed_has_failed_at_once() {
        let mut view = view("pending");
        let none = Placement::default();
        view.evaluations[0].unplaced = BTreeMap::from([("api".to_owned(), none)]);
        let failed = Judgement::Failed(Reason::Placement);
        assert_eq!(view.judge(&subject("service")), failed);

        let collision = Placement {
            dimension_exhausted: BTreeMap::from([("network: port collision".to_owned(), 1)]),
            ..Placement::default()
        };
        view.evaluations[0].unplaced = BTreeMap::from([("api".to_owned(), collision)]);
        let failing = Judgement::Failing(Reason::Placement);
        assert_eq!(view.judge(&subject("service")), failing);
    }

    #[test]
    fn a_node_that_a_system_job_is_not_meant_for_is_no_failure() {
        let mut view = view("running");
        let filtered = Placement {
            constraint_filtered: BTreeMap::from([("${node.class} = client".to_owned(), 1)]),
            ..Placement::default()
        };
        view.evaluations.push(Evaluation {
            id: "of another node".into(),
            status: "complete".into(),
            modify_index: 9,
            unplaced: BTreeMap::from([("api".to_owned(), filtered)]),
            ..Evaluation::default()
        });
        assert_eq!(view.judge(&subject("system")), Judgement::Steady);
        assert_eq!(view.examine(&subject("system")), None);
        let failed = Judgement::Failed(Reason::Placement);
        assert_eq!(view.judge(&subject("service")), failed);
        view.allocations.clear();
        assert_eq!(view.judge(&subject("system")), failed);
    }

    #[test]
    fn a_deployment_decides_for_services() {
        for (status, description, wanted) in [
            ("running", "", Judgement::Wait),
            ("successful", "", Judgement::Healthy),
            ("failed", "", Judgement::Failed(Reason::Deployment)),
            (
                "failed",
                "… rolling back to job version 1",
                Judgement::Failed(Reason::Reverted),
            ),
            ("cancelled", "", Judgement::Failed(Reason::Superseded)),
        ] {
            let mut view = view("running");
            view.deployments = vec![deployment(status, description)];
            assert_eq!(view.judge(&subject("service")), wanted, "{status}");
        }
    }

    #[test]
    fn an_allocation_that_failed_is_not_waited_for_again() {
        let mut view = view("failed");
        view.deployments = vec![deployment("running", "")];
        let failing = Judgement::Failing(Reason::Deployment);
        assert_eq!(view.judge(&subject("service")), failing);
    }

    #[test]
    fn a_crash_is_told_before_that_the_older_version_finds_no_room_yet() {
        let mut view = view("failed");
        view.deployments = vec![deployment("running", "")];
        view.evaluations.push(Evaluation {
            id: "deployment-watcher".into(),
            status: "complete".into(),
            modify_index: 9,
            unplaced: BTreeMap::from([("api".to_owned(), Placement::default())]),
            ..Evaluation::default()
        });
        let failing = Judgement::Failing(Reason::Deployment);
        assert_eq!(view.judge(&subject("service")), failing);
    }

    #[test]
    fn a_system_job_is_steady_when_all_of_it_runs() {
        let system = subject("system");
        assert_eq!(view("running").judge(&system), Judgement::Steady);
        assert_eq!(view("pending").judge(&system), Judgement::Wait);
        let failed = Judgement::Failed(Reason::Task);
        assert_eq!(view("failed").judge(&system), failed);
        assert_eq!(view("lost").judge(&system), Judgement::Failed(Reason::Lost));
        let mut empty = view("running");
        empty.allocations.remove(0);
        assert_eq!(empty.judge(&system), Judgement::Nothing);
        let mut crashing = view("running");
        for task in crashing.allocations[0].task_states.values_mut() {
            task.restarts = RESTARTS;
        }
        assert_eq!(crashing.judge(&system), failed);
    }

    #[test]
    fn a_system_job_that_is_renewed_node_by_node_is_waited_for() {
        let system = subject("system");
        let mut view = view("running");
        view.allocations[1].status = "running".into();
        assert_eq!(view.judge(&system), Judgement::Wait);
        view.allocations[1].desired = "stop".into();
        assert_eq!(view.judge(&system), Judgement::Steady);
    }

    /// As versions from 1.11 on give them.
    #[test]
    fn a_system_job_with_a_deployment_is_judged_by_it() {
        let mut view = view("running");
        view.deployments = vec![deployment("running", "")];
        assert_eq!(view.judge(&subject("system")), Judgement::Wait);
        view.deployments = vec![deployment("successful", "")];
        assert_eq!(view.judge(&subject("system")), Judgement::Healthy);
    }

    #[test]
    fn what_runs_now_counts_for_a_job_that_was_registered_long_ago() {
        let service = subject("service");
        let mut view = view("running");
        // it came up after its deployment had been given up
        view.deployments = vec![deployment("failed", "")];
        assert_eq!(view.examine(&service), None);
        view.allocations[0].status = "failed".into();
        assert_eq!(view.examine(&service), Some(Reason::Deployment));
        view.deployments.clear();
        assert_eq!(view.examine(&service), Some(Reason::Task));
        view.allocations.clear();
        assert_eq!(view.examine(&service), Some(Reason::Placement));
    }

    #[test]
    fn a_batch_job_is_done_when_it_is_complete() {
        assert_eq!(view("running").judge(&subject("batch")), Judgement::Wait);
        assert_eq!(
            view("complete").judge(&subject("batch")),
            Judgement::Healthy
        );
    }

    #[test]
    fn a_lost_allocation_without_room_elsewhere_is_told_as_lost() {
        let mut view = view("lost");
        view.deployments = vec![deployment("running", "")];
        assert_eq!(view.judge(&subject("service")), Judgement::Wait);
        view.evaluations.push(Evaluation {
            id: "later".into(),
            status: "complete".into(),
            modify_index: 9,
            unplaced: BTreeMap::from([("api".to_owned(), Placement::default())]),
            ..Evaluation::default()
        });
        let lost = Judgement::Failed(Reason::Lost);
        assert_eq!(view.judge(&subject("service")), lost);
    }
}
