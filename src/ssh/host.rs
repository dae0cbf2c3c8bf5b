//! A host of the run: commands on it, and streams from it.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use super::channel::SessionChannel;
use super::connection::{Connection, OpenFailure};
use super::exec::{Exec, Finished, OutputStream, Piece, Running, Sink};
use super::hop::Hop;
use super::read::Output;
use super::shared::Run;
use super::stats::{HostStats, Traffic};
use super::tunnel::Reader;
use super::{Answers, Class, Error, answers};
use crate::wire::{BoxStream, DialError, Dialer};

/// A host to run commands on. Cheap to clone; nothing is connected until something is asked of it.
#[derive(Clone)]
pub struct Host {
    run: Arc<Run>,
    hop: Arc<Hop>,
    name: Arc<str>,
    traffic: Arc<Traffic>,
}

impl Host {
    pub(super) fn new(run: Arc<Run>, hop: Arc<Hop>, name: &str) -> Self {
        Self {
            traffic: hop.traffic.clone(),
            name: name.into(),
            run,
            hop,
        }
    }

    /// The label people know it by.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The address it is reached at, as seen from the hop in front of it.
    pub fn address(&self) -> &str {
        &self.hop.place.host
    }

    /// The port of its SSH server.
    pub fn port(&self) -> u16 {
        self.hop.place.port
    }

    /// The user that is logged in there.
    pub fn user(&self) -> &str {
        &self.hop.place.credentials.user
    }

    /// What has been spent on it so far, by everyone who uses it in this run.
    pub fn stats(&self) -> HostStats {
        self.traffic.snapshot()
    }

    /// Who answers in its place.
    pub fn answers(&self) -> Option<&Arc<dyn Answers>> {
        self.run.options.answers.as_ref()
    }

    fn is_real(&self) -> bool {
        self.answers().is_none_or(|answers| answers.are_real())
    }

    /// Makes the connection now, so that a failure shows early.
    pub async fn connect(&self) -> Result<(), Error> {
        if let Some(answers) = self.answers().filter(|answers| !answers.are_real()) {
            return answers.connect(&self.name);
        }
        self.hop.connection(&self.run, Class::Control).await?;
        Ok(())
    }

    /// Makes the connection that carries streams, if there is none, and says how to wait for its end.
    pub async fn connect_streams(&self) -> Result<Carrier, Error> {
        if let Some(answers) = self.answers().filter(|answers| !answers.are_real()) {
            answers.connect(&self.name)?;
            return Ok(Carrier {
                run: self.run.clone(),
                connection: None,
            });
        }
        let connection = self.hop.connection(&self.run, Class::Tunnel).await?;
        Ok(Carrier {
            run: self.run.clone(),
            connection: Some(connection),
        })
    }

    /// Runs a command to its end. A non-zero exit code is not an error here.
    ///
    /// Dropping the future stops the command: it gets `TERM`, end-of-file, a second later `KILL`, and
    /// its channel is closed. A server that runs its sessions as root delivers no signals; there a
    /// command ends with its input or its next output, or runs on.
    pub async fn exec(&self, exec: Exec) -> Result<Finished, Error> {
        match self.answers() {
            Some(answers) => answers::exec(answers, self, exec).await,
            None => self.exec_there(exec).await,
        }
    }

    /// Runs a command on the host itself.
    pub(super) async fn exec_there(&self, exec: Exec) -> Result<Finished, Error> {
        let this = self.clone();
        // A task of its own, so that output is taken even while nobody polls the caller.
        let task = self.run.tracker.spawn(async move {
            let running = this.start(exec.class, false).await?;
            running.finish(exec, None).await
        });
        AbortOnDropHandle::new(task)
            .await
            .unwrap_or_else(|_| Err(self.broke_off()))
    }

    /// Runs a command whose standard output is read as a stream, in bounded memory: the far end is
    /// slowed down to the reader's pace. It has a bulk connection to itself, since that is the only
    /// way to slow one channel down.
    pub async fn exec_read(&self, exec: Exec) -> Result<Output, Error> {
        if !self.is_real() {
            return Err(answers::not_there(self, &exec.command));
        }
        let running = self.start(Class::Bulk, true).await?;
        Ok(Output::new(
            running,
            exec,
            &self.run.tracker,
            self.broke_off(),
        ))
    }

