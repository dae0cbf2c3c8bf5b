//! Writing a new host's key down.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use russh::keys::PublicKey;
use rustix::fs::{FlockOperation, flock};

use super::line::{Marker, hide};
use super::{Fingerprint, HostKeyCause, KnownKey, Lookup, store};

/// Appends the key under a lock, unless another process has done so in the meantime.
pub(super) fn append(file: &Path, lookup: &Lookup, key: &PublicKey) -> Result<(), HostKeyCause> {
    let failed = |reason: String| HostKeyCause::Unrecorded {
        file: file.to_owned(),
        reason,
    };
    let blob = key.to_bytes().map_err(|error| failed(error.to_string()))?;
    let mut open = open(file).map_err(|error| failed(error.to_string()))?;
    let mut before = Vec::new();
    open.read_to_end(&mut before)
        .map_err(|error| failed(error.to_string()))?;
    let name = lookup.filed_as();
    let mut known = Vec::new();
    for line in store::parse(&before) {
        if line.marker != Marker::Host || !line.is_about(&name) {
            continue;
        }
        match line.key() {
            Some(old) if old == blob => return Ok(()),
            Some(old) => known.push(KnownKey {
                key: Fingerprint::of_blob(&line.algorithm, &old),
                file: file.to_owned(),
                line: line.number,
            }),
            None => {}
        }
    }
    if !known.is_empty() {
        return Err(HostKeyCause::Changed { known });
    }
    let line = entry(
        lookup,
        &name,
        key,
        !before.is_empty() && !before.ends_with(b"\n"),
    )
    .map_err(failed)?;
    open.write_all(line.as_bytes())
        .and_then(|()| open.sync_all())
        .map_err(|error| failed(error.to_string()))
}

fn open(file: &Path) -> io::Result<File> {
    if let Some(directory) = file
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
    {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)?;
    }
    let open = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .open(file)?;
    flock(&open, FlockOperation::LockExclusive)?;
    Ok(open)
}

fn entry(
    lookup: &Lookup,
    name: &str,
    key: &PublicKey,
    after_torn_line: bool,
) -> Result<String, String> {
    let name = if lookup.hash_names {
        let mut salt = [0; 20];
        aws_lc_rs::rand::fill(&mut salt).map_err(|_| "no random numbers".to_owned())?;
        hide(&salt, name)
    } else {
        name.to_owned()
    };
    let mut bare = key.clone();
    bare.set_comment("");
    let key = bare.to_openssh().map_err(|error| error.to_string())?;
    let newline = if after_torn_line { "\n" } else { "" };
    Ok(format!("{newline}{name} {}\n", key.trim_end()))
}
