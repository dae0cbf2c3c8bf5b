//! The reporter's clock: moves the spinner, flushes what was buffered, breaks long silence.

use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use super::Inner;

const TICK: Duration = Duration::from_millis(100);

/// Starts the clock; it stops by itself when the reporter is gone.
///
/// Without it everything is still shown, only later; so a system that has no thread left for it
/// does not stop the run.
pub(super) fn start(inner: &Arc<Inner>) {
    let inner = Arc::downgrade(inner);
    let _ = thread::Builder::new()
        .name("report-clock".to_owned())
        .spawn(move || tick(&inner));
}

fn tick(inner: &Weak<Inner>) {
    loop {
        thread::sleep(TICK);
        let Some(inner) = inner.upgrade() else { return };
        let masker = super::read(&inner.masker);
        super::lock(&inner.state).tick(&inner.run, &masker, Instant::now());
    }
}
