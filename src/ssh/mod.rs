//! SSH: one connection per hop and class for a whole run, channels on top.
//!
//! [`Ssh`] holds the policy and the pool of a run, [`Host`] is a machine to run commands on and to
//! open streams from. Nested connections (jump hosts) run in channels of the outer ones. Why things
//! are as they are, pitfall by pitfall, is said where they are dealt with: [`tunnel`] for the
//! deadlock of nested sessions, [`channel`] for leaked sessions, [`known_hosts`] for host keys.

mod algorithms;
mod answers;
mod auth;
mod capture;
mod channel;
mod config;
mod connect;
mod connection;
mod error;
mod exec;
mod gate;
mod handler;
mod hop;
mod host;
mod keys;
mod known_hosts;
mod name;
mod options;
mod proxy;
mod read;
mod route;
mod shared;
mod sign;
mod stats;
mod tunnel;

pub use answers::{Answers, Asked};
pub use error::{AuthFailure, Error};
pub use exec::{DEFAULT_CAPTURE, Exec, Finished, OnOutput, OnSent, OutputStream, Piece, Stdin};
pub use host::{Carrier, Host, HostDialer};
pub use known_hosts::{Fingerprint, HostKeyCause, HostKeyProblem, KnownKey};
pub use options::{HostKeyPolicy, Options, PassphraseSource, Target};
pub use read::Output;
pub use stats::{HostStats, Stats};

use std::sync::Arc;

/// Which of a hop's connections something takes, so that bulk data does not hold up a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Class {
    /// Short commands.
    #[default]
    Control,
    /// Streams to other servers: HTTP, PostgreSQL.
    Tunnel,
    /// Large input or output.
    Bulk,
}

impl Class {
    /// What the peer may send before it must wait for us.
    fn window(self) -> u32 {
        match self {
            Self::Control | Self::Tunnel => 2 << 20,
            Self::Bulk => 16 << 20,
        }
    }

    /// Messages that may wait in one channel before its connection waits for it. On a bulk
    /// connection that wait is what slows the sender down, so it comes sooner.
    fn queue(self) -> usize {
        match self {
            Self::Control | Self::Tunnel => 1024,
            Self::Bulk => 128,
        }
    }
}

/// The SSH connections of one run. Cheap to clone.
#[derive(Clone)]
pub struct Ssh {
    run: Arc<shared::Run>,
}

impl Ssh {
    /// Reads the SSH configuration; connects to nothing.
    pub fn new(options: Options) -> Result<Self, Error> {
        Ok(Self {
            run: Arc::new(shared::Run::new(options)?),
        })
    }

    /// Works out how to reach a host; connects to nothing. The same target gives the same
    /// connections however often it is asked for.
    pub async fn host(&self, target: Target) -> Result<Host, Error> {
        let run = self.run.clone();
        // A `Match exec` may take its time.
        let found = tokio::task::spawn_blocking(move || {
            route::route(&run, &target).map(|hop| Host::new(run, hop, target.label()))
        });
        found.await.unwrap_or(Err(Error::Closed))
    }

    /// What the run has cost so far.
    pub fn stats(&self) -> Stats {
        self.run.stats()
    }

    /// Stops abandoned commands and ends all connections. Nothing can be started afterwards.
    pub async fn close(&self) {
        self.run.close().await;
    }
}
