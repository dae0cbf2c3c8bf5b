//! Following a job from its registration to a verdict, by blocking queries.

use std::time::{Duration, Instant};

use futures_util::stream::select_all;
use futures_util::{StreamExt, TryStreamExt};
use serde_json::Value;

use super::allocation::Allocation;
use super::deployment::Deployment;
use super::evaluation::Evaluation;
use super::job::Registered;
use super::judge::{Judgement, Subject, View};
use super::verdict::{Reason, Verdict};
use super::{Error, Nomad};

/// How long to wait, and for what.
#[derive(Clone, Debug)]
pub struct FollowOptions {
    /// The end of patience: 10 minutes.
    pub timeout: Duration,
    /// How long a job without a deployment must run undisturbed: 10 seconds.
    pub settle: Duration,
    /// Be content with canaries that are healthy and wait to be promoted.
    pub canaries: bool,
}

impl Default for FollowOptions {
    fn default() -> Self {
        FollowOptions {
            timeout: Duration::from_secs(600),
            settle: Duration::from_secs(10),
            canaries: false,
        }
    }
}

/// Something worth telling while a job is followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The scheduler has come further with an evaluation.
    Evaluation {
        /// The first characters of its id.
        evaluation: String,
        /// Why there is one: `job-register`, `alloc-failure` and others.
        trigger: String,
        status: String,
        /// What could not be placed, and why; empty when all was.
        unplaced: String,
    },
    /// An allocation is in a state that it was not in before.
    Allocation {
        /// The first characters of its id.
        allocation: String,
        node: String,
        status: String,
        /// The last thing that happened to its tasks.
        event: String,
    },
    /// A deployment has come further.
    Deployment {
        status: String,
        healthy: u64,
        desired: u64,
        /// What Nomad says about it, such as that it waits to be promoted.
        description: String,
    },
}

/// How long a deployment that cannot succeed is given to say so itself, and what comes instead.
const LAST_WORDS: Duration = Duration::from_millis(1200);
/// The same for one that says no more than is known already.
const NO_WORDS: Duration = Duration::from_millis(200);
/// How long a look at nothing is given before it is believed.
const SECOND_LOOK: Duration = Duration::from_millis(500);

