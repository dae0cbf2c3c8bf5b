//! How a run's SSH connections are made, and which hosts they go to.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;

use super::Answers;

/// What to do with a host whose key is not known yet. A changed or revoked key is always refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HostKeyPolicy {
    /// Refuse, unless the SSH configuration says `StrictHostKeyChecking accept-new` for the host.
    #[default]
    Strict,
    /// Record the key once, then hold the host to it.
    AcceptNew,
}

/// Asks for the passphrase of a key file; `None` leaves the key unused.
pub type PassphraseSource = Arc<dyn Fn(&Path) -> Option<SecretString> + Send + Sync>;

/// The policy of one run. The default is OpenSSH's, except that nothing is ever asked on a terminal.
#[derive(Clone)]
pub struct Options {
    /// Used instead of `~/.ssh/config` and `/etc/ssh/ssh_config`; `none` for no configuration at all.
    pub config_file: Option<PathBuf>,
    /// Used instead of the user's known_hosts files; new keys go into the first.
    pub known_hosts: Vec<PathBuf>,
    /// What to do with unknown host keys.
    pub host_keys: HostKeyPolicy,
    /// How long a stream to a hop, and then its handshake, may each take; default 15 s.
    pub connect_timeout: Duration,
    /// How long each authentication attempt may take; default 30 s.
    pub auth_timeout: Duration,
    /// How long the server may take to open a channel; default 20 s.
    pub open_timeout: Duration,
    /// A silent peer is asked for a sign of life this often; default 10 s.
    pub keepalive_interval: Duration,
    /// A connection is dead after this many unanswered questions; default 2.
    pub keepalive_max: u32,
    /// The agent's socket; default `SSH_AUTH_SOCK`. An empty path means no agent.
    pub agent: Option<PathBuf>,
    /// Called at most once for each encrypted key file of a run.
    pub passphrase: PassphraseSource,
    /// The home directory that `~` stands for; default `HOME`.
    pub home: Option<PathBuf>,
    /// The name of the user here, which is the default user there; default the login name.
    pub local_user: Option<String>,
    /// Whether `Match exec` conditions may run their commands; default no.
    pub match_exec: bool,
    /// Session channels on one connection before another one is opened; default 8.
    pub sessions_per_connection: usize,
    /// Connections of one class to one host; default 4.
    pub connections_per_class: usize,
    /// Unauthenticated connections under way at once to one server; default 6. Through one bastion it
    /// is eight times as many, to as many servers.
    pub starts_at_once: usize,
    /// How long a turned-away start is tried again, with growing pauses; default 30 s.
    pub start_patience: Duration,
    /// Bytes after which a connection renews its keys; default 1 GiB, which is also the most.
    pub rekey_after: usize,
    /// Answers in place of hosts; default none.
    pub answers: Option<Arc<dyn Answers>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            config_file: None,
            known_hosts: Vec::new(),
            host_keys: HostKeyPolicy::Strict,
            connect_timeout: Duration::from_secs(15),
            auth_timeout: Duration::from_secs(30),
            open_timeout: Duration::from_secs(20),
            keepalive_interval: Duration::from_secs(10),
            keepalive_max: 2,
            agent: None,
            passphrase: Arc::new(|_| None),
            home: None,
            local_user: None,
            match_exec: false,
            sessions_per_connection: 8,
            connections_per_class: 4,
            starts_at_once: 6,
            start_patience: Duration::from_secs(30),
            rekey_after: 1 << 30,
            answers: None,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("config_file", &self.config_file)
            .field("known_hosts", &self.known_hosts)
            .field("host_keys", &self.host_keys)
            .field("agent", &self.agent)
            .finish_non_exhaustive()
    }
}

/// One host to reach, and what is known about it besides the SSH configuration. What is set here
/// wins over the configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Target {
    /// The label in output and errors; default `host`.
    pub name: Option<String>,
    /// The address, or a `Host` alias of the SSH configuration.
    pub host: String,
    /// Default from the configuration, else 22.
    pub port: Option<u16>,
    /// Default from the configuration, else the local user's name.
    pub user: Option<String>,
    /// Keys to offer; when there are any, only they and agent keys equal to them are offered.
    pub identities: Vec<PathBuf>,
    /// Certificates to offer besides `KEY-cert.pub`.
    pub certificates: Vec<PathBuf>,
    /// More known_hosts files for this host; new keys go into the first of these.
    pub known_hosts: Vec<PathBuf>,
    /// The name the host key is filed under, for hosts whose address is not their identity.
    pub host_key_alias: Option<String>,
    /// The hops in front, outermost first. `None` is what the SSH configuration says, an empty list
    /// is a direct connection whatever it says.
    pub jump: Option<Vec<Target>>,
}

impl Target {
    /// A host by address or alias, everything else from the SSH configuration.
    pub fn new(host: impl Into<String>) -> Self {
        Self {
            host: host.into(),
            ..Self::default()
        }
    }

    /// The name people see.
    pub fn label(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.host)
    }
}
