//! Why a stream could not be opened.

use std::io;
use std::sync::Arc;
use std::time::Duration;

/// Why [`Dialer::dial`](super::Dialer::dial) failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum DialError {
    /// The name has no address here.
    #[error("cannot resolve `{host}`: {source}")]
    Resolve {
        /// The name as it was asked for.
        host: String,
        /// What the resolver said.
        source: Arc<io::Error>,
    },
    /// Every address of the host refused or could not be reached.
    #[error("cannot connect to `{host}` port {port}: {source}")]
    Connect {
        /// The name as it was asked for.
        host: String,
        /// The port as it was asked for.
        port: u16,
        /// The last address's failure.
        source: Arc<io::Error>,
    },
    /// Nobody answered in time.
    #[error("`{host}` port {port} did not answer within {} s", after.as_secs_f32())]
    Timeout {
        /// The name as it was asked for.
        host: String,
        /// The port as it was asked for.
        port: u16,
        /// How long was waited.
        after: Duration,
    },
    /// The way there failed, not the destination.
    #[error("cannot reach `{host}` port {port}: {source}")]
    Tunnel {
        /// The name as it was asked for.
        host: String,
        /// The port as it was asked for.
        port: u16,
        /// What the tunnel said; its sentence names the hop.
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
}

impl DialError {
    /// A stable name of the failure, for scripts and machines.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Resolve { .. } => "wire.resolve",
            Self::Connect { .. } => "wire.connect",
            Self::Timeout { .. } => "wire.timeout",
            Self::Tunnel { .. } => "wire.tunnel",
        }
    }

    /// What to try next.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Resolve { host, .. } => Some(format!(
                "check the spelling of `{host}`, and whether it is only known behind a bastion"
            )),
            Self::Connect { source, .. } if source.kind() == io::ErrorKind::ConnectionRefused => {
                Some("nothing listens on that port, or a firewall rejects it".to_owned())
            }
            Self::Connect { .. } | Self::Timeout { .. } => {
                Some("check the address, the route and the firewall or security list".to_owned())
            }
            Self::Tunnel { .. } => None,
        }
    }
}

impl From<DialError> for io::Error {
    fn from(error: DialError) -> Self {
        let kind = match &error {
            DialError::Resolve { .. } => io::ErrorKind::NotFound,
            DialError::Connect { source, .. } => source.kind(),
            DialError::Timeout { .. } => io::ErrorKind::TimedOut,
            DialError::Tunnel { .. } => io::ErrorKind::Other,
        };
        io::Error::new(kind, error)
    }
}
