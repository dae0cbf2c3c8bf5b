//! `filesystem.Filesystem`: looking at files, making, moving and removing them.

use std::fs::{self, FileType};
use std::io;
use std::path::Path;

use serde_json::{Value, json};

use super::path::{name, resolve, words};
use super::upload::{make_directories, make_parents};
use super::user::User;
use crate::connect::{Result, error};

/// Calls a method that needs no more than the user.
pub fn call(user: &User, method: &str, message: &Value) -> Result<Value> {
    match method {
        "Stat" => stat(&path(user, message, "path")?),
        "ListDir" => list(&path(user, message, "path")?, depth(message)),
        "MakeDir" => make(&path(user, message, "path")?, user),
        "Remove" => remove(&path(user, message, "path")?),
        _ => rename(
            &path(user, message, "source")?,
            &path(user, message, "destination")?,
            user,
        ),
    }
}

/// A message's path, whole.
///
/// # Errors
///
/// For another user's home.
pub fn path(user: &User, message: &Value, field: &str) -> Result<String> {
    let given = message[field].as_str().unwrap_or_default();
    resolve(given, user).map_err(|why| error("invalid_argument", why))
}

fn depth(message: &Value) -> u64 {
    message["depth"].as_u64().unwrap_or_default().max(1)
}

fn stat(path: &str) -> Result<Value> {
    match fs::metadata(path) {
        Ok(found) => Ok(json!({"entry": entry(path, found.file_type())})),
        Err(why) if why.kind() == io::ErrorKind::NotFound => Err(error(
            "not_found",
            format!("file not found: stat {path}: {}", words(&why)),
        )),
        Err(why) => Err(unclear(path, &why)),
    }
}

fn unclear(path: &str, why: &io::Error) -> crate::connect::Error {
    let why = format!("error getting file info: stat {path}: {}", words(why));
    error("internal", why)
}

fn entry(path: &str, kind: FileType) -> Value {
    let kind = match kind.is_dir() {
        true => "FILE_TYPE_DIRECTORY",
        false => "FILE_TYPE_FILE",
    };
    json!({"name": name(path), "type": kind, "path": path})
}

fn list(path: &str, depth: u64) -> Result<Value> {
    match fs::metadata(path) {
        Err(why) if why.kind() == io::ErrorKind::NotFound => {
            let why = format!("directory not found: stat {path}: {}", words(&why));
            return Err(error("not_found", why));
        }
        Err(why) => return Err(unclear(path, &why)),
        Ok(found) if !found.is_dir() => {
            let why = format!("path is not a directory: {path}");
            return Err(error("invalid_argument", why));
        }
        Ok(_) => {}
    }
    let mut entries = Vec::new();
    walk(path, depth, &mut entries).map_err(|why| {
        let why = format!("error reading directory {path}: {}", words(&why));
        error("internal", why)
    })?;
    if entries.is_empty() {
        return Ok(json!({}));
    }
    Ok(json!({ "entries": entries }))
}

/// Each directory's entries by name, and below each what is in it.
fn walk(path: &str, depth: u64, entries: &mut Vec<Value>) -> io::Result<()> {
    let mut found = fs::read_dir(path)?.collect::<io::Result<Vec<_>>>()?;
    found.sort_by_key(fs::DirEntry::file_name);
    for item in found {
        let below = format!(
            "{}/{}",
            path.trim_end_matches('/'),
            item.file_name().to_string_lossy()
        );
        let kind = item.file_type()?;
        entries.push(entry(&below, kind));
        if kind.is_dir() && depth > 1 {
            walk(&below, depth - 1, entries)?;
        }
    }
    Ok(())
}

fn make(path: &str, user: &User) -> Result<Value> {
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => {
            let why = format!("directory already exists: {path}");
            return Err(error("already_exists", why));
        }
        Ok(_) => {
            let why = format!("path already exists but it is not a directory: {path}");
            return Err(error("invalid_argument", why));
        }
        Err(why) if why.kind() != io::ErrorKind::NotFound => return Err(unclear(path, &why)),
        Err(_) => {}
    }
    make_directories(Path::new(path), user).map_err(|why| {
        let why = format!("error creating directory {path}: {}", words(&why));
        error("internal", why)
    })?;
    stat(path)
}

fn remove(path: &str) -> Result<Value> {
    let removed = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(why) => Err(why),
    };
    match removed {
        Err(why) if why.kind() != io::ErrorKind::NotFound => {
            let why = format!("error removing file or directory: {}", words(&why));
            Err(error("internal", why))
        }
        _ => Ok(json!({})),
    }
}

fn rename(source: &str, destination: &str, user: &User) -> Result<Value> {
    let failed = |why: &io::Error| match why.kind() {
        io::ErrorKind::NotFound => {
            let why = format!(
                "source file not found: rename {source} {destination}: {}",
                words(why)
            );
            error("not_found", why)
        }
        _ => error(
            "internal",
            format!(
                "error renaming: rename {source} {destination}: {}",
                words(why)
            ),
        ),
    };
    fs::symlink_metadata(source).map_err(|why| failed(&why))?;
    make_parents(Path::new(destination), user).map_err(|why| failed(&why))?;
    fs::rename(source, destination).map_err(|why| failed(&why))?;
    stat(destination)
}
