//! The end of a sandbox's time.

use crate::field::Field;
use std::sync::Arc;
use std::time::Duration;

use chrono::{TimeDelta, Utc};

use super::fleet::{Fleet, held};
use super::sandbox::text;

/// How long an unpacked template is said to be kept.
pub const CACHED: TimeDelta = TimeDelta::hours(25);
/// How often is looked.
const LOOK: Duration = Duration::from_millis(100);
/// One that is to be paused at its end is paused by the API, which alone knows as what. It has so long for it.
const PAUSE: TimeDelta = TimeDelta::seconds(60);

/// Ends sandboxes whose time is over, and buries those that ended by themselves.
pub fn start(fleet: &Arc<Fleet>) {
    let fleet = Arc::clone(fleet);
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(LOOK).await;
            for sandbox in fleet.all() {
                let mut ends = *held(&sandbox.ends);
                if sandbox.config.of("autoPause") == true {
                    ends += PAUSE;
                }
                let is_over = ends <= Utc::now() || sandbox.has_ended().await;
                if is_over && let Ok(taken) = fleet.take(text(&sandbox.config, "sandboxId")) {
                    let fleet = Arc::clone(&fleet);
                    tokio::spawn(async move { fleet.end(&taken).await });
                }
            }
        }
    });
}
