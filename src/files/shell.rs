//! The way to a host that everything here stands on: run a command line, feed it, hear it.

use std::error::Error as StdError;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use secrecy::{ExposeSecret, SecretString};

use super::Model;
use super::error::{Error, last_lines};

/// Bytes of a stream that is captured when nobody listens to it.
pub const CAPTURE_LIMIT: usize = 4 << 20;

/// Something that runs command lines on one host.
///
/// `run` returns `Ok` whenever the command started, whatever it ended with. A command that stops
/// reading its input early is no error. Dropping the future ends the command.
pub trait Shell: Send + Sync {
    /// The host's name, for messages.
    fn host(&self) -> &str;

    /// Runs one command line of a POSIX shell; one round trip.
    fn run<'a>(&'a self, job: Job<'a>) -> BoxFuture<'a, Result<Finished, ShellError>>;

    /// The model that stands in for the host, or learns from it.
    fn model(&self) -> Option<Arc<Model>> {
        None
    }
}

/// The model that stands in for the host, if one does.
pub fn standin(shell: &dyn Shell) -> Option<Arc<Model>> {
    shell.model().filter(|model| !model.learns())
}

/// Hears output as it comes; an error ends the job with it.
pub type OnOutput<'a> = Box<dyn FnMut(Channel, &[u8]) -> io::Result<()> + Send + 'a>;

/// Where a command wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    Stdout,
    Stderr,
}

/// One command line to run.
pub struct Job<'a> {
    /// The command line, for the login shell of the remote user.
    pub command: String,
    pub input: Input,
    pub class: Class,
    /// Hears both streams; standard output is then not captured, standard error is.
    pub on_output: Option<OnOutput<'a>>,
    /// How much of each stream is kept: the end of standard error, the start of standard output.
    pub capture_limit: usize,
}

impl Job<'_> {
    pub fn new(command: impl Into<String>) -> Self {
        Job {
            command: command.into(),
            input: Input::None,
            class: Class::Control,
            on_output: None,
            capture_limit: CAPTURE_LIMIT,
        }
    }
}

/// What a command reads on standard input.
pub enum Input {
    None,
    Bytes(Bytes),
    Stream(BoxStream<'static, io::Result<Bytes>>),
}

/// Which connection a job should use, where there are several.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Class {
    /// Short commands that people wait for.
    #[default]
    Control,
    /// Transfers that would delay them.
    Bulk,
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    Code(i32),
    Signal(String),
    /// The channel closed without saying.
    Lost,
}

impl Status {
    pub fn is_success(&self) -> bool {
        *self == Status::Code(0)
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Status::Code(code) => write!(f, "exit code {code}"),
            Status::Signal(name) => write!(f, "killed by signal {name}"),
            Status::Lost => f.write_str("no exit status came"),
        }
    }
}

/// A command that has ended.
#[derive(Debug, Clone)]
pub struct Finished {
    pub status: Status,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
}

/// The way to the host failed; the cause is the transport's own error.
#[derive(Debug, thiserror::Error)]
#[error("{source}")]
pub struct ShellError {
    kind: &'static str,
    help: Option<String>,
    source: Box<dyn StdError + Send + Sync>,
}

impl ShellError {
    pub fn new(
        kind: &'static str,
        help: Option<String>,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        ShellError {
            kind,
            help,
            source: source.into(),
        }
    }

    /// The transport's own stable kind.
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    pub fn help(&self) -> Option<&str> {
        self.help.as_deref()
    }

    /// The transport's own error, to downcast.
    pub fn inner(&self) -> &(dyn StdError + Send + Sync + 'static) {
        self.source.as_ref()
    }
}

/// How an operation becomes root.
#[derive(Debug, Clone, Default)]
pub enum Sudo {
    /// It stays the connected user.
    #[default]
    None,
    /// `sudo -n`: fails at once where a password would be asked for.
    NoPassword,
    /// `sudo -S`: the password goes first on standard input.
    Password(SecretString),
}

/// The line between a possibly unread sudo password and the script.
const START: &str = "e2bscript-start";
/// The line between the script and what it reads, to notice a `dd` that read too far.
pub(super) const PAYLOAD: &str = "e2bscript-payload";

/// A script and how to start it: it travels on standard input, so that no path, no name and no
/// secret is ever part of a command line.
pub(super) struct Launch {
    pub command: String,
    /// What goes on standard input before the payload.
    pub head: Bytes,
}

impl Launch {
    pub(super) fn new(sudo: &Sudo, script: &[u8]) -> Launch {
        // Nothing here may be special to fish or csh: the login shell need not be POSIX.
        let load = format!(
            "eval \"$(dd bs=65536 count={} iflag=fullblock,count_bytes status=none)\"",
            script.len()
        );
        let mut head = Vec::with_capacity(script.len() + 64);
        let command = match sudo {
            Sudo::None => format!("sh -c '{load}'"),
            Sudo::NoPassword => format!("sudo -n sh -c '{load}'"),
            Sudo::Password(password) => {
                head.extend_from_slice(password.expose_secret().as_bytes());
                head.extend_from_slice(format!("\n{START}\n").as_bytes());
                // sudo leaves the password line unread where it needs none.
                format!(
                    "sudo -S -p \"\" sh -c 'until [ \"$l\" = {START} ]; do read -r l || exit 91; done; l=; {load}'"
                )
            }
        };
        head.extend_from_slice(script);
        head.extend_from_slice(format!("{PAYLOAD}\n").as_bytes());
        Launch {
            command,
            head: Bytes::from(head),
        }
    }
}

/// Why a script that never said hello did not start.
pub(super) fn not_started(host: &str, sudo: &Sudo, finished: &Finished) -> Error {
    let output = last_lines(&finished.stderr);
    let refused = output.iter().find(|line| {
        line.starts_with("sudo:") || line.starts_with("Sorry,") || line.contains("sudoers")
    });
    if !matches!(sudo, Sudo::None)
        && let Some(line) = refused
    {
        return Error::Sudo {
            host: host.to_owned(),
            detail: line.trim_start_matches("sudo: ").to_owned(),
        };
    }
    let detail = match &finished.status {
        Status::Lost => "the connection closed before the shell started".to_owned(),
        status => match output.last() {
            Some(line) => format!("{line} ({status})"),
            None => format!("its shell did not start a script ({status})"),
        },
    };
    Error::Unsuitable {
        host: host.to_owned(),
        detail,
        output,
    }
}
