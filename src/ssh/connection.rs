//! One authenticated SSH connection, and the channels it may carry.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use russh::client::{Handle, Msg};
use russh::{Channel, ChannelOpenFailure, Disconnect};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio_util::task::TaskTracker;

use super::Error;
use super::handler::{Handler, LastWords, describe};

/// Pauses between packets that ask for nothing, while the first channel is opened.
const NUDGES: [Duration; 5] = [
    Duration::from_millis(1),
    Duration::from_millis(2),
    Duration::from_millis(4),
    Duration::from_millis(8),
    Duration::from_millis(16),
];

pub(super) struct Connection {
    handle: Handle<Handler>,
    hop: String,
    words: Arc<LastWords>,
    /// One permit for each session channel the server is believed to allow.
    slots: Arc<Semaphore>,
    capacity: AtomicUsize,
    opening: AtomicUsize,
    retired: AtomicBool,
    served: AtomicBool,
    /// A packet that asks for nothing is about to be sent.
    nudging: AtomicBool,
    open_timeout: Duration,
    tracker: TaskTracker,
    /// The connection this one runs in. russh ends a connection with its last handle.
    _outer: Option<Arc<Connection>>,
}

/// What a connection is made of, once it is authenticated.
pub(super) struct Parts {
    pub handle: Handle<Handler>,
    pub hop: String,
    pub words: Arc<LastWords>,
    pub slots: usize,
    pub open_timeout: Duration,
    pub tracker: TaskTracker,
    pub outer: Option<Arc<Connection>>,
}

/// The right to one session channel on a connection, or to all of them.
pub(super) struct Slot {
    pub connection: Arc<Connection>,
    permit: OwnedSemaphorePermit,
}

impl Slot {
    /// Gives one slot up for good: the server will not take another channel in its place.
    pub fn forfeit(mut self) {
        match self.permit.split(1) {
            Some(one) => one.forget(),
            None => return,
        }
        if self.connection.capacity.fetch_sub(1, Ordering::Relaxed) <= 1 {
            self.connection.retired.store(true, Ordering::Relaxed);
        }
    }
}

/// Why a channel did not open.
pub(super) enum OpenFailure {
    /// The server has no room for another session now, or will have none at all.
    Full(String),
    /// The connection was dead before anything was asked of it.
    Dead(Error),
    /// Anything else.
    Other(Error),
}

impl Connection {
    pub fn new(parts: Parts) -> Self {
        Self {
            handle: parts.handle,
            hop: parts.hop,
            words: parts.words,
            slots: Arc::new(Semaphore::new(parts.slots)),
            capacity: AtomicUsize::new(parts.slots),
            opening: AtomicUsize::new(0),
            retired: AtomicBool::new(false),
            served: AtomicBool::new(false),
            nudging: AtomicBool::new(false),
            open_timeout: parts.open_timeout,
            tracker: parts.tracker,
            _outer: parts.outer,
        }
    }

    pub fn is_usable(&self) -> bool {
        !self.handle.is_closed() && !self.retired.load(Ordering::Relaxed)
    }

    /// It has carried a session before, or someone else is about to open one. When it is full then,
    /// it is full of ours.
    pub fn has_others(&self) -> bool {
        let free = self.slots.available_permits();
        let capacity = self.capacity.load(Ordering::Relaxed);
        self.served.load(Ordering::Relaxed) || capacity.saturating_sub(free) > 1
    }

    /// A free slot; with `alone`, only when no other is taken, and then nobody gets one beside it.
    pub fn try_slot(self: &Arc<Self>, alone: bool) -> Option<Slot> {
        let capacity = self.capacity.load(Ordering::Relaxed);
        let count = if alone { capacity } else { 1 };
        let slots = self.slots.clone();
        let permit = slots
            .try_acquire_many_owned(u32::try_from(count).ok()?)
            .ok()?;
        Some(Slot {
            connection: self.clone(),
            permit,
        })
    }

    /// Sends a packet that asks for nothing and is not waited for.
    ///
    /// A server holds a small packet back until its last one is acknowledged (Nagle, RFC 1122
    /// 4.2.3.4), and whoever stands in between holds the acknowledgement back for some 40 ms until
    /// something goes the other way (delayed ACK, 4.2.3.2). So something goes the other way.
    pub fn nudge(self: &Arc<Self>) {
        // one that is not under way yet does for all
        if self.nudging.swap(true, Ordering::Relaxed) {
            return;
        }
        let connection = self.clone();
        self.tracker.spawn(async move {
            connection.nudging.store(false, Ordering::Relaxed);
            // A connection that is gone has nothing to hold back.
            let _ = connection.handle.send_keepalive(false).await;
        });
    }

    /// What a caller is told when the connection ended under it.
    pub fn lost(&self, started: bool) -> Error {
        let reason = self.words.reason();
        Error::ConnectionLost {
            hop: self.hop.clone(),
            reason: reason
                .unwrap_or("the server closed the connection")
                .to_owned(),
            started,
        }
    }

    /// Waits until it has ended.
    pub async fn ended(&self) {
        self.words.ended().await;
    }

