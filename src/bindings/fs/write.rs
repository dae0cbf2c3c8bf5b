//! What `fs` writes.

use std::path::{Path, PathBuf};

use rhai::Dynamic;

use crate::engine::Call;
use crate::engine::raise::Raise;
use crate::engine::value::holds_secret;
use crate::files;
use crate::report::Action;
use crate::workstation::{self, Remove, State};

use super::change::{LocalChange, announce, unchanged};
use super::{local, path_at};

pub fn write(call: &mut Call) -> Result<Dynamic, Raise> {
    let path = path_at(call, 0)?;
    let content = call.bytes(1)?;
    let secret = holds_secret(call.value(1)?);
    let mode = call.opt_mode("mode");
    put(call, path, content, mode, secret)
}

/// Makes a file what it is to be, and says whether it was not.
pub fn put(
    call: &mut Call,
    path: PathBuf,
    content: Vec<u8>,
    mode: Option<u32>,
    secret: bool,
) -> Result<Dynamic, Raise> {
    let (target, wanted) = (path.clone(), content.clone());
    let state = local(call, move || workstation::state(&target, &wanted, mode))?;
    let (action, reason, diff) = match &state {
        State::Same => {
            unchanged(call, "file", &path);
            return Ok(false.into());
        }
        State::Missing => (Action::Create, String::new(), diff(&[], &content, secret)),
        State::Differs { old, mode } => {
            let reasons = [
                old.is_some().then(|| "content".to_owned()),
                mode.map(|(is, wanted)| format!("mode {is:04o} → {wanted:04o}")),
            ];
            let reason = reasons.into_iter().flatten().collect::<Vec<_>>().join(", ");
            let diff = old.as_ref().and_then(|old| diff(old, &content, secret));
            (Action::Update, reason, diff)
        }
    };
    if announce(
        call,
        LocalChange {
            path: &path,
            what: "file",
            action,
            reason,
            diff,
        },
    ) {
        let fresh = if secret { 0o600 } else { 0o644 };
        let written = path.clone();
        local(call, move || {
            workstation::write(&path, &content, mode, fresh)
        })?;
        call.session.run.inputs().wrote(&written);
    }
    Ok(true.into())
}

fn diff(old: &[u8], new: &[u8], secret: bool) -> Option<String> {
    let large = old.len().max(new.len()) as u64 > files::TEXT_LIMIT;
    if secret || large {
        return None;
    }
    files::text_diff(old, new).map(|diff| diff.to_string())
}

pub fn mkdir(call: &mut Call) -> Result<Dynamic, Raise> {
    let path = path_at(call, 0)?;
    if path.is_dir() {
        unchanged(call, "dir", &path);
        return Ok(false.into());
    }
    let change = LocalChange {
        path: &path,
        what: "dir",
        action: Action::Create,
        reason: String::new(),
        diff: None,
    };
    if announce(call, change) {
        let (mode, made) = (call.opt_mode("mode"), path.clone());
        local(call, move || workstation::mkdir(&path, mode))?;
        call.session.run.inputs().wrote(&made);
    }
    Ok(true.into())
}

pub fn remove(call: &mut Call) -> Result<Dynamic, Raise> {
    let path = path_at(call, 0)?;
    let recursive = call.opt_bool("recursive") == Some(true);
    let what = match look(call, &path, recursive)? {
        Remove::Nothing => {
            unchanged(call, "file", &path);
            return Ok(false.into());
        }
        Remove::File => "file",
        Remove::Dir => "dir",
    };
    let change = LocalChange {
        path: &path,
        what,
        action: Action::Delete,
        reason: String::new(),
        diff: None,
    };
    if announce(call, change) {
        let removed = path.clone();
        local(call, move || workstation::remove(&path, recursive, false))?;
        call.session.run.inputs().wrote(&removed);
    }
    Ok(true.into())
}

/// What there is to remove, nothing removed yet.
fn look(call: &Call, path: &Path, recursive: bool) -> Result<Remove, Raise> {
    let path = path.to_owned();
    local(call, move || workstation::remove(&path, recursive, true))
}