impl Nomad {
    /// Follows what was registered until it is healthy, has failed, or time is up. `tell` hears
    /// what happens meanwhile.
    pub async fn follow(
        &self,
        registered: &Registered,
        options: &FollowOptions,
        tell: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<Verdict, Error> {
        let began = Instant::now();
        let subject = self.subject(registered).await?;
        let mut view = View::default();
        let watching = self.watch(&subject, options, &mut view, tell);
        let reason = match tokio::time::timeout(options.timeout, watching).await {
            Ok(reason) => reason?,
            Err(_) => Some(Reason::Deadline(options.timeout)),
        };
        let mut verdict = self.verdict(&subject, &view, reason).await;
        verdict.took = began.elapsed();
        Ok(verdict)
    }

    /// How a job is that nobody has just registered: a verdict at once, by what runs now.
    pub async fn examine(&self, job: &str) -> Result<Verdict, Error> {
        let registered = Registered {
            job: job.to_owned(),
            ..Registered::default()
        };
        let mut view = View::default();
        let mut subject = self.subject(&registered).await?;
        self.refresh(&subject, &mut view).await?;
        let newest = view.newest().map(|evaluation| evaluation.id.clone());
        subject.evaluation = newest.unwrap_or_default();
        let reason = match subject.stopped {
            true => Some(Reason::Stopped),
            false => view.examine(&subject),
        };
        Ok(self.verdict(&subject, &view, reason).await)
    }

    /// The version that was registered; somebody may have registered another since.
    async fn subject(&self, registered: &Registered) -> Result<Subject, Error> {
        let job = self.get_job(&registered.job).await?;
        let number = |name: &str| job.get(name).and_then(Value::as_u64).unwrap_or_default();
        let groups = job.get("TaskGroups").and_then(Value::as_array);
        let counts = groups.into_iter().flatten();
        Ok(Subject {
            job: registered.job.clone(),
            version: number("Version"),
            kind: job
                .get("Type")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned(),
            wanted: counts
                .filter_map(|group| group.get("Count").and_then(Value::as_u64))
                .sum(),
            evaluation: registered.evaluation.clone(),
            stopped: job.get("Stop").and_then(Value::as_bool).unwrap_or(false),
        })
    }

    /// `None` once it is healthy, else why not. What is known last is left in `view`.
    async fn watch(
        &self,
        subject: &Subject,
        options: &FollowOptions,
        view: &mut View,
        tell: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<Option<Reason>, Error> {
        let job = &subject.job;
        let mut updates = select_all([
            self.watch_evaluations(job)
                .stream()
                .map_ok(Update::Evaluations)
                .boxed(),
            self.watch_allocations(job)
                .stream()
                .map_ok(Update::Allocations)
                .boxed(),
            self.watch_deployments(job)
                .stream()
                .map_ok(Update::Deployments)
                .boxed(),
        ]);
        let mut lists = [false; 3];
        let mut steady: Option<(Vec<(String, u64)>, Instant)> = None;
        let mut failing: Option<Instant> = None;
        let mut told = Vec::new();
        let mut wake = None;
        loop {
            tokio::select! {
                update = updates.next() => match update.transpose()? {
                    Some(update) => update.apply(view, &mut lists),
                    // none of the three ends but with an error
                    None => return Ok(Some(Reason::Evaluation)),
                },
                () = sleep(wake.take()) => {}
            }
            if lists.contains(&false) {
                continue;
            }
            report(subject, view, &mut told, tell);
            if options.canaries && view.awaits_promotion(subject) {
                return Ok(None);
            }
            match view.judge(subject) {
                Judgement::Healthy => return Ok(None),
                Judgement::Failed(reason) => {
                    // the other lists may be a moment behind the one that decided
                    self.refresh(subject, view).await?;
                    return Ok(Some(reason));
                }
                Judgement::Wait => steady = None,
                Judgement::Steady => {
                    let now = view.incarnation(subject);
                    let since = match &steady {
                        Some((before, since)) if *before == now => *since,
                        _ => Instant::now(),
                    };
                    if since.elapsed() >= options.settle {
                        return Ok(None);
                    }
                    steady = Some((now, since));
                    wake = Some(options.settle.saturating_sub(since.elapsed()));
                }
                Judgement::Failing(reason) => {
                    let since = *failing.get_or_insert_with(Instant::now);
                    let patience = match reason {
                        Reason::Deployment if !view.may_revert(subject) => NO_WORDS,
                        _ => LAST_WORDS,
                    };
                    if since.elapsed() >= patience {
                        self.refresh(subject, view).await?;
                        return Ok(Some(reason));
                    }
                    wake = Some(patience.saturating_sub(since.elapsed()));
                }
                Judgement::Nothing => match &steady {
                    Some((_, since)) if since.elapsed() >= SECOND_LOOK => {
                        self.refresh(subject, view).await?;
                        if view.judge(subject) == Judgement::Nothing {
                            return Ok(Some(Reason::Placement));
                        }
                        (steady, wake) = (None, Some(Duration::ZERO));
                    }
                    Some((_, since)) => wake = Some(SECOND_LOOK.saturating_sub(since.elapsed())),
                    None => {
                        steady = Some((Vec::new(), Instant::now()));
                        wake = Some(SECOND_LOOK);
                    }
                },
            }
        }
    }

    async fn refresh(&self, subject: &Subject, view: &mut View) -> Result<(), Error> {
        let job = &subject.job;
        (view.evaluations, view.allocations, view.deployments) = tokio::try_join!(
            self.list_evaluations(job),
            self.list_allocations(job),
            self.list_deployments(job)
        )?;
        Ok(())
    }
}

/// One of the three lists, as it is now.
enum Update {
    Evaluations(Vec<Evaluation>),
    Allocations(Vec<Allocation>),
    Deployments(Vec<Deployment>),
}

impl Update {
    /// Puts the list into the view and notes which of the three have come.
    fn apply(self, view: &mut View, [first, second, third]: &mut [bool; 3]) {
        match self {
            Update::Evaluations(list) => (view.evaluations, *first) = (list, true),
            Update::Allocations(list) => (view.allocations, *second) = (list, true),
            Update::Deployments(list) => (view.deployments, *third) = (list, true),
        }
    }
}

async fn sleep(wake: Option<Duration>) {
    match wake {
        Some(pause) => tokio::time::sleep(pause).await,
        None => std::future::pending().await,
    }
}

/// Tells what was not told before.
fn report(
    subject: &Subject,
    view: &View,
    told: &mut Vec<Progress>,
    tell: &mut (dyn FnMut(Progress) + Send),
) {
    let own = |evaluation: &&Evaluation| evaluation.id == subject.evaluation;
    let since = view.evaluations.iter().find(own);
    let since = since.map_or(u64::MAX, |evaluation| evaluation.create_index);
    let evaluations = view
        .evaluations
        .iter()
        .filter(|evaluation| {
            own(evaluation) || (evaluation.create_index > since && !evaluation.unplaced.is_empty())
        })
        .map(|evaluation| Progress::Evaluation {
            evaluation: evaluation.id.get(..8).unwrap_or(&evaluation.id).to_owned(),
            trigger: evaluation.triggered_by.clone(),
            status: evaluation.status.clone(),
            unplaced: match evaluation.unplaced.is_empty() {
                true => String::new(),
                false => super::verdict::unplaced(Some(evaluation)),
            },
        });
    let allocations = view.own(subject).map(|allocation| {
        let events = allocation
            .task_states
            .values()
            .flat_map(|task| &task.events);
        let last = events.max_by_key(|event| event.time);
        Progress::Allocation {
            allocation: allocation.short().to_owned(),
            node: allocation.node.clone(),
            status: allocation.status.clone(),
            event: last.map(|event| event.message.clone()).unwrap_or_default(),
        }
    });
    let deployments = view
        .deployments
        .iter()
        .filter(|deployment| deployment.version == subject.version)
        .map(|deployment| Progress::Deployment {
            status: deployment.status.clone(),
            healthy: deployment.groups.values().map(|group| group.healthy).sum(),
            desired: deployment.groups.values().map(|group| group.desired).sum(),
            description: deployment.description.clone(),
        });
    for progress in evaluations.chain(allocations).chain(deployments) {
        if !told.contains(&progress) {
            told.push(progress.clone());
            tell(progress);
        }
    }
}
