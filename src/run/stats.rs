//! Counters of the wire, for `--stats` and the table at the end.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::report::{ApiRequests, HostWire, WireStats};

/// The counters of every host; cheap to clone.
#[derive(Clone, Default)]
pub struct Wire {
    hosts: Arc<Mutex<BTreeMap<String, Arc<HostCounters>>>>,
    /// Requests by API and host.
    apis: Arc<Mutex<BTreeMap<(String, String), u64>>>,
}

/// The counters of one host; a client keeps its `Arc` and counts without a lock.
#[derive(Debug, Default)]
pub struct HostCounters {
    connections: AtomicU64,
    sessions: AtomicU64,
    round_trips: AtomicU64,
    bytes_sent: AtomicU64,
    bytes_received: AtomicU64,
    busy_micros: AtomicU64,
}

impl Wire {
    /// The counters of a host, made when first asked for.
    pub fn host(&self, name: &str) -> Arc<HostCounters> {
        self.lock().entry(name.to_owned()).or_default().clone()
    }

    /// The counters of a host that was touched.
    pub fn get(&self, name: &str) -> Option<Arc<HostCounters>> {
        self.lock().get(name).cloned()
    }

    /// The hosts that were touched.
    pub fn names(&self) -> Vec<String> {
        self.lock().keys().cloned().collect()
    }

    /// A request to an API was sent from a host; an empty one is this machine.
    pub fn add_request(&self, api: &str, host: &str) {
        let mut apis = self.apis.lock().unwrap_or_else(PoisonError::into_inner);
        *apis.entry((api.to_owned(), host.to_owned())).or_default() += 1;
    }

    /// Counters of all hosts, and the sums.
    pub fn summary(&self) -> WireStats {
        let mut sum = WireStats::default();
        for (name, counters) in self.lock().iter() {
            let host = HostWire {
                host: name.clone(),
                connections: counters.connections.load(Relaxed),
                sessions: counters.sessions.load(Relaxed),
                round_trips: counters.round_trips.load(Relaxed),
                bytes_sent: counters.bytes_sent.load(Relaxed),
                bytes_received: counters.bytes_received.load(Relaxed),
            };
            sum.connections += host.connections;
            sum.sessions += host.sessions;
            sum.round_trips += host.round_trips;
            sum.bytes_sent += host.bytes_sent;
            sum.bytes_received += host.bytes_received;
            sum.hosts.push(host);
        }
        let apis = self.apis.lock().unwrap_or_else(PoisonError::into_inner);
        for ((api, host), requests) in apis.iter() {
            sum.requests += requests;
            sum.apis.push(ApiRequests {
                api: api.clone(),
                host: host.clone(),
                requests: *requests,
            });
        }
        sum
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<HostCounters>>> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HostCounters {
    /// A TCP or jumped connection was opened.
    pub fn connected(&self) {
        self.connections.fetch_add(1, Relaxed);
    }

    /// A session (a channel) was opened.
    pub fn session(&self) {
        self.sessions.fetch_add(1, Relaxed);
    }

    /// The wire was waited for `count` times.
    pub fn add_round_trips(&self, count: u64) {
        self.round_trips.fetch_add(count, Relaxed);
    }

    pub fn add_sent(&self, bytes: u64) {
        self.bytes_sent.fetch_add(bytes, Relaxed);
    }

    pub fn add_received(&self, bytes: u64) {
        self.bytes_received.fetch_add(bytes, Relaxed);
    }

    /// An operation on the host took so long.
    pub fn add_busy(&self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.busy_micros.fetch_add(micros, Relaxed);
    }

    /// Takes the counters that a client kept itself.
    pub fn record(&self, counted: &HostWire) {
        self.connections.store(counted.connections, Relaxed);
        self.sessions.store(counted.sessions, Relaxed);
        self.round_trips.store(counted.round_trips, Relaxed);
        self.bytes_sent.store(counted.bytes_sent, Relaxed);
        self.bytes_received.store(counted.bytes_received, Relaxed);
    }

    pub fn round_trips(&self) -> u64 {
        self.round_trips.load(Relaxed)
    }

    /// Time spent on the host.
    pub fn busy(&self) -> Duration {
        Duration::from_micros(self.busy_micros.load(Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_add_up() {
        let wire = Wire::default();
        let first = wire.host("a");
        first.connected();
        first.add_round_trips(3);
        first.add_sent(10);
        wire.host("a").add_busy(Duration::from_millis(7));
        wire.host("b").add_round_trips(1);
        wire.host("b").add_received(5);
        wire.host("b").session();
        let sum = wire.summary();
        assert_eq!((sum.connections, sum.sessions), (1, 1));
        assert_eq!(sum.round_trips, 4);
        assert_eq!((sum.bytes_sent, sum.bytes_received), (10, 5));
        assert_eq!(sum.hosts.len(), 2);
        assert_eq!(first.busy(), Duration::from_millis(7));
        assert!(wire.get("c").is_none());
        assert_eq!(sum.requests, 0);
        for host in ["a", "b", "a"] {
            wire.add_request("nomad", host);
        }
        let sum = wire.summary();
        let apis: Vec<(&str, u64)> = sum
            .apis
            .iter()
            .map(|one| (one.host.as_str(), one.requests))
            .collect();
        assert_eq!((sum.requests, apis), (3, vec![("a", 2), ("b", 1)]));
    }
}
