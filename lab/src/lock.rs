//! File locks that vanish with their holder and leave no file behind.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::error::{At, Result};
use crate::report;

/// Where locks of the whole machine are.
const DIRECTORY: &str = "/run/e2blab";

/// A held lock; dropping it frees it.
#[derive(Debug)]
pub struct Lock {
    path: PathBuf,
    _file: File,
    keep: bool,
}

impl Lock {
    /// The lock `name` of this machine. Waits for its holder, and says so.
    pub fn machine(name: &str) -> Result<Lock> {
        Lock::hold(&Path::new(DIRECTORY).join(format!("{name}.lock")), false)
    }

    /// A lock on a file that stays, for directories that stay.
    pub fn file(path: &Path) -> Result<Lock> {
        Lock::hold(path, true)
    }

    fn hold(path: &Path, keep: bool) -> Result<Lock> {
        let mut told = false;
        loop {
            if let Some(directory) = path.parent().filter(|_| !keep) {
                match fs::create_dir(directory) {
                    Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                        return Err(error).at("create", directory);
                    }
                    _ => {}
                }
            }
            let opened = OpenOptions::new()
                .create(true)
                .truncate(false)
                .write(true)
                .open(path);
            let file = match opened {
                // the last holder removed the directory between the two calls
                Err(error) if error.kind() == io::ErrorKind::NotFound && !keep => continue,
                other => other.at("open the lock", path)?,
            };
            if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
                if !told {
                    report::talk(format_args!(
                        "waiting for another e2blab to free `{}`",
                        path.display()
                    ));
                    told = true;
                }
                flock(&file, FlockOperation::LockExclusive).at("lock", path)?;
            }
            if still_there(&file, path) {
                return Ok(Lock {
                    path: path.to_owned(),
                    _file: file,
                    keep,
                });
            }
        }
    }
}

/// Whether the locked file is still the one the path names: its last holder unlinks it.
fn still_there(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::metadata(path)) {
        (Ok(held), Ok(named)) => held.ino() == named.ino() && held.dev() == named.dev(),
        _ => false,
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if self.keep {
            return;
        }
        // unlinked while held: whoever waits for it sees that and starts over
        let _ = fs::remove_file(&self.path);
        if let Some(directory) = self.path.parent() {
            let _ = fs::remove_dir(directory);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn one_holder_at_a_time_and_no_file_afterwards() {
        let directory = std::env::temp_dir().join(format!("e2blab-lock-{}", std::process::id()));
        let path = directory.join("x.lock");
        let inside = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let lock = Lock::hold(&path, false).unwrap();
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                        std::thread::yield_now();
                        inside.fetch_sub(1, Ordering::SeqCst);
                        drop(lock);
                    }
                });
            }
        });
        assert!(
            !directory.exists(),
            "lock files were left in {}",
            directory.display()
        );
    }
}
