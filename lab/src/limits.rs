//! The one setting of this machine that a lab may have to change.

use std::fs;

use crate::error::{At, Result};
use crate::report;

/// How many programs of one user may watch files; a systemd node is about ten of them.
const WATCHERS: &str = "/proc/sys/fs/inotify/max_user_instances";
/// Enough for the largest lab, and what distributions with containers in mind set.
const ENOUGH: u64 = 4096;

/// Raises the limit of file watchers: with a usual 128, the units of the fifteenth node fail. It
/// stays raised until this machine is restarted, since other programs may count on it by then.
pub fn raise() -> Result<()> {
    let text = fs::read_to_string(WATCHERS).at("read", WATCHERS)?;
    let Some(found) = text
        .trim()
        .parse::<u64>()
        .ok()
        .filter(|found| *found < ENOUGH)
    else {
        return Ok(());
    };
    fs::write(WATCHERS, ENOUGH.to_string()).at("write", WATCHERS)?;
    report::talk(format_args!(
        "raised fs.inotify.max_user_instances from {found} to {ENOUGH} until the next restart: nodes need it"
    ));
    Ok(())
}
