//! Putting one file on a host.

use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::ensure::{Event, Options, ensure};
use super::error::Error;
use super::item::Item;
use super::mode::Mode;
use super::report::{ItemReport, Report};
use super::shell::{Class, Shell};
use super::state::{File, Newline, Text};

/// From this size on a file has the bulk connection, for the look before it as well: a script that
/// just uploads it needs no other.
const LARGE: u64 = 1 << 20;

/// Where a file goes and how it should be there.
#[derive(Debug, Clone, Default)]
pub struct PutOptions {
    /// Default: as it is; for a new file 0755 if the local one is executable, else 0644; for a
    /// secret one 0600 in any case.
    pub mode: Option<Mode>,
    pub owner: Option<String>,
    pub group: Option<String>,
    /// Also makes the directories above it. Default: false.
    pub parents: bool,
    /// Writes the file that a link at the path leads to. Default: false.
    pub follow: bool,
    /// Its content is never shown. Default: false.
    pub secret: bool,
    /// Sends the file even if the host has the same content. Default: false.
    pub always: bool,
    /// Plan, sudo, compression and what else an ensure knows.
    pub ensure: Options,
}

/// Puts the local file on the host and reports what differed.
///
/// It is written beside its destination, made durable, and renamed: whatever ends the transfer, the
/// destination is old or new. What arrives is what was read here: the connection is authenticated
/// byte for byte, the end of the content is marked, and a local file that changes while it is sent
/// is given up. So it is not hashed again over there, which would cost more than the transfer.
/// `progress` hears bytes and total.
pub async fn upload(
    shell: &dyn Shell,
    local: &Path,
    remote: &str,
    options: &PutOptions,
    progress: &mut (dyn FnMut(u64, u64) + Send),
) -> Result<ItemReport, Error> {
    let item = File::new(remote, PathBuf::from(local))
        .mode(options.mode)
        .owner(options.owner.clone())
        .group(options.group.clone())
        .parents(options.parents)
        .follow(options.follow)
        .secret(options.secret)
        .always(options.always);
    // What cannot be looked at here is reported by what reads it.
    let large = tokio::fs::metadata(local)
        .await
        .is_ok_and(|found| found.len() >= LARGE);
    let ensure_options = Options {
        class: options.ensure.class.or(large.then_some(Class::Bulk)),
        ..options.ensure.clone()
    };
    put(shell, item.into(), &ensure_options, progress).await
}

/// Puts a text on the host, as it is, and reports what differed.
pub async fn put_text(
    shell: &dyn Shell,
    remote: &str,
    text: impl Into<Bytes>,
    options: &PutOptions,
) -> Result<ItemReport, Error> {
    let item = Text::new(remote, text)
        .newline(Newline::Exact)
        .mode(options.mode)
        .owner(options.owner.clone())
        .group(options.group.clone())
        .parents(options.parents)
        .follow(options.follow)
        .secret(options.secret);
    put(shell, item.into(), &options.ensure, &mut |_, _| {}).await
}

async fn put(
    shell: &dyn Shell,
    item: Item,
    options: &Options,
    progress: &mut (dyn FnMut(u64, u64) + Send),
) -> Result<ItemReport, Error> {
    let mut observer = |event: Event<'_>| {
        if let Event::Sent { bytes, of } = event {
            progress(bytes, of);
        }
    };
    let Report { host, items, .. } = ensure(shell, &[item], options, &mut observer).await?;
    items.into_iter().next().ok_or_else(|| Error::Read {
        host,
        what: "the file".to_owned(),
        detail: "there is no report about it".to_owned(),
        output: Vec::new(),
    })
}
