//! A host or bastion that can be connected to, and the connections there are to it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::{BoxFuture, FutureExt, Shared};
use tokio::sync::Notify;

use super::connect;
use super::connection::{Connection, OpenFailure, Slot};
use super::gate::Gate;
use super::known_hosts::Lookup;
use super::options::HostKeyPolicy;
use super::stats::Traffic;
use super::tunnel::{Reader, Tunnel};
use super::{Class, Error, auth::Credentials, shared::Run};
use crate::wire::{AddressFamily, Meter};

/// How long no slot must have come free before a further connection is made, at least; where making
/// one takes longer, twice that time.
const WORTH_ANOTHER: Duration = Duration::from_millis(250);

/// How many servers behind a hop may be called at once, for each start that one server may have. They
/// are as many servers, none of which sees more than its own; the hop just carries bytes.
const SERVERS_AT_ONCE: usize = 8;

/// How a hop is reached.
#[derive(Clone)]
pub(super) enum Via {
    /// By TCP from here.
    Tcp(AddressFamily),
    /// Through a command's standard input and output.
    Command(String),
    /// Through another hop.
    Hop(Arc<Hop>),
}

/// Everything that is needed to connect to a hop.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Place {
    /// The name in messages.
    pub label: String,
    pub host: String,
    pub port: u16,
    pub lookup: Lookup,
    pub accept_new: bool,
    pub credentials: Credentials,
    pub connect_timeout: Duration,
    pub alive_interval: Duration,
    pub alive_max: u32,
}

impl Place {
    pub fn policy(&self) -> HostKeyPolicy {
        if self.accept_new {
            HostKeyPolicy::AcceptNew
        } else {
            HostKeyPolicy::Strict
        }
    }
}

/// One hop of a run. All hosts behind a bastion share the bastion's hop.
pub(super) struct Hop {
    pub place: Place,
    pub via: Via,
    pub traffic: Arc<Traffic>,
    /// Limits starts towards this hop's own server.
    pub gate: Arc<Gate>,
    /// Limits starts towards other servers through this hop.
    pub gate_behind: Arc<Gate>,
    meters: Mutex<Vec<Arc<Meter>>>,
    /// What the last connection took to make, in milliseconds.
    connect_cost: AtomicU64,
    lanes: [Lane; 3],
}

/// The connections of one class.
#[derive(Default)]
struct Lane {
    state: Mutex<LaneState>,
    freed: Notify,
}

#[derive(Default)]
struct LaneState {
    connections: Vec<Arc<Connection>>,
    connecting: Option<Connecting>,
    /// When a slot last came free, or an attempt to connect ended.
    freed_at: Option<Instant>,
}

type Connecting = Shared<BoxFuture<'static, Result<Arc<Connection>, Error>>>;

impl Lane {
    fn lock(&self) -> MutexGuard<'_, LaneState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A [`Slot`] whose end lets the next one waiting know.
pub(super) struct Lease {
    slot: Option<Slot>,
    hop: Arc<Hop>,
    class: Class,
}

impl Lease {
    pub fn connection(&self) -> Option<&Arc<Connection>> {
        self.slot.as_ref().map(|slot| &slot.connection)
    }

    /// Gives the slot up for good.
    pub fn forfeit(mut self) {
        if let Some(slot) = self.slot.take() {
            slot.forfeit();
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        drop(self.slot.take());
        let lane = self.hop.lane(self.class);
        lane.lock().freed_at = Some(Instant::now());
        lane.freed.notify_one();
    }
}

impl Hop {
    pub fn new(place: Place, via: Via, starts: usize) -> Self {
        let behind = starts.saturating_mul(SERVERS_AT_ONCE);
        Self {
            place,
            via,
            traffic: Arc::default(),
            gate: Gate::new(starts, starts),
            gate_behind: Gate::new(behind, behind),
            meters: Mutex::default(),
            connect_cost: AtomicU64::new(0),
            lanes: Default::default(),
        }
    }

    /// A meter for one more connection.
    pub fn new_meter(&self) -> Arc<Meter> {
        let meter = Arc::new(Meter::default());
        let mut meters = self.meters.lock().unwrap_or_else(PoisonError::into_inner);
        meters.push(meter.clone());
        meter
    }

    /// Bytes sent and received over TCP from this machine; nothing for hops behind another one.
    pub fn wire(&self) -> (u64, u64) {
        if matches!(self.via, Via::Hop(_)) {
            return (0, 0);
        }
        let meters = self.meters.lock().unwrap_or_else(PoisonError::into_inner);
        meters.iter().fold((0, 0), |(up, down), meter| {
            (up + meter.written(), down + meter.read())
        })
    }

    fn lane(&self, class: Class) -> &Lane {
        let [control, tunnel, bulk] = &self.lanes;
        match class {
            Class::Control => control,
            Class::Tunnel => tunnel,
            Class::Bulk => bulk,
        }
    }

