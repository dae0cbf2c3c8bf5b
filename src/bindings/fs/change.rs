//! Changes of the workstation's files: reported, and under `--plan` not made.

use std::path::Path;
use std::sync::Arc;

use crate::engine::Call;
use crate::engine::context::Context;
use crate::report::{Action, Event};
use crate::workstation::{self, Scratch};

/// The run's scratch directories.
pub fn scratch(call: &Call) -> Arc<Scratch> {
    call.session.client(Scratch::default)
}

/// Whether a path is in a directory that goes with the run.
pub fn is_scratch(call: &Call, path: &Path) -> bool {
    scratch(call).holds(path)
}

/// A change of one of the workstation's files, on its way into the report.
pub struct LocalChange<'a> {
    pub path: &'a Path,
    /// `file` or `dir`.
    pub what: &'static str,
    pub action: Action,
    pub reason: String,
    pub diff: Option<String>,
}

/// Reports a change and says whether to make it: not under `--plan`, unless it is made in a scratch
/// directory, which nobody hears of.
pub fn announce(call: &Call, change: LocalChange) -> bool {
    if scratch(call).holds(change.path) {
        return true;
    }
    let run = &call.session.run;
    run.reporter().emit(Event::Change {
        host: workstation::NAME.into(),
        item: format!("{} {}", change.what, change.path.display()),
        action: change.action,
        applied: !run.is_plan(),
        reason: change.reason,
        diff: change.diff,
        step: Context::step(),
    });
    !run.is_plan()
}

/// Reports that a file is as wanted.
pub fn unchanged(call: &Call, what: &str, path: &Path) {
    if !scratch(call).holds(path) {
        call.session.run.reporter().emit(Event::Unchanged {
            host: workstation::NAME.into(),
            count: 1,
            items: vec![format!("{what} {}", path.display())],
            step: Context::step(),
        });
    }
}
