//! Downloads to the workstation, kept by their hash.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use futures_util::StreamExt;
use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;
use tokio::sync::OnceCell;

use super::content::{Content, Found};
use super::error::Error;
use super::hash::{Hashes, hex};

/// Longest silence of a server.
const READ_TIMEOUT: Duration = Duration::from_secs(60);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);

/// A download that the workstation makes when it is needed.
#[derive(Clone, PartialEq, Eq)]
pub struct Fetch {
    pub url: String,
    pub sha256: Option<String>,
}

impl std::fmt::Debug for Fetch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Fetch({})", shown(&self.url))
    }
}

/// The URL without what may be secret in it.
fn shown(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or_default()
}

/// Where downloads are kept: `$XDG_CACHE_HOME/e2bscript/downloads`.
pub fn cache_dir() -> PathBuf {
    let base = std::env::var_os("XDG_CACHE_HOME")
        .filter(|dir| Path::new(dir).is_absolute())
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")))
        .unwrap_or_else(std::env::temp_dir);
    base.join("e2bscript/downloads")
}

type Slots = Mutex<HashMap<(PathBuf, String), Arc<OnceCell<Content>>>>;

impl Fetch {
    /// The downloaded bytes, as a file of the cache. Hosts that need the same file at the same time
    /// share one download.
    pub async fn content(&self, cache: &Path, hashes: &Hashes) -> Result<Content, Error> {
        static SLOTS: LazyLock<Slots> = LazyLock::new(Slots::default);
        let slot = {
            let mut slots = SLOTS.lock().unwrap_or_else(PoisonError::into_inner);
            let key = (cache.to_owned(), self.file_name());
            Arc::clone(slots.entry(key).or_default())
        };
        let content = slot.get_or_try_init(|| self.get(cache, hashes)).await?;
        Ok(content.clone())
    }

    fn file_name(&self) -> String {
        match &self.sha256 {
            Some(sha) => sha.clone(),
            None => format!("unchecked-{}", super::hash::sha256(self.url.as_bytes())),
        }
    }

    async fn get(&self, cache: &Path, hashes: &Hashes) -> Result<Content, Error> {
        let path = cache.join(self.file_name());
        if let Some(wanted) = &self.sha256
            && let Ok(found) = Found::look(&path).await
            && let Ok(content) = found.content(hashes, true).await
            && content.sha256() == Some(wanted)
        {
            return Ok(content);
        }
        std::fs::create_dir_all(cache).map_err(|source| Error::local("create", cache, source))?;
        let temp = tempfile::NamedTempFile::new_in(cache)
            .map_err(|source| Error::local("write", cache, source))?;
        let policy = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(500))
            .with_max_times(3)
            .with_jitter();
        let attempt = || self.attempt(temp.path());
        let sha = attempt
            .retry(policy)
            .when(|failure| failure.again)
            .await
            .map_err(|failure| failure.error)?;
        if let Some(wanted) = &self.sha256
            && *wanted != sha
        {
            return Err(Error::Fetch {
                url: shown(&self.url).to_owned(),
                detail: format!("its bytes have sha256 {sha}, not {wanted}"),
                help: Some(
                    "check the version and where the hash comes from; nothing was installed"
                        .to_owned(),
                ),
            });
        }
        temp.persist(&path)
            .map_err(|error| Error::local("write", &path, error.error))?;
        Found::look(&path).await?.content(hashes, true).await
    }

    async fn attempt(&self, to: &Path) -> Result<String, Failure> {
        let failed = |detail: String, again| Failure {
            again,
            error: Error::Fetch {
                url: shown(&self.url).to_owned(),
                detail,
                help: Some("check the address, and that this machine reaches it".to_owned()),
            },
        };
        // The URL may hold a token; reqwest would print it.
        let cause = |error: reqwest::Error| {
            let again = !error.is_builder();
            failed(deepest(&error.without_url()), again)
        };
        let client = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            .build()
            .map_err(cause)?;
        let response = client.get(&self.url).send().await.map_err(cause)?;
        let status = response.status();
        if !status.is_success() {
            let again = status.is_server_error() || status.as_u16() == 429;
            return Err(failed(format!("the server answered {status}"), again));
        }
        let unwritten = |source| Failure {
            again: false,
            error: Error::local("write", to, source),
        };
        let mut file = tokio::fs::File::create(to).await.map_err(unwritten)?;
        let mut hasher = Sha256::new();
        let mut body = response.bytes_stream();
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(cause)?;
            hasher.update(&chunk);
            file.write_all(&chunk).await.map_err(unwritten)?;
        }
        file.sync_all().await.map_err(unwritten)?;
        Ok(hex(&hasher.finalize()))
    }
}

struct Failure {
    again: bool,
    error: Error,
}

/// The innermost cause, which says most in the fewest words.
fn deepest(error: &dyn std::error::Error) -> String {
    let mut at = error;
    while let Some(source) = at.source() {
        at = source;
    }
    at.to_string()
}

#[cfg(test)]
mod tests {
    use wiremock::matchers::path;
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::super::hash::sha256;
    use super::*;

    async fn server(status: u16, body: &str, times: u64) -> MockServer {
        let server = MockServer::start().await;
        Mock::given(path("/x"))
            .respond_with(ResponseTemplate::new(status).set_body_string(body))
            .expect(times)
            .mount(&server)
            .await;
        server
    }

    #[tokio::test]
    async fn bytes_are_checked_and_kept() {
        let server = server(200, "hello", 1).await;
        let cache = tempfile::tempdir().unwrap();
        let fetch = Fetch {
            url: format!("{}/x?token=canary", server.uri()),
            sha256: Some(sha256(b"hello")),
        };
        let hashes = Hashes::default();
        let (one, two) = tokio::join!(
            fetch.content(cache.path(), &hashes),
            fetch.content(cache.path(), &hashes)
        );
        assert_eq!(one.unwrap().sha256(), two.unwrap().sha256());
        // From the cache, by a process that knows nothing of the first.
        fetch.get(cache.path(), &hashes).await.unwrap();
    }

    #[tokio::test]
    async fn wrong_bytes_and_a_missing_file_are_told_apart_and_not_kept() {
        let server = server(200, "evil", 1).await;
        let cache = tempfile::tempdir().unwrap();
        let fetch = Fetch {
            url: format!("{}/x?token=canary", server.uri()),
            sha256: Some(sha256(b"hello")),
        };
        let error = fetch
            .content(cache.path(), &Hashes::default())
            .await
            .unwrap_err();
        assert!(
            error.to_string().contains("its bytes have sha256"),
            "{error}"
        );
        assert!(!format!("{error} {error:?} {fetch:?}").contains("canary"));
        assert_eq!(std::fs::read_dir(cache.path()).unwrap().count(), 0);
        let fetch = Fetch {
            url: format!("{}/y", server.uri()),
            sha256: None,
        };
        let error = fetch
            .content(cache.path(), &Hashes::default())
            .await
            .unwrap_err();
        assert!(error.to_string().contains("404"), "{error}");
    }

    #[tokio::test]
    async fn a_server_in_trouble_is_asked_again() {
        let server = server(503, "", 4).await;
        let cache = tempfile::tempdir().unwrap();
        let fetch = Fetch {
            url: format!("{}/x", server.uri()),
            sha256: None,
        };
        assert!(
            fetch
                .content(cache.path(), &Hashes::default())
                .await
                .is_err()
        );
    }
}
