//! The key-value store.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::Consul;
use crate::hashi::Error;
use crate::http::{Method, percent_encode};

/// A key and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub key: String,
    pub value: Vec<u8>,
    /// For [`Guard::Index`].
    pub index: u64,
    /// The session that holds it as a lock; empty for none.
    pub session: String,
}

/// What must hold for a change to be made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Guard {
    /// Nothing.
    #[default]
    None,
    /// The key is still at this index; 0 means that it does not exist.
    Index(u64),
}

impl Guard {
    fn query(self) -> Option<String> {
        match self {
            Guard::None => None,
            Guard::Index(index) => Some(index.to_string()),
        }
    }
}

/// How a key is set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    pub guard: Guard,
    /// Take the key as a lock for this session; it is set only if nobody else has it.
    pub acquire: Option<String>,
    /// Give the lock of this session back.
    pub release: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Raw {
    key: String,
    value: Option<String>,
    modify_index: u64,
    #[serde(default)]
    session: String,
}

impl Consul {
    /// The entry of a key; `None` when there is none.
    pub async fn kv_get(&self, key: &str) -> Result<Option<Entry>, Error> {
        let found: Option<Vec<Raw>> = self.api.find(&path(key), &[]).await?;
        let first = found.into_iter().flatten().next();
        first.map(|raw| self.entry(raw)).transpose()
    }

    /// The keys below a prefix, sorted.
    pub async fn kv_list(&self, prefix: &str) -> Result<Vec<String>, Error> {
        let keys: Option<Vec<String>> = self.api.find(&path(prefix), &[("keys", "true")]).await?;
        Ok(keys.unwrap_or_default())
    }

    /// Sets a key. `false` when the guard did not hold, and nothing was changed.
    pub async fn kv_put(&self, key: &str, value: Vec<u8>, change: &Change) -> Result<bool, Error> {
        let index = change.guard.query();
        let query = [
            ("cas", index.as_deref()),
            ("acquire", change.acquire.as_deref()),
            ("release", change.release.as_deref()),
        ];
        let query = query.into_iter();
        let query: Vec<(&str, &str)> = query
            .filter_map(|(name, value)| Some((name, value?)))
            .collect();
        let answer = self
            .api
            .call(Method::PUT, &path(key), &query, Some(value.into()))
            .await?;
        self.api.read(&answer)
    }

    /// Removes a key. `false` when the guard did not hold, and nothing was changed.
    pub async fn kv_delete(&self, key: &str, guard: Guard) -> Result<bool, Error> {
        let index = guard.query();
        let query = index.as_deref().map(|index| ("cas", index));
        let query: Vec<(&str, &str)> = query.into_iter().collect();
        let answer = self
            .api
            .call(Method::DELETE, &path(key), &query, None)
            .await?;
        self.api.read(&answer)
    }

    fn entry(&self, raw: Raw) -> Result<Entry, Error> {
        let value = STANDARD.decode(raw.value.unwrap_or_default());
        Ok(Entry {
            value: value.map_err(|error| Error::Shape {
                product: self.api.product(),
                request: path(&raw.key),
                why: error.to_string(),
            })?,
            key: raw.key,
            index: raw.modify_index,
            session: raw.session,
        })
    }
}

/// Where a key is, for those who watch it.
pub(super) fn key_path(key: &str) -> String {
    path(key)
}

/// Slashes part a key into folders and stay as they are.
fn path(key: &str) -> String {
    let parts: Vec<String> = key.split('/').map(percent_encode).collect();
    format!("/v1/kv/{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_keep_their_folders() {
        assert_eq!(path("a b/c?d"), "/v1/kv/a%20b/c%3Fd");
    }
}
