//! Waiting for a job, and telling why it does not come up.

use std::convert::Infallible;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rhai::{Dynamic, Map};

use crate::consul::Consul;
use crate::diag::{Class, Failure};
use crate::engine::Call;
use crate::engine::context::Context;
use crate::engine::raise::Raise;
use crate::engine::registry::{Function, Opt, Param};
use crate::engine::ty::{self, Ty};
use crate::engine::value;
use crate::nomad::{FollowOptions, Nomad, Progress, Registered, Verdict};
use crate::report::{Event, Level};

use super::{ERRORS, JOB, ask};
use crate::bindings::cluster_api;

const RUN: Param = Param::new(
    "registered",
    Ty::Map,
    "what `register` or `revert` returned",
);
const CONSUL: Opt = Opt::new(
    "consul",
    Ty::Handle("Consul"),
    "",
    "where the checks are whose output explains an unhealthy service",
);
const OPTIONS: &[Opt] = &[
    Opt::new("timeout", Ty::Duration, "\"10m\"", "the end of patience"),
    Opt::new(
        "settle",
        Ty::Duration,
        "\"10s\"",
        "how long a job without a deployment (a system job) must run undisturbed",
    ),
    Opt::new(
        "canaries",
        Ty::Bool,
        "false",
        "be content with canaries that are healthy and wait to be promoted",
    ),
    CONSUL,
];
const MAP: &str = "a map with `job`, `version`, `healthy`, `reason` (`evaluation`, `placement`, `task`, `deployment`, `reverted`, `lost`, \
                   `superseded`, `stopped`, `deadline`; empty when healthy), `cause`, `notes`, `allocation`, `node`, `task`, `log`, `reverted_to`, `seconds`, \
                   and `lag`: seconds between Nomad's own time of what decided it and the verdict, `()` where Nomad gives none";

pub const WAIT_UNTIL_HEALTHY: Function = Function {
    name: "wait_until_healthy",
    doc: "Follows a job until its deployment is successful (a system job: until all of it runs undisturbed; a batch job: until it is complete). \
          If it fails, the failure says why: the cause, the allocation, the last lines of its log. Under `--plan` it returns at once.",
    params: &[RUN],
    options: OPTIONS,
    returns: MAP,
    errors: &[
        "nomad.unhealthy",
        "nomad.unreachable",
        "nomad.denied",
        "nomad.not_found",
        "nomad.no_leader",
    ],
    example: "nomad.wait_until_healthy(nomad.register(nomad.get_job(\"api\")), #{ timeout: \"5m\" })",
    body: |call| {
        let verdict = follow(call)?;
        if verdict.healthy {
            return shown(&verdict);
        }
        Err(failure(&verdict).into())
    },
    ..Function::BASE
};

pub const TRY_WAIT_UNTIL_HEALTHY: Function = Function {
    name: "try_wait_until_healthy",
    doc: "As `wait_until_healthy`, but a job that is not healthy is no failure.",
    params: &[RUN],
    options: OPTIONS,
    returns: MAP,
    errors: ERRORS,
    example: "nomad.try_wait_until_healthy(nomad.revert(\"api\", 3)).healthy",
    body: |call| shown(&follow(call)?),
    ..Function::BASE
};

pub const EXAMINE: Function = Function {
    name: "examine",
    doc: "How a job is that nobody has just registered: a verdict at once, by what runs now. A job that runs is healthy here, whatever its checks in Consul say.",
    params: &[JOB],
    options: &[CONSUL],
    returns: MAP,
    errors: ERRORS,
    example: "nomad.examine(\"api\").cause",
    body: |call| {
        let (nomad, job) = (call.receiver::<Nomad>()?, call.string(0)?);
        let consul = call.opt_handle::<Consul>("consul")?;
        let verdict = ask(call, &nomad, async {
            let mut verdict = nomad.examine(&job).await?;
            if let Some(consul) = consul.filter(|_| !verdict.healthy) {
                verdict.notes.extend(said(&nomad, &consul, &job).await);
            }
            Ok::<_, crate::nomad::Error>(verdict)
        })?;
        shown(&verdict)
    },
    ..Function::BASE
};

fn follow(call: &mut Call) -> Result<Verdict, Raise> {
    let nomad = call.receiver::<Nomad>()?;
    let registered = registered(call)?;
    if call.session.run.is_plan() {
        return Ok(Verdict {
            job: registered.job,
            healthy: true,
            ..Verdict::default()
        });
    }
    let defaults = FollowOptions::default();
    let options = FollowOptions {
        timeout: cluster_api::duration(call, "timeout", defaults.timeout),
        settle: cluster_api::duration(call, "settle", defaults.settle),
        canaries: call.opt_bool("canaries").unwrap_or(defaults.canaries),
    };
    let consul = call.opt_handle::<Consul>("consul")?;
    let mut tell = teller(call, &registered.job);
    ask(call, &nomad, async {
        let following = nomad.follow(&registered, &options, &mut tell);
        let Some(consul) = consul else {
            return following.await;
        };
        // when Nomad goes back to an older version, what failed and its checks are gone at once
        let before = Mutex::new(Vec::new());
        let mut verdict = tokio::select! {
            verdict = following => verdict?,
            never = listen(&nomad, &consul, &registered.job, &before) => match never {},
        };
        if !verdict.healthy {
            let now = match verdict.reverted_to {
                Some(_) => Vec::new(),
                None => said(&nomad, &consul, &registered.job).await,
            };
            let before = before.into_inner().unwrap_or_else(PoisonError::into_inner);
            verdict
                .notes
                .extend(if now.is_empty() { before } else { now });
        }
        Ok(verdict)
    })
}

