//! Making a host's tree like one of the workstation.

mod apply;
mod compare;
mod globs;
mod list;
mod tree;
mod walk;

use std::path::{Path, PathBuf};

use serde::Serialize;

pub(super) use tree::Tree;

use super::apply::Transfer;
use super::ensure::{Options, Silent, ensure};
use super::error::Error;
use super::hash::Stamp;
use super::item::Item;
use super::pace::Compress;
use super::payload::Progress;
use super::place::{check_path, clean};
use super::report::{Diff, Reason};
use super::shell::{Class, Shell, standin};
use super::state::File;
use compare::Difference;
use globs::Globs;

/// Which modes files get.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Modes {
    /// 0755 for what its owner may execute and for directories, 0644 for the rest.
    #[default]
    Plain,
    /// Those of the workstation, for directories too.
    Same,
}

/// How a tree is synchronised.
///
/// Globs are those of `.gitignore`: without a slash inside they match at any depth, with one from
/// the root; a directory stands for all below it.
#[derive(Debug, Clone, Default)]
pub struct SyncOptions {
    /// Only these are looked at, here and there. Default: all.
    pub include: Vec<String>,
    /// These are not looked at, here or there.
    pub exclude: Vec<String>,
    /// These of the host are never written or deleted.
    pub protect: Vec<String>,
    /// Deletes on the host what is not here. Default: false.
    pub delete: bool,
    /// Refuses to delete more than so many. Default: half of what is there, if that is over ten.
    pub delete_limit: Option<usize>,
    /// Deletes whatever the limit says. Default: false.
    pub force: bool,
    pub modes: Modes,
    /// Default: the connected user, or root with sudo.
    pub owner: Option<String>,
    pub group: Option<String>,
    /// Plan, sudo, compression and what else an ensure knows.
    pub ensure: Options,
}

/// The outcome of a sync.
#[derive(Debug, Clone, Serialize)]
pub struct SyncReport {
    pub host: String,
    /// Nothing was written: the changes are what a run would do.
    pub plan: bool,
    /// In the order of their paths.
    pub changes: Vec<SyncChange>,
    pub unchanged: usize,
    pub round_trips: u32,
    /// Payload bytes handed to the connection.
    pub bytes_sent: u64,
}

/// One path that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SyncChange {
    /// Relative to the tree; bytes that are no UTF-8 are replaced.
    pub path: String,
    pub action: SyncAction,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<Reason>,
    /// How the content of a small text differs; under a plan only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diff: Option<Diff>,
}

/// What is done about a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SyncAction {
    Create,
    Update,
    Delete,
}

/// The files and directories of the workstation that a sync of `local` takes, files each with what tells
/// its versions apart.
pub fn outline(
    local: &Path,
    options: &SyncOptions,
) -> Result<Vec<(PathBuf, Option<Stamp>)>, Error> {
    let globs = Globs::new(options).map_err(|problem| Error::Invalid {
        item: format!("sync `{}`", local.display()),
        problem: problem.text,
        help: problem.help,
    })?;
    walk::outline(local, &globs)
}

