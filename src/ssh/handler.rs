//! What one connection answers when the server calls: host keys are judged, nothing is accepted.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use russh::client::{self, ChannelOpenHandle, DisconnectReason, Msg, Session};
use russh::keys::{PublicKey, PublicKeyOrCertificate};
use russh::{Channel, ChannelId, ChannelOpenFailure, Names};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::Class;
use super::algorithms;
use super::gate::Gate;
use super::known_hosts::{HostKeyProblem, Known};

/// Why a handshake or a connection ended.
#[derive(Debug)]
pub(super) enum Failure {
    /// The protocol or the stream under it failed.
    Protocol(russh::Error),
    /// The host key was not believed.
    HostKey(Box<HostKeyProblem>),
    /// Only a combination that a middleman could tamper with was left.
    Weak,
}

impl From<russh::Error> for Failure {
    fn from(error: russh::Error) -> Self {
        Self::Protocol(error)
    }
}

/// What outlives the handler: the last words of a connection.
#[derive(Debug, Default)]
pub(super) struct LastWords {
    reason: OnceLock<String>,
    ended: CancellationToken,
    refusals: Mutex<VecDeque<String>>,
    greeted: Notify,
}

impl LastWords {
    /// Why the connection ended, once it has.
    pub fn reason(&self) -> Option<&str> {
        self.reason.get().map(String::as_str)
    }

    /// Notes why we ended it ourselves; the first reason stays.
    pub fn set_reason(&self, reason: impl Into<String>) {
        self.reason.get_or_init(|| reason.into());
    }

    /// Waits until the connection has ended, however it did.
    pub async fn ended(&self) {
        self.ended.cancelled().await;
    }

    /// Waits until the server has let us in and has begun to say what it says then; once for each time
    /// that it is worth a packet more.
    pub async fn greeted(&self) {
        self.greeted.notified().await;
    }

    /// The text of the oldest refused channel that nobody asked about yet.
    pub fn take_refusal(&self) -> Option<String> {
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        refusals.pop_front()
    }
}

/// So many that start at once keep a bastion busy: a packet that spares one of them a wait costs the
/// others more than it brings.
const CROWD: usize = 8;

pub(super) struct Handler {
    known: Arc<Known>,
    words: Arc<LastWords>,
    /// What starts through the same bastion; none without one.
    bastion: Option<Arc<Gate>>,
    /// What its channels are for.
    class: Class,
}

impl Handler {
    pub fn new(
        known: Arc<Known>,
        words: Arc<LastWords>,
        bastion: Option<Arc<Gate>>,
        class: Class,
    ) -> Self {
        Self {
            known,
            words,
            bastion,
            class,
        }
    }

    /// The end of one stream would hold back the beginning of the next; see [`Connection::nudge`].
    ///
    /// [`Connection::nudge`]: super::connection::Connection::nudge
    fn stream_ended(&self, session: &mut Session) -> Result<(), Failure> {
        match self.class {
            Class::Tunnel => Ok(session.send_keepalive(false)?),
            Class::Control | Class::Bulk => Ok(()),
        }
    }
}

/// russh lets go of it when the connection ends.
impl Drop for Handler {
    fn drop(&mut self) {
        self.words.ended.cancel();
    }
}

impl client::Handler for Handler {
    type Error = Failure;

    async fn check_server_key(
        &mut self,
        presented: &PublicKeyOrCertificate,
    ) -> Result<bool, Failure> {
        match self.known.judge(presented) {
            Ok(()) => Ok(true),
            Err(problem) => Err(Failure::HostKey(problem)),
        }
    }

    async fn kex_done(
        &mut self,
        _shared_secret: Option<&[u8]>,
        names: &Names,
        _session: &mut Session,
    ) -> Result<(), Failure> {
        if algorithms::is_weak(names) {
            return Err(Failure::Weak);
        }
        Ok(())
    }

    /// OpenSSH sends this once it has let us in, before it answers what was asked meanwhile: behind a
    /// bastion, that answer is held back for want of a packet the other way; see [`Connection::nudge`].
    ///
    /// [`Connection::nudge`]: super::connection::Connection::nudge
    async fn openssh_ext_host_keys_announced(
        &mut self,
        _keys: Vec<PublicKey>,
        session: &mut Session,
    ) -> Result<(), Failure> {
        match &self.bastion {
            Some(starts) if starts.running() < CROWD => {
                self.words.greeted.notify_one();
                Ok(session.send_keepalive(false)?)
            }
            _ => Ok(()),
        }
    }

