//! States of the file system: directories, files, lines, links.

use bytes::Bytes;

use crate::diag::Failure;
use crate::engine::call::Call;
use crate::engine::raise::Raise;
use crate::engine::registry::{Function, Opt, Param};
use crate::engine::ty::Ty;
use crate::files::{Mode, state};
use crate::secret::MASK;

use super::done;

pub const PATH: Param = Param::new("path", Ty::Str, "absolute path on the host");
pub const MODE: Opt = Opt::new("mode", Ty::Mode, "as it is", "permissions");
pub const OWNER: Opt = Opt::new("owner", Ty::Str, "as it is", "owning user");
pub const GROUP: Opt = Opt::new("group", Ty::Str, "as it is", "owning group");
pub const PARENTS: Opt = Opt::new(
    "parents",
    Ty::Bool,
    "false",
    "make missing directories above it, with mode 0755",
);
const FOLLOW: Opt = Opt::new(
    "follow",
    Ty::Bool,
    "false",
    "accept a link in its place and work on what it leads to",
);
const SECRET: Opt = Opt::new("secret", Ty::Bool, "false", "never show its content");

pub const ABSENT: Function = Function {
    name: "absent",
    doc: "Nothing at this path. Directories of the system are refused.",
    params: &[PATH],
    options: &[Opt::new(
        "recursive",
        Ty::Bool,
        "false",
        "remove a directory with all that is in it",
    )],
    returns: "a State",
    errors: &["state.invalid"],
    example: r#"state::absent("/etc/cron.d/old-job")"#,
    body: |call| {
        let recursive = call.opt_bool("recursive").unwrap_or(false);
        done(
            call,
            state::Absent::new(call.string(0)?).recursive(recursive),
        )
    },
    ..Function::BASE
};

pub const DIR: Function = Function {
    name: "dir",
    doc: "A directory.",
    params: &[PATH],
    options: &[MODE, OWNER, GROUP, PARENTS, FOLLOW],
    returns: "a State",
    errors: &["state.invalid"],
    example: r#"state::dir("/opt/e2b", #{ mode: "0755" })"#,
    body: |call| {
        let dir = state::Dir::new(call.string(0)?)
            .mode(mode(call))
            .owner(call.opt_string("owner"))
            .group(call.opt_string("group"))
            .parents(flag(call, "parents"))
            .follow(flag(call, "follow"));
        done(call, dir)
    },
    ..Function::BASE
};

pub const FILE: Function = Function {
    name: "file",
    doc: "A copy of a file of the workstation. It is replaced atomically, also while it is being \
          executed, and sent only where its content differs.",
    params: &[PATH],
    options: &[
        Opt::new("from", Ty::Str, "", "path on the workstation; required"),
        MODE,
        OWNER,
        GROUP,
        PARENTS,
        FOLLOW,
        SECRET,
    ],
    returns: "a State",
    errors: &["state.invalid", "files.local"],
    example: r#"state::file("/opt/e2b/bin/envd", #{ from: "artifacts/bin/envd", mode: "0755" })"#,
    body: |call| {
        let Some(from) = call.opt_string("from") else {
            return Err(
                Failure::usage("script.option", "`state::file` needs the option `from`")
                    .help(
                        "from: path on the workstation; use `state::text` for a text of the script",
                    )
                    .into(),
            );
        };
        let from = super::super::ssh::expanded(&from);
        call.session.run.inputs().file(&from);
        let file = state::File::new(call.string(0)?, from)
            .mode(mode(call))
            .owner(call.opt_string("owner"))
            .group(call.opt_string("group"))
            .parents(flag(call, "parents"))
            .follow(flag(call, "follow"))
            .secret(flag(call, "secret"));
        done(call, file)
    },
    ..Function::BASE
};