/// How often a job's checks are looked at while it is not healthy. Consul tells nobody what a check
/// says until its status changes, so there is nothing to wait for.
const LOOK: Duration = Duration::from_secs(3);

/// Keeps what the failing checks of a job's services said last.
async fn listen(
    nomad: &Nomad,
    consul: &Consul,
    job: &str,
    last: &Mutex<Vec<String>>,
) -> Infallible {
    let mut services: Option<Vec<String>> = None;
    loop {
        tokio::time::sleep(LOOK).await;
        if services.is_none() {
            services = nomad.services_of(job).await.ok();
        }
        let mut said = Vec::new();
        for service in services.iter().flatten() {
            said.extend(failing_checks(consul, service).await);
        }
        if !said.is_empty() {
            *last.lock().unwrap_or_else(PoisonError::into_inner) = said;
        }
    }
}

/// What the failing checks of a job's services say; a verdict stands without them.
async fn said(nomad: &Nomad, consul: &Consul, job: &str) -> Vec<String> {
    let mut said = Vec::new();
    for service in nomad.services_of(job).await.unwrap_or_default() {
        said.extend(failing_checks(consul, &service).await);
    }
    said
}

/// What the failing checks of a service said. The verdict stands without them.
async fn failing_checks(consul: &Consul, service: &str) -> Vec<String> {
    let instances = consul.health(service).await.unwrap_or_default();
    let mut checks = Vec::new();
    for instance in instances {
        match consul.checks_at(&instance.address, service).await {
            Some(own) => checks.extend(own),
            None => checks.extend(instance.checks),
        }
    }
    // one that has not run yet says nothing
    checks.retain(|check| {
        check.status != "passing" && check.service == service && !check.output.trim().is_empty()
    });
    checks
        .iter()
        .map(|check| {
            let said = check.output.lines().next().unwrap_or_default();
            format!(
                "check `{}` of `{service}` on {}: {said}",
                check.name, check.node
            )
        })
        .collect()
}

fn registered(call: &Call) -> Result<Registered, Raise> {
    let map = call.map(0)?;
    let text = |name: &str| map.get(name).and_then(ty::text).unwrap_or_default();
    if text("job").is_empty() {
        let failure = Failure::usage(
            "script.argument",
            format!("`registered` of `{}` names no job", call.name()),
        );
        return Err(failure.help("hand over what `register` returned").into());
    }
    Ok(Registered {
        job: text("job"),
        evaluation: text("evaluation"),
        ..Registered::default()
    })
}

/// Says what happens to the job, as it happens.
fn teller(call: &Call, job: &str) -> impl FnMut(Progress) + Send + use<> {
    let reporter = call.session.run.reporter().clone();
    let (step, job) = (Context::step(), job.to_owned());
    move |progress| {
        let message = match progress {
            Progress::Allocation {
                allocation,
                node,
                status,
                event,
            } => format!("{job}: {allocation} on {node} is {status}: {event}"),
            Progress::Evaluation {
                evaluation,
                trigger,
                status,
                unplaced,
            } => match unplaced.as_str() {
                "" => format!("{job}: evaluation {evaluation} ({trigger}) is {status}"),
                why => format!("{job}: evaluation {evaluation} ({trigger}) is {status}: {why}"),
            },
            Progress::Deployment {
                status,
                healthy,
                desired,
                description,
            } => {
                let line = format!("{job}: deployment is {status}, {healthy} of {desired} healthy");
                // the plain ones say what the status says
                match description.as_str() {
                    "Deployment is running" | "Deployment completed successfully" => line,
                    more => format!("{line}: {more}"),
                }
            }
        };
        reporter.emit(Event::Log {
            level: Level::Info,
            message: message.trim_end_matches([' ', ':']).to_owned(),
            fields: serde_json::Map::new(),
            host: None,
            step,
        });
    }
}

fn shown(verdict: &Verdict) -> Result<Dynamic, Raise> {
    let mut map = value::from_serde(verdict)?
        .try_cast::<Map>()
        .unwrap_or_default();
    map.insert("seconds".into(), verdict.took.as_secs_f64().into());
    Ok(map.into())
}

fn failure(verdict: &Verdict) -> Failure {
    let message = format!(
        "job `{}` (version {}) is not healthy: {}",
        verdict.job, verdict.version, verdict.cause
    );
    let mut failure = Failure::new("nomad.unhealthy", message)
        .class(Class::Failed)
        .detail("job", verdict.job.clone())
        .detail("version", verdict.version)
        .detail("reason", verdict.reason.clone())
        .output(verdict.log.clone());
    for (name, text) in [
        ("allocation", &verdict.allocation),
        ("node", &verdict.node),
        ("task", &verdict.task),
    ] {
        if !text.is_empty() {
            failure = failure.detail(name, text.clone());
        }
    }
    if let Some(lag) = verdict.lag {
        failure = failure.detail("known_for", format!("{lag:.2} s"));
    }
    if let Some(version) = verdict.reverted_to {
        failure = failure.detail("reverted_to", version);
    }
    for note in &verdict.notes {
        failure = failure.cause(note.clone());
    }
    failure
}
