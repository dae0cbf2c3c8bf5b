//! What becomes of a sandbox: prolonged, paused, resumed; and what it has logged.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::http::Method;

use super::access::Need;
use super::api::{Ask, path};
use super::link::Repeat;
use super::{E2b, Error, Profile, Sandbox};

/// A line that a sandbox has logged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LogLine {
    /// ISO 8601.
    pub timestamp: String,
    pub line: String,
    /// Upstream's: `debug`, `info`, `warn`, `error`.
    pub level: String,
}

#[derive(Deserialize)]
struct Logs {
    #[serde(default)]
    logs: Vec<RawLine>,
}

#[derive(Deserialize)]
struct RawLine {
    timestamp: String,
    #[serde(alias = "message")]
    line: String,
    #[serde(default)]
    level: String,
}

impl E2b {
    /// Has it end so many seconds from now, sooner or later than before.
    pub async fn set_sandbox_timeout(&self, id: &str, seconds: u32) -> Result<(), Error> {
        let ask = Ask {
            method: Method::POST,
            body: Some(json!({ "timeout": seconds })),
            expect: &[204],
            ..Ask::get(path(&["sandboxes", id, "timeout"]), Need::ApiKey)
        };
        self.ask(ask).await.map(drop)
    }

    /// Has it live at least so many seconds more; never shortens.
    pub async fn refresh_sandbox(&self, id: &str, seconds: u32) -> Result<(), Error> {
        let ask = Ask {
            method: Method::POST,
            body: Some(json!({ "duration": seconds })),
            expect: &[204],
            ..Ask::get(path(&["sandboxes", id, "refreshes"]), Need::ApiKey)
        };
        self.ask(ask).await.map(drop)
    }

    /// Stores its memory and disk and ends it; returns when they are stored.
    pub async fn pause_sandbox(&self, id: &str) -> Result<(), Error> {
        let ask = Ask::post(path(&["sandboxes", id, "pause"]), Need::ApiKey, None);
        let ask = Ask {
            expect: &[204],
            ..ask
        };
        self.ask(ask).await.map(drop)
    }

    /// Has a paused sandbox run again, for so many seconds.
    pub async fn resume_sandbox(&self, sandbox: &Sandbox, seconds: u32) -> Result<Sandbox, Error> {
        // the seed wants a client behind the id, whichever
        let id = match sandbox.client.is_empty() {
            true => format!("{}-00000000", sandbox.id),
            false => sandbox.full_id(),
        };
        let ask = match self.profile().await? {
            Profile::Seed => Ask::post(
                path(&["sandboxes", &id, "resume"]),
                Need::ApiKey,
                Some(json!({ "timeout": seconds })),
            ),
            Profile::Upstream => Ask::post(
                path(&["sandboxes", &sandbox.id, "connect"]),
                Need::ApiKey,
                Some(json!({ "timeout": seconds })),
            ),
        };
        self.read(Ask {
            expect: &[200, 201],
            ..ask
        })
        .await
    }

    /// A sandbox that runs, prolonged, or that was paused, resumed: whatever it was, it runs now.
    pub async fn connect_sandbox(&self, id: &str, seconds: u32) -> Result<Sandbox, Error> {
        if self.profile().await? == Profile::Upstream {
            let ask = Ask::post(
                path(&["sandboxes", id, "connect"]),
                Need::ApiKey,
                Some(json!({ "timeout": seconds })),
            );
            return self
                .read(Ask {
                    expect: &[200, 201],
                    ..ask
                })
                .await;
        }
        let info = self.get_sandbox(id).await?;
        if info.state == "paused" {
            return self.resume_sandbox(&info.sandbox(), seconds).await;
        }
        self.refresh_sandbox(id, seconds).await?;
        Ok(info.sandbox())
    }

    /// The last lines, at most so many; the platform keeps them in Loki, where it has one.
    pub async fn sandbox_logs(&self, id: &str, limit: u32) -> Result<Vec<LogLine>, Error> {
        let mut ask = match self.profile().await? {
            Profile::Seed => Ask::get(path(&["sandboxes", id, "logs"]), Need::ApiKey),
            Profile::Upstream => Ask::get(path(&["v2", "sandboxes", id, "logs"]), Need::ApiKey),
        };
        ask.query.push(("limit", limit.min(1000).to_string()));
        // without a Loki it fails every time
        ask.repeat = Repeat::Once;
        let logs: Logs = self.read(ask).await?;
        let lines = logs.logs.into_iter().map(|raw| LogLine {
            timestamp: raw.timestamp,
            line: raw.line,
            level: raw.level,
        });
        Ok(lines.collect())
    }
}
