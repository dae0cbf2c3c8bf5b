//! Sessions: who is still there, and what may be held as a lock meanwhile.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Consul;
use super::kv::{Change, key_path};
use crate::hashi::{Error, Watch};
use crate::http::{Method, percent_encode};

/// A session.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default, rename_all(deserialize = "PascalCase"))]
pub struct Session {
    #[serde(rename(deserialize = "ID"))]
    pub id: String,
    pub name: String,
    pub node: String,
    /// As Consul writes it: `30s`; empty for none.
    #[serde(rename(deserialize = "TTL"))]
    pub ttl: String,
    /// What becomes of its locks when it ends: `release` or `delete`.
    pub behavior: String,
}

/// How a session is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionOptions {
    /// What people see.
    pub name: String,
    /// It ends by itself when it is not renewed for so long (up to twice that); Consul takes 10 s
    /// to 24 h. `None` keeps it for as long as its node is there.
    pub ttl: Option<Duration>,
    /// What it holds is removed when it ends, not only given back.
    pub delete: bool,
    /// How long nobody may take its locks after it was lost.
    pub lock_delay: Duration,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Holder {
    #[serde(default)]
    session: String,
}

impl Consul {
    /// Makes a session, and gives its id.
    pub async fn create_session(&self, options: &SessionOptions) -> Result<String, Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "UPPERCASE")]
        struct Created {
            id: String,
        }
        let mut body = json!({
            "Name": options.name,
            "Behavior": if options.delete { "delete" } else { "release" },
            "LockDelay": format!("{}ms", options.lock_delay.as_millis()),
        });
        if let (Some(ttl), Some(fields)) = (options.ttl, body.as_object_mut()) {
            fields.insert("TTL".to_owned(), Value::from(format!("{}s", ttl.as_secs())));
        }
        let path = "/v1/session/create";
        let created: Created = self.api.send(Method::PUT, path, &[], &body).await?;
        Ok(created.id)
    }

    /// Keeps a session for another while; `false` when it is gone.
    pub async fn renew_session(&self, id: &str) -> Result<bool, Error> {
        let path = format!("/v1/session/renew/{}", percent_encode(id));
        match self.api.call(Method::PUT, &path, &[], None).await {
            Ok(_) => Ok(true),
            Err(Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Ends a session; one that is gone is no error.
    pub async fn destroy_session(&self, id: &str) -> Result<(), Error> {
        let path = format!("/v1/session/destroy/{}", percent_encode(id));
        self.api.call(Method::PUT, &path, &[], None).await?;
        Ok(())
    }

    /// All sessions.
    pub async fn list_sessions(&self) -> Result<Vec<Session>, Error> {
        self.api.get("/v1/session/list", &[]).await
    }

    /// Takes a key as a lock for a session, waiting by blocking queries while another holds it;
    /// whether it was had within the time.
    pub async fn acquire(
        &self,
        key: &str,
        value: &[u8],
        session: &str,
        timeout: Duration,
    ) -> Result<bool, Error> {
        let change = Change {
            acquire: Some(session.to_owned()),
            ..Change::default()
        };
        let end = Instant::now() + timeout;
        let mut watch = Watch::<Vec<Holder>>::new(&self.api, key_path(key), Vec::new());
        loop {
            if self.kv_put(key, value.to_vec(), &change).await? {
                return Ok(true);
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(false);
            }
            match tokio::time::timeout(left, watch.next()).await {
                Err(_) => return Ok(false),
                Ok(Err(Error::NotFound { .. })) => tokio::time::sleep(AGAIN.min(left)).await,
                Ok(holders) => {
                    // free, and still not to be had: Consul's delay after a lock was lost
                    if holders?.iter().all(|holder| holder.session.is_empty()) {
                        tokio::time::sleep(AGAIN.min(left)).await;
                    }
                }
            }
        }
    }

    /// Gives a lock back; `false` when the session does not hold it any more.
    pub async fn release(&self, key: &str, session: &str) -> Result<bool, Error> {
        let Some(entry) = self.kv_get(key).await? else {
            return Ok(false);
        };
        if entry.session != session {
            return Ok(false);
        }
        let change = Change {
            release: Some(session.to_owned()),
            ..Change::default()
        };
        self.kv_put(key, entry.value, &change).await
    }
}

/// The pause between two attempts at a lock that is free and under its delay.
const AGAIN: Duration = Duration::from_millis(500);
