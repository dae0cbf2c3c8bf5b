//! Sandboxes: made, looked at, ended.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value, json};

use crate::http::Method;
use crate::secret::Secret;

use super::access::Need;
use super::api::{Ask, path};
use super::link::Repeat;
use super::{E2b, Error, ListSandboxes, Metric, Profile};

/// What a new sandbox is to be.
#[derive(Clone, Debug, Default)]
pub struct NewSandbox {
    /// A template's id or alias.
    pub template: String,
    /// How long it lives, in seconds; the platform's own default is 15.
    pub timeout: Option<u32>,
    /// What it is found by later.
    pub metadata: BTreeMap<String, String>,
    /// Variables of every process in it.
    pub env: BTreeMap<String, Secret>,
    /// Only who has its access token may talk to its envd.
    pub secure: bool,
    /// When its time is up it is paused, not ended.
    pub auto_pause: bool,
}

/// A sandbox that was made, or whose address is known otherwise.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all(deserialize = "camelCase"))]
pub struct Sandbox {
    #[serde(rename(deserialize = "sandboxID"))]
    pub id: String,
    /// The node that runs it, in eight characters; `00000000` while it is paused.
    #[serde(rename(deserialize = "clientID"))]
    pub client: String,
    #[serde(rename(deserialize = "templateID"))]
    pub template: String,
    #[serde(default)]
    pub alias: Option<String>,
    #[serde(default)]
    pub envd_version: Option<String>,
    /// Only a secure sandbox has one.
    #[serde(default, deserialize_with = "secret", skip_serializing)]
    pub envd_access_token: Option<Secret>,
    /// Upstream's, where it is not the cluster's own.
    #[serde(default)]
    pub domain: Option<String>,
}

impl Sandbox {
    /// The id as `resume` of the seed wants it.
    pub fn full_id(&self) -> String {
        match self.client.is_empty() {
            true => self.id.clone(),
            false => format!("{}-{}", self.id, self.client),
        }
    }
}

/// What the platform knows of a sandbox.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all(deserialize = "camelCase"))]
pub struct SandboxInfo {
    #[serde(rename(deserialize = "sandboxID"))]
    pub id: String,
    #[serde(rename(deserialize = "clientID"))]
    pub client: String,
    #[serde(rename(deserialize = "templateID"))]
    pub template: String,
    #[serde(default)]
    pub alias: Option<String>,
    #[serde(default)]
    pub envd_version: Option<String>,
    #[serde(default, deserialize_with = "secret", skip_serializing)]
    pub envd_access_token: Option<Secret>,
    #[serde(default)]
    pub domain: Option<String>,
    /// ISO 8601.
    pub started_at: String,
    /// When its time is up, ISO 8601.
    pub end_at: String,
    pub cpu_count: i64,
    #[serde(rename(deserialize = "memoryMB"))]
    pub memory_mb: i64,
    #[serde(default, rename(deserialize = "diskSizeMB"))]
    pub disk_mb: Option<i64>,
    /// `running` or `paused`; the seed leaves it out in some lists.
    #[serde(default)]
    pub state: String,
    #[serde(default, deserialize_with = "or_default")]
    pub metadata: BTreeMap<String, String>,
    /// Only where they were asked for together.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<Metric>,
}

impl SandboxInfo {
    /// What it takes to talk to it.
    pub fn sandbox(&self) -> Sandbox {
        Sandbox {
            id: self.id.clone(),
            client: self.client.clone(),
            template: self.template.clone(),
            alias: self.alias.clone(),
            envd_version: self.envd_version.clone(),
            envd_access_token: self.envd_access_token.clone(),
            domain: self.domain.clone(),
        }
    }
}

/// A string that is not shown.
fn secret<'de, D: Deserializer<'de>>(reader: D) -> Result<Option<Secret>, D::Error> {
    let text = Option::<String>::deserialize(reader)?;
    Ok(text.filter(|text| !text.is_empty()).map(Secret::new))
}

