//! What all hosts of one run share.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use tokio_util::task::TaskTracker;

use super::Error;
use super::auth::Favourites;
use super::config::Config;
use super::hop::{Hop, Place, Via};
use super::keys::Keys;
use super::known_hosts::Store;
use super::options::Options;
use super::stats::Stats;

/// How long the end of a run waits for abandoned commands to be stopped.
const LAST_CALL: Duration = Duration::from_secs(3);

pub(super) struct Run {
    pub options: Options,
    pub config: Config,
    pub keys: Keys,
    pub favourites: Favourites,
    pub known_hosts: Arc<Store>,
    pub tracker: TaskTracker,
    hops: Mutex<HashMap<HopKey, Arc<Hop>>>,
    closed: AtomicBool,
}

/// What makes two hops the same: the place, and the way to it.
#[derive(PartialEq, Eq, Hash)]
struct HopKey {
    place: Place,
    via: String,
}

impl Run {
    pub fn new(options: Options) -> Result<Self, Error> {
        Ok(Self {
            config: Config::load(&options)?,
            keys: Keys::new(options.passphrase.clone()),
            favourites: Favourites::default(),
            known_hosts: Arc::default(),
            tracker: TaskTracker::new(),
            hops: Mutex::default(),
            closed: AtomicBool::new(false),
            options,
        })
    }

    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// The hop for a place, the same one each time.
    pub fn hop(&self, place: Place, via: Via) -> Arc<Hop> {
        let key = HopKey {
            via: match &via {
                Via::Tcp(family) => format!("tcp {family:?}"),
                Via::Command(command) => format!("command {command}"),
                Via::Hop(outer) => format!("hop {:p}", Arc::as_ptr(outer)),
            },
            place: Place {
                label: String::new(),
                lookup: super::known_hosts::Lookup {
                    hop: String::new(),
                    ..place.lookup.clone()
                },
                ..place.clone()
            },
        };
        let mut hops = self.hops.lock().unwrap_or_else(PoisonError::into_inner);
        let starts = self.options.starts_at_once.max(1);
        let hop = hops
            .entry(key)
            .or_insert_with(|| Arc::new(Hop::new(place, via, starts)));
        hop.clone()
    }

    fn all_hops(&self) -> Vec<Arc<Hop>> {
        let hops = self.hops.lock().unwrap_or_else(PoisonError::into_inner);
        hops.values().cloned().collect()
    }

    pub fn stats(&self) -> Stats {
        let mut stats = Stats::default();
        for hop in self.all_hops() {
            let cost = hop.traffic.snapshot();
            stats.total += cost;
            stats.hops += u64::from(cost.connects > 0);
            let (up, down) = hop.wire();
            stats.wire_up += up;
            stats.wire_down += down;
        }
        stats
    }

    /// Lets abandoned commands be stopped, then ends every connection, inner ones first.
    pub async fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        self.tracker.close();
        let _ = tokio::time::timeout(LAST_CALL, self.tracker.wait()).await;
        let (behind, direct): (Vec<_>, Vec<_>) = self
            .all_hops()
            .into_iter()
            .partition(|hop| matches!(hop.via, Via::Hop(_)));
        for group in [behind, direct] {
            let connections: Vec<_> = group
                .iter()
                .flat_map(|hop| hop.take_connections())
                .collect();
            join_all(connections.iter().map(|one| one.close())).await;
        }
    }
}