    async fn channel_eof(&mut self, _: ChannelId, session: &mut Session) -> Result<(), Failure> {
        self.stream_ended(session)
    }

    async fn channel_close(&mut self, _: ChannelId, session: &mut Session) -> Result<(), Failure> {
        self.stream_ended(session)
    }

    async fn channel_open_failure(
        &mut self,
        _channel: ChannelId,
        _reason: ChannelOpenFailure,
        description: &str,
        _language: &str,
        _session: &mut Session,
    ) -> Result<(), Failure> {
        let refusals = &self.words.refusals;
        let mut refusals = refusals.lock().unwrap_or_else(PoisonError::into_inner);
        refusals.truncate(64);
        refusals.push_back(description.chars().take(200).collect());
        Ok(())
    }

    async fn disconnected(&mut self, reason: DisconnectReason<Failure>) -> Result<(), Failure> {
        match reason {
            DisconnectReason::ReceivedDisconnect(info) => {
                self.words
                    .set_reason(format!("the server said: {}", info.message));
                Ok(())
            }
            DisconnectReason::Error(failure) => {
                self.words.set_reason(match &failure {
                    Failure::Protocol(error) => describe(error),
                    Failure::HostKey(problem) => problem.to_string(),
                    Failure::Weak => "weak algorithms".to_owned(),
                });
                Err(failure)
            }
        }
    }

    // russh accepts what a server opens unless told otherwise. We asked for no forwarding of any
    // kind, so whatever comes is refused, which dropping the handle does.

    async fn server_channel_open_forwarded_tcpip(
        &mut self,
        _channel: Channel<Msg>,
        _connected_address: &str,
        _connected_port: u32,
        _originator_address: &str,
        _originator_port: u32,
        _reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Failure> {
        Ok(())
    }

    async fn server_channel_open_forwarded_streamlocal(
        &mut self,
        _channel: Channel<Msg>,
        _socket_path: &str,
        _reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Failure> {
        Ok(())
    }

    async fn server_channel_open_agent_forward(
        &mut self,
        _channel: Channel<Msg>,
        _reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Failure> {
        Ok(())
    }

    async fn server_channel_open_session(
        &mut self,
        _channel: Channel<Msg>,
        _reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Failure> {
        Ok(())
    }

    async fn server_channel_open_direct_tcpip(
        &mut self,
        _channel: Channel<Msg>,
        _host_to_connect: &str,
        _port_to_connect: u32,
        _originator_address: &str,
        _originator_port: u32,
        _reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Failure> {
        Ok(())
    }

    async fn server_channel_open_direct_streamlocal(
        &mut self,
        _channel: Channel<Msg>,
        _socket_path: &str,
        _reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Failure> {
        Ok(())
    }

    async fn server_channel_open_x11(
        &mut self,
        _channel: Channel<Msg>,
        _originator_address: &str,
        _originator_port: u32,
        _reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Failure> {
        Ok(())
    }
}

/// A protocol error in words for people.
pub(super) fn describe(error: &russh::Error) -> String {
    use russh::Error as E;
    match error {
        E::Disconnect | E::HUP => "the server closed the connection".to_owned(),
        E::IO(error) => match error.kind() {
            std::io::ErrorKind::UnexpectedEof => "the server closed the connection".to_owned(),
            _ => error.to_string(),
        },
        E::KeepaliveTimeout => "the server no longer answers".to_owned(),
        E::Version => "it does not speak SSH 2".to_owned(),
        E::NoCommonAlgo { kind, theirs, .. } => format!(
            "it offers no {} algorithm that is safe enough (it has {})",
            format!("{kind:?}").to_lowercase(),
            theirs.join(", ")
        ),
        E::WrongServerSig => "it could not prove that it has its host key".to_owned(),
        E::Inconsistent => "it does not keep to the protocol".to_owned(),
        E::PacketAuth | E::DecryptionError => "its packets were damaged on the way".to_owned(),
        other => other.to_string(),
    }
}
