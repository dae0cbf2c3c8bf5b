//! Scripts that are no file: `-e CODE`, and what comes on standard input or another stream.

use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use crate::diag::Failure;
use crate::engine::library::{Found, Library};

/// What reports call the code of `-e`.
pub const CODE: &str = "-e";
/// What reports call a script from standard input.
const STDIN: &str = "stdin";

/// The script that `-e` gives.
pub fn code(text: &str) -> Found {
    found(CODE, text.to_owned())
}

/// The script that comes on a stream, if that is what `name` means. It can be read once.
pub fn stream(name: &str) -> Result<Option<Found>, Failure> {
    if !is_stream(name) {
        return Ok(None);
    }
    let id = if is_stdin(name) { STDIN } else { name };
    let read = match is_stdin(name) {
        true => io::read_to_string(io::stdin()),
        false => std::fs::read_to_string(name),
    };
    match read {
        Ok(text) => Ok(Some(found(id, text))),
        Err(error) => Err(Failure::usage(
            "script.read",
            format!("cannot read the script from `{id}`"),
        )
        .cause(error.to_string())),
    }
}

/// The script that is meant by `name`: a stream, else what the library finds.
pub fn find(library: &Library, name: &str) -> Result<Found, Failure> {
    match stream(name)? {
        Some(found) => Ok(found),
        None => library.find_script(name),
    }
}

/// Whether `name` means a stream: standard input, or one as `<(…)` of a shell makes it.
pub fn is_stream(name: &str) -> bool {
    let is_special = |about: std::fs::Metadata| {
        about.file_type().is_fifo() || about.file_type().is_char_device()
    };
    is_stdin(name) || Path::new(name).metadata().is_ok_and(is_special)
}

fn is_stdin(name: &str) -> bool {
    matches!(name, "-" | "/dev/stdin")
}

fn found(id: &str, text: String) -> Found {
    Found {
        id: id.to_owned(),
        // In the current directory: what it imports by `./…` is looked for there.
        path: Some(PathBuf::from(id)),
        text,
    }
}
