//! A node's disk: a tmpfs of fixed size, and the overlay of the image on it.

use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

use crate::error::{At, Error, Result};

/// Mounts a node's root: `<directory>/root` shows the layers, the first on top, and what the node
/// writes goes to a tmpfs of `size` bytes at `<directory>/disk`. Memory is used only for what is written.
pub fn create(directory: &Path, layers: &[&Path], size: u64) -> Result<()> {
    let (disk, root) = (directory.join("disk"), directory.join("root"));
    for mountpoint in [&disk, &root] {
        fs::create_dir_all(mountpoint).at("create", mountpoint)?;
    }
    let options = c_string(format!("size={size},mode=0755").as_ref())?;
    mount(
        "tmpfs",
        &disk,
        "tmpfs",
        MountFlags::empty(),
        Some(options.as_c_str()),
    )
    .at("mount", &disk)?;
    let (upper, work) = (disk.join("upper"), disk.join("work"));
    for part in [&upper, &work] {
        fs::create_dir(part).at("create", part)?;
        // the overlay's root takes its mode from here, whatever the umask was
        fs::set_permissions(part, fs::Permissions::from_mode(0o755))
            .at("change the mode of", part)?;
    }
    for part in layers.iter().copied().chain([upper.as_path()]) {
        let text = part.to_string_lossy();
        if text.contains([':', ',', '\\']) {
            return Err(Error::BadPath {
                path: part.to_owned(),
            });
        }
    }
    let lower: Vec<String> = layers
        .iter()
        .map(|layer| layer.display().to_string())
        .collect();
    let options = format!(
        "lowerdir={},upperdir={},workdir={}",
        lower.join(":"),
        upper.display(),
        work.display()
    );
    let options = c_string(options.as_ref())?;
    mount(
        "overlay",
        &root,
        "overlay",
        MountFlags::empty(),
        Some(options.as_c_str()),
    )
    .at("mount", &root)
}

fn c_string(text: &Path) -> Result<std::ffi::CString> {
    std::ffi::CString::new(text.as_os_str().to_owned().into_vec())
        .map_err(std::io::Error::from)
        .at("mount with options", text)
}

/// Unmounts everything below a directory, the newest first.
pub fn destroy_below(directory: &Path) -> Result<()> {
    for mountpoint in below(directory)?.iter().rev() {
        forget_machine_lock(mountpoint);
        if unmount(mountpoint, UnmountFlags::empty()).is_err() {
            // somebody's shell stands in it: let it go as soon as they leave
            unmount(mountpoint, UnmountFlags::DETACH).at("unmount", mountpoint)?;
        }
    }
    match below(directory)?.first() {
        Some(left) => Err(Error::Leftovers(format!(
            "the mount `{}` is",
            left.display()
        ))),
        None => Ok(()),
    }
}

/// nspawn locks a machine's root by device and inode, and a killed one leaves the file behind.
fn forget_machine_lock(root: &Path) {
    if let Ok(facts) = fs::metadata(root) {
        let lock = format!(
            "/run/systemd/nspawn/locks/inode-{}:{}",
            facts.dev(),
            facts.ino()
        );
        let _ = fs::remove_file(lock);
    }
}

/// Mount points below a directory, in the order they were made.
fn below(directory: &Path) -> Result<Vec<PathBuf>> {
    let table = "/proc/self/mountinfo";
    let text = fs::read_to_string(table).at("read", table)?;
    Ok(mountpoints(&text)
        .filter(|path| path.starts_with(directory))
        .collect())
}

/// The fifth word of each line; blanks in it are written as `\040` and the like.
fn mountpoints(mountinfo: &str) -> impl Iterator<Item = PathBuf> {
    mountinfo
        .lines()
        .filter_map(|line| line.split(' ').nth(4))
        .map(|word| {
            let word = word.replace("\\040", " ").replace("\\011", "\t");
            PathBuf::from(word.replace("\\012", "\n").replace("\\134", "\\"))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mount_points_with_blanks_are_read() {
        let text =
            "30 1 0:28 / /srv/a\\040b rw - tmpfs e2blab rw\n31 1 0:29 / /srv/c rw - tmpfs x rw\n";
        let found: Vec<_> = mountpoints(text).collect();
        assert_eq!(found, [Path::new("/srv/a b"), Path::new("/srv/c")]);
    }
}
