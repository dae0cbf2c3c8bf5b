//! Files to and from a host.

use std::time::{Duration, Instant};

use rhai::Dynamic;

use crate::diag::Failure;
use crate::engine::call::Call;
use crate::engine::context::Context;
use crate::engine::raise::Raise;
use crate::engine::registry::{Function, Opt, Param};
use crate::engine::ty::Ty;
use crate::files::{self, DownloadOptions, ItemReport, Mode, PutOptions};
use crate::report::{Action, Direction, Event};
use crate::run::Run;

use super::super::ssh::expanded;
use super::state::change_event;
use super::{HostHandle, on_host};

/// Longest text that `read_text` takes when nothing is said.
const TEXT_LIMIT: u64 = 16 << 20;

const REMOTE: Param = Param::new("remote", Ty::Str, "absolute path on the host");
const LOCAL: Param = Param::new("local", Ty::Str, "path on the workstation");
const SUDO: Opt = Opt::new("sudo", Ty::Bool, "true", "work as root");

const PUT: &[Opt] = &[
    Opt::new("mode", Ty::Mode, "as it is", "permissions"),
    Opt::new("owner", Ty::Str, "as it is", "owning user"),
    Opt::new("group", Ty::Str, "as it is", "owning group"),
    Opt::new(
        "parents",
        Ty::Bool,
        "false",
        "make missing directories above it",
    ),
    Opt::new("secret", Ty::Bool, "false", "never show its content"),
    Opt::new(
        "always",
        Ty::Bool,
        "false",
        "send it even where the content is the same",
    ),
    SUDO,
];

pub const UPLOAD: Function = Function {
    name: "upload",
    doc: "Puts a file of the workstation on the host, atomically: whatever ends the transfer, the old \
          file or the new one is there. Nothing is sent where the content is the same.",
    params: &[LOCAL, REMOTE],
    options: PUT,
    returns: "whether anything changed",
    errors: &[
        "files.local",
        "files.disk_full",
        "files.lost",
        "state.*",
        "ssh.*",
    ],
    example: r#"host.upload("artifacts/bin/envd", "/fc-envd/envd", #{ mode: "0755" })"#,
    body: upload,
    ..Function::BASE
};

pub const PUT_TEXT: Function = Function {
    name: "put_text",
    doc: "Puts a text into a file on the host, exactly as it is, atomically.",
    params: &[REMOTE, Param::new("text", Ty::Text, "the content")],
    options: PUT,
    returns: "whether anything changed",
    errors: &["files.disk_full", "secret.interpolated", "state.*", "ssh.*"],
    example: r#"host.put_text("/etc/motd", "staged by e2bscript\n")"#,
    body: put_text,
    ..Function::BASE
};

pub const DOWNLOAD: Function = Function {
    name: "download",
    doc: "Fetches a file of the host. The local file is replaced when all of it has come.",
    params: &[REMOTE, LOCAL],
    options: &[
        Opt::new(
            "mode",
            Ty::Mode,
            "\"0644\"",
            "permissions of the local file",
        ),
        SUDO,
    ],
    returns: "its size in bytes",
    errors: &["files.not_found", "files.local", "ssh.*"],
    example: r#"host.download("/var/log/syslog", "/tmp/syslog")"#,
    body: download,
    ..Function::BASE
};

pub const READ_TEXT: Function = Function {
    name: "read_text",
    doc: "The content of a text file on the host.",
    params: &[REMOTE],
    options: &[
        Opt::new(
            "limit",
            Ty::Size,
            "\"16MiB\"",
            "longest content that is taken",
        ),
        SUDO,
    ],
    returns: "a string",
    errors: &[
        "files.not_found",
        "files.too_large",
        "files.not_utf8",
        "ssh.*",
    ],
    example: r#"host.read_text("/etc/hostname")"#,
    body: |call| {
        let host = call.receiver::<HostHandle>()?;
        let remote_path = call.string(0)?;
        let limit = call.opt_size("limit").unwrap_or(TEXT_LIMIT);
        let root = call.opt_bool("sudo") != Some(false);
        let text = on_host(call, &host, async |remote| {
            files::read_text(remote, &remote_path, &host.sudo_for(remote, root), limit).await
        })?;
        Ok(text.into())
    },
    ..Function::BASE
};

fn upload(call: &mut Call) -> Result<Dynamic, Raise> {
    let host = call.receiver::<HostHandle>()?;
    let (local, path) = (expanded(&call.string(0)?), call.string(1)?);
    call.session.run.inputs().file(&local);
    let options = put_options(call);
    let root = call.opt_bool("sudo") != Some(false);
    let run = call.session.run.clone();
    let mut bar = None;
    let item = on_host(call, &host, async |remote| {
        let options = options.with_sudo(host.sudo_for(remote, root));
        files::upload(remote, &local, &path, &options, &mut |done, total| {
            bar.get_or_insert_with(|| Bar::upload(&run, host.name(), &path, Some(total)))
                .at(done);
        })
        .await
    })?;
    drop(bar);
    Ok(tell(&run, &host, &item).into())
}

