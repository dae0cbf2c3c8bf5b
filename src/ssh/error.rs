//! What can go wrong between this machine and a command on another one.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::known_hosts::HostKeyProblem;

/// Why something over SSH failed. Each sentence names the hop, so that a bastion's failure is not
/// taken for the target's.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// A host or user name that must not reach a command line.
    #[error("`{}` cannot be used as a {what}: {reason}", name.escape_debug())]
    Name {
        /// What the name stands for: `host name`, `user name`.
        what: &'static str,
        /// The name as it was given.
        name: String,
        /// Which rule it breaks.
        reason: String,
    },
    /// The SSH configuration cannot be used.
    #[error("{}{reason}", place(file, *line))]
    Config {
        /// The file, where there is one.
        file: Option<PathBuf>,
        /// The line in it, counted from one; zero when the whole file is meant.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// No stream to the host: resolution, refusal, no route, a bastion that will not forward.
    #[error("cannot connect to `{hop}` ({address}): {reason}")]
    Connect {
        /// The hop that could not be reached.
        hop: String,
        /// Its host and port, and what they were reached through.
        address: String,
        /// What the system or the bastion said.
        reason: String,
    },
    /// The peer speaks, but not SSH as we accept it.
    #[error("`{hop}` broke off the SSH handshake: {reason}")]
    Handshake {
        /// The hop.
        hop: String,
        /// What was wrong.
        reason: String,
        /// True when the server closed before it said who it is, as it does when it is overloaded.
        turned_away: bool,
    },
    /// A phase took longer than allowed.
    #[error("`{hop}` did not finish {phase} within {} s", after.as_secs_f32())]
    Timeout {
        /// The hop.
        hop: String,
        /// Which phase: connecting, the handshake, authentication, opening a channel.
        phase: &'static str,
        /// How long was waited.
        after: Duration,
    },
    /// The server could not prove that it is who we expect.
    #[error("{0}")]
    HostKey(Box<HostKeyProblem>),
    /// No credential was accepted.
    #[error("{0}")]
    Auth(Box<AuthFailure>),
    /// A key or certificate file that cannot be used.
    #[error("cannot use the key `{}`: {reason}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The connection ended under a running operation.
    #[error("the connection to `{hop}` was lost{}: {reason}", if *started { " while a command was running" } else { "" })]
    ConnectionLost {
        /// The hop whose connection ended.
        hop: String,
        /// How it ended.
        reason: String,
        /// Whether a command had been sent, so that it may have run in part or in full.
        started: bool,
    },
    /// The command's channel closed, and nobody said how the command ended.
    #[error("the connection to `{hop}` works, but the command's exit status never came")]
    StatusLost {
        /// The host.
        hop: String,
    },
    /// The server refused a channel or a request on it.
    #[error("`{hop}` refused {what}: {reason}")]
    Channel {
        /// The hop.
        hop: String,
        /// What was asked for.
        what: String,
        /// Its answer.
        reason: String,
    },
    /// The data to be sent could not be read.
    #[error("cannot read the data to send to `{hop}`: {reason}")]
    Input {
        /// The host.
        hop: String,
        /// What the source said.
        reason: String,
    },
    /// Answers stand in for the host, and there is none to this.
    #[error("nothing answers `{asked}` on `{hop}`")]
    Unanswered {
        /// The host.
        hop: String,
        /// The command.
        asked: String,
        /// What there are answers to.
        help: Option<String>,
    },
    /// The run is over, nothing more can be started.
    #[error("the SSH connections are already closed")]
    Closed,
}

/// Everything that was tried to log in, and what the server would have taken.
#[derive(Debug, Clone)]
pub struct AuthFailure {
    /// The hop.
    pub hop: String,
    /// The user name that was tried.
    pub user: String,
    /// One line for each key, certificate or agent: what it was and what came of it.
    pub tried: Vec<String>,
    /// The methods the server said it would still accept.
    pub accepts: Vec<String>,
    /// Whether the server hung up, as it does after too many attempts.
    pub hung_up: bool,
}

