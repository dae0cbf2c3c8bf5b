//! `POST /files`: files out of a form, written as they come.

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;
use hyper::body::{Body, Incoming};
use hyper::{Request, Response};
use multer::{Field, Multipart};
use serde_json::{Value, json};
use tokio::fs::{self, File};
use tokio::io::AsyncWriteExt;

use super::files::{Wanted, wanted};
use super::path::{name, resolve};
use super::router::error;
use super::state::State;
use super::user::User;
use crate::http::{self, Reply};

/// A request's body, as a form's reader wants it.
struct Pieces(Incoming);

impl Stream for Pieces {
    type Item = Result<Bytes, hyper::Error>;

    fn poll_next(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, hyper::Error>>> {
        let body = Pin::new(&mut self.get_mut().0);
        body.poll_frame(context).map(|frame| {
            frame.map(|frame| frame.map(|frame| frame.into_data().unwrap_or_default()))
        })
    }
}

/// Writes the files of a form, and says which.
pub async fn answer(state: &State, request: Request<Incoming>) -> Response<Reply> {
    let wanted = match wanted(state, &request, "write") {
        Ok(wanted) => wanted,
        Err(response) => return response,
    };
    let boundary = multer::parse_boundary(http::header(request.headers(), "content-type"));
    let Ok(boundary) = boundary else {
        let why = "error parsing multipart form: request Content-Type isn't multipart/form-data";
        return error(500, why);
    };
    let form = Multipart::new(Pieces(request.into_body()), boundary);
    match store(form, &wanted).await {
        Ok(written) => {
            let text = Value::from(written).to_string();
            http::answer(200, "text/plain; charset=utf-8", text)
        }
        Err((code, why)) => error(code, &why),
    }
}

type Failed = (u16, String);

async fn store(mut form: Multipart<'_>, wanted: &Wanted) -> Result<Vec<Value>, Failed> {
    let broken = |why: multer::Error| (500, format!("error reading form data: {why}"));
    let mut written: Vec<Value> = Vec::new();
    while let Some(field) = form.next_field().await.map_err(broken)? {
        if field.name() != Some("file") {
            continue;
        }
        let path = target(&field, wanted)?;
        if written.iter().any(|entry| entry["path"] == path.as_str()) {
            let why = format!(
                "you cannot upload multiple files to the same path '{path}' in one upload request, only the first specified file was uploaded"
            );
            return Err((400, why));
        }
        write(field, &path, &wanted.user).await?;
        written.push(json!({"name": name(&path), "path": path, "type": "file"}));
    }
    Ok(written)
}

/// Where a part goes: where the query says, else where its own name says.
fn target(field: &Field<'_>, wanted: &Wanted) -> Result<String, Failed> {
    let given = match wanted.path.as_str() {
        "" => field.file_name().ok_or_else(|| {
            let why = "error getting multipart custom part file name: filename not found in Content-Disposition header";
            (400, why.to_owned())
        })?,
        path => path,
    };
    resolve(given, &wanted.user).map_err(|why| {
        let why = format!("error expanding and resolving path '{given}': {why}");
        (400, why)
    })
}

async fn write(mut field: Field<'_>, path: &str, user: &User) -> Result<(), Failed> {
    let failed = |what: &str, why: io::Error| match why.kind() {
        io::ErrorKind::StorageFull => (507, "not enough disk space available".to_owned()),
        _ => (500, format!("{what} '{path}': {why}")),
    };
    make_parents(Path::new(path), user)
        .map_err(|why| failed("error ensuring directories for", why))?;
    if fs::metadata(path).await.is_ok_and(|found| found.is_dir()) {
        return Err((400, format!("path is a directory: {path}")));
    }
    let file = File::create(path).await;
    let mut file = file.map_err(|why| failed("error opening file", why))?;
    std::os::unix::fs::chown(path, Some(user.id), Some(user.group))
        .map_err(|why| failed("error changing ownership of", why))?;
    while let Some(piece) = field
        .chunk()
        .await
        .map_err(|why| (500, format!("error reading form data: {why}")))?
    {
        file.write_all(&piece)
            .await
            .map_err(|why| failed("error writing file", why))?;
    }
    file.flush()
        .await
        .map_err(|why| failed("error writing file", why))
}

/// Makes the directories that lead to a path, and gives those that it made to the user.
///
/// # Errors
///
/// When one cannot be made.
pub fn make_parents(path: &Path, user: &User) -> io::Result<()> {
    match path.parent() {
        Some(parent) => make_directories(parent, user),
        None => Ok(()),
    }
}

/// Makes a directory and those that lead to it.
///
/// # Errors
///
/// When one cannot be made.
pub fn make_directories(path: &Path, user: &User) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    make_parents(path, user)?;
    std::fs::create_dir(path)?;
    std::os::unix::fs::chown(path, Some(user.id), Some(user.group))
}