    /// A live connection of the class, made now if there is none. However many ask at once, one
    /// connection is made, and all of them get it or the same error.
    pub async fn connection(
        self: &Arc<Self>,
        run: &Arc<Run>,
        class: Class,
    ) -> Result<Arc<Connection>, Error> {
        let connecting = {
            let mut state = self.lane(class).lock();
            state.connections.retain(|one| one.is_usable());
            if let Some(connection) = state.connections.first() {
                return Ok(connection.clone());
            }
            self.start_connecting(&mut state, run, class)
        };
        connecting.await
    }

    fn start_connecting(
        self: &Arc<Self>,
        state: &mut LaneState,
        run: &Arc<Run>,
        class: Class,
    ) -> Connecting {
        if let Some(connecting) = &state.connecting {
            return connecting.clone();
        }
        let hop = self.clone();
        let held = run.clone();
        // A task of its own: whoever asked first may be cancelled while others still wait.
        let task = run.tracker.spawn(async move {
            let began = Instant::now();
            let result = connect::connect(&held, &hop, class).await;
            let cost = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
            hop.connect_cost.store(cost, Ordering::Relaxed);
            let lane = hop.lane(class);
            let mut state = lane.lock();
            state.connecting = None;
            state.freed_at = Some(Instant::now());
            if let Ok(connection) = &result {
                state.connections.push(connection.clone());
            }
            drop(state);
            lane.freed.notify_waiters();
            result
        });
        let label = self.place.label.clone();
        let connecting = async move {
            task.await.unwrap_or_else(|_| {
                Err(Error::Connect {
                    hop: label.clone(),
                    address: label,
                    reason: "the attempt broke off".to_owned(),
                })
            })
        }
        .boxed()
        .shared();
        state.connecting = Some(connecting.clone());
        connecting
    }

    /// The right to open a session channel; waits its turn when the server's limit is reached.
    /// With `alone`, to have a connection to oneself.
    pub async fn lease(
        self: &Arc<Self>,
        run: &Arc<Run>,
        class: Class,
        alone: bool,
    ) -> Result<Lease, Error> {
        let lane = self.lane(class);
        let asked = Instant::now();
        loop {
            let freed = lane.freed.notified();
            let (connecting, needed) = {
                let mut state = lane.lock();
                state.connections.retain(|one| one.is_usable());
                let mut live = state.connections.iter();
                if let Some(slot) = live.find_map(|one| one.try_slot(alone)) {
                    return Ok(Lease {
                        slot: Some(slot),
                        hop: self.clone(),
                        class,
                    });
                }
                let needed = state.connections.is_empty();
                let another = needed || self.is_worth_another(&state, run, asked, alone);
                let connecting = another.then(|| self.start_connecting(&mut state, run, class));
                (connecting, needed)
            };
            match connecting {
                Some(connecting) if needed => {
                    connecting.await?;
                }
                // A further connection is a convenience; if it fails, the others still serve.
                Some(connecting) => tokio::select! {
                    _ = connecting => {}
                    () = freed => {}
                },
                None => {
                    // Whether it was freed or just time to look again is the same to us.
                    let _ = tokio::time::timeout(WORTH_ANOTHER, freed).await;
                }
            }
        }
    }

    /// While slots come free now and then, waiting is cheaper than a new connection.
    fn is_worth_another(&self, state: &LaneState, run: &Run, asked: Instant, alone: bool) -> bool {
        let room = state.connections.len() < run.options.connections_per_class.max(1);
        let cost = Duration::from_millis(self.connect_cost.load(Ordering::Relaxed));
        let limit = WORTH_ANOTHER.max(cost.saturating_mul(2));
        let stuck = state.freed_at.unwrap_or(asked).max(asked).elapsed() >= limit;
        room && (alone || stuck)
    }

    /// A stream from this hop to `host` and `port`.
    pub async fn tunnel(
        self: &Arc<Self>,
        run: &Arc<Run>,
        class: Class,
        host: &str,
        port: u16,
        traffic: Vec<Arc<Traffic>>,
        reader: Reader,
    ) -> Result<Tunnel, Error> {
        let mut again = true;
        loop {
            let connection = self.connection(run, class).await?;
            for one in &traffic {
                Traffic::count(&one.round_trips);
            }
            match connection.open_tunnel(host, port).await {
                Ok(channel) => {
                    let tracker = run.tracker.clone();
                    return Ok(Tunnel::new(channel, connection, traffic, tracker, reader));
                }
                // A pooled connection may have died unnoticed; a new one is tried once.
                Err(OpenFailure::Dead(_)) if again => again = false,
                Err(OpenFailure::Dead(error) | OpenFailure::Other(error)) => return Err(error),
                Err(OpenFailure::Full(_)) => {
                    return Err(Error::Channel {
                        hop: self.place.label.clone(),
                        what: format!("a stream to `{host}` port {port}"),
                        reason: "it has no room for another one".to_owned(),
                    });
                }
            }
        }
    }

    /// All live connections, for the end of the run.
    pub fn take_connections(&self) -> Vec<Arc<Connection>> {
        let drain = |lane: &Lane| std::mem::take(&mut lane.lock().connections);
        self.lanes.iter().flat_map(drain).collect()
    }
}