impl fmt::Display for AuthFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` refused to log in `{}`", self.hop, self.user)?;
        if self.tried.is_empty() {
            f.write_str(": there is no key to offer")?;
        } else {
            write!(f, "; tried {}", self.tried.join(", "))?;
        }
        if self.hung_up {
            f.write_str("; the server hung up")?;
        }
        if !self.accepts.is_empty() {
            write!(f, "; it accepts {}", self.accepts.join(", "))?;
        }
        Ok(())
    }
}

impl Error {
    /// A stable name of the failure, for scripts and machines.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Name { .. } => "ssh.name",
            Self::Config { .. } => "ssh.config",
            Self::Connect { .. } => "ssh.connect",
            Self::Handshake { .. } => "ssh.handshake",
            Self::Timeout { .. } => "ssh.timeout",
            Self::HostKey(problem) => problem.kind(),
            Self::Auth(_) => "ssh.auth",
            Self::Key { .. } => "ssh.key",
            Self::ConnectionLost { .. } => "ssh.connection_lost",
            Self::StatusLost { .. } => "ssh.status_lost",
            Self::Channel { .. } => "ssh.channel",
            Self::Input { .. } => "ssh.input",
            Self::Closed => "ssh.closed",
            Self::Unanswered { .. } => "test.unanswered",
        }
    }

    /// What to try next, where that is known.
    pub fn help(&self) -> Option<String> {
        Some(match self {
            Self::Name { .. } => {
                "names may hold letters, digits, `.`, `-`, `_` and, for addresses, `:`".to_owned()
            }
            Self::Config { .. } | Self::Input { .. } | Self::Closed => return None,
            Self::Unanswered { help, .. } => return help.clone(),
            Self::Connect { .. } => {
                "check that the host is up, and the address, route and firewall or security list"
                    .to_owned()
            }
            Self::Handshake {
                turned_away: true, ..
            } => "the server may be overloaded (`MaxStartups`) or may have banned this address \
                  (`PerSourcePenalties`); wait a minute and try again"
                .to_owned(),
            Self::Handshake { .. } => {
                "check that the port is the SSH server's and that the server is recent".to_owned()
            }
            Self::Timeout { .. } => {
                "check that the host is up and not overloaded; `ConnectTimeout` in the SSH \
                 configuration changes the limit"
                    .to_owned()
            }
            Self::HostKey(problem) => problem.help(),
            Self::Auth(failure) => failure.help(),
            Self::Key { path, .. } if path.is_relative() => {
                let here = std::env::current_dir().unwrap_or_default();
                format!("relative paths start at `{}`", here.display())
            }
            Self::Key { path, .. } => format!(
                "check that `{}` is a private key that you can read",
                path.display()
            ),
            Self::ConnectionLost { started: true, .. } => {
                "the command may have run in part or in full; check before running it again"
                    .to_owned()
            }
            Self::ConnectionLost { .. } => "run it again; a new connection will be made".to_owned(),
            Self::StatusLost { .. } => {
                "the command may have run in part or in full; look at the server's log for a \
                 killed session"
                    .to_owned()
            }
            Self::Channel { .. } => {
                "check `MaxSessions`, `AllowTcpForwarding` and `ForceCommand` in the server's \
                 configuration"
                    .to_owned()
            }
        })
    }

    /// The hop that failed: the bastion, or the host behind it.
    pub fn hop(&self) -> Option<&str> {
        match self {
            Self::Name { .. } | Self::Config { .. } | Self::Key { .. } | Self::Closed => None,
            Self::HostKey(problem) => Some(problem.hop()),
            Self::Auth(failure) => Some(&failure.hop),
            Self::Connect { hop, .. }
            | Self::Handshake { hop, .. }
            | Self::Timeout { hop, .. }
            | Self::ConnectionLost { hop, .. }
            | Self::StatusLost { hop }
            | Self::Channel { hop, .. }
            | Self::Input { hop, .. }
            | Self::Unanswered { hop, .. } => Some(hop),
        }
    }

    /// True when the host could not be talked to at all, as opposed to refusing us.
    pub fn is_unreachable(&self) -> bool {
        matches!(
            self,
            Self::Connect { .. }
                | Self::Handshake { .. }
                | Self::Timeout { .. }
                | Self::ConnectionLost { .. }
        )
    }

    /// True when a command was sent and its outcome is not known: it must be checked, not repeated.
    pub fn is_outcome_unknown(&self) -> bool {
        matches!(
            self,
            Self::ConnectionLost { started: true, .. } | Self::StatusLost { .. }
        )
    }

    pub(super) fn config(reason: impl Into<String>) -> Self {
        Self::Config {
            file: None,
            line: 0,
            reason: reason.into(),
        }
    }
}

impl AuthFailure {
    fn help(&self) -> String {
        if self.tried.is_empty() {
            "name a key with `IdentityFile`, or start an agent and set `SSH_AUTH_SOCK`".to_owned()
        } else if self.hung_up {
            "the server counts attempts (`MaxAuthTries`); name the right key with `IdentityFile` \
             and set `IdentitiesOnly yes`"
                .to_owned()
        } else {
            format!(
                "check that the public key is in `~/.ssh/authorized_keys` of `{}` on `{}`, and \
                 that the user name is right",
                self.user, self.hop
            )
        }
    }
}

fn place(file: &Option<PathBuf>, line: usize) -> String {
    match file {
        Some(file) if line > 0 => format!("{}:{line}: ", file.display()),
        Some(file) => format!("{}: ", file.display()),
        None => String::new(),
    }
}
