//! The template-manager, and the builds it is making.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use super::connect::{Failure, Peer, integer, text};
use super::database::{self, Lease};
use super::discovery;
use super::options::Profile;
use super::platform::Platform;

/// How often builds are asked after.
const TICK: Duration = Duration::from_millis(500);
/// How long the template-manager may take to answer.
const LIMIT: Duration = Duration::from_secs(10);
/// How often a build may be unknown to the template-manager before it has failed.
const PATIENCE: u32 = 6;
/// After how long a build that nobody starts has failed.
const WAITING: &str = "40 minutes";

/// A build that is being made.
#[derive(Debug, Clone)]
pub struct Build {
    /// Its template.
    pub template: String,
    /// The service that makes it; `None`: the template-manager that the API was told of.
    pub base: Option<String>,
    unknown: u32,
}

/// All of them, by id.
#[derive(Debug, Default)]
pub struct Builds(Mutex<HashMap<String, Build>>);

/// How a build stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It is being made.
    Building,
    /// It will not be.
    Failed,
    /// It is there.
    Completed,
}

/// What the template-manager says of a build.
#[derive(Debug, Clone)]
pub struct Report {
    /// How it stands.
    pub state: State,
    /// Its lines so far.
    pub logs: Vec<String>,
    /// Why it failed.
    pub reason: String,
    disk_mb: i64,
    envd_version: String,
}

impl Report {
    fn read(answer: &Value) -> Report {
        let metadata = answer.get("metadata").cloned().unwrap_or_default();
        let lines = answer.get("logs").and_then(Value::as_array);
        Report {
            state: match answer.get("status") {
                Some(Value::String(word)) if word == "Failed" => State::Failed,
                Some(Value::String(word)) if word == "Completed" => State::Completed,
                Some(Value::Number(number)) if number.as_i64() == Some(1) => State::Failed,
                Some(Value::Number(number)) if number.as_i64() == Some(2) => State::Completed,
                _ => State::Building,
            },
            logs: lines
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect(),
            reason: text(answer, "reason"),
            disk_mb: integer(metadata.get("rootfsSizeKey")),
            envd_version: text(&metadata, "envdVersionKey"),
        }
    }
}

impl Builds {
    fn with<T>(&self, work: impl FnOnce(&mut HashMap<String, Build>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Follows a build from now on.
    pub fn follow(&self, id: &str, template: &str, base: Option<String>) {
        let build = Build {
            template: template.to_owned(),
            base,
            unknown: 0,
        };
        self.with(|builds| builds.insert(id.to_owned(), build));
    }

    /// The service that makes a build, if it is not the usual one.
    pub fn base(&self, id: &str) -> Option<String> {
        self.with(|builds| builds.get(id)?.base.clone())
    }
}

/// Calls the service at `base`, or the template-manager: at the address that the API was told, and where nobody is there,
/// at the one that Consul knows.
pub async fn call(
    platform: &Platform,
    base: Option<&str>,
    method: &str,
    message: &Value,
) -> Result<Value, Failure> {
    if let Some(base) = base {
        return platform
            .peer(base)
            .call_within(LIMIT, method, message)
            .await;
    }
    let told = format!("http://{}", platform.options.template_manager);
    let done = Peer::new(&platform.http, &told)
        .call_within(LIMIT, method, message)
        .await;
    match done {
        Err(failure) if failure.code == "unavailable" => {
            let known = discovery::catalog(platform, "template-manager").await;
            let Some(instance) = known.first() else {
                return Err(failure);
            };
            let address = match text(instance, "ServiceAddress") {
                address if address.is_empty() => text(instance, "Address"),
                address => address,
            };
            let base = format!("http://{address}:{}", integer(instance.get("ServicePort")));
            platform
                .peer(&base)
                .call_within(LIMIT, method, message)
                .await
        }
        done => done,
    }
}

/// Asks after a build.
pub async fn report(platform: &Platform, template: &str, build: &str) -> Result<Report, Failure> {
    let base = platform.builds.base(build);
    let message = json!({"templateID": template, "buildID": build});
    let method = "TemplateService/TemplateBuildStatus";
    let answer = call(platform, base.as_deref(), method, &message).await?;
    Ok(Report::read(&answer))
}

/// Has the files of builds removed, whenever the template-manager gets to it.
pub fn forget(platform: &Arc<Platform>, template: &str, builds: &[String]) {
    for build in builds {
        let platform = platform.clone();
        let message = json!({"templateID": template, "buildID": build});
        let base = platform.builds.base(build);
        drop(tokio::spawn(async move {
            let method = "TemplateService/TemplateBuildDelete";
            if let Err(failure) = call(&platform, base.as_deref(), method, &message).await {
                crate::say(&format!("template build delete: {failure}"));
            }
        }));
    }
}

/// Follows builds for as long as the process lives, and gives up those that nobody starts.
pub fn start(platform: &Arc<Platform>) {
    let following = platform.clone();
    drop(tokio::spawn(async move {
        while load(&following).await.is_err() {
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
        loop {
            tokio::time::sleep(TICK).await;
            for (id, build) in following.builds.with(|builds| builds.clone()) {
                look(&following, &id, &build).await;
            }
        }
    }));
    let platform = platform.clone();
    drop(tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_secs(60)).await;
            let give_up = format!(
                "UPDATE public.env_builds SET status = 'failed', finished_at = now(), updated_at = now()
                 WHERE status = 'waiting' AND created_at < now() - interval '{WAITING}'"
            );
            if let Ok(db) = platform.database.get().await {
                let _ = db.execute(give_up.as_str(), &[]).await;
            }
        }
    }));
}