/// Makes the host's directory `remote` hold what the workstation's `local` holds.
///
/// One round trip lists and hashes; where something differs one more brings it: an archive is
/// unpacked beside, and every file is renamed into its place. `progress` hears bytes and total.
pub async fn sync(
    shell: &dyn Shell,
    local: &Path,
    remote: &str,
    options: &SyncOptions,
    progress: &mut (dyn FnMut(u64, u64) + Send),
) -> Result<SyncReport, Error> {
    let remote = clean(remote);
    let name = format!("sync `{}` to `{remote}`", local.display());
    let invalid = |problem: super::item::Problem| Error::Invalid {
        item: name.clone(),
        problem: problem.text,
        help: problem.help,
    };
    check_path(&remote).map_err(invalid)?;
    for who in options.owner.iter().chain(&options.group) {
        super::place::check_name(who).map_err(invalid)?;
    }
    if options.delete && super::state::is_guarded(&remote) {
        return Err(invalid(super::item::Problem::new(
            "nothing is deleted in a directory that the system needs",
        )));
    }
    let globs = Globs::new(options).map_err(invalid)?;
    let tree = walk::walk(local, &globs, options.modes, &options.ensure.hashes).await?;
    let there = list::list(shell, &remote, &tree, &globs, &options.ensure.sudo).await?;
    let difference =
        compare::compare(&tree, &there, &globs, options).map_err(|problem| Error::Conflict {
            host: shell.host().to_owned(),
            item: name.clone(),
            problem: problem.text,
            help: problem.help,
        })?;
    guard(shell, local, &remote, &tree, &there, &difference, options)?;
    let mut report = SyncReport {
        host: shell.host().to_owned(),
        plan: options.ensure.plan,
        changes: difference.changes.clone(),
        unchanged: difference.unchanged,
        round_trips: 1,
        bytes_sent: 0,
    };
    if options.ensure.plan {
        report.round_trips += show(shell, local, &remote, &mut report.changes, options).await?;
        return Ok(report);
    }
    if difference.changes.is_empty() {
        return Ok(report);
    }
    if let Some(model) = standin(shell) {
        tree.copy_to(&model, &remote, &difference.changes, options);
        report.round_trips += 1;
        return Ok(report);
    }
    let script = apply::script(&remote, tree, &difference, options);
    let size = script.size();
    let transfer = Transfer {
        shell,
        sudo: &options.ensure.sudo,
        state_dir: &options.ensure.state_dir,
        compress: match there.gzip {
            true => options.ensure.compress,
            false => Compress::Off,
        },
        class: match size < 1 << 20 {
            true => Class::Control,
            false => Class::Bulk,
        },
        progress: Progress::default(),
    };
    let handed = transfer.progress.clone();
    let mut heard = |_: super::apply::Heard<'_>| {};
    let work = transfer.run(script, &mut heard);
    tokio::pin!(work);
    let mut ticks = tokio::time::interval(super::ensure::TICK);
    let done = loop {
        tokio::select! {
            done = &mut work => break done,
            _ = ticks.tick(), if size > 0 => progress(handed.content().min(size), size),
        }
    };
    done.map_err(|failed| failed.into_error(shell.host(), name, Vec::new(), Vec::new()))?;
    if size > 0 {
        progress(size, size);
    }
    report.round_trips += 1;
    report.bytes_sent = handed.sent();
    Ok(report)
}

/// Adds the differences of contents to a plan's changes, by a round trip if there are any: the
/// listing has only hashes. Returns how many round trips that took.
async fn show(
    shell: &dyn Shell,
    local: &Path,
    remote: &str,
    changes: &mut [SyncChange],
    options: &SyncOptions,
) -> Result<u32, Error> {
    let mut differ: Vec<&mut SyncChange> = changes
        .iter_mut()
        .filter(|change| change.reasons.iter().any(Reason::is_content))
        // A name that is no UTF-8 is shown with replacements and would find nothing.
        .filter(|change| !change.path.contains(char::REPLACEMENT_CHARACTER))
        .collect();
    if differ.is_empty() {
        return Ok(0);
    }
    let files = differ.iter().map(|change| {
        let path = format!("{}/{}", remote.trim_end_matches('/'), change.path);
        Item::from(File::new(path, local.join(&change.path)))
    });
    let plan = Options {
        plan: true,
        ..options.ensure.clone()
    };
    let compared = ensure(shell, &files.collect::<Vec<_>>(), &plan, &mut Silent).await?;
    for (change, item) in differ.iter_mut().zip(compared.items) {
        change.diff = item.change.and_then(|change| change.diff);
    }
    Ok(compared.round_trips)
}

/// Refuses deletions that are more likely a mistake than meant.
fn guard(
    shell: &dyn Shell,
    local: &Path,
    remote: &str,
    tree: &Tree,
    there: &list::Listing,
    difference: &Difference,
    options: &SyncOptions,
) -> Result<(), Error> {
    let deletes = difference.deletes();
    if deletes.is_empty() || options.force {
        return Ok(());
    }
    let limit = match options.delete_limit {
        Some(limit) => limit,
        None => (there.nodes.len() / 2).max(10),
    };
    let problem = if tree.entries.is_empty() {
        "there is nothing to copy, so all of it would be deleted".to_owned()
    } else if deletes.len() > limit {
        let all = there.nodes.len();
        format!(
            "it would delete {} of {all} paths, over the limit of {limit}",
            deletes.len()
        )
    } else {
        return Ok(());
    };
    Err(Error::SyncRefused {
        host: shell.host().to_owned(),
        local: local.display().to_string(),
        remote: remote.to_owned(),
        problem,
        paths: deletes,
    })
}
