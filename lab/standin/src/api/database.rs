//! The platform's PostgreSQL: a few connections, kept, and made anew when the server has gone away.

use std::ops::Deref;
use std::str::FromStr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::answer::Answer;
use super::options::Profile;

/// How many connections there are at most.
const CONNECTIONS: usize = 8;

/// The pool. Clones share it.
#[derive(Debug, Clone)]
pub struct Database {
    url: Arc<str>,
    profile: Arc<OnceLock<Profile>>,
    idle: Arc<Mutex<Vec<Arc<Client>>>>,
    places: Arc<Semaphore>,
}

/// A connection, given back when it is dropped.
#[derive(Debug)]
pub struct Lease {
    client: Arc<Client>,
    idle: Arc<Mutex<Vec<Arc<Client>>>>,
    _place: OwnedSemaphorePermit,
}

/// Why the database could not be asked.
#[derive(Debug)]
pub struct Failure(String);

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Failure {
        let text = error
            .as_db_error()
            .map_or_else(|| error.to_string(), |error| error.message().to_owned());
        Failure(text)
    }
}

impl From<Failure> for Answer {
    fn from(failure: Failure) -> Answer {
        crate::say(&format!("database: {}", failure.0));
        Answer::problem(500, "Error when querying the database")
    }
}

impl From<tokio_postgres::Error> for Answer {
    fn from(error: tokio_postgres::Error) -> Answer {
        Failure::from(error).into()
    }
}

impl Database {
    /// The database at that connection string, of that generation or of the one that it shows itself to be.
    pub fn new(url: &str, profile: Option<Profile>) -> Database {
        let known = OnceLock::new();
        if let Some(profile) = profile {
            let _ = known.set(profile);
        }
        Database {
            url: url.into(),
            profile: Arc::new(known),
            idle: Arc::default(),
            places: Arc::new(Semaphore::new(CONNECTIONS)),
        }
    }

    /// The generation; the seed's as long as nobody knows.
    pub fn profile(&self) -> Profile {
        self.profile.get().copied().unwrap_or(Profile::Seed)
    }

    /// Looks which generation it is, unless that is known.
    pub async fn look(&self) {
        if self.profile.get().is_none()
            && let Err(failure) = self.get().await
        {
            crate::say(&format!("database: {}", failure.0));
        }
    }

    /// A connection.
    pub async fn get(&self) -> Result<Lease, Failure> {
        let place = self
            .places
            .clone()
            .acquire_owned()
            .await
            .map_err(|error| Failure(error.to_string()))?;
        let kept = loop {
            let kept = self
                .idle
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .pop();
            match kept {
                Some(client) if client.is_closed() => {}
                other => break other,
            }
        };
        let client = match kept {
            Some(client) => client,
            None => Arc::new(connect(&self.url).await?),
        };
        if self.profile.get().is_none() {
            self.recognise(&client).await?;
        }
        Ok(Lease {
            client,
            idle: self.idle.clone(),
            _place: place,
        })
    }

    async fn recognise(&self, client: &Client) -> Result<(), Failure> {
        let row = client
            .query_one(
                "SELECT to_regclass('public.env_build_assignments') IS NOT NULL, to_regclass('public.envs') IS NOT NULL",
                &[],
            )
            .await?;
        // a database that nobody has migrated yet is asked again
        if row.get(0) {
            let _ = self.profile.set(Profile::Upstream);
        } else if row.get(1) {
            let _ = self.profile.set(Profile::Seed);
        }
        Ok(())
    }
}

impl Deref for Lease {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if !self.client.is_closed() {
            self.idle
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(self.client.clone());
        }
    }
}

async fn connect(url: &str) -> Result<Client, Failure> {
    let (url, mode, authorities) = split(url);
    let mut config = Config::from_str(&url)?;
    config
        .connect_timeout(Duration::from_secs(5))
        .application_name("e2b-api")
        .options("-c statement_timeout=30s -c lock_timeout=20s");
    if mode == "disable" {
        config.ssl_mode(SslMode::Disable);
        let (client, connection) = config.connect(NoTls).await?;
        drop(tokio::spawn(connection));
        return Ok(client);
    }
    let tls = super::tls::config(&mode, authorities.as_deref()).map_err(Failure)?;
    config.ssl_mode(match mode.as_str() {
        "prefer" | "allow" => SslMode::Prefer,
        _ => SslMode::Require,
    });
    let (client, connection) = config.connect(MakeRustlsConnect::new(tls)).await?;
    drop(tokio::spawn(connection));
    Ok(client)
}

/// Takes `sslmode` and `sslrootcert` out of a connection string: the driver knows not all of libpq's words.
fn split(url: &str) -> (String, String, Option<String>) {
    let (mut mode, mut authorities) = ("prefer".to_owned(), None);
    let Some((base, query)) = url.split_once('?') else {
        return (url.to_owned(), mode, authorities);
    };
    let mut rest = Vec::new();
    for part in query.split('&').filter(|part| !part.is_empty()) {
        match part.split_once('=') {
            Some(("sslmode", value)) => value.clone_into(&mut mode),
            Some(("sslrootcert", value)) => authorities = super::query::unescape(value),
            _ => rest.push(part),
        }
    }
    let query = if rest.is_empty() {
        String::new()
    } else {
        format!("?{}", rest.join("&"))
    };
    (format!("{base}{query}"), mode, authorities)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libpqs_own_words_are_taken_out() {
        assert_eq!(
            split("postgresql://u:p@h:5432/d?sslmode=verify-full&x=1&sslrootcert=/a/ca.pem"),
            (
                "postgresql://u:p@h:5432/d?x=1".to_owned(),
                "verify-full".to_owned(),
                Some("/a/ca.pem".to_owned())
            )
        );
        assert_eq!(
            split("postgresql://u:p@h/d"),
            ("postgresql://u:p@h/d".to_owned(), "prefer".to_owned(), None)
        );
    }
}