/// The platform writes empty lists and maps as `null` here and there.
pub(super) fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    reader: D,
) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(reader)?.unwrap_or_default())
}

impl E2b {
    /// Makes a sandbox and waits until it runs. It is never asked for twice: after an error that leaves
    /// open whether it was made ([`Error::maybe_done`]), look for its metadata.
    pub async fn create_sandbox(&self, new: &NewSandbox) -> Result<Sandbox, Error> {
        let mut body = Map::new();
        body.insert("templateID".to_owned(), json!(new.template));
        if let Some(timeout) = new.timeout {
            body.insert("timeout".to_owned(), json!(timeout));
        }
        if !new.metadata.is_empty() {
            body.insert("metadata".to_owned(), json!(new.metadata));
        }
        if !new.env.is_empty() {
            let env = new.env.iter();
            let env: BTreeMap<&str, &str> = env
                .map(|(name, value)| (name.as_str(), value.expose()))
                .collect();
            body.insert("envVars".to_owned(), json!(env));
        }
        if new.secure {
            body.insert("secure".to_owned(), json!(true));
        }
        if new.auto_pause {
            body.insert("autoPause".to_owned(), json!(true));
        }
        let ask = Ask::post(
            "/sandboxes".to_owned(),
            Need::ApiKey,
            Some(Value::Object(body)),
        );
        self.read(Ask {
            expect: &[201],
            ..ask
        })
        .await
    }

    /// A sandbox that runs or is paused; `id` may have its client behind it.
    pub async fn get_sandbox(&self, id: &str) -> Result<SandboxInfo, Error> {
        let ask = || Ask::get(path(&["sandboxes", id]), Need::ApiKey);
        let first = Ask {
            repeat: Repeat::Once,
            ..ask()
        };
        let error = match self.read(first).await {
            Ok(found) => return Ok(found),
            Err(error) => error,
        };
        let passing = matches!(&error, Error::Refused(refusal) if refusal.status >= 500 || refusal.status == 429);
        let broken = matches!(&error, Error::Http { .. });
        if !passing && !broken {
            return Err(error);
        }
        // the seed's handler crashes over a paused one, which its list has
        let crashed = matches!(&error, Error::Refused(refusal) if refusal.status == 500 && refusal.message.is_empty());
        if crashed && self.profile().await? == Profile::Seed {
            let paused = ListSandboxes {
                states: vec!["paused".to_owned()],
                ..ListSandboxes::default()
            };
            let short = id.split('-').next().unwrap_or(id);
            let found = self.list_sandboxes(&paused).await?;
            if let Some(found) = found.into_iter().find(|one| one.id == short) {
                return Ok(found);
            }
        }
        self.read(ask()).await
    }

    /// Ends a sandbox, paused or not. `false`: there was none.
    pub async fn kill_sandbox(&self, id: &str) -> Result<bool, Error> {
        let ask = Ask {
            method: Method::DELETE,
            expect: &[200, 204],
            ..Ask::get(path(&["sandboxes", id]), Need::ApiKey)
        };
        match self.ask(ask).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paused_sandbox_without_metadata_is_read_and_its_token_is_not_shown() {
        let json = r#"{"templateID":"t","sandboxID":"i1","clientID":"00000000","startedAt":"a","endAt":"b",
            "cpuCount":2,"memoryMB":512,"state":"paused","metadata":null,"envdAccessToken":"hunter2"}"#;
        let info: SandboxInfo = serde_json::from_str(json).unwrap();
        assert_eq!(info.sandbox().full_id(), "i1-00000000");
        assert_eq!(info.envd_access_token.as_ref().unwrap().expose(), "hunter2");
        let shown = serde_json::to_value(&info).unwrap();
        assert_eq!(
            (&shown["id"], &shown["memory_mb"]),
            (&json!("i1"), &json!(512))
        );
        assert!(!shown.to_string().contains("hunter2"));
    }
}
