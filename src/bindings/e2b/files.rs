//! Files in a sandbox.

use std::time::{Duration, SystemTime};

use rhai::Dynamic;

use crate::bindings::{bytes_or_text, keep_secret};
use crate::diag::Failure;
use crate::e2b::{Envd, Error, Operation};
use crate::engine::Call;
use crate::engine::raise::Raise;
use crate::engine::registry::{Function, Opt, Param};
use crate::engine::ty::Ty;
use crate::engine::value;

use super::ENVD_ERRORS;
use super::handle::SandboxHandle;

const PATH: Param = Param::new(
    "path",
    Ty::Str,
    "in the sandbox; one that is not absolute begins at the user's home",
);
const USER: Opt = Opt::new(
    "user",
    Ty::Str,
    "\"user\"",
    "whose file it is, and whose home a path begins at",
);
const ENTRY: &str = "a map with `name`, `path`, `kind` (`file`, `dir`, or empty), and where envd tells them `size`, `permissions`, `owner`, `group`, \
                     `modified_time`, `symlink_target`";

pub const READ_FILE: Function = Function {
    name: "read_file",
    doc: "The content of a file.",
    params: &[PATH],
    options: &[
        USER,
        Opt::new(
            "limit",
            Ty::Size,
            "\"16MiB\"",
            "a larger file is refused: `download` takes any",
        ),
    ],
    returns: "a string, or a blob where it is no text",
    errors: &[
        "e2b.not_found",
        "e2b.too_large",
        "e2b.refused",
        "e2b.server",
        "e2b.unreachable",
        "plan.unknown",
    ],
    example: "sandbox.read_file(\"/etc/hostname\")",
    body: |call| {
        let (envd, path) = (envd(call)?, call.string(0)?);
        let limit = call.opt_size("limit").unwrap_or(16 << 20);
        let bytes = call.wait_ok(envd.read_file(&path, limit))?;
        Ok(bytes_or_text(bytes.to_vec()))
    },
    ..Function::BASE
};

pub const PUT_FILE: Function = Function {
    name: "put_file",
    doc: "Writes a file; the directories above it come to be with it.",
    params: &[PATH, Param::new("content", Ty::Bytes, "all of it")],
    options: &[USER],
    returns: ENTRY,
    errors: ENVD_ERRORS,
    example: "sandbox.put_file(\"greeting.txt\", \"hello\\n\").path",
    body: |call| {
        let (envd, path, content) = (envd(call)?, call.string(0)?, call.bytes(1)?);
        value::from_serde(&call.wait_ok(envd.write_file(&path, &content))?)
    },
    ..Function::BASE
};

pub const DOWNLOAD: Function = Function {
    name: "download",
    doc: "Brings a file to this machine, whatever its size; it takes its place there when it is whole.",
    params: &[
        PATH,
        Param::new("local", Ty::Str, "the file on this machine"),
    ],
    options: &[USER],
    returns: "how many bytes it has",
    errors: &[
        "e2b.not_found",
        "e2b.connection",
        "e2b.unreachable",
        "plan.unknown",
    ],
    example: "sandbox.download(\"/var/log/dpkg.log\", fs::join(fs::temp_dir(), \"dpkg.log\"))",
    body: |call| {
        let (envd, path) = (envd(call)?, call.string(0)?);
        let local = std::path::PathBuf::from(call.string(1)?);
        let bytes = call.wait_ok(envd.download_file(&path, &local))?;
        Ok(i64::try_from(bytes).unwrap_or(i64::MAX).into())
    },
    ..Function::BASE
};

pub const UPLOAD: Function = Function {
    name: "upload",
    doc: "Brings a file of this machine into the sandbox; the directories above it come to be with it.",
    params: &[
        Param::new("local", Ty::Str, "the file on this machine"),
        PATH,
    ],
    options: &[USER],
    returns: ENTRY,
    errors: ENVD_ERRORS,
    example: "sandbox.upload(\"README.md\", \"README.md\").path",
    body: |call| {
        let (envd, local, path) = (envd(call)?, call.string(0)?, call.string(1)?);
        let local = std::path::Path::new(&local);
        call.session.run.inputs().file(local);
        let content = call.wait_ok(crate::workstation::read(local))?;
        value::from_serde(&call.wait_ok(envd.write_file(&path, &content))?)
    },
    ..Function::BASE
};

pub const LIST_FILES: Function = Function {
    name: "list_files",
    doc: "What is in a directory.",
    params: &[PATH],
    options: &[
        USER,
        Opt::new("depth", Ty::Int, "1", "how many levels of directories"),
    ],
    returns: "an array of maps as `stat_file` gives one",
    errors: ENVD_ERRORS,
    example: "sandbox.list_files(\"/etc\").map(|entry| entry.name)",
    body: |call| {
        let (envd, path) = (envd(call)?, call.string(0)?);
        let depth = u32::try_from(call.opt_int("depth").unwrap_or(1)).unwrap_or(1);
        value::from_serde(&call.wait_ok(envd.list_files(&path, depth))?)
    },
    ..Function::BASE
};

