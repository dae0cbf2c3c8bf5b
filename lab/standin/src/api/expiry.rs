//! Ends sandboxes whose time is over.

use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;

use super::pause;
use super::platform::Platform;
use super::sandbox;

/// How exact an end is.
const TICK: Duration = Duration::from_millis(100);

/// Looks for as long as the process lives.
pub fn start(platform: &Arc<Platform>) {
    let platform = platform.clone();
    drop(tokio::spawn(async move {
        loop {
            tokio::time::sleep(TICK).await;
            for sandbox in platform.sandboxes.take_expired(Utc::now()) {
                let platform = platform.clone();
                drop(tokio::spawn(async move {
                    let id = sandbox.id.clone();
                    let ended = if sandbox.auto_pause {
                        pause::pause(&platform, &sandbox).await.map_err(drop)
                    } else {
                        sandbox::kill(&platform, &sandbox).await.map_err(drop)
                    };
                    if ended.is_err() {
                        crate::say(&format!("sandbox {id} could not be ended"));
                    }
                }));
            }
        }
    }));
}
