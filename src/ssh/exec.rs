//! One command on a host: what goes in, what comes out, how it ended.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::Stream;
use russh::client::Msg;
use russh::{ChannelMsg, ChannelWriteHalf};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

use super::capture::Capture;
use super::channel::{Inbox, SessionChannel};
use super::connection::Connection;
use super::stats::Traffic;
use super::{Asked, Class, Error};

/// How much of each stream is kept when nothing else is said.
pub const DEFAULT_CAPTURE: usize = 4 << 20;

/// A background process may hold the output open after its command has ended. Then this much
/// silence ends the wait, and this much time ends it whatever comes.
const QUIET: Duration = Duration::from_millis(500);
const LONGEST_DRAIN: Duration = Duration::from_secs(10);

/// Input is read and sent in pieces of this size.
const PIECE: usize = 256 * 1024;

/// Where a command's output came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// What a command reads. All but `None` end with end-of-file.
#[derive(Default)]
pub enum Stdin {
    /// Nothing: end-of-file at once.
    #[default]
    None,
    /// These bytes.
    Bytes(Bytes),
    /// What a reader gives.
    Reader(Pin<Box<dyn AsyncRead + Send>>),
    /// Pieces that are sent without being copied; the fastest way for large files.
    Chunks(Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>),
}

impl fmt::Debug for Stdin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The content may be a secret.
        f.write_str(match self {
            Self::None => "None",
            Self::Bytes(_) => "Bytes(..)",
            Self::Reader(_) => "Reader(..)",
            Self::Chunks(_) => "Chunks(..)",
        })
    }
}

/// Sees output as it arrives. It runs on the connection's way, so it must be quick.
pub type OnOutput = Arc<dyn Fn(OutputStream, &[u8]) + Send + Sync>;

/// A piece of output, and which of the two it is of.
pub type Piece = (OutputStream, Bytes);

/// Where output goes that a slow reader holds up.
pub(super) enum Sink {
    /// Standard output alone, of which nothing is kept.
    Stdout(mpsc::Sender<Bytes>),
    /// Both outputs, whose ends are kept as well.
    Both(mpsc::Sender<Piece>),
}

impl Sink {
    /// Waits for room. Where nobody takes it any more the command is about to be stopped.
    async fn send(&self, from: OutputStream, data: &Bytes) {
        match (self, from) {
            (Sink::Stdout(pieces), OutputStream::Stdout) => {
                let _ = pieces.send(data.clone()).await;
            }
            (Sink::Stdout(_), OutputStream::Stderr) => {}
            (Sink::Both(pieces), from) => {
                let _ = pieces.send((from, data.clone())).await;
            }
        }
    }
}

/// Told how many bytes of input have been sent so far.
pub type OnSent = Arc<dyn Fn(u64) + Send + Sync>;

/// A command to run.
pub struct Exec {
    /// The command line, quoted for the remote login shell.
    pub command: String,
    /// What it reads.
    pub stdin: Stdin,
    /// Which connection it takes; [`Class::Bulk`] for large input or output.
    pub class: Class,
    /// How many bytes of each output stream are kept, counted from the end.
    pub capture_limit: usize,
    /// Sees all output, kept or not.
    pub on_output: Option<OnOutput>,
    /// Told about progress of the input.
    pub on_sent: Option<OnSent>,
    /// What it is in words, where the command line is not; for those who answer in a host's place.
    pub asked: Option<Asked>,
    /// Runs it on a terminal; then both outputs are one, and it gets a hang-up when abandoned.
    pub pty: bool,
}

impl Exec {
    /// A command without input, on the control connection.
    pub fn new(command: impl Into<String>) -> Self {
        Self {
            command: command.into(),
            stdin: Stdin::None,
            class: Class::Control,
            capture_limit: DEFAULT_CAPTURE,
            on_output: None,
            on_sent: None,
            asked: None,
            pty: false,
        }
    }

    /// With input.
    pub fn stdin(mut self, stdin: Stdin) -> Self {
        self.stdin = stdin;
        self
    }

    /// Said in words.
    pub fn asked(mut self, asked: Asked) -> Self {
        self.asked = Some(asked);
        self
    }

    /// On the connection of another class.
    pub fn class(mut self, class: Class) -> Self {
        self.class = class;
        self
    }

    /// Keeping another amount of each output stream.
    pub fn capture_limit(mut self, bytes: usize) -> Self {
        self.capture_limit = bytes;
        self
    }

    /// With someone who sees output as it arrives.
    pub fn on_output(mut self, see: impl Fn(OutputStream, &[u8]) + Send + Sync + 'static) -> Self {
        self.on_output = Some(Arc::new(see));
        self
    }

    /// With someone who is told how much input has been sent.
    pub fn on_sent(mut self, tell: impl Fn(u64) + Send + Sync + 'static) -> Self {
        self.on_sent = Some(Arc::new(tell));
        self
    }
}

