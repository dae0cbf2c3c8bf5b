//! A session channel that closes itself, and stops what runs on it, when it is let go.

use std::time::Duration;

use russh::client::Msg;
use russh::{Channel, ChannelMsg, ChannelReadHalf, ChannelWriteHalf, Sig};
use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;

use super::hop::Lease;

/// How long an abandoned command has to end after it was told to.
const GRACE: Duration = Duration::from_secs(1);

/// The guard. russh sends nothing when a channel is dropped, and a server keeps the session (one of
/// `MaxSessions`) until its process has ended, so both are seen to here.
pub(super) struct SessionChannel {
    parts: Option<Parts>,
    tracker: TaskTracker,
    /// The guard may be dropped on a thread that is not the runtime's.
    runtime: Handle,
}

struct Parts {
    lease: Lease,
    inbox: Inbox,
    write: ChannelWriteHalf<Msg>,
}

/// The messages of the channel, and what they said about its state.
pub(super) struct Inbox {
    read: ChannelReadHalf,
    /// A command was asked for and its end has not been heard of.
    running: bool,
    /// The server has closed its side, or is gone.
    closed: bool,
}

impl Inbox {
    /// The next message; `None` when the connection is gone.
    pub async fn next(&mut self) -> Option<ChannelMsg> {
        let message = self.read.wait().await;
        self.note(message.as_ref());
        message
    }

    fn note(&mut self, message: Option<&ChannelMsg>) {
        match message {
            Some(ChannelMsg::ExitStatus { .. } | ChannelMsg::ExitSignal { .. }) => {
                self.running = false;
            }
            Some(ChannelMsg::Close) | None => {
                self.running = false;
                self.closed = true;
            }
            Some(_) => {}
        }
    }

    /// From here on, letting go means stopping the command first.
    pub fn set_running(&mut self) {
        self.running = true;
    }
}

impl SessionChannel {
    pub fn new(lease: Lease, channel: Channel<Msg>, tracker: TaskTracker) -> Self {
        let (read, write) = channel.split();
        let inbox = Inbox {
            read,
            running: false,
            closed: false,
        };
        Self {
            parts: Some(Parts {
                lease,
                inbox,
                write,
            }),
            tracker,
            runtime: Handle::current(),
        }
    }

    /// Both directions, for use at the same time. `None` only after the guard has let go.
    pub fn split(&mut self) -> Option<(&mut Inbox, &ChannelWriteHalf<Msg>)> {
        let parts = self.parts.as_mut()?;
        Some((&mut parts.inbox, &parts.write))
    }
}

impl Parts {
    async fn stop(mut self) {
        if self.inbox.running {
            let _ = self.write.signal(Sig::TERM).await;
            let _ = self.write.eof().await;
            // The rest of the output is thrown away, but taken: a channel that nobody reads would
            // hold up all others of the connection.
            let drain = async { while self.inbox.running && self.inbox.next().await.is_some() {} };
            if tokio::time::timeout(GRACE, drain).await.is_err() {
                let _ = self.write.signal(Sig::KILL).await;
                let _ = self.write.close().await;
                // Its process may live on, and then the server still counts its session.
                self.lease.forfeit();
                return;
            }
        }
        if !self.inbox.closed {
            let _ = self.write.close().await;
        }
    }
}

impl Drop for SessionChannel {
    fn drop(&mut self) {
        if let Some(parts) = self.parts.take().filter(|parts| !parts.inbox.closed) {
            self.tracker.spawn_on(parts.stop(), &self.runtime);
        }
    }
}
