//! Files from the web: checked, whole, and not fetched twice.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::Method;
use sha2::{Digest, Sha256};

use super::{Client, Error, Request, Via, retry};
use crate::workstation::{self, Replacement, hex};

/// A download in which nothing arrives for so long has ended.
const SILENCE: Duration = Duration::from_secs(30);

/// A file to fetch.
#[derive(Clone)]
pub struct Download {
    /// A `GET`; its `timeout` and `limit` do not matter here.
    pub request: Request,
    pub path: PathBuf,
    /// The checksum that the file must have.
    pub sha256: Option<String>,
    /// Set also on a file that is there already; a new file without one gets 0644.
    pub mode: Option<u32>,
}

/// What became of a download.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Downloaded {
    /// Content or mode are other than before.
    pub changed: bool,
    pub bytes: u64,
    pub sha256: String,
}

/// Reads a checksum as people paste it.
pub fn checksum(text: &str) -> Result<String, Error> {
    let digits = text.trim();
    let digits = digits
        .strip_prefix("sha256:")
        .unwrap_or(digits)
        .to_lowercase();
    if digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(digits);
    }
    Err(Error::BadChecksum(text.to_owned()))
}

/// Fails unless `body` has the checksum.
pub fn check(request: &Request, body: &[u8], wanted: &str) -> Result<(), Error> {
    verify(request, Some(wanted), &hex(&Sha256::digest(body)))
}

fn verify(request: &Request, wanted: Option<&str>, found: &str) -> Result<(), Error> {
    match wanted {
        Some(wanted) if wanted != found => Err(Error::Checksum {
            request: request.shown(),
            wanted: wanted.to_owned(),
            found: found.to_owned(),
        }),
        _ => Ok(()),
    }
}

impl Download {
    pub fn new(
        request: Request,
        path: PathBuf,
        sha256: Option<&str>,
        mode: Option<u32>,
    ) -> Result<Download, Error> {
        let sha256 = sha256.map(checksum).transpose()?;
        Ok(Download {
            request: Request {
                method: Method::GET,
                ..request
            },
            path,
            sha256,
            mode,
        })
    }

    /// The file that is there, where it has the wanted checksum.
    pub async fn present(&self) -> Result<Option<Downloaded>, Error> {
        let Some(wanted) = self.sha256.as_ref().filter(|_| self.path.is_file()) else {
            return Ok(None);
        };
        let found = workstation::sha256(&self.path).await?;
        if found != *wanted {
            return Ok(None);
        }
        let facts = workstation::stat(&self.path)?;
        let changed = self.mode.is_some_and(|mode| mode != facts.mode);
        Ok(Some(Downloaded {
            changed,
            bytes: facts.size,
            sha256: found,
        }))
    }
}

impl Client {
    /// Fetches a file beside its place, checks it, and puts it there; a file that has the checksum
    /// already is not fetched. `progress` hears of bytes so far and in all.
    pub async fn download(
        &self,
        download: &Download,
        via: &Via,
        progress: &(dyn Fn(u64, Option<u64>) + Sync),
    ) -> Result<Downloaded, Error> {
        if let Some(present) = download.present().await? {
            if let (true, Some(mode)) = (present.changed, download.mode) {
                workstation::set_mode(&download.path, mode)?;
            }
            return Ok(present);
        }
        let (file, bytes, sha256) =
            retry::run(&download.request, || self.fetch(download, via, progress)).await?;
        let state = workstation::stat(&download.path).ok();
        let same_content = match &state {
            Some(facts) if facts.size == bytes => {
                workstation::sha256(&download.path).await? == sha256
            }
            _ => false,
        };
        let old_mode = state.map(|facts| facts.mode);
        let mode = download.mode.or(old_mode).unwrap_or(0o644);
        let changed = !same_content || old_mode != Some(mode);
        if changed {
            file.commit(mode)?;
        }
        Ok(Downloaded {
            changed,
            bytes,
            sha256,
        })
    }

    async fn fetch(
        &self,
        download: &Download,
        via: &Via,
        progress: &(dyn Fn(u64, Option<u64>) + Sync),
    ) -> Result<(Replacement, u64, String), Error> {
        let request = &download.request;
        let silent = |_| Error::Timeout {
            request: request.shown(),
            after: SILENCE,
        };
        let mut file = Replacement::beside(&download.path)?;
        let mut answer = tokio::time::timeout(SILENCE, self.open(request, via))
            .await
            .map_err(silent)??
            .inner;
        let total = answer.content_length();
        let (mut bytes, mut digest) = (0, Sha256::new());
        progress(bytes, total);
        loop {
            let chunk = tokio::time::timeout(SILENCE, answer.chunk())
                .await
                .map_err(silent)?;
            let Some(chunk) = chunk.map_err(|error| Error::of_reqwest(&request.shown(), error))?
            else {
                break;
            };
            file.write(&chunk)?;
            digest.update(&chunk);
            bytes += chunk.len() as u64;
            progress(bytes, total);
        }
        let found = hex(&digest.finalize());
        verify(request, download.sha256.as_deref(), &found)?;
        Ok((file, bytes, found))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_read_as_people_paste_them() {
        let digits = "AB".repeat(32);
        assert_eq!(
            checksum(&format!(" sha256:{digits}\n")).unwrap(),
            digits.to_lowercase()
        );
        assert!(checksum("abc").is_err());
        assert!(checksum(&"x".repeat(64)).is_err());
    }
}