impl fmt::Debug for Exec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exec")
            .field("command", &self.command)
            .field("stdin", &self.stdin)
            .field("class", &self.class)
            .finish_non_exhaustive()
    }
}

/// How a command ended and the last of what it said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Finished {
    /// The exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it, without `SIG`.
    pub signal: Option<String>,
    /// The last bytes of standard output.
    pub stdout: Vec<u8>,
    /// The last bytes of standard error.
    pub stderr: Vec<u8>,
    /// How many bytes of standard output there were.
    pub stdout_total: u64,
    /// How many bytes of standard error there were.
    pub stderr_total: u64,
    /// Something the command started still holds its output open.
    pub left_running: bool,
}

impl Finished {
    /// Exit code zero.
    pub fn success(&self) -> bool {
        self.code == Some(0)
    }

    /// Whether the start of either output was dropped.
    pub fn is_truncated(&self) -> bool {
        self.stdout_total > self.stdout.len() as u64 || self.stderr_total > self.stderr.len() as u64
    }
}

/// A started command on its channel.
pub(super) struct Running {
    pub channel: SessionChannel,
    pub connection: Arc<Connection>,
    pub hop: String,
    pub traffic: Arc<Traffic>,
}

impl Running {
    /// Sends the input and takes the output until the command has ended.
    ///
    /// With `sink`, output goes there no faster than it is taken.
    pub async fn finish(mut self, exec: Exec, sink: Option<Sink>) -> Result<Finished, Error> {
        let (hop, connection) = (self.hop, self.connection);
        let lost = |started| connection.lost(started);
        let (inbox, write) = self.channel.split().ok_or_else(|| lost(false))?;
        if exec.pty {
            write
                .request_pty(false, "xterm", 80, 24, 0, 0, &[])
                .await
                .map_err(|_| lost(false))?;
        }
        inbox.set_running();
        write
            .exec(true, exec.command)
            .await
            .map_err(|_| lost(false))?;
        let begun = Notify::new();
        let feed = Feed {
            hop: &hop,
            write,
            traffic: &self.traffic,
            begun: &begun,
            on_sent: exec.on_sent,
            sent: 0,
        };
        let reads_nothing = matches!(exec.stdin, Stdin::None);
        let feed = feed.run(exec.stdin);
        let collect = Collect {
            hop: &hop,
            connection: &connection,
            traffic: &self.traffic,
            begun: &begun,
            reads_nothing,
            silent: true,
            on_output: exec.on_output,
            stdout: Capture::new(match sink {
                Some(Sink::Stdout(_)) => 0,
                Some(Sink::Both(_)) | None => exec.capture_limit,
            }),
            sink,
            stderr: Capture::new(exec.capture_limit),
            end: None,
            eof: false,
        };
        let collect = collect.run(inbox);
        tokio::pin!(feed, collect);
        let mut fed = false;
        loop {
            tokio::select! {
                done = &mut collect => return done,
                done = &mut feed, if !fed => {
                    fed = true;
                    done?;
                }
            }
        }
    }
}

struct Feed<'a> {
    hop: &'a str,
    write: &'a ChannelWriteHalf<Msg>,
    traffic: &'a Traffic,
    begun: &'a Notify,
    on_sent: Option<OnSent>,
    sent: u64,
}

impl Feed<'_> {
    /// Ends well when the channel ends first: a command need not read its input.
    async fn run(mut self, stdin: Stdin) -> Result<(), Error> {
        let unread = |error: io::Error| Error::Input {
            hop: self.hop.to_owned(),
            reason: error.to_string(),
        };
        match stdin {
            // Beside the request it would be one more small packet that a server on the way holds back.
            Stdin::None => self.begun.notified().await,
            Stdin::Bytes(bytes) => {
                // In pieces, so that progress can be told.
                let mut rest = bytes;
                while !rest.is_empty() {
                    let piece = rest.split_to(rest.len().min(PIECE));
                    if !self.send(piece).await {
                        return Ok(());
                    }
                }
            }
            Stdin::Reader(mut reader) => {
                let mut buffer = BytesMut::new();
                loop {
                    buffer.reserve(PIECE);
                    let count = reader.read_buf(&mut buffer).await.map_err(unread)?;
                    if count == 0 {
                        break;
                    }
                    if !self.send(buffer.split().freeze()).await {
                        return Ok(());
                    }
                }
            }
            Stdin::Chunks(mut chunks) => {
                use futures_util::StreamExt;
                while let Some(chunk) = chunks.next().await {
                    if !self.send(chunk.map_err(unread)?).await {
                        return Ok(());
                    }
                }
            }
        }
        // The channel may have ended meanwhile, which the other direction reports.
        let _ = self.write.eof().await;
        Ok(())
    }

    async fn send(&mut self, piece: Bytes) -> bool {
        let count = piece.len() as u64;
        if self.write.data_bytes(piece).await.is_err() {
            return false;
        }
        self.sent += count;
        self.traffic.up.fetch_add(count, Ordering::Relaxed);
        if let Some(tell) = &self.on_sent {
            tell(self.sent);
        }
        true
    }
}

