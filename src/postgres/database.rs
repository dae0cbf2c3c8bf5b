//! A database: connections that are lent out one operation at a time.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_util::task::TaskTracker;

use super::connection::{Connection, Maker};
use super::{Answers, Config, Error, Param, Said, tls};
use crate::wire::{BoxStream, Dialer};

/// Most connections that are kept for the next operation.
const KEPT: usize = 4;

/// A database on a server. Cheap to clone; nothing is connected until something is asked of it.
#[derive(Clone)]
pub struct Database {
    inner: Arc<Inner>,
}

struct Inner {
    maker: Arc<Maker>,
    idle: Mutex<Vec<Connection>>,
    /// What stands in for the server, if anything does.
    answers: Option<Arc<dyn Answers>>,
    tracker: TaskTracker,
}

impl Database {
    /// Connections are opened by the dialer, which also resolves the host's name; the certificate is
    /// judged on this machine.
    ///
    /// # Errors
    /// A certificate authority that cannot be read.
    pub fn new(config: Config, dialer: Arc<dyn Dialer>) -> Result<Database, Error> {
        Database::answered(config, dialer, None)
    }

    /// A database that is answered by `answers`, and by the server where they say so.
    ///
    /// # Errors
    /// As of [`Database::new`].
    pub fn answered(
        config: Config,
        dialer: Arc<dyn Dialer>,
        answers: Option<Arc<dyn Answers>>,
    ) -> Result<Database, Error> {
        let tls = match &answers {
            Some(answers) if !answers.are_real() => None,
            _ => tls::config(&config)?.map(MakeRustlsConnect::new),
        };
        let maker = Maker {
            server: config.shown().into(),
            tls,
            config,
            dialer,
        };
        Ok(Database {
            inner: Arc::new(Inner {
                maker: Arc::new(maker),
                idle: Mutex::default(),
                answers,
                tracker: TaskTracker::new(),
            }),
        })
    }

    /// Who answers in the server's place.
    pub(super) fn answers(&self) -> Option<&dyn Answers> {
        self.inner.answers.as_deref()
    }

    /// `admin@db.example:5432/postgres`.
    pub fn server(&self) -> &str {
        &self.inner.maker.server
    }

    /// How it is connected to.
    pub fn config(&self) -> &Config {
        &self.inner.maker.config
    }

    /// A connection for one operation, or for several that belong together. One that broke while it
    /// lay idle is replaced: nothing was sent over it.
    pub async fn lease(&self) -> Result<Lease, Error> {
        if self.answers().is_some_and(|answers| !answers.are_real()) {
            return Ok(Lease {
                connection: None,
                database: self.clone(),
                runtime: Handle::current(),
            });
        }
        loop {
            let idle = self.lock().pop();
            let connection = match idle {
                Some(connection) if connection.is_clean() => connection,
                Some(_) => continue,
                None => self.inner.maker.connect().await?,
            };
            return Ok(Lease {
                connection: Some(connection),
                database: self.clone(),
                runtime: Handle::current(),
            });
        }
    }

    /// A bare stream to the server, for somebody else who speaks to it.
    pub async fn stream(&self) -> Result<BoxStream, Error> {
        let config = self.config();
        let dialed = self.inner.maker.dialer.dial(&config.host, config.port);
        dialed.await.map_err(|source| Error::Dial {
            server: self.server().to_owned(),
            source,
        })
    }

    /// Ends the idle connections, and waits up to `limit` until what was abandoned has been told to
    /// stop.
    pub async fn close(&self, limit: Duration) {
        self.lock().clear();
        self.inner.tracker.close();
        let _ = tokio::time::timeout(limit, self.inner.tracker.wait()).await;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.inner
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// A borrowed connection; it goes back when this is dropped. One whose operation was abandoned does
/// not: the server is told to stop and the connection is closed, which also ends its transaction.
pub struct Lease {
    connection: Option<Connection>,
    database: Database,
    runtime: Handle,
}

impl Lease {
    /// Where it came from.
    pub fn database(&self) -> &Database {
        &self.database
    }

    pub(super) fn connection(&self) -> Result<&Connection, Error> {
        self.connection.as_ref().ok_or_else(gone)
    }

    /// What is answered in the server's place.
    pub(super) fn answer(&self, sql: &str, params: &[Param]) -> Option<Result<Said, Error>> {
        self.database.answers()?.answer(sql, params)
    }

    /// Lets an answer of the server be heard.
    pub(super) fn heard(&self, sql: &str, params: &[Param], said: impl FnOnce() -> Said) {
        if let Some(answers) = self.database.answers() {
            answers.heard(sql, params, &said());
        }
    }

    /// Remembers the server's number of this session.
    pub(super) fn note_pid(&self, pid: i32) {
        if let Some(connection) = &self.connection {
            connection.note_pid(pid);
        }
    }

    pub(super) fn connection_mut(&mut self) -> Result<&mut Connection, Error> {
        self.connection.as_mut().ok_or_else(gone)
    }
}

/// A lease has its connection until it is dropped; this is for the compiler.
fn gone() -> Error {
    Error::config("the connection was given back")
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else {
            return;
        };
        if connection.is_clean() {
            let mut idle = self.database.lock();
            if idle.len() < KEPT {
                idle.push(connection);
            }
            return;
        }
        if connection.is_busy() && !connection.client.is_closed() {
            let maker = self.database.inner.maker.clone();
            let token = connection.client.cancel_token();
            self.database.inner.tracker.spawn_on(
                async move {
                    maker.cancel(token).await;
                    drop(connection);
                },
                &self.runtime,
            );
        }
    }
}
