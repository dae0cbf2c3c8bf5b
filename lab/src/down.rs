//! `e2blab down`: nothing of a lab is left, whatever state it was in.

use std::fs;
use std::io;
use std::path::Path;

use crate::cgroup::Groups;
use crate::error::{At, Error, Result};
use crate::lab::Lab;
use crate::lock::Lock;
use crate::mounts;
use crate::network;
use crate::report;

/// Takes the lab down; that there is none is fine.
pub fn down(lab: &Lab) -> Result<()> {
    let groups = Groups::of(lab)?;
    let _lock = Lock::machine(lab.name())?;
    if sweep(lab, &groups)? {
        report::talk(format_args!("lab `{}` is down", lab.name()));
    } else {
        report::talk(format_args!("there is no lab `{}`", lab.name()));
    }
    Ok(())
}

/// Removes everything that bears the lab's name; says whether there was anything. It asks the
/// kernel and the file system, never the state file, which may be missing or wrong.
pub fn sweep(lab: &Lab, groups: &Groups) -> Result<bool> {
    let link = network::own_link(lab)?;
    if let Some(mark) = link
        .as_ref()
        .and_then(|link| link.mark.as_ref())
        .filter(|mark| **mark != lab.mark())
    {
        return Err(Error::OtherDirectory {
            name: lab.name().to_owned(),
            found: mark
                .split_once(' ')
                .map(|(_, directory)| directory.to_owned())
                .unwrap_or_default(),
            wanted: lab.directory().display().to_string(),
        });
    }
    let found = link.is_some() || groups.exist() || lab.directory().exists();
    groups.destroy()?;
    mounts::destroy_below(lab.directory())?;
    network::destroy(lab)?;
    forget_machines(lab)?;
    remove(lab.directory())?;
    // the directory of all labs goes with the last of them
    if let Some(base) = lab.directory().parent() {
        let _ = fs::remove_dir(base);
    }
    Ok(found)
}

/// A killed nspawn leaves a directory for each machine, and these their parents.
fn forget_machines(lab: &Lab) -> Result<()> {
    let base = Path::new("/run/systemd/nspawn");
    for kind in ["propagate", "unix-export"] {
        let directory = base.join(kind);
        let Ok(entries) = fs::read_dir(&directory) else {
            continue;
        };
        for entry in entries.flatten() {
            if entry
                .file_name()
                .to_string_lossy()
                .starts_with(&lab.namespace(""))
            {
                remove(&entry.path())?;
            }
        }
    }
    Ok(())
}

fn remove(directory: &Path) -> Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error).at("remove", directory),
        _ => Ok(()),
    }
}
