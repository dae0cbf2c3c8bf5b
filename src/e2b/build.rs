//! Builds of a template: started, and followed until they are ready or have failed.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::access::Need;
use super::api::{Ask, path};
use super::sandbox::or_default;
use super::{E2b, Error, Profile};

/// So many lines of a failed build's log are told with its error.
const LAST: usize = 20;

/// How a build is.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all(deserialize = "camelCase"))]
pub struct Build {
    #[serde(rename(deserialize = "templateID"))]
    pub template: String,
    #[serde(rename(deserialize = "buildID"))]
    pub id: String,
    /// `waiting`, `building`, `ready` or `error`.
    pub status: String,
    /// Its log from the line on that was asked for.
    #[serde(default, deserialize_with = "or_default")]
    pub logs: Vec<String>,
    /// Upstream's: why it failed.
    #[serde(default)]
    pub reason: Option<BuildReason>,
}

/// Why a build failed.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct BuildReason {
    pub message: String,
    #[serde(default)]
    pub step: Option<String>,
}

/// How a build starts; the seed takes nothing but an image that is there already.
#[derive(Clone, Debug, Default)]
pub struct BuildStart {
    /// An image of a registry.
    pub from_image: Option<String>,
    /// Another template.
    pub from_template: Option<String>,
    /// Steps as the API has them: `{"type":"RUN","args":["…"]}`.
    pub steps: Vec<Value>,
    pub start_cmd: Option<String>,
    pub ready_cmd: Option<String>,
}

/// How long and how often a build is asked after.
#[derive(Clone, Copy, Debug)]
pub struct FollowBuild {
    pub timeout: Duration,
    pub interval: Duration,
}

impl E2b {
    /// Starts a build whose rows are there. In the seed its image, `TEMPLATE:BUILD`, must be in the
    /// Docker of a client node by now.
    pub async fn start_build(
        &self,
        template: &str,
        build: &str,
        start: &BuildStart,
    ) -> Result<(), Error> {
        let ask = match self.profile().await? {
            Profile::Seed => Ask::post(
                path(&["templates", template, "builds", build]),
                Need::AccessToken,
                None,
            ),
            Profile::Upstream => Ask::post(
                path(&["v2", "templates", template, "builds", build]),
                Need::ApiKey,
                Some(start_v2(start)),
            ),
        };
        // the seed answers 200 without a word when the template-manager refuses
        self.ask(Ask {
            expect: &[202],
            ..ask
        })
        .await
        .map(drop)
    }

    /// How a build is, with its log from the line `offset` on.
    pub async fn get_build(
        &self,
        template: &str,
        build: &str,
        offset: usize,
    ) -> Result<Build, Error> {
        let need = match self.profile().await? {
            Profile::Seed => Need::AccessToken,
            Profile::Upstream => Need::Either,
        };
        let mut ask = Ask::get(
            path(&["templates", template, "builds", build, "status"]),
            need,
        );
        ask.query.push(("logsOffset", offset.to_string()));
        self.read(ask).await
    }

    /// Asks after a build until it is ready; `line` gets its log, and its status where that changes.
    pub async fn follow_build(
        &self,
        template: &str,
        build: &str,
        follow: FollowBuild,
        line: &mut (dyn FnMut(BuildNews) + Send),
    ) -> Result<Build, Error> {
        let began = Instant::now();
        let (mut seen, mut status) = (0, String::new());
        let mut last: Vec<String> = Vec::new();
        loop {
            let found = self.get_build(template, build, seen).await?;
            if found.status != status {
                status.clone_from(&found.status);
                line(BuildNews::Status(status.clone()));
            }
            seen += found.logs.len();
            for text in &found.logs {
                last.push(text.trim_end().to_owned());
                line(BuildNews::Line(text.trim_end().to_owned()));
            }
            last.drain(..last.len().saturating_sub(LAST));
            match found.status.as_str() {
                "ready" => return Ok(found),
                "error" => return Err(failed(found, last)),
                // a page of the log was full: the rest is there already
                _ if found.logs.len() >= 100 => continue,
                _ => {}
            }
            if began.elapsed() >= follow.timeout {
                return Err(Error::BuildTimeout {
                    template: template.to_owned(),
                    build: build.to_owned(),
                    status,
                    after: follow.timeout,
                });
            }
            tokio::time::sleep(follow.interval).await;
        }
    }
}

/// What is new of a build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BuildNews {
    Status(String),
    Line(String),
}

fn start_v2(start: &BuildStart) -> Value {
    let mut body = Map::new();
    let texts = [
        ("fromImage", &start.from_image),
        ("fromTemplate", &start.from_template),
        ("startCmd", &start.start_cmd),
        ("readyCmd", &start.ready_cmd),
    ];
    for (name, text) in texts {
        if let Some(text) = text {
            body.insert(name.to_owned(), json!(text));
        }
    }
    if !start.steps.is_empty() {
        body.insert("steps".to_owned(), json!(start.steps));
    }
    Value::Object(body)
}

fn failed(build: Build, lines: Vec<String>) -> Error {
    let (reason, step) = match build.reason {
        Some(reason) => (reason.message, reason.step),
        // the seed does not say: the end of the log is the best there is
        None => match lines.iter().rev().find(|line| !line.trim().is_empty()) {
            Some(line) => (line.trim().to_owned(), None),
            None => ("the API does not say why".to_owned(), None),
        },
    };
    Error::Build {
        template: build.template,
        build: build.id,
        reason,
        step,
        lines,
    }
}
