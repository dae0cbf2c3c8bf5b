//! The way to a host from which ports of this machine lead on: lost, it is told and made again.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::AbortHandle;

use crate::report::{Level, Reporter};
use crate::ssh::{self, Carrier};

use super::HostHandle;

/// The first pause between two attempts; it doubles up to [`LONGEST`].
const PAUSE: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(5);

/// The ports that lead on from one host.
#[derive(Default)]
pub(super) struct Ports(Mutex<State>);

#[derive(Default)]
struct State {
    open: Vec<AbortHandle>,
    is_watched: bool,
}

impl Ports {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a port is still open. The last one's end is the end of the watch.
    fn any(&self) -> bool {
        let mut state = self.lock();
        state.open.retain(|accepting| !accepting.is_finished());
        state.is_watched = !state.open.is_empty();
        state.is_watched
    }
}

/// Looks after the way to the host as long as one of its ports is open. `carrier` is the way now.
pub(super) fn look_after(
    host: &HostHandle,
    accepting: AbortHandle,
    carrier: Carrier,
    reporter: Reporter,
) {
    let mut state = host.inner.ports.lock();
    state.open.push(accepting);
    if !std::mem::replace(&mut state.is_watched, true) {
        tokio::spawn(watch(host.clone(), carrier, reporter));
    }
}

async fn watch(host: HostHandle, mut carrier: Carrier, reporter: Reporter) {
    while let Some(error) = carrier.lost().await {
        if !host.inner.ports.any() {
            return;
        }
        let name = host.name();
        let message = format!("{error}; the ports that lead through `{name}` wait for it");
        reporter.log(Level::Warn, message);
        let began = Instant::now();
        carrier = match again(&host).await {
            Some(carrier) => carrier,
            None => return,
        };
        let took =
            humantime::format_duration(Duration::from_secs(began.elapsed().as_secs().max(1)));
        let message = format!("the connection to `{name}` is back after {took}");
        reporter.log(Level::Info, message);
    }
}

/// Connects until that goes; `None` when nobody needs it any more.
async fn again(host: &HostHandle) -> Option<Carrier> {
    let mut pause = PAUSE;
    while host.inner.ports.any() {
        let attempt = async { host.remote().await?.connect_streams().await };
        match attempt.await {
            Ok(carrier) => return Some(carrier),
            Err(ssh::Error::Closed) => return None,
            Err(error) => tracing::debug!("the way to `{}` is not back yet: {error}", host.name()),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST);
    }
    None
}