    /// Runs a command like [`Host::exec`], both of whose outputs go to `pieces` as they come: while
    /// there is no room, the far end waits. It has a bulk connection to itself for the same reason as
    /// [`Host::exec_read`]; who takes the pieces may ask other things of the host meanwhile.
    pub async fn exec_into(
        &self,
        exec: Exec,
        pieces: mpsc::Sender<Piece>,
    ) -> Result<Finished, Error> {
        if let Some(answers) = self.answers() {
            let finished = answers::exec(answers, self, exec).await?;
            for (from, bytes) in [
                (OutputStream::Stdout, &finished.stdout),
                (OutputStream::Stderr, &finished.stderr),
            ] {
                // Who takes no more has what it wanted.
                let _ = pieces.send((from, Bytes::copy_from_slice(bytes))).await;
            }
            return Ok(finished);
        }
        let this = self.clone();
        let task = self.run.tracker.spawn(async move {
            let running = this.start(Class::Bulk, true).await?;
            running.finish(exec, Some(Sink::Both(pieces))).await
        });
        AbortOnDropHandle::new(task)
            .await
            .unwrap_or_else(|_| Err(self.broke_off()))
    }

    async fn start(&self, class: Class, alone: bool) -> Result<Running, Error> {
        let (channel, connection) = self.session(class, alone).await?;
        Ok(Running {
            channel,
            connection,
            hop: self.name.to_string(),
            traffic: self.traffic.clone(),
        })
    }

    fn broke_off(&self) -> Error {
        Error::ConnectionLost {
            hop: self.name.to_string(),
            reason: "the operation broke off".to_owned(),
            started: true,
        }
    }

    /// Opens a session channel, waiting for room and replacing a dead connection once. Nothing has
    /// been run when this fails.
    async fn session(
        &self,
        class: Class,
        alone: bool,
    ) -> Result<(SessionChannel, Arc<Connection>), Error> {
        let mut again = true;
        loop {
            let lease = self.hop.lease(&self.run, class, alone).await?;
            let Some(connection) = lease.connection().cloned() else {
                return Err(self.broke_off());
            };
            Traffic::count(&self.traffic.round_trips);
            match connection.open_session().await {
                Ok(channel) => {
                    Traffic::count(&self.traffic.sessions);
                    let tracker = self.run.tracker.clone();
                    return Ok((SessionChannel::new(lease, channel, tracker), connection));
                }
                Err(OpenFailure::Dead(_)) if again => again = false,
                // The server takes fewer than we thought; those that are open count.
                Err(OpenFailure::Full(_)) if connection.has_others() => lease.forfeit(),
                Err(OpenFailure::Full(reason)) => {
                    return Err(Error::Channel {
                        hop: self.name.to_string(),
                        what: "a session".to_owned(),
                        reason,
                    });
                }
                Err(OpenFailure::Dead(error) | OpenFailure::Other(error)) => return Err(error),
            }
        }
    }

    /// Opens streams that start at this host.
    pub fn dialer(&self) -> HostDialer {
        HostDialer { host: self.clone() }
    }

    /// A stream from this host to `host` and `port`, resolved there.
    pub async fn dial(&self, host: &str, port: u16) -> Result<BoxStream, Error> {
        super::name::check_host(host)?;
        if !self.is_real() {
            return Err(answers::not_there(
                self,
                &format!("a stream to {host}:{port}"),
            ));
        }
        let tunnel = self
            .hop
            .tunnel(
                &self.run,
                Class::Tunnel,
                host,
                port,
                vec![self.traffic.clone()],
                Reader::Other,
            )
            .await?;
        Ok(Box::new(tunnel))
    }
}

/// A connection that carries streams.
pub struct Carrier {
    run: Arc<Run>,
    /// None where answers stand in for the host: nothing is lost then.
    connection: Option<Arc<Connection>>,
}

impl Carrier {
    /// Waits until it is lost, and says how; `None`: the run ends, and its connections with it.
    pub async fn lost(self) -> Option<Error> {
        let connection = self.connection?;
        connection.ended().await;
        (!self.run.is_closed()).then(|| connection.lost(false))
    }
}

/// The [`Dialer`] of a [`Host`].
#[derive(Clone)]
pub struct HostDialer {
    host: Host,
}

impl Dialer for HostDialer {
    fn dial<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, Result<BoxStream, DialError>> {
        Box::pin(async move {
            let opened = self.host.dial(host, port).await;
            opened.map_err(|error| DialError::Tunnel {
                host: host.to_owned(),
                port,
                source: Arc::new(error),
            })
        })
    }
}
