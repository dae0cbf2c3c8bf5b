//! States that are brought about by work: downloads and commands.

use bytes::Bytes;

use crate::diag::Failure;
use crate::engine::call::{Call, Command};
use crate::engine::raise::Raise;
use crate::engine::registry::{Function, Opt, Param};
use crate::engine::ty::{self, Ty};
use crate::files::command::Work;
use crate::files::state::{self, Via};

use super::done;
use super::files::{GROUP, MODE, OWNER, PARENTS, PATH, flag, mode};

pub const DOWNLOAD: Function = Function {
    name: "download",
    doc: "A file from a URL, checked against its SHA-256 before it takes its place. What is there and \
          right is not downloaded again; what was changed by hand is.",
    params: &[Param::new("url", Ty::Str, "`http` or `https`"), PATH],
    options: &[
        Opt::new(
            "sha256",
            Ty::Str,
            "",
            "hash of what the URL gives; required unless `unchecked`",
        ),
        Opt::new(
            "unchecked",
            Ty::Bool,
            "false",
            "take whatever the URL gives",
        ),
        Opt::new(
            "extract",
            Ty::Str,
            "",
            "member to take out of the archive; the hash is the archive's",
        ),
        Opt::new(
            "via",
            Ty::Choice(&["node", "workstation"]),
            "\"node\"",
            "who downloads: `node`, or `workstation`, which then uploads",
        ),
        MODE,
        OWNER,
        GROUP,
        PARENTS,
    ],
    returns: "a State",
    errors: &["state.invalid", "state.apply", "files.fetch"],
    example: r#"state::download("http://mirror/tool", "/usr/local/bin/tool", #{ sha256: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", mode: "0755" })"#,
    body: download,
    ..Function::BASE
};

fn download(call: &mut Call) -> Result<rhai::Dynamic, Raise> {
    let (url, path) = (call.string(0)?, call.string(1)?);
    let via = match call.opt_string("via").as_deref() {
        None | Some("node") => Via::Node,
        Some("workstation") => Via::Workstation,
        Some(other) => {
            return Err(Failure::usage(
                "script.option",
                format!("option `via` of `state::download` is \"{other}\""),
            )
            .help("it takes \"node\" or \"workstation\"")
            .into());
        }
    };
    let item = match (call.opt_string("sha256"), flag(call, "unchecked")) {
        (Some(sha256), _) => state::Download::new(url, path, sha256),
        (None, true) => state::Download::unchecked(url, path),
        (None, false) => {
            return Err(Failure::usage(
                "script.option",
                "`state::download` needs the option `sha256`",
            )
            .help("the hash is what `sha256sum FILE` prints; `unchecked: true` takes any bytes")
            .into());
        }
    };
    let item = item
        .extract(call.opt_string("extract"))
        .via(via)
        .mode(mode(call))
        .owner(call.opt_string("owner"))
        .group(call.opt_string("group"))
        .parents(flag(call, "parents"));
    done(call, item)
}

pub const COMMAND: Function = Function {
    name: "command",
    doc: "A command that is run unless what it brings about is there: say how that is seen with \
          `unless`, `onlyif` or `creates`, else it runs every time.",
    params: &[Param::new(
        "command",
        Ty::Command,
        "array of words, or one string for `sh`",
    )],
    options: &[
        Opt::new(
            "unless",
            Ty::Command,
            "",
            "command that only looks; while it succeeds there is nothing to do",
        ),
        Opt::new(
            "onlyif",
            Ty::Command,
            "",
            "command that only looks; while it fails there is nothing to do",
        ),
        Opt::new(
            "creates",
            Ty::Str,
            "",
            "path the command makes; while it is there, there is nothing to do",
        ),
        Opt::new("name", Ty::Str, "the command", "what reports call it"),
        Opt::new(
            "env",
            Ty::Map,
            "#{}",
            "environment variables; root can see them while it runs",
        ),
        Opt::new("cwd", Ty::Str, "the home directory", "directory to run in"),
        Opt::new(
            "stdin",
            Ty::Text,
            "nothing",
            "what it reads; the way for secrets",
        ),
    ],
    returns: "a State",
    errors: &["state.invalid", "state.apply"],
    example: r#"state::command(["touch", "/tmp/once"], #{ creates: "/tmp/once" })"#,
    body: command,
    ..Function::BASE
};

fn command(call: &mut Call) -> Result<rhai::Dynamic, Raise> {
    let mut env = Vec::new();
    for (name, value) in call.opt_map("env").unwrap_or_default() {
        match ty::text(&value) {
            Some(text) => env.push((name.to_string(), text)),
            None => {
                return Err(Failure::usage(
                    "script.option",
                    format!(
                        "`env.{name}` of `state::command` must be a string, got {}",
                        ty::describe(&value)
                    ),
                )
                .help("secrets go to the command with `stdin`")
                .into());
            }
        }
    }
    let stdin = call
        .opt_text("stdin")
        .map_or_else(Bytes::new, |text| Bytes::from(text.expose().to_owned()));
    let item = state::Command::new(work(call.command(0)?))
        .named(call.opt_string("name"))
        .unless(call.opt_command("unless").map(work))
        .onlyif(call.opt_command("onlyif").map(work))
        .creates(call.opt_string("creates"))
        .env(env)
        .cwd(call.opt_string("cwd"))
        .stdin(stdin);
    done(call, item)
}

pub fn work(command: Command) -> Work {
    match command {
        Command::Words(words) => Work::Words(words),
        Command::Shell(text) => Work::Shell(text),
    }
}
