//! What a run cost: connections, sessions, round trips, bytes.

use std::sync::atomic::{AtomicU64, Ordering};

/// The cost of everything done on one host.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HostStats {
    /// Exchanges of a request and its answer on an authenticated connection: a command counts one,
    /// opening a stream counts one.
    pub round_trips: u64,
    /// Commands that were started.
    pub sessions: u64,
    /// Payload bytes sent: standard input and streams.
    pub bytes_up: u64,
    /// Payload bytes received: output and streams.
    pub bytes_down: u64,
    /// Connections that were made to the host.
    pub connects: u64,
}

/// The cost of the whole run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// The sum over all hosts, bastions included.
    pub total: HostStats,
    /// Hosts and bastions that were connected to at least once.
    pub hops: u64,
    /// Bytes that went over TCP from this machine, encryption and framing included.
    pub wire_up: u64,
    /// Bytes that came over TCP to this machine.
    pub wire_down: u64,
}

/// The counters behind [`HostStats`].
#[derive(Debug, Default)]
pub(super) struct Traffic {
    pub round_trips: AtomicU64,
    pub sessions: AtomicU64,
    pub up: AtomicU64,
    pub down: AtomicU64,
    pub connects: AtomicU64,
}

impl Traffic {
    pub fn snapshot(&self) -> HostStats {
        HostStats {
            round_trips: self.round_trips.load(Ordering::Relaxed),
            sessions: self.sessions.load(Ordering::Relaxed),
            bytes_up: self.up.load(Ordering::Relaxed),
            bytes_down: self.down.load(Ordering::Relaxed),
            connects: self.connects.load(Ordering::Relaxed),
        }
    }

    pub fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

impl HostStats {
    /// What came since `before`; `None` where that counts something else.
    pub fn since(self, before: HostStats) -> Option<HostStats> {
        Some(HostStats {
            round_trips: self.round_trips.checked_sub(before.round_trips)?,
            sessions: self.sessions.checked_sub(before.sessions)?,
            bytes_up: self.bytes_up.checked_sub(before.bytes_up)?,
            bytes_down: self.bytes_down.checked_sub(before.bytes_down)?,
            connects: self.connects.checked_sub(before.connects)?,
        })
    }
}

impl std::ops::AddAssign for HostStats {
    fn add_assign(&mut self, other: Self) {
        self.round_trips += other.round_trips;
        self.sessions += other.sessions;
        self.bytes_up += other.bytes_up;
        self.bytes_down += other.bytes_down;
        self.connects += other.connects;
    }
}
