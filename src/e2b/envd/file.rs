//! Files in a sandbox.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use serde::Deserialize;
use serde_json::json;

use super::stream::whole;
use super::{Entry, Envd, Operation, refused, signature};
use crate::chance;
use crate::e2b::api::parse;
use crate::e2b::link::Repeat;
use crate::e2b::{Error, Service};
use crate::http::header::{CONTENT_TYPE, HeaderValue};
use crate::http::{self, Method, Request};
use crate::workstation;

/// How long a file's content may take.
const PATIENCE: Duration = Duration::from_secs(600);
/// A transfer on which nothing comes for so long has ended.
const SILENCE: Duration = Duration::from_secs(60);

#[derive(Deserialize)]
struct One {
    entry: Entry,
}

#[derive(Deserialize)]
struct Many {
    #[serde(default)]
    entries: Vec<Entry>,
}

impl Envd {
    /// The content of a file, at most `limit` bytes. A path that is not absolute begins at the user's home.
    pub async fn read_file(&self, path: &str, limit: u64) -> Result<Bytes, Error> {
        let mut request = self.files(Method::GET, path, Operation::Read)?;
        request.limit = limit;
        let answer = self.link.send(&request, Repeat::Safe).await?;
        match answer.status.is_success() {
            true => Ok(answer.body),
            false => Err(refused(&request, &answer)),
        }
    }

    /// Brings a file's content to this machine, whatever its size, beside its place and then into it.
    pub async fn download_file(&self, path: &str, local: &std::path::Path) -> Result<u64, Error> {
        let request = self.files(Method::GET, path, Operation::Read)?;
        let lost = |source| Error::Http {
            service: Service::Sandboxes,
            source,
            maybe_done: false,
        };
        let local_failed = |error: workstation::Error| lost(http::Error::Local(error));
        let mut file = workstation::Replacement::beside(local).map_err(local_failed)?;
        let answer = self.link.open(&request, Repeat::Safe).await?;
        if !answer.inner.status().is_success() {
            return Err(refused(&request, &whole(answer).await));
        }
        let mut answer = answer.inner;
        let mut bytes = 0;
        loop {
            let chunk = tokio::time::timeout(SILENCE, answer.chunk()).await;
            let chunk = chunk.map_err(|_| {
                lost(http::Error::Timeout {
                    request: request.shown(),
                    after: SILENCE,
                })
            })?;
            let chunk = chunk.map_err(|error| {
                lost(http::Error::Broken {
                    request: request.shown(),
                    why: http::reason(error),
                })
            })?;
            let Some(chunk) = chunk else { break };
            file.write(&chunk).map_err(local_failed)?;
            bytes += chunk.len() as u64;
        }
        file.commit(0o644).map_err(local_failed)?;
        Ok(bytes)
    }

    /// Writes a file; the directories above it come to be with it.
    pub async fn write_file(&self, path: &str, content: &[u8]) -> Result<Entry, Error> {
        let mut request = self.files(Method::POST, path, Operation::Write)?;
        let boundary = boundary();
        let kind = format!("multipart/form-data; boundary={boundary}");
        let kind =
            HeaderValue::from_str(&kind).map_err(|error| Error::Argument(error.to_string()))?;
        request.headers.insert(CONTENT_TYPE, kind);
        request.body = Some(multipart(&boundary, content));
        // the same content at the same place, however often
        let answer = self.link.send(&request, Repeat::Safe).await?;
        if !answer.status.is_success() {
            return Err(refused(&request, &answer));
        }
        let entries: Vec<Entry> = parse(Service::Sandboxes, &request.shown(), &answer)?;
        entries
            .into_iter()
            .next()
            .ok_or_else(|| Error::Argument(format!("`{path}` was not written: envd names no file")))
    }

    /// The address at which a file is read or written without a token, and the query to it.
    pub fn signed_url(
        &self,
        path: &str,
        operation: Operation,
        expires: Option<u64>,
    ) -> Result<String, Error> {
        let Some(token) = &self.token else {
            return Err(Error::Argument(
                "only a sandbox that was made with `secure: true`, by this handle, has signed URLs: files of others need none".to_owned(),
            ));
        };
        let mut url = self.url("/files");
        if let Some(host) = &self.host {
            // the client-proxy goes by the name, wherever it listens
            url.set_host(Some(host))
                .map_err(|error| Error::Argument(format!("`{host}` is no host name: {error}")))?;
        }
        let sum = signature(path, operation, &self.user, token.expose(), expires);
        url.query_pairs_mut()
            .append_pair("path", path)
            .append_pair("username", &self.user)
            .append_pair("signature", &sum);
        if let Some(expires) = expires {
            url.query_pairs_mut()
                .append_pair("signature_expiration", &expires.to_string());
        }
        Ok(url.to_string())
    }

    /// What is at a path.
    pub async fn stat_file(&self, path: &str) -> Result<Entry, Error> {
        let one: One = self
            .call(
                "filesystem.Filesystem/Stat",
                &json!({ "path": path }),
                Repeat::Safe,
            )
            .await?;
        Ok(one.entry)
    }

    /// What is in a directory, and below it down to `depth`.
    pub async fn list_files(&self, path: &str, depth: u32) -> Result<Vec<Entry>, Error> {
        let body = json!({ "path": path, "depth": depth });
        let many: Many = self
            .call("filesystem.Filesystem/ListDir", &body, Repeat::Safe)
            .await?;
        Ok(many.entries)
    }

    /// Makes a directory and those above it. `false`: it is there already.
    pub async fn make_dir(&self, path: &str) -> Result<bool, Error> {
        let body = json!({ "path": path });
        match self
            .nothing("filesystem.Filesystem/MakeDir", &body, Repeat::Safe)
            .await
        {
            Ok(()) => Ok(true),
            Err(Error::Rpc { error, .. }) if error.code == "already_exists" => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Moves a file or directory, over what is there.
    pub async fn move_file(&self, from: &str, to: &str) -> Result<Entry, Error> {
        let body = json!({ "source": from, "destination": to });
        let one: One = self
            .call("filesystem.Filesystem/Move", &body, Repeat::Never)
            .await?;
        Ok(one.entry)
    }

    /// Removes a file, or a directory with all that is in it; what is not there is no failure.
    pub async fn remove_file(&self, path: &str) -> Result<(), Error> {
        let body = json!({ "path": path });
        self.nothing("filesystem.Filesystem/Remove", &body, Repeat::Safe)
            .await
    }

    fn files(&self, method: Method, path: &str, operation: Operation) -> Result<Request, Error> {
        let mut request = self.request(method, "/files")?;
        request.timeout = PATIENCE;
        let mut query = request.url.query_pairs_mut();
        query
            .append_pair("path", path)
            .append_pair("username", &self.user);
        if let Some(token) = &self.token {
            let sum = signature(path, operation, &self.user, token.expose(), None);
            query.append_pair("signature", &sum);
        }
        drop(query);
        Ok(request)
    }
}

/// What stands around the part of an upload: nobody can have written it into a file before.
fn boundary() -> String {
    format!(
        "e2bscript-{:016x}{:016x}",
        chance::number(),
        chance::number()
    )
}

/// One part, named `file`; its place is in the query.
fn multipart(boundary: &str, content: &[u8]) -> Bytes {
    let mut body = BytesMut::with_capacity(content.len() + 256);
    let head = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"file\"\r\nContent-Type: application/octet-stream\r\n\r\n"
    );
    body.extend_from_slice(head.as_bytes());
    body.extend_from_slice(content);
    body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    body.freeze()
}
