//! Content hashes of workstation files: each is computed once a run, however many hosts get it.

use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use sha2::{Digest, Sha256};
use tokio::sync::{OnceCell, oneshot};

use super::error::Error;

/// The sha256 of `bytes`, in lower-case hex.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// What tells one version of a file from the next without reading it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Stamp {
    pub size: u64,
    device: u64,
    inode: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    pub fn of(metadata: &Metadata) -> Stamp {
        Stamp {
            size: metadata.len(),
            device: metadata.dev(),
            inode: metadata.ino(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

type Slot = Arc<OnceCell<String>>;

/// Remembers hashes by path and stamp. Clones share what they know.
#[derive(Debug, Clone, Default)]
pub struct Hashes {
    known: Arc<Mutex<HashMap<(PathBuf, Stamp), Slot>>>,
}

impl Hashes {
    /// The process's own, so that every operation of a run shares it.
    pub fn shared() -> Hashes {
        static SHARED: LazyLock<Hashes> = LazyLock::new(Hashes::default);
        SHARED.clone()
    }

    /// Begins to hash a file in the background, for who asks later. Needs a runtime.
    ///
    /// What else the process does goes first: encrypting, above all.
    pub fn start(&self, path: &Path, stamp: &Stamp) {
        let (slot, path) = (self.slot(path, stamp), path.to_owned());
        tokio::spawn(async move {
            let compute = || async move { hash_file_in_spare_time(path).await };
            // Who asks later tries again and hears why it fails.
            let _ = slot.get_or_try_init(compute).await;
        });
    }

    /// The sha256 of the file at `path` as it was when `stamp` was taken.
    ///
    /// Callers that ask at the same time wait for one computation, on a blocking thread.
    pub async fn sha256(&self, path: &Path, stamp: &Stamp) -> Result<String, Error> {
        let compute = || async {
            let path = path.to_owned();
            let hashed = tokio::task::spawn_blocking(move || hash_file(&path)).await;
            hashed.map_err(io::Error::other)?
        };
        let slot = self.slot(path, stamp);
        let sha = slot.get_or_try_init(compute).await;
        sha.cloned()
            .map_err(|source| Error::local("read", path, source))
    }

    fn slot(&self, path: &Path, stamp: &Stamp) -> Slot {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.entry((path.to_owned(), stamp.clone())).or_default())
    }
}

/// On a thread of its own, whose priority must not come back to a pool's other work. A tenth of the
/// weight of others: who waits for it on a busy machine is still served.
async fn hash_file_in_spare_time(path: PathBuf) -> io::Result<String> {
    let (answer, hashed) = oneshot::channel();
    std::thread::Builder::new()
        .name("hash".to_owned())
        .spawn(move || {
            // Linux has a priority for each thread; elsewhere this would slow the whole process down.
            #[cfg(target_os = "linux")]
            let _ = rustix::process::nice(10);
            // Who asked may be gone.
            let _ = answer.send(hash_file(&path));
        })?;
    hashed.await.map_err(io::Error::other)?
}

fn hash_file(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 256 << 10];
    loop {
        let count = file.read(&mut buffer)?;
        match buffer.get(..count) {
            Some(chunk) if !chunk.is_empty() => hasher.update(chunk),
            _ => return Ok(hex(&hasher.finalize())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_value() {
        assert_eq!(
            sha256(b"abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[tokio::test]
    async fn a_file_is_read_once_until_it_changes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        std::fs::write(&path, "one").unwrap();
        let stamp = Stamp::of(&path.metadata().unwrap());
        let hashes = Hashes::default();
        let first = hashes.sha256(&path, &stamp).await.unwrap();
        assert_eq!(first, sha256(b"one"));
        std::fs::write(&path, "three").unwrap();
        // The same stamp answers from memory, the new one reads again.
        assert_eq!(hashes.sha256(&path, &stamp).await.unwrap(), first);
        let stamp = Stamp::of(&path.metadata().unwrap());
        assert_eq!(
            hashes.sha256(&path, &stamp).await.unwrap(),
            sha256(b"three")
        );
    }

    #[tokio::test]
    async fn what_was_begun_is_not_begun_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        std::fs::write(&path, "one").unwrap();
        let stamp = Stamp::of(&path.metadata().unwrap());
        let hashes = Hashes::default();
        hashes.start(&path, &stamp);
        while hashes.slot(&path, &stamp).get().is_none() {
            tokio::task::yield_now().await;
        }
        std::fs::remove_file(&path).unwrap();
        assert_eq!(hashes.sha256(&path, &stamp).await.unwrap(), sha256(b"one"));
    }

    #[tokio::test]
    async fn a_missing_file_names_its_path() {
        let path = Path::new("/nonexistent/a");
        let stamp = Stamp::of(&Path::new("/").metadata().unwrap());
        let error = Hashes::default().sha256(path, &stamp).await.unwrap_err();
        assert_eq!(error.to_string(), "cannot read `/nonexistent/a`");
    }
}