struct Collect<'a> {
    hop: &'a str,
    connection: &'a Arc<Connection>,
    traffic: &'a Traffic,
    begun: &'a Notify,
    reads_nothing: bool,
    /// Nothing was said yet.
    silent: bool,
    on_output: Option<OnOutput>,
    sink: Option<Sink>,
    stdout: Capture,
    stderr: Capture,
    end: Option<(Option<i32>, Option<String>)>,
    eof: bool,
}

impl Collect<'_> {
    async fn run(mut self, inbox: &mut Inbox) -> Result<Finished, Error> {
        let mut ended_at: Option<Instant> = None;
        loop {
            let message = match ended_at {
                None => inbox.next().await,
                Some(at) => {
                    let until = (Instant::now() + QUIET).min(at + LONGEST_DRAIN);
                    match tokio::time::timeout_at(until, inbox.next()).await {
                        Ok(message) => message,
                        Err(_) => {
                            let held_open = !self.eof;
                            return Ok(self.finished(held_open));
                        }
                    }
                }
            };
            // More may be held back after each of these. Commands that say more than once are not
            // waited for to the millisecond.
            let nudge = match &message {
                Some(ChannelMsg::Success) => {
                    self.begun.notify_one();
                    // The end of an empty input is on its way, and does as well.
                    !self.reads_nothing
                }
                Some(ChannelMsg::Data { .. } | ChannelMsg::ExtendedData { .. }) => {
                    std::mem::take(&mut self.silent)
                }
                _ => false,
            };
            if nudge {
                self.connection.nudge();
            }
            match message {
                Some(ChannelMsg::Data { data }) => {
                    self.output(OutputStream::Stdout, &data, &mut ended_at)
                        .await;
                }
                Some(ChannelMsg::ExtendedData { data, ext: 1 }) => {
                    self.output(OutputStream::Stderr, &data, &mut ended_at)
                        .await;
                }
                Some(ChannelMsg::Failure) => {
                    return Err(Error::Channel {
                        hop: self.hop.to_owned(),
                        what: "to run a command".to_owned(),
                        reason: "the server does not allow it for this user".to_owned(),
                    });
                }
                Some(ChannelMsg::ExitStatus { exit_status }) => {
                    self.end = Some((i32::try_from(exit_status).ok().or(Some(255)), None));
                    ended_at = Some(Instant::now());
                }
                Some(ChannelMsg::ExitSignal { signal_name, .. }) => {
                    self.end = Some((None, Some(signal(&signal_name))));
                    ended_at = Some(Instant::now());
                }
                Some(ChannelMsg::Eof) => self.eof = true,
                Some(ChannelMsg::Close) => {
                    return match self.end {
                        Some(_) => Ok(self.finished(false)),
                        None => Err(Error::StatusLost {
                            hop: self.hop.to_owned(),
                        }),
                    };
                }
                None if self.end.is_some() && self.eof => return Ok(self.finished(false)),
                None => return Err(self.connection.lost(true)),
                Some(_) => {}
            }
            // Nothing comes after both but the channel's end, which may be held back as well.
            if self.end.is_some() && self.eof {
                return Ok(self.finished(false));
            }
        }
    }

    /// Takes a piece. The time for which a reader held it up does not count as the command's.
    async fn output(&mut self, from: OutputStream, data: &Bytes, ended_at: &mut Option<Instant>) {
        let count = data.len() as u64;
        self.traffic.down.fetch_add(count, Ordering::Relaxed);
        match from {
            OutputStream::Stdout => self.stdout.push(data),
            OutputStream::Stderr => self.stderr.push(data),
        }
        if let Some(see) = &self.on_output {
            see(from, data);
        }
        if let Some(sink) = &self.sink {
            let waiting = Instant::now();
            sink.send(from, data).await;
            *ended_at = ended_at.map(|at| at + waiting.elapsed());
        }
    }

    fn finished(self, left_running: bool) -> Finished {
        let (code, signal) = self.end.unwrap_or_default();
        let (stdout, stdout_total) = self.stdout.finish();
        let (stderr, stderr_total) = self.stderr.finish();
        Finished {
            code,
            signal,
            stdout,
            stderr,
            stdout_total,
            stderr_total,
            left_running,
        }
    }
}

fn signal(name: &russh::Sig) -> String {
    match name {
        russh::Sig::Custom(name) => name.clone(),
        other => format!("{other:?}"),
    }
}