pub const STAT_FILE: Function = Function {
    name: "stat_file",
    doc: "What is at a path.",
    params: &[PATH],
    options: &[USER],
    returns: ENTRY,
    errors: ENVD_ERRORS,
    example: "sandbox.stat_file(\"/etc\").kind == \"dir\"",
    body: |call| {
        let (envd, path) = (envd(call)?, call.string(0)?);
        value::from_serde(&call.wait_ok(envd.stat_file(&path))?)
    },
    ..Function::BASE
};

pub const MAKE_DIR: Function = Function {
    name: "make_dir",
    doc: "Makes a directory and those above it.",
    params: &[PATH],
    options: &[USER],
    returns: "whether it was not there before",
    errors: ENVD_ERRORS,
    example: "sandbox.make_dir(\"/srv/data\")",
    body: |call| {
        let (envd, path) = (envd(call)?, call.string(0)?);
        Ok(call.wait_ok(envd.make_dir(&path))?.into())
    },
    ..Function::BASE
};

pub const MOVE_FILE: Function = Function {
    name: "move_file",
    doc: "Moves a file or directory, over what is there.",
    params: &[PATH, Param::new("target", Ty::Str, "its new path")],
    options: &[USER],
    returns: ENTRY,
    errors: ENVD_ERRORS,
    example: "sandbox.move_file(\"a.txt\", \"b.txt\").path",
    body: |call| {
        let (envd, from, to) = (envd(call)?, call.string(0)?, call.string(1)?);
        value::from_serde(&call.wait_ok(envd.move_file(&from, &to))?)
    },
    ..Function::BASE
};

pub const REMOVE_FILE: Function = Function {
    name: "remove_file",
    doc: "Removes a file, or a directory with all that is in it; what is not there is no failure.",
    params: &[PATH],
    options: &[USER],
    errors: ENVD_ERRORS,
    example: "sandbox.remove_file(\"/srv/data\")",
    body: |call| {
        let (envd, path) = (envd(call)?, call.string(0)?);
        call.wait_ok(envd.remove_file(&path))?;
        Ok(Dynamic::UNIT)
    },
    ..Function::BASE
};

pub const WATCH_FILES: Function = Function {
    name: "watch_files",
    doc: "Calls `on_event` for each change in a directory, as it happens, until it returns `false` or `timeout` has passed.",
    params: &[
        PATH,
        Param::new(
            "on_event",
            Ty::Callback(1),
            "gets a map with `name` and `kind` (`create`, `write`, `remove`, `rename`, `chmod`)",
        ),
    ],
    options: &[
        USER,
        Opt::new(
            "recursive",
            Ty::Bool,
            "false",
            "directories below it too; the seed's envd cannot",
        ),
        Opt::new("timeout", Ty::Duration, "", "how long to watch"),
    ],
    errors: ENVD_ERRORS,
    example: "sandbox.watch_files(\"/srv/data\", #{ timeout: \"10s\" }, |event| event.kind != \"remove\")",
    body: watch,
    ..Function::BASE
};

pub const SIGNED_URL: Function = Function {
    name: "signed_url",
    doc: "An address at which whoever has it may read or write one file of a secure sandbox, without any token.",
    params: &[PATH],
    options: &[
        USER,
        Opt::new(
            "operation",
            Ty::Choice(&["read", "write"]),
            "\"read\"",
            "`read` or `write`",
        ),
        Opt::new("expires", Ty::Duration, "never", "how long it is good for"),
    ],
    returns: "a secret",
    errors: &["e2b.argument", "plan.unknown"],
    example: "sandbox.signed_url(\"/home/user/report.pdf\", #{ expires: \"1h\" })",
    body: |call| {
        let (envd, path) = (envd(call)?, call.string(0)?);
        let operation = match super::one_of(call, "operation", &["read", "write"], "read")?.as_str()
        {
            "write" => Operation::Write,
            _ => Operation::Read,
        };
        let expires = call.opt_duration("expires").map(from_now);
        let url = envd.signed_url(&path, operation, expires)?;
        Ok(keep_secret(call, url))
    },
    ..Function::BASE
};

fn envd(call: &mut Call) -> Result<Envd, Raise> {
    let user = call.opt_string("user");
    call.receiver::<SandboxHandle>()?.envd(user)
}

/// Seconds since 1970.
fn from_now(duration: Duration) -> u64 {
    let at = SystemTime::now() + duration;
    at.duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

fn watch(call: &mut Call) -> Result<Dynamic, Raise> {
    let (envd, path, callback) = (envd(call)?, call.string(0)?, call.callback(1)?);
    let recursive = call.opt_bool("recursive") == Some(true);
    let until = call
        .opt_duration("timeout")
        .map(|limit| tokio::time::Instant::now() + limit);
    let mut watch = call.wait_ok(envd.watch(&path, recursive))?;
    loop {
        let event = call.wait(async {
            match until {
                Some(until) => tokio::time::timeout_at(until, watch.next())
                    .await
                    .unwrap_or(Ok(None)),
                None => watch.next().await,
            }
        })?;
        let Some(event) = event.map_err(|error: Error| Failure::from(error))? else {
            return Ok(Dynamic::UNIT);
        };
        let answer = call.invoke(&callback, (value::from_serde(&event)?,))?;
        if answer.as_bool() == Ok(false) {
            return Ok(Dynamic::UNIT);
        }
    }
}
