//! One connection: how it comes up, who drives it, how it is told to stop.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::mpsc;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{AsyncMessage, CancelToken, Client, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_util::task::AbortOnDropHandle;

use super::{Config, Error};
use crate::wire::{BoxFuture, BoxStream, DialError, Dialer};

/// A message of `NOTIFY`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    pub channel: String,
    pub payload: String,
    /// The session that sent it.
    pub pid: i32,
}

/// A session that holds a lock somebody waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocker {
    pub pid: i32,
    /// Its role and program, as far as the server tells.
    pub who: String,
    /// Its last statement; empty where the role may not see it.
    pub query: String,
}

impl fmt::Display for Blocker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pid {} ({})", self.pid, self.who)?;
        if !self.query.is_empty() {
            write!(f, ", `{}`,", self.query)?;
        }
        Ok(())
    }
}

/// A connection that is up.
pub(super) struct Connection {
    pub client: Client,
    pub server: Arc<str>,
    /// Operations that were begun and have not ended: nobody else may use the connection.
    busy: AtomicUsize,
    /// The server's number of the session, where it was asked for.
    pid: OnceLock<i32>,
    /// A transaction is open, or a channel is heard: not as new.
    pub taken: AtomicBool,
    ended: Arc<Mutex<Option<String>>>,
    pub notifications: mpsc::UnboundedReceiver<Notification>,
    _driver: AbortOnDropHandle<()>,
}

/// A dialled stream under a name of its own: the compiler proves nothing about tasks that hold
/// another library's generic over a boxed trait.
struct Wire(BoxStream);

type Connector = <MakeRustlsConnect as MakeTlsConnect<Wire>>::TlsConnect;

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// How connections are made: the same way for each, and for telling the server to stop.
pub(super) struct Maker {
    pub config: Config,
    pub dialer: Arc<dyn Dialer>,
    pub server: Arc<str>,
    pub tls: Option<MakeRustlsConnect>,
}

impl Maker {
    pub async fn connect(&self) -> Result<Connection, Error> {
        let limit = self.config.connect_timeout;
        match tokio::time::timeout(limit, self.attempt()).await {
            Ok(done) => done,
            Err(_) => Err(Error::ConnectTimeout {
                server: self.server.to_string(),
                after: limit,
            }),
        }
    }

    async fn attempt(&self) -> Result<Connection, Error> {
        let stream = self.dial().await.map_err(|source| Error::Dial {
            server: self.server.to_string(),
            source,
        })?;
        let config = self.library_config();
        let failed = |error| Error::of_connect(&self.server, &error);
        match &self.tls {
            Some(tls) => {
                let tls = self.connector(tls);
                let (client, driver) = config.connect_raw(stream, tls).await.map_err(failed)?;
                Ok(self.drive(client, driver))
            }
            None => {
                let (client, driver) = config.connect_raw(stream, NoTls).await.map_err(failed)?;
                Ok(self.drive(client, driver))
            }
        }
    }

    async fn dial(&self) -> Result<Wire, DialError> {
        let dialed = self.dialer.dial(&self.config.host, self.config.port).await;
        dialed.map(Wire)
    }

    fn connector(&self, tls: &MakeRustlsConnect) -> Connector {
        let made = MakeTlsConnect::<Wire>::make_tls_connect(&mut tls.clone(), &self.config.host);
        match made {
            Ok(connector) => connector,
            Err(never) => match never {},
        }
    }

    fn library_config(&self) -> tokio_postgres::Config {
        let mut made = tokio_postgres::Config::new();
        made.user(&self.config.user)
            .dbname(&self.config.database)
            .application_name(&self.config.application_name)
            .options(self.config.options())
            .ssl_mode(match self.tls {
                Some(_) => tokio_postgres::config::SslMode::Require,
                None => tokio_postgres::config::SslMode::Disable,
            });
        if let Some(password) = &self.config.password {
            made.password(password.expose());
        }
        made
    }

    fn drive<S, T>(
        &self,
        client: Client,
        mut driver: tokio_postgres::Connection<S, T>,
    ) -> Connection
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
        T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (sender, notifications) = mpsc::unbounded_channel();
        let ended = Arc::new(Mutex::new(None));
        let noted = ended.clone();
        let driving = async move {
            loop {
                match poll_fn(|cx| driver.poll_message(cx)).await {
                    Some(Ok(AsyncMessage::Notification(message))) => {
                        let _ = sender.send(Notification {
                            channel: message.channel().to_owned(),
                            payload: message.payload().to_owned(),
                            pid: message.process_id(),
                        });
                    }
                    Some(Ok(AsyncMessage::Notice(notice))) => {
                        tracing::debug!("{}: {}", notice.severity(), notice.message());
                    }
                    Some(Ok(_)) => {}
                    Some(Err(error)) => {
                        let said = error
                            .as_db_error()
                            .map_or_else(|| error.to_string(), |said| said.message().to_owned());
                        *noted.lock().unwrap_or_else(PoisonError::into_inner) = Some(said);
                        return;
                    }
                    None => return,
                }
            }
        };
        Connection {
            client,
            server: self.server.clone(),
            busy: AtomicUsize::new(0),
            pid: OnceLock::new(),
            taken: AtomicBool::new(false),
            ended,
            notifications,
            _driver: AbortOnDropHandle::new(tokio::spawn(driving)),
        }
    }

    /// Asks the server to stop what a session is doing; it takes a connection of its own.
    pub fn cancel(self: Arc<Self>, token: CancelToken) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let Ok(stream) = self.dial().await else {
                return;
            };
            // a session that cannot be told ends by itself once its connection is gone
            let _ = match &self.tls {
                Some(tls) => token.cancel_query_raw(stream, self.connector(tls)).await,
                None => token.cancel_query_raw(stream, NoTls).await,
            };
        })
    }
}

impl Connection {
    /// Begins an operation: until [`Work`] is finished, the connection is nobody else's.
    pub fn begin(&self) -> Work<'_> {
        self.busy.fetch_add(1, Ordering::Relaxed);
        Work(&self.busy)
    }

    /// Whether an operation was abandoned in the middle.
    pub fn is_busy(&self) -> bool {
        self.busy.load(Ordering::Relaxed) > 0
    }

    /// Whether the next operation can have it as if it were new.
    pub fn is_clean(&self) -> bool {
        !self.is_busy() && !self.taken.load(Ordering::Relaxed) && !self.client.is_closed()
    }

    /// The session's number, once somebody noted it.
    pub fn pid(&self) -> Option<i32> {
        self.pid.get().copied()
    }

    pub fn note_pid(&self, pid: i32) {
        // a session keeps its number
        let _ = self.pid.set(pid);
    }

    /// Sorts an error of the statement `sql`.
    pub fn sort(&self, error: &tokio_postgres::Error, sql: &str) -> Error {
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        Error::of_statement(&self.server, error, sql, ended.clone())
    }

    /// The failure of a connection that has ended meanwhile.
    pub fn lost(&self) -> Error {
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        Error::Lost {
            server: self.server.to_string(),
            why: ended
                .clone()
                .unwrap_or_else(|| "the server hung up".to_owned()),
        }
    }
}

/// An operation in progress.
pub(super) struct Work<'a>(&'a AtomicUsize);

impl Work<'_> {
    /// The server has answered; the connection can take the next operation.
    pub fn done(self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
