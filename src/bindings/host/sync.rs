//! Making a host's tree like one of the workstation.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::sync::Arc;

use rhai::{Array, Dynamic};

use crate::diag::Failure;
use crate::engine::call::Call;
use crate::engine::context::Context;
use crate::engine::raise::Raise;
use crate::engine::registry::{Function, Opt, Param};
use crate::engine::ty::Ty;
use crate::engine::value;
use crate::files::{self, Modes, SyncAction, SyncChange, SyncOptions};
use crate::report::{Action, Event};
use crate::run::Run;
use crate::run::inputs::Look;

use super::super::ssh::expanded;
use super::transfer::Bar;
use super::{HostHandle, on_host, state};

pub const SYNC_TREE: Function = Function {
    name: "sync_tree",
    doc: "Makes a directory of the host hold what one of the workstation holds. One round trip lists and \
          hashes; what differs comes as one archive in one more, and every file is renamed into its \
          place. Globs are those of `.gitignore`.",
    params: &[
        Param::new("local", Ty::Str, "directory of the workstation"),
        Param::new(
            "remote",
            Ty::Str,
            "absolute path of the directory on the host",
        ),
    ],
    options: &[
        Opt::new(
            "include",
            Ty::Strings,
            "everything",
            "only these globs are looked at, here and there",
        ),
        Opt::new(
            "exclude",
            Ty::Strings,
            "[]",
            "these globs are not looked at, here or there",
        ),
        Opt::new(
            "protect",
            Ty::Strings,
            "[]",
            "these globs are never written or deleted on the host",
        ),
        Opt::new(
            "delete",
            Ty::Bool,
            "false",
            "delete on the host what is not here",
        ),
        Opt::new(
            "delete_limit",
            Ty::Int,
            "half of what is there, and ten at least",
            "refuse to delete more than so many",
        ),
        Opt::new("force", Ty::Bool, "false", "delete whatever the limit says"),
        Opt::new(
            "modes",
            Ty::Str,
            "\"plain\"",
            "`plain`: 0755 for directories and executables, 0644 for the rest; `same`: those of the \
             workstation",
        ),
        Opt::new(
            "owner",
            Ty::Str,
            "root with sudo, else the user",
            "owning user",
        ),
        Opt::new("group", Ty::Str, "the owner's", "owning group"),
        Opt::new("sudo", Ty::Bool, "true", "work as root"),
    ],
    returns: "array of the paths that changed, as maps with `path`, `action` and `reasons`",
    errors: &[
        "files.local",
        "files.sync_refused",
        "files.disk_full",
        "state.*",
        "ssh.*",
    ],
    example: r#"host.sync_tree("nomad", "/opt/e2b/nomad", #{ delete: true })"#,
    body: sync_tree,
    ..Function::BASE
};

fn sync_tree(call: &mut Call) -> Result<Dynamic, Raise> {
    let host = call.receiver::<HostHandle>()?;
    let (local, remote_path) = (expanded(&call.string(0)?), call.string(1)?);
    let options = options(call)?;
    let root = call.opt_bool("sudo") != Some(false);
    let run = call.session.run.clone();
    note(&run, &local, &options);
    let mut bar = None;
    let report = on_host(call, &host, async |remote| {
        let mut options = options.clone();
        options.ensure.sudo = host.sudo_for(remote, root);
        files::sync(
            remote,
            &local,
            &remote_path,
            &options,
            &mut |done, total| {
                bar.get_or_insert_with(|| {
                    Bar::upload(&run, host.name(), &remote_path, Some(total))
                })
                .at(done);
            },
        )
        .await
    })?;
    drop(bar);
    tell(&run, &host, &remote_path, &report);
    report
        .changes
        .iter()
        .map(summary)
        .collect::<Result<Array, Raise>>()
        .map(Into::into)
}

fn options(call: &Call) -> Result<SyncOptions, Raise> {
    let globs = |name: &str| call.opt_strings(name).unwrap_or_default();
    let flag = |name: &str| call.opt_bool(name).unwrap_or(false);
    Ok(SyncOptions {
        include: globs("include"),
        exclude: globs("exclude"),
        protect: globs("protect"),
        delete: flag("delete"),
        delete_limit: delete_limit(call)?,
        force: flag("force"),
        modes: modes(call)?,
        owner: call.opt_string("owner"),
        group: call.opt_string("group"),
        ensure: files::Options {
            plan: call.session.run.is_plan(),
            ..files::Options::default()
        },
    })
}

/// Notes the tree among what the run reads.
fn note(run: &Run, local: &Path, options: &SyncOptions) {
    let options = options.clone();
    let look = move |root: &Path| {
        let mut print = DefaultHasher::new();
        let found = files::outline(root, &options);
        // What cannot be looked at fails in the sync itself, and may be mended.
        let found = found.unwrap_or_default();
        found.hash(&mut print);
        let (files, dirs): (Vec<_>, Vec<_>) =
            found.into_iter().partition(|(_, stamp)| stamp.is_some());
        let dirs = dirs.into_iter().map(|(dir, _)| dir);
        Look {
            print: print.finish(),
            files: files.into_iter().map(|(file, _)| file).collect(),
            places: dirs.chain([root.to_owned()]).collect(),
        }
    };
    run.inputs().tree(local, Arc::new(look));
}

fn delete_limit(call: &Call) -> Result<Option<usize>, Raise> {
    let Some(limit) = call.opt_int("delete_limit") else {
        return Ok(None);
    };
    match usize::try_from(limit) {
        Ok(limit) => Ok(Some(limit)),
        Err(_) => Err(refused(
            call,
            "delete_limit",
            &limit.to_string(),
            "a number from 0 on",
        )),
    }
}

fn modes(call: &Call) -> Result<Modes, Raise> {
    match call.opt_string("modes").as_deref() {
        None | Some("plain") => Ok(Modes::Plain),
        Some("same") => Ok(Modes::Same),
        Some(other) => Err(refused(
            call,
            "modes",
            &format!("\"{other}\""),
            "\"plain\" or \"same\"",
        )),
    }
}

fn refused(call: &Call, option: &str, given: &str, wanted: &str) -> Raise {
    let message = format!("option `{option}` of `{}` is {given}", call.name());
    Failure::usage("script.option", message)
        .help(format!("it takes {wanted}"))
        .into()
}

/// Reports each path as a change of its own, and how many were as they should be.
fn tell(run: &Run, host: &HostHandle, root: &str, report: &files::SyncReport) {
    let step = Context::step();
    let root = root.trim_end_matches('/');
    if report.unchanged > 0 {
        run.reporter().emit(Event::Unchanged {
            host: host.name().to_owned(),
            count: report.unchanged as u64,
            items: vec![format!("tree {root}")],
            step,
        });
    }
    for change in &report.changes {
        run.reporter().emit(Event::Change {
            host: host.name().to_owned(),
            item: format!("tree {root}/{}", change.path),
            action: match change.action {
                SyncAction::Create => Action::Create,
                SyncAction::Update => Action::Update,
                SyncAction::Delete => Action::Delete,
            },
            applied: !report.plan,
            reason: state::words(&change.reasons).join(", "),
            diff: change.diff.as_ref().and_then(state::diff_text),
            step,
        });
    }
}

fn summary(change: &SyncChange) -> Result<Dynamic, Raise> {
    value::from_serde(&serde_json::json!({
        "path": change.path,
        "action": change.action,
        "reasons": state::words(&change.reasons),
    }))
}
