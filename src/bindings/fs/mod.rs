//! `fs`: the workstation's own files.

mod change;
mod write;
mod zip;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, Utc};
use rhai::{Array, Dynamic, Map};

use crate::diag::Failure;
use crate::engine::Call;
use crate::engine::raise::Raise;
use crate::engine::registry::{Function, Module, Opt, Param};
use crate::engine::ty::Ty;
use crate::engine::value::from_serde;
use crate::files;
use crate::run::inputs::Look;
use crate::workstation::{self, FileKind, path};

use change::scratch;
pub(super) use change::{LocalChange, announce, is_scratch, unchanged};

const PATH: Param = Param::new(
    "path",
    Ty::Str,
    "a path; a leading `~/` is the home directory",
);
const READS: &[&str] = &["fs.not_found", "fs.denied", "fs.failed"];
const WRITES: &[&str] = &["fs.not_found", "fs.denied", "fs.full", "fs.failed"];

pub static MODULE: Module = Module {
    name: "fs",
    doc: "The workstation's own files. Under `--plan` nothing is written: what would be is shown as a change of the host \
          `workstation`. Directories of `fs::temp_dir` are the exception, they are gone after the run anyway.",
    functions: &[
        Function {
            name: "read",
            doc: "The text of a file.",
            params: &[PATH],
            returns: "a string",
            errors: &["fs.not_found", "fs.denied", "fs.failed", "fs.not_text"],
            example: "fs::read(\"Cargo.toml\")",
            body: |call| {
                let path = read_at(call, 0)?;
                Ok(call
                    .wait_ok(async move { workstation::read_text(&path).await })?
                    .into())
            },
            ..Function::BASE
        },
        Function {
            name: "read_bytes",
            doc: "The bytes of a file.",
            params: &[PATH],
            returns: "a blob",
            errors: READS,
            example: "fs::read_bytes(\"Cargo.toml\").len",
            body: |call| {
                let path = read_at(call, 0)?;
                Ok(Dynamic::from_blob(
                    call.wait_ok(async move { workstation::read(&path).await })?,
                ))
            },
            ..Function::BASE
        },
        Function {
            name: "write",
            doc: "Writes a whole file at once: readers see the old content or the new one. A file that is as wanted is left \
                  alone. A new file has mode 0644, or 0600 when its content is a secret; an existing one keeps its mode.",
            params: &[
                PATH,
                Param::new("content", Ty::Bytes, "a string, a secret or a blob"),
            ],
            options: &[Opt::new(
                "mode",
                Ty::Mode,
                "",
                "the mode to set, such as `\"0600\"`",
            )],
            returns: "whether something changed",
            errors: WRITES,
            example: "fs::write(fs::join(fs::temp_dir(), \"x\"), \"text\", #{ mode: \"0600\" })",
            body: write::write,
            ..Function::BASE
        },
        Function {
            name: "mkdir",
            doc: "Makes a directory, and those above it, where they are missing.",
            params: &[PATH],
            options: &[Opt::new(
                "mode",
                Ty::Mode,
                "",
                "the mode of the directory itself when it is made",
            )],
            returns: "whether something changed",
            errors: WRITES,
            example: "fs::mkdir(fs::join(fs::temp_dir(), \"a/b\"))",
            body: write::mkdir,
            ..Function::BASE
        },
        Function {
            name: "remove",
            doc: "Removes a file, a link (never its target) or a directory; one that is not there is no error. The root, its direct children, \
                  the home directory and the current one are refused.",
            params: &[PATH],
            options: &[Opt::new(
                "recursive",
                Ty::Bool,
                "false",
                "a directory goes with everything in it",
            )],
            returns: "whether something changed",
            errors: &["fs.guarded", "fs.denied", "fs.failed"],
            example: "fs::remove(fs::join(fs::temp_dir(), \"x\"))",
            body: write::remove,
            ..Function::BASE
        },
        Function {
            name: "exists",
            doc: "Whether a path leads to something.",
            params: &[PATH],
            returns: "a bool",
            example: "fs::exists(\"Cargo.toml\")",
            body: |call| {
                let path = read_at(call, 0)?;
                Ok(local(call, move || Ok(path.exists()))?.into())
            },
            ..Function::BASE
        },
        Function {
            name: "is_file",
            doc: "Whether a path leads to a file.",
            params: &[PATH],
            returns: "a bool",
            example: "fs::is_file(\"Cargo.toml\")",
            body: |call| {
                let path = read_at(call, 0)?;
                Ok(local(call, move || Ok(path.is_file()))?.into())
            },
            ..Function::BASE
        },
        Function {
            name: "is_dir",
            doc: "Whether a path leads to a directory.",
            params: &[PATH],
            returns: "a bool",
            example: "fs::is_dir(\"src\")",
            body: |call| {
                let path = read_at(call, 0)?;
                Ok(local(call, move || Ok(path.is_dir()))?.into())
            },
            ..Function::BASE
        },
        Function {
            name: "stat",
            doc: "Facts about what a path leads to: `kind` (`file`, `dir`, `link` for one that leads nowhere, `other`), `size` in bytes, `mode` such as `0644`, \
                  `modified` (ISO 8601), and `path`.",
            params: &[PATH],
            returns: "a map",
            errors: READS,
            example: "fs::stat(\"Cargo.toml\").size",
            body: stat,
            ..Function::BASE
        },
        Function {
            name: "list",
            doc: "The names in a directory, sorted, without `.` and `..`.",
            params: &[PATH],
            returns: "an array of strings",
            errors: READS,
            example: "fs::list(\"src\")",
            body: |call| {
                let path = path_at(call, 0)?;
                call.session.run.inputs().names(&path);
                Ok(strings(local(call, move || workstation::list(&path))?))
            },
            ..Function::BASE
        },
        Function {
            name: "glob",
            doc: "Paths that match a pattern, sorted. `*` and `?` stay within a name, `**` crosses directories, `{a,b}` chooses; \
                  a name that begins with a dot is found only by a pattern that says the dot.",
            params: &[Param::new("pattern", Ty::Str, "such as `nomad/*.hcl`")],
            returns: "an array of strings",
            errors: &["fs.pattern"],
            example: "fs::glob(\"src/*.rs\")",
            body: |call| {
                let pattern = call.string(0)?;
                note_glob(call, &pattern);
                Ok(strings(local(call, move || workstation::glob(&pattern))?))
            },
            ..Function::BASE
        },
        Function {
            name: "sha256",
            doc: "The SHA-256 checksum of a file.",
            params: &[PATH],
            returns: "64 hexadecimal digits",
            errors: READS,
            example: "fs::sha256(\"Cargo.toml\")",
            body: |call| {
                let path = read_at(call, 0)?;
                Ok(call
                    .wait_ok(async move { workstation::sha256(&path).await })?
                    .into())
            },
            ..Function::BASE
        },
        Function {
            name: "elf",
            doc: "What kind of program a file is, from its header: `format` (`elf`, `mach-o`, `pe`, `script`, `empty`, `unknown`), `machine` (such as `x86_64`), \
                  `bits`, `executable`, `interpreter` (`()` for a static program) and `description`, all of it in words.",
            params: &[PATH],
            returns: "a map",
            errors: READS,
            example: "fs::elf(\"/bin/sh\").machine",
            body: |call| {
                let path = read_at(call, 0)?;
                let facts = local(call, move || {
                    files::elf::inspect(&path).map_err(workstation::Error::io("read", &path))
                })?;
                from_serde(&facts)
            },
            ..Function::BASE
        },
        Function {
            name: "zip",
            doc: "Writes files into a zip archive whose bytes depend on their names and contents alone: the same tree gives the \
                  same bytes. An archive that is as wanted is left alone.",
            params: &[
                PATH,
                Param::new(
                    "files",
                    Ty::Map,
                    "the path of each file on this machine, by its name in the archive",
                ),
            ],
            returns: "whether something changed",
            errors: &[
                "fs.zip",
                "fs.not_found",
                "fs.denied",
                "fs.full",
                "fs.failed",
            ],
            example: "fs::zip(fs::join(fs::temp_dir(), \"x.zip\"), #{ \"a/main.tf\": \"Cargo.toml\" })",
            body: zip::write,
            ..Function::BASE
        },
        Function {
            name: "temp_dir",
            doc: "A new, empty directory that only this user can look into. It is removed at the end of the run.",
            returns: "its path, a string",
            errors: &["fs.denied", "fs.full", "fs.failed"],
            example: "fs::temp_dir()",
            body: |call| {
                let dir = scratch(call).dir()?;
                call.session.run.inputs().owns(&dir);
                Ok(shown(&dir))
            },
            ..Function::BASE
        },
        Function {
            name: "join",
            doc: "Joins two paths with a `/`. A second one that is absolute stands alone.",
            params: &[
                Param::new("base", Ty::Str, "the first part"),
                Param::new("rest", Ty::Str, "what comes behind it"),
            ],
            returns: "a string",
            example: "fs::join(\"artifacts\", \"bin\")",
            body: |call| Ok(shown(&Path::new(&call.string(0)?).join(call.string(1)?))),
            ..Function::BASE
        },
        Function {
            name: "absolute",
            doc: "The path from the root, without `~`, `.` and `..`. It need not exist.",
            params: &[PATH],
            returns: "a string",
            example: "fs::absolute(\"src/../Cargo.toml\")",
            body: |call| Ok(shown(&path::absolute(&path_at(call, 0)?))),
            ..Function::BASE
        },
        Function {
            name: "name",
            doc: "The last part of a path.",
            params: &[PATH],
            returns: "a string, empty for a path without a name",
            example: "fs::name(\"/usr/bin/env\")",
            body: |call| {
                let path = call.string(0)?;
                Ok(Path::new(&path)
                    .file_name()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned()
                    .into())
            },
            ..Function::BASE
        },
        Function {
            name: "parent",
            doc: "A path without its last part.",
            params: &[PATH],
            returns: "a string, empty for a path without a parent",
            example: "fs::parent(\"/usr/bin/env\")",
            body: |call| {
                Ok(Path::new(&call.string(0)?)
                    .parent()
                    .map_or_else(|| "".into(), shown))
            },
            ..Function::BASE
        },
        Function {
            name: "cwd",
            doc: "The directory this program was started in, where relative paths start.",
            returns: "a string",
            errors: &["fs.failed"],
            example: "fs::cwd()",
            body: |_| {
                let here = std::env::current_dir();
                Ok(shown(&here.map_err(workstation::Error::io(
                    "look at",
                    Path::new("."),
                ))?))
            },
            ..Function::BASE
        },
    ],
    types: &[],
};

