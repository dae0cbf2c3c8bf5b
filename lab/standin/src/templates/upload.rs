//! Files for the COPY steps of a build: a client sends them, as an archive, to a signed URL before the build starts.

use std::env;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::hmac::{self, HMAC_SHA256};
use aws_lc_rs::rand::SystemRandom;
use chrono::Utc;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::{Request, Response};
use serde_json::{Value, json};
use tokio::fs::File;
use tokio::io::AsyncWriteExt;

use crate::connect::{Result, error};
use crate::field::Field;
use crate::http::{self, Reply};

/// For how many seconds a URL is good.
const GOOD_FOR: i64 = 30 * 60;
/// How many hexadecimal digits the hash of a step's files has.
const DIGITS: usize = 64;

/// Who may upload what, for as long as this service lives.
pub struct Uploads {
    base: String,
    key: hmac::Key,
}

impl Uploads {
    /// URLs lead to `LOCAL_UPLOAD_BASE_URL`; without it to this service's port, seen from its own machine.
    ///
    /// # Errors
    ///
    /// When the kernel gives no random bytes.
    pub fn new(port: u16) -> io::Result<Uploads> {
        let base = env::var("LOCAL_UPLOAD_BASE_URL").unwrap_or_default();
        let base = match base.trim_end_matches('/') {
            "" => format!("http://localhost:{port}"),
            base => base.to_owned(),
        };
        let key = hmac::Key::generate(HMAC_SHA256, &SystemRandom::new())
            .map_err(|_| io::Error::other("cannot make a key for URLs of uploads"))?;
        Ok(Uploads { base, key })
    }

    /// `InitLayerFileUpload`: whether the files are here already, and the URL that takes them.
    pub fn begin(&self, message: &Value) -> Result<Value> {
        let text = |name: &str| message.of(name).as_str().unwrap_or_default();
        let scope = match text("cacheScope") {
            "" => text("templateID"),
            scope => scope,
        };
        let path = place(scope, text("hash"))
            .ok_or_else(|| error("invalid_argument", "invalid files hash"))?;
        let expires = Utc::now().timestamp() + GOOD_FOR;
        let url = format!(
            "{}/upload?path={}&expires={expires}&token={}",
            self.base,
            path.replace('/', "%2F"),
            hex(hmac::sign(&self.key, &signed(&path, expires)).as_ref()),
        );
        let present = root().join(&path).is_file();
        Ok(json!({"present": present, "url": url}))
    }

    /// `PUT /upload`: keeps what is sent, whole or not at all.
    pub async fn take(&self, request: Request<Incoming>) -> Response<Reply> {
        match self.keep(request).await {
            Ok(()) => http::answer(200, "", ""),
            Err((status, why)) => http::error_text(status, why),
        }
    }

    async fn keep(
        &self,
        request: Request<Incoming>,
    ) -> std::result::Result<(), (u16, &'static str)> {
        if request.method() != hyper::Method::PUT {
            return Err((405, "method not allowed"));
        }
        let query = |name: &str| {
            let value = http::query(request.uri(), name);
            value.filter(|value| !value.is_empty())
        };
        let (Some(path), Some(expires), Some(token)) =
            (query("path"), query("expires"), query("token"))
        else {
            let why = "missing required query parameters: path, expires, token";
            return Err((400, why));
        };
        let expires = expires
            .parse()
            .map_err(|_| (400, "invalid expires value"))?;
        if !self.is_good(&path, expires, &token) {
            return Err((403, "invalid or expired token"));
        }
        let is_local = |part: Component| matches!(part, Component::Normal(_));
        if !Path::new(&path).components().all(is_local) {
            return Err((400, "invalid path"));
        }
        let kept = write(request.into_body(), &root().join(path)).await;
        kept.map_err(|_| (500, "failed to write file"))
    }

    fn is_good(&self, path: &str, expires: i64, token: &str) -> bool {
        let own = hmac::sign(&self.key, &signed(path, expires));
        expires >= Utc::now().timestamp() && hex(own.as_ref()) == token
    }
}

/// The uploaded archive of a step's files.
#[must_use]
pub fn archive(scope: &str, hash: &str) -> Option<PathBuf> {
    let path = root().join(place(scope, hash)?);
    path.is_file().then_some(path)
}

fn root() -> PathBuf {
    env::var_os("LOCAL_BUILD_CACHE_STORAGE_BASE_PATH")
        .map_or_else(|| PathBuf::from("/tmp/build-cache"), PathBuf::from)
}

/// Where the archive is; only names that cannot lead elsewhere have a place.
fn place(scope: &str, hash: &str) -> Option<String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let is_scope = !scope.is_empty() && scope.bytes().all(plain);
    let is_hash = hash.len() == DIGITS && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    (is_scope && is_hash).then(|| format!("{scope}/files/{hash}.tar"))
}

fn signed(path: &str, expires: i64) -> Vec<u8> {
    format!("{path}:{expires}").into_bytes()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A file that goes unless it is moved away.
struct Partial(PathBuf);

impl Drop for Partial {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

async fn write(mut body: Incoming, path: &Path) -> io::Result<()> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let directory = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(directory)?;
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let partial = Partial(directory.join(format!(".upload-{}-{number}", std::process::id())));
    let mut file = File::create(&partial.0).await?;
    while let Some(frame) = body.frame().await {
        if let Ok(piece) = frame.map_err(io::Error::other)?.into_data() {
            file.write_all(&piece).await?;
        }
    }
    file.flush().await?;
    fs::rename(&partial.0, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_names_have_a_place() {
        let hash = "0a".repeat(32);
        assert_eq!(
            place("team-1", &hash),
            Some(format!("team-1/files/{hash}.tar"))
        );
        assert_eq!(place("..", &hash), None);
        assert_eq!(place("", &hash), None);
        assert_eq!(place("team-1", "../../etc/passwd"), None);
        assert_eq!(place("team-1", "0a"), None);
    }

    #[test]
    fn a_url_is_good_for_its_path_and_its_time() {
        let uploads = Uploads::new(5009).unwrap();
        let message = json!({"cacheScope": "team-1", "hash": "0b".repeat(32)});
        let answer = uploads.begin(&message).unwrap();
        let url = answer["url"].as_str().unwrap();
        let (start, token) = url.split_once("&token=").unwrap();
        let (start, expires) = start.split_once("&expires=").unwrap();
        let path = start
            .split_once("/upload?path=")
            .unwrap()
            .1
            .replace("%2F", "/");
        let expires: i64 = expires.parse().unwrap();
        assert!(uploads.is_good(&path, expires, token));
        assert!(!uploads.is_good(&path, expires + 1, token));
        assert!(!uploads.is_good("team-2/files/x.tar", expires, token));
        let past = hex(hmac::sign(&uploads.key, &signed(&path, 1)).as_ref());
        assert!(!uploads.is_good(&path, 1, &past));
    }
}
