//! Teams, and the keys of one.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::json;

use crate::http::Method;
use crate::secret::Secret;

use super::access::Need;
use super::api::{Ask, path};
use super::link::Repeat;
use super::{E2b, Error};

/// A team of the user whose access token is shown.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all(deserialize = "camelCase"))]
pub struct Team {
    #[serde(rename(deserialize = "teamID"))]
    pub id: String,
    pub name: String,
    pub is_default: bool,
    #[serde(deserialize_with = "secret", skip_serializing)]
    pub api_key: Secret,
}

/// A key of a team, without the key itself.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all(deserialize = "camelCase"))]
pub struct ApiKey {
    pub id: String,
    pub name: String,
    pub created_at: String,
    #[serde(default)]
    pub last_used: Option<String>,
    pub mask: Mask,
    /// Only where it has just been made: nobody can read it again.
    #[serde(default, deserialize_with = "maybe_secret", skip_serializing)]
    pub key: Option<Secret>,
}

/// What is shown instead of a key.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all(deserialize = "camelCase"))]
pub struct Mask {
    pub prefix: String,
    pub masked_value_prefix: String,
    pub masked_value_suffix: String,
}

fn secret<'de, D: Deserializer<'de>>(reader: D) -> Result<Secret, D::Error> {
    Ok(Secret::new(String::deserialize(reader)?))
}

fn maybe_secret<'de, D: Deserializer<'de>>(reader: D) -> Result<Option<Secret>, D::Error> {
    Ok(Option::<String>::deserialize(reader)?.map(Secret::new))
}

impl E2b {
    /// The user's teams. Every call of the seed's makes another API key for each, which it shows: so it
    /// is not sent twice.
    pub async fn list_teams(&self) -> Result<Vec<Team>, Error> {
        let ask = Ask {
            repeat: Repeat::Never,
            ..Ask::get("/teams".to_owned(), Need::AccessToken)
        };
        self.read(ask).await
    }

    /// The team's keys.
    pub async fn list_api_keys(&self) -> Result<Vec<ApiKey>, Error> {
        self.read(Ask::get("/api-keys".to_owned(), Need::Session))
            .await
    }

    /// Makes a key; the answer is the only place that has it.
    pub async fn create_api_key(&self, name: &str) -> Result<ApiKey, Error> {
        let ask = Ask::post(
            "/api-keys".to_owned(),
            Need::Session,
            Some(json!({ "name": name })),
        );
        self.read(Ask {
            expect: &[201],
            ..ask
        })
        .await
    }

    /// Gives a key another name.
    pub async fn rename_api_key(&self, id: &str, name: &str) -> Result<(), Error> {
        let ask = Ask {
            method: Method::PATCH,
            expect: &[200, 202, 204],
            body: Some(json!({ "name": name })),
            ..Ask::get(path(&["api-keys", id]), Need::Session)
        };
        self.ask(ask).await.map(drop)
    }

    /// Takes a key back. `false`: there was none.
    pub async fn delete_api_key(&self, id: &str) -> Result<bool, Error> {
        let ask = Ask {
            method: Method::DELETE,
            expect: &[204],
            ..Ask::get(path(&["api-keys", id]), Need::Session)
        };
        match self.ask(ask).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(error),
        }
    }
}