pub const LINE: Function = Function {
    name: "line",
    doc: "A line in a text file, or its absence. Other lines are left as they are.",
    params: &[
        PATH,
        Param::new("line", Ty::Text, "the line, without its line end"),
    ],
    options: &[
        Opt::new(
            "matching",
            Ty::Str,
            "the line itself",
            "regular expression of the lines it stands for",
        ),
        Opt::new("present", Ty::Bool, "true", "`false`: no such line"),
        Opt::new(
            "create",
            Ty::Bool,
            "false",
            "make the file if it is not there",
        ),
        MODE,
        OWNER,
        GROUP,
        FOLLOW,
        SECRET,
    ],
    returns: "a State",
    errors: &["state.invalid"],
    example: r#"state::line("/etc/hosts", "10.0.2.7 api-1", #{ matching: " api-1$" })"#,
    body: |call| {
        let text = call.text(1)?;
        let line = state::Line::new(call.string(0)?, text.expose())
            .matching(call.opt_string("matching"))
            .present(call.opt_bool("present").unwrap_or(true))
            .create(flag(call, "create"))
            .mode(mode(call))
            .owner(call.opt_string("owner"))
            .group(call.opt_string("group"))
            .follow(flag(call, "follow"))
            .secret(flag(call, "secret") || call.is_secret(1));
        done(call, line)
    },
    ..Function::BASE
};

pub const LINK: Function = Function {
    name: "link",
    doc: "A symbolic link.",
    params: &[PATH, Param::new("target", Ty::Str, "where it points")],
    options: &[
        Opt::new(
            "force",
            Ty::Bool,
            "false",
            "replace a file that stands in its place",
        ),
        PARENTS,
    ],
    returns: "a State",
    errors: &["state.invalid", "state.conflict"],
    example: r#"state::link("/usr/local/bin/firecracker", "/fc-versions/v1.10.1_1fcdaec/firecracker")"#,
    body: |call| {
        let link = state::Link::new(call.string(0)?, call.string(1)?)
            .force(flag(call, "force"))
            .parents(flag(call, "parents"));
        done(call, link)
    },
    ..Function::BASE
};

pub const TEXT: Function = Function {
    name: "text",
    doc: "A file with this text. A secret text is never shown; the file's mode is then 0600 unless \
          `mode` says otherwise.",
    params: &[
        PATH,
        Param::new(
            "text",
            Ty::Text,
            "the content; a line end is added where it is missing",
        ),
    ],
    options: &[
        MODE,
        OWNER,
        GROUP,
        PARENTS,
        FOLLOW,
        SECRET,
        Opt::new("exact", Ty::Bool, "false", "add no line end"),
        Opt::new(
            "stars",
            Ty::Bool,
            "false",
            "the text may contain `***`, which else is taken for a secret that was interpolated",
        ),
    ],
    returns: "a State",
    errors: &["state.invalid", "secret.interpolated"],
    example: r#"state::text("/etc/motd", "staged by e2bscript")"#,
    body: text,
    ..Function::BASE
};

fn text(call: &mut Call) -> Result<rhai::Dynamic, Raise> {
    let content = call.text(1)?;
    if !flag(call, "stars") {
        refuse_stars(&call.name(), content.expose())?;
    }
    let newline = match flag(call, "exact") {
        true => state::Newline::Exact,
        false => state::Newline::Final,
    };
    let text = state::Text::new(call.string(0)?, Bytes::from(content.expose().to_owned()))
        .mode(mode(call))
        .owner(call.opt_string("owner"))
        .group(call.opt_string("group"))
        .parents(flag(call, "parents"))
        .follow(flag(call, "follow"))
        .newline(newline)
        .secret(flag(call, "secret") || call.is_secret(1));
    done(call, text)
}

/// A secret in a template string prints as `***`; such a text must not reach a host.
pub fn refuse_stars(what: &str, text: &str) -> Result<(), Failure> {
    if !text.contains(MASK) {
        return Ok(());
    }
    Err(Failure::usage("secret.interpolated", format!("the text of `{what}` contains `{MASK}`: a secret was interpolated into it"))
        .help("join text and secrets with `+`, which keeps the result a secret; or pass `stars: true` if the stars are meant"))
}

pub fn mode(call: &Call) -> Option<Mode> {
    call.opt_mode("mode").map(Mode::new)
}

pub fn flag(call: &Call, name: &str) -> bool {
    call.opt_bool(name).unwrap_or(false)
}