/// Takes up what an API before this one has started.
async fn load(platform: &Platform) -> Result<(), database::Failure> {
    let db = platform.database.get().await?;
    let query = "SELECT id::text, env_id FROM public.env_builds WHERE status = 'building' AND env_id IS NOT NULL";
    for row in db.query(query, &[]).await? {
        let (id, template): (String, String) = (row.get(0), row.get(1));
        platform.builds.follow(&id, &template, None);
    }
    Ok(())
}

async fn look(platform: &Platform, id: &str, build: &Build) {
    let done = match report(platform, &build.template, id).await {
        Ok(report) => match report.state {
            State::Building => {
                platform
                    .builds
                    .with(|builds| builds.get_mut(id).map(|build| build.unknown = 0));
                return;
            }
            State::Failed => fail_now(platform, id, &report.reason).await,
            State::Completed => complete(platform, id, &report).await,
        },
        Err(_) if build.unknown < PATIENCE => {
            platform
                .builds
                .with(|builds| builds.get_mut(id).map(|build| build.unknown += 1));
            return;
        }
        Err(failure) => fail_now(platform, id, &failure.message).await,
    };
    match done {
        Ok(()) => drop(platform.builds.with(|builds| builds.remove(id))),
        Err(failure) => crate::say(&format!("build {id}: {failure:?}")),
    }
}

async fn fail_now(platform: &Platform, id: &str, reason: &str) -> Result<(), database::Failure> {
    let db = platform.database.get().await?;
    fail(&db, platform.database.profile(), id, reason).await
}

/// Writes that a build has failed, and upstream why.
pub async fn fail(
    db: &Lease,
    profile: Profile,
    id: &str,
    reason: &str,
) -> Result<(), database::Failure> {
    let why = match profile {
        Profile::Seed => "",
        Profile::Upstream => ", reason = jsonb_build_object('message', $2::text)",
    };
    let update = format!(
        "UPDATE public.env_builds SET status = 'failed', finished_at = now(), updated_at = now(){why}
         WHERE id = $1::text::uuid AND $2::text IS NOT NULL"
    );
    db.execute(update.as_str(), &[&id, &reason.replace('\0', "")])
        .await?;
    Ok(())
}

async fn complete(platform: &Platform, id: &str, report: &Report) -> Result<(), database::Failure> {
    let db = platform.database.get().await?;
    let update = "
        UPDATE public.env_builds SET status = 'uploaded', finished_at = now(), updated_at = now(),
            total_disk_size_mb = $2, envd_version = $3
        WHERE id = $1::text::uuid";
    let (disk, version) = (report.disk_mb, &report.envd_version);
    db.execute(update, &[&id, &disk, version]).await?;
    Ok(())
}