fn put_text(call: &mut Call) -> Result<Dynamic, Raise> {
    let host = call.receiver::<HostHandle>()?;
    let (path, text) = (call.string(0)?, call.text(1)?);
    super::super::state::refuse_stars(&call.name(), text.expose())?;
    let mut options = put_options(call);
    options.secret |= call.is_secret(1);
    let root = call.opt_bool("sudo") != Some(false);
    let run = call.session.run.clone();
    let item = on_host(call, &host, async |remote| {
        let options = options.with_sudo(host.sudo_for(remote, root));
        files::put_text(remote, &path, text.expose().to_owned(), &options).await
    })?;
    Ok(tell(&run, &host, &item).into())
}

fn download(call: &mut Call) -> Result<Dynamic, Raise> {
    let host = call.receiver::<HostHandle>()?;
    let (path, shown) = (call.string(0)?, call.string(1)?);
    let local = expanded(&shown);
    let run = call.session.run.clone();
    if run.is_plan() {
        run.reporter().emit(Event::Change {
            host: "workstation".to_owned(),
            item: format!("file {shown}"),
            action: Action::Update,
            applied: false,
            reason: format!("from {} of {}", path, host.name()),
            diff: None,
            step: Context::step(),
        });
        return Err(Failure::new(
            "plan.unknown",
            format!("`{path}` was not downloaded, because this is a plan"),
        )
        .help("read small files with `host.read_text`, which works under `--plan` too")
        .into());
    }
    let mode = call.opt_mode("mode").map(Mode::new);
    let root = call.opt_bool("sudo") != Some(false);
    let mut bar = None;
    let size = on_host(call, &host, async |remote| {
        let options = DownloadOptions {
            sudo: host.sudo_for(remote, root),
            mode,
        };
        files::download(remote, &path, &local, &options, &mut |done, total| {
            bar.get_or_insert_with(|| Bar::download(&run, host.name(), &path, Some(total)))
                .at(done);
        })
        .await
    })?;
    run.inputs().wrote(&local);
    Ok(i64::try_from(size).unwrap_or(i64::MAX).into())
}

fn put_options(call: &Call) -> PutOptions {
    let flag = |name: &str| call.opt_bool(name).unwrap_or(false);
    PutOptions {
        mode: call.opt_mode("mode").map(Mode::new),
        owner: call.opt_string("owner"),
        group: call.opt_string("group"),
        parents: flag("parents"),
        secret: flag("secret"),
        always: flag("always"),
        ensure: files::Options {
            plan: call.session.run.is_plan(),
            ..files::Options::default()
        },
        ..PutOptions::default()
    }
}

impl PutOptions {
    fn with_sudo(&self, sudo: files::Sudo) -> PutOptions {
        let mut options = self.clone();
        options.ensure.sudo = sudo;
        options
    }
}

/// Reports what became of one item, and whether it changed.
fn tell(run: &Run, host: &HostHandle, item: &ItemReport) -> bool {
    super::state::note(run, host.name(), item);
    let step = Context::step();
    let event = match &item.change {
        Some(change) => change_event(host.name(), &item.address(), change, !run.is_plan(), step),
        None => Event::Unchanged {
            host: host.name().to_owned(),
            count: 1,
            items: vec![item.address()],
            step,
        },
    };
    run.reporter().emit(event);
    item.change.is_some()
}

/// How often progress is told at most.
const TICK: Duration = Duration::from_millis(100);

/// The progress of one transfer, as events.
pub struct Bar {
    run: Run,
    id: u64,
    host: String,
    path: String,
    direction: Direction,
    total: Option<u64>,
    done: u64,
    told: Instant,
}

impl Bar {
    pub fn upload(run: &Run, host: &str, path: &str, total: Option<u64>) -> Bar {
        Bar::new(run, host, path, Direction::Upload, total)
    }

    fn download(run: &Run, host: &str, path: &str, total: Option<u64>) -> Bar {
        Bar::new(run, host, path, Direction::Download, total)
    }

    fn new(run: &Run, host: &str, path: &str, direction: Direction, total: Option<u64>) -> Bar {
        let bar = Bar {
            id: run.reporter().next_transfer(),
            run: run.clone(),
            host: host.to_owned(),
            path: path.to_owned(),
            direction,
            total,
            done: 0,
            told: Instant::now(),
        };
        bar.tell(false);
        bar
    }

    /// So many bytes have gone over the wire.
    pub fn at(&mut self, done: u64) {
        self.done = done;
        if self.told.elapsed() >= TICK {
            self.told = Instant::now();
            self.tell(false);
        }
    }

    fn tell(&self, finished: bool) {
        self.run.reporter().emit(Event::Transfer {
            id: self.id,
            host: self.host.clone(),
            path: self.path.clone(),
            direction: self.direction,
            done: self.done,
            total: self.total,
            finished,
        });
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.tell(true);
    }
}
