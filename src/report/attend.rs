//! The reporter that gets what nobody hands to one: notes of libraries, and panics.

use std::path::PathBuf;
use std::sync::{Arc, Once, PoisonError, RwLock, Weak};

use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::trace::TraceLayer;
use super::{Inner, Reporter, panic};

/// The newest reporter that was said to be it, while it lives.
static ATTENDING: RwLock<Option<Attending>> = RwLock::new(None);

struct Attending {
    inner: Weak<Inner>,
    log: Option<PathBuf>,
}

/// From now on notes (`tracing`, `log`) and panics of the whole process are this reporter's. `log` is
/// the run's log, which a panic names.
///
/// Of this program's notes `debug` and louder count, of libraries' `info`: finer ones tell of every
/// packet.
pub fn attend(reporter: &Reporter, log: Option<PathBuf>) {
    static SET_UP: Once = Once::new();
    SET_UP.call_once(|| {
        let own = env!("CARGO_CRATE_NAME");
        let targets = Targets::new()
            .with_default(Level::INFO)
            .with_target(own, Level::DEBUG);
        let layers = tracing_subscriber::registry().with(targets);
        // A program that has a subscriber of its own keeps it, and its notes.
        if layers.with(TraceLayer).try_init().is_ok() {
            ::log::set_max_level(::log::LevelFilter::Info);
        }
        panic::report_panics();
    });
    let attending = Attending {
        inner: Arc::downgrade(&reporter.inner),
        log,
    };
    let mut slot = ATTENDING.write().unwrap_or_else(PoisonError::into_inner);
    *slot = Some(attending);
}

/// Who attends now, with the log that it keeps.
pub(super) fn attending() -> Option<(Reporter, Option<PathBuf>)> {
    let slot = ATTENDING.read().unwrap_or_else(PoisonError::into_inner);
    let attending = slot.as_ref()?;
    let inner = attending.inner.upgrade()?;
    Some((Reporter { inner }, attending.log.clone()))
}