    /// Opens a session channel. When the caller goes away meanwhile, the channel is closed.
    pub async fn open_session(self: &Arc<Self>) -> Result<Channel<Msg>, OpenFailure> {
        match self.clone().open(Wanted::Session).await {
            Ok(channel) => {
                self.served.store(true, Ordering::Relaxed);
                Ok(channel)
            }
            Err(Failed::Refused(reason, said)) => Err(OpenFailure::Full(
                said.unwrap_or_else(|| reason.description().to_owned()),
            )),
            Err(Failed::Dead(error)) => Err(OpenFailure::Dead(error)),
            Err(Failed::Other(error)) => Err(OpenFailure::Other(error)),
        }
    }

    /// Opens a stream from the far end to `host` and `port`, as seen from there.
    pub async fn open_tunnel(
        self: &Arc<Self>,
        host: &str,
        port: u16,
    ) -> Result<Channel<Msg>, OpenFailure> {
        let wanted = Wanted::Tunnel(host.to_owned(), port);
        match self.clone().open(wanted).await {
            Ok(channel) => Ok(channel),
            Err(Failed::Refused(reason, said)) => Err(OpenFailure::Other(match reason {
                ChannelOpenFailure::ConnectFailed => Error::Connect {
                    hop: host.to_owned(),
                    address: format!("port {port}, from `{}`", self.hop),
                    reason: said
                        .unwrap_or_else(|| "it refused, or there is no way to it".to_owned()),
                },
                other => Error::Channel {
                    hop: self.hop.clone(),
                    what: format!("a stream to `{host}` port {port}"),
                    reason: said.unwrap_or_else(|| other.description().to_owned()),
                },
            })),
            Err(Failed::Dead(error)) => Err(OpenFailure::Dead(error)),
            Err(Failed::Other(error)) => Err(OpenFailure::Other(error)),
        }
    }

    /// Runs an open in a task of its own: a dropped open would leave a channel that nobody closes.
    async fn open(self: Arc<Self>, wanted: Wanted) -> Result<Channel<Msg>, Failed> {
        if !self.is_usable() {
            return Err(Failed::Dead(self.lost(false)));
        }
        let (tell, told) = oneshot::channel();
        let this = self.clone();
        self.tracker.spawn(async move {
            this.opening.fetch_add(1, Ordering::Relaxed);
            let opened =
                tokio::time::timeout(this.open_timeout, this.request_at_once(wanted)).await;
            let alone = this.opening.fetch_sub(1, Ordering::Relaxed) == 1;
            let result = this.judge_open(opened, alone);
            if let Err(Ok(unwanted)) = tell.send(result) {
                let _ = unwanted.close().await;
            }
        });
        match told.await {
            Ok(result) => result,
            Err(_) => Err(Failed::Dead(self.lost(false))),
        }
    }

    /// Behind a bastion, what the server says once it has let us in (its host keys, remarks on the
    /// key) holds the answer back: see [`Connection::nudge`]. How much that is, nobody tells.
    async fn request_at_once(&self, wanted: Wanted) -> Result<Channel<Msg>, russh::Error> {
        let nudges = async {
            self.words.greeted().await;
            for pause in NUDGES {
                tokio::time::sleep(pause).await;
                // A connection that is gone has nothing to hold back.
                let _ = self.handle.send_keepalive(false).await;
            }
            std::future::pending().await
        };
        tokio::select! {
            biased;
            opened = self.request(wanted) => opened,
            never = nudges => never,
        }
    }

    async fn request(&self, wanted: Wanted) -> Result<Channel<Msg>, russh::Error> {
        match wanted {
            Wanted::Session => self.handle.channel_open_session().await,
            Wanted::Tunnel(host, port) => {
                let port = u32::from(port);
                self.handle
                    .channel_open_direct_tcpip(host, port, "127.0.0.1", 0)
                    .await
            }
        }
    }

    fn judge_open(
        &self,
        opened: Result<Result<Channel<Msg>, russh::Error>, tokio::time::error::Elapsed>,
        alone: bool,
    ) -> Result<Channel<Msg>, Failed> {
        match opened {
            Ok(Ok(channel)) => Ok(channel),
            Ok(Err(russh::Error::ChannelOpenFailure(reason))) => {
                // The text comes without the channel's number, so with several opens under way it
                // might be another one's.
                let said = self.words.take_refusal().filter(|_| alone);
                Err(Failed::Refused(reason, said))
            }
            Ok(Err(
                russh::Error::SendError | russh::Error::Disconnect | russh::Error::RecvError,
            )) => Err(Failed::Dead(self.lost(false))),
            Ok(Err(error)) => Err(Failed::Other(Error::Channel {
                hop: self.hop.clone(),
                what: "a channel".to_owned(),
                reason: describe(&error),
            })),
            Err(_) => {
                // A server that does not even answer an open is not asked again.
                self.retired.store(true, Ordering::Relaxed);
                Err(Failed::Dead(Error::Timeout {
                    hop: self.hop.clone(),
                    phase: "opening a channel",
                    after: self.open_timeout,
                }))
            }
        }
    }

    /// Says goodbye; whatever still runs on the connection ends.
    pub async fn close(&self) {
        self.retired.store(true, Ordering::Relaxed);
        self.words.set_reason("it was closed at the end of the run");
        let goodbye = self
            .handle
            .disconnect(Disconnect::ByApplication, "done", "");
        let _ = tokio::time::timeout(Duration::from_secs(1), goodbye).await;
    }
}

enum Wanted {
    Session,
    Tunnel(String, u16),
}

enum Failed {
    Refused(ChannelOpenFailure, Option<String>),
    Dead(Error),
    Other(Error),
}
