//! `GET /files`: a file's bytes, or some of them.

use std::io;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::{Request, Response};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt, SeekFrom};

use super::path::{name, resolve};
use super::router::{error, has_token};
use super::signature::{Shown, check};
use super::state::State;
use super::user::User;
use crate::http::{self, Reply};

/// How much of a file is read at once.
const PIECE: usize = 64 << 10;

/// What a request for a file is about.
pub struct Wanted {
    pub path: String,
    pub user: User,
}

/// Checks the query, the right to the file, and the user.
///
/// # Errors
///
/// With the answer to give instead.
pub fn wanted(
    state: &State,
    request: &Request<Incoming>,
    operation: &str,
) -> Result<Wanted, Response<Reply>> {
    let query = |key| http::query(request.uri(), key);
    let Some(name) = query("username") else {
        let why = "Query argument username is required, but not found";
        return Err(http::error_text(400, why));
    };
    let expiration = match query("signature_expiration").map(|text| (text.parse(), text)) {
        None => None,
        Some((Ok(at), _)) => Some(at),
        Some((Err(_), text)) => {
            let why = format!(
                "Invalid format for parameter signature_expiration: error binding string parameter: strconv.ParseInt: parsing \"{text}\": invalid syntax"
            );
            return Err(http::error_text(400, &why));
        }
    };
    let (path, signature) = (query("path").unwrap_or_default(), query("signature"));
    if let Some(token) = state.token()
        && !has_token(state, request)
    {
        let shown = Shown {
            path: &path,
            operation,
            user: &name,
            signature: signature.as_deref(),
            expiration,
        };
        check(&shown, &token).map_err(|why| error(401, why))?;
    }
    let Some(user) = User::find(&name) else {
        let why = format!("error looking up user '{name}': user: unknown user {name}");
        return Err(error(401, &why));
    };
    Ok(Wanted { path, user })
}

/// Answers with the file.
pub async fn answer(state: &State, request: &Request<Incoming>) -> Response<Reply> {
    let wanted = match wanted(state, request, "read") {
        Ok(wanted) => wanted,
        Err(response) => return response,
    };
    let path = match resolve(&wanted.path, &wanted.user) {
        Ok(path) => path,
        Err(why) => {
            let why = format!(
                "error expanding and resolving path '{}': {why}",
                wanted.path
            );
            return error(400, &why);
        }
    };
    match tokio::fs::metadata(&path).await {
        Err(why) if why.kind() == io::ErrorKind::NotFound => {
            return error(404, &format!("path '{path}' does not exist"));
        }
        Err(why) => {
            return error(
                500,
                &format!("error checking if path exists '{path}': {why}"),
            );
        }
        Ok(found) if found.is_dir() => {
            return error(400, &format!("path '{path}' is a directory"));
        }
        Ok(_) => {}
    }
    let range = http::header(request.headers(), "range");
    match send(&path, range).await {
        Ok(response) => response,
        Err(why) => error(500, &format!("error opening file '{path}': {why}")),
    }
}

async fn send(path: &str, range: &str) -> io::Result<Response<Reply>> {
    let mut file = File::open(path).await?;
    let size = file.metadata().await?.len();
    let mut start = [0; 512];
    let looked = file.read(&mut start).await?;
    let kind = content_type(path, start.get(..looked).unwrap_or_default());
    let part = if range.is_empty() {
        None
    } else {
        part(range, size)
    };
    let (status, from, length) = match part {
        _ if range.is_empty() => (200, 0, size),
        Some((from, to)) => (206, from, to - from + 1),
        None => {
            let mut response = http::error_text(416, "invalid range: failed to overlap");
            http::set(&mut response, "content-range", &format!("bytes */{size}"));
            return Ok(response);
        }
    };
    file.seek(SeekFrom::Start(from)).await?;
    let (writer, body) = http::live();
    let mut file = file.take(length);
    tokio::spawn(async move {
        let mut buffer = vec![0; PIECE];
        while let Ok(read) = file.read(&mut buffer).await {
            let piece = Bytes::copy_from_slice(buffer.get(..read).unwrap_or_default());
            if read == 0 || writer.send(piece).await.is_err() {
                return;
            }
        }
    });
    let mut response = http::answer(status, kind, "").map(|_| body);
    http::set(&mut response, "accept-ranges", "bytes");
    // what special files say of their size is not so
    if size > 0 {
        http::set(&mut response, "content-length", &length.to_string());
    }
    if status == 206 {
        let range = format!("bytes {from}-{}/{size}", from + length - 1);
        http::set(&mut response, "content-range", &range);
    }
    Ok(response)
}

/// The first and last byte of a range; `None` when there is no such part.
fn part(range: &str, size: u64) -> Option<(u64, u64)> {
    let (from, to) = range.strip_prefix("bytes=")?.split_once('-')?;
    let last = size.checked_sub(1)?;
    if from.is_empty() {
        let count: u64 = to.parse().ok().filter(|count| *count > 0)?;
        return Some((size.saturating_sub(count), last));
    }
    let from = from.parse().ok().filter(|from| *from <= last)?;
    let to = if to.is_empty() {
        last
    } else {
        to.parse().ok()?
    };
    (to >= from).then_some((from, to.min(last)))
}

/// By the file's name, else by how it begins.
fn content_type(path: &str, start: &[u8]) -> &'static str {
    let ending = name(path).rsplit_once('.').map_or("", |(_, ending)| ending);
    match ending {
        "txt" | "log" => "text/plain; charset=utf-8",
        "html" | "htm" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "json" => "application/json",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "svg" => "image/svg+xml",
        "pdf" => "application/pdf",
        "xml" => "text/xml; charset=utf-8",
        "wasm" => "application/wasm",
        _ if start
            .iter()
            .all(|byte| *byte >= 0x20 || b"\t\n\x0c\r\x1b".contains(byte)) =>
        {
            "text/plain; charset=utf-8"
        }
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        assert_eq!(part("bytes=1-2", 5), Some((1, 2)));
        assert_eq!(part("bytes=1-", 5), Some((1, 4)));
        assert_eq!(part("bytes=-2", 5), Some((3, 4)));
        assert_eq!(part("bytes=2-99", 5), Some((2, 4)));
        assert_eq!(part("bytes=5-", 5), None);
        assert_eq!(part("bytes=3-1", 5), None);
        assert_eq!(part("bytes=0-", 0), None);
    }
}