/// Does blocking work where Ctrl-C and deadlines can end the wait for it.
fn local<T: Send + 'static>(
    call: &Call,
    work: impl FnOnce() -> Result<T, workstation::Error> + Send + 'static,
) -> Result<T, Raise> {
    let done = call.wait(async { tokio::task::spawn_blocking(work).await })?;
    done.map_err(|error| Raise::internal(format!("work on a file broke off: {error}")))?
        .map_err(Raise::from)
}

fn path_at(call: &Call, index: usize) -> Result<PathBuf, Raise> {
    let text = call.string(index)?;
    if text.is_empty() {
        return Err(Failure::usage(
            "script.argument",
            format!("`{}` got an empty path", call.name()),
        )
        .into());
    }
    Ok(path::expand(&text))
}

/// A path that is read: the run depends on what is there.
fn read_at(call: &Call, index: usize) -> Result<PathBuf, Raise> {
    let path = path_at(call, index)?;
    call.session.run.inputs().file(&path);
    Ok(path)
}

/// Notes the names that match among what the run reads.
fn note_glob(call: &Call, pattern: &str) {
    let base = workstation::glob_base(pattern);
    let pattern = pattern.to_owned();
    let look = move |base: &Path| {
        let mut print = DefaultHasher::new();
        // A pattern that is none fails where it is used.
        let found = workstation::glob(&pattern).unwrap_or_default();
        found.hash(&mut print);
        let parents = found.iter().filter_map(|path| Path::new(path).parent());
        let parents = parents.map(Path::to_path_buf);
        Look {
            print: print.finish(),
            files: found.iter().map(PathBuf::from).collect(),
            places: parents.chain([base.to_owned()]).collect(),
        }
    };
    call.session.run.inputs().tree(&base, Arc::new(look));
}

fn shown(path: &Path) -> Dynamic {
    path.to_string_lossy().into_owned().into()
}

fn strings(items: Vec<String>) -> Dynamic {
    items
        .into_iter()
        .map(Dynamic::from)
        .collect::<Array>()
        .into()
}

fn stat(call: &mut Call) -> Result<Dynamic, Raise> {
    let path = read_at(call, 0)?;
    let target = path.clone();
    let facts = local(call, move || workstation::stat(&target))?;
    let modified: DateTime<Utc> = facts.modified.into();
    let mut map = Map::new();
    map.insert("path".into(), shown(&path));
    map.insert("kind".into(), FileKind::name(facts.kind).into());
    map.insert(
        "size".into(),
        i64::try_from(facts.size).unwrap_or(i64::MAX).into(),
    );
    map.insert("mode".into(), format!("{:04o}", facts.mode).into());
    map.insert(
        "modified".into(),
        modified.to_rfc3339_opts(SecondsFormat::AutoSi, true).into(),
    );
    Ok(map.into())
}
