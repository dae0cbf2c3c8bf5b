//! `secret`: values that are used but never shown.

use std::any::TypeId;
use std::os::unix::fs::PermissionsExt;

use rhai::Dynamic;

use crate::diag::Failure;
use crate::engine::raise::Raise;
use crate::engine::registry::{Function, Module, Opt, Param, Type};
use crate::engine::ty::{self, Ty};
use crate::engine::{Call, Command};
use crate::secret::{MASK, Secret};
use crate::workstation::{self, path};

const BYTES: i64 = 32;

pub static MODULE: Module = Module {
    name: "secret",
    doc: "Values that are used but never shown: a secret prints as `***`, and its value is masked wherever the run \
          writes something. Join secrets and texts with `+`, which gives a secret; interpolation gives the asterisks.",
    functions: &[
        Function {
            name: "text",
            doc: "Makes a secret of a text.",
            params: &[Param::new("text", Ty::Text, "the value")],
            returns: "a secret",
            errors: &["secret.masked"],
            example: "secret::text(\"hunter2\")",
            body: |call| {
                let text = call.text(0)?;
                if ty::text(call.value(0)?).is_some() {
                    refuse_masked(text.expose())?;
                }
                Ok(super::keep_secret(call, text.expose()))
            },
            ..Function::BASE
        },
        Function {
            name: "env",
            doc: "A secret out of a variable of the process's environment.",
            params: &[Param::new("name", Ty::Str, "the variable")],
            returns: "a secret",
            errors: &["env.missing"],
            example: "secret::env(\"PATH\")",
            body: |call| {
                let name = call.string(0)?;
                let value = std::env::var(&name).ok().filter(|value| !value.is_empty());
                Ok(super::keep_secret(
                    call,
                    value.ok_or_else(|| super::env::missing(&name))?,
                ))
            },
            ..Function::BASE
        },
        Function {
            name: "file",
            doc: "A secret out of a file, without the line break at its end. A file that others than its owner may read is refused.",
            params: &[Param::new("path", Ty::Str, "the file")],
            returns: "a secret",
            errors: &[
                "secret.readable",
                "fs.not_found",
                "fs.denied",
                "fs.failed",
                "fs.not_text",
            ],
            example: "let path = fs::join(fs::temp_dir(), \"x\"); fs::write(path, \"hunter2\\n\", #{ mode: \"0600\" }); secret::file(path)",
            body: file,
            ..Function::BASE
        },
        Function {
            name: "command",
            doc: "A secret out of what a command on the workstation writes to its standard output, without the line break at the end; for example out of a \
                  password manager. The command runs under `--plan` too.",
            params: &[Param::new(
                "command",
                Ty::Command,
                "an array of words, or a string for a shell",
            )],
            returns: "a secret",
            errors: &["workstation.command", "fs.not_found", "fs.not_text"],
            example: "secret::command([\"printf\", \"hunter2\"])",
            body: command,
            ..Function::BASE
        },
        Function {
            name: "random",
            doc: "A new secret out of the system's random numbers.",
            params: &[],
            options: &[
                Opt::new("bytes", Ty::Int, "32", "how many random bytes, 16 to 1024"),
                Opt::new(
                    "encoding",
                    Ty::Choice(&["hex", "base64", "url"]),
                    "\"hex\"",
                    "`hex`, `base64` or `url` (base64 for URLs, without padding)",
                ),
            ],
            returns: "a secret",
            errors: &["script.option"],
            example: "secret::random(#{ bytes: 32, encoding: \"base64\" })",
            body: random,
            ..Function::BASE
        },
        Function {
            name: "concat",
            doc: "Joins texts, numbers and secrets into one secret.",
            params: &[Param::new(
                "parts",
                Ty::Array,
                "strings, numbers and secrets",
            )],
            returns: "a secret",
            errors: &["secret.masked", "script.argument"],
            example: "secret::concat([\"postgresql://admin:\", secret::text(\"hunter2\"), \"@db:\", 5432])",
            body: concat,
            ..Function::BASE
        },
    ],
    types: &[&Type {
        name: "Secret",
        doc: "A value that is used but never shown.",
        id: TypeId::of::<Secret>,
        rust_name: std::any::type_name::<Secret>,
        methods: &[Function {
            name: "reveal",
            doc: "The value as a plain string. The run's own output still masks it; everything else the script does with it does not.",
            returns: "a string",
            example: "secret::text(\"hunter2\").reveal()",
            body: |call| Ok(call.receiver::<Secret>()?.expose().to_owned().into()),
            ..Function::BASE
        }],
        properties: &[],
    }],
};

/// An interpolated secret is asterisks, and a secret made of those would fail far from here.
fn refuse_masked(text: &str) -> Result<(), Failure> {
    if !text.contains(MASK) {
        return Ok(());
    }
    Err(Failure::new(
        "secret.masked",
        format!("the text holds `{MASK}`, which is what an interpolated secret looks like"),
    )
    .help("join texts and secrets with `+`: the result is a secret itself"))
}

fn file(call: &mut Call) -> Result<Dynamic, Raise> {
    let shown = call.string(0)?;
    let path = path::expand(&shown);
    call.session.run.inputs().file(&path);
    let facts = std::fs::metadata(&path).map_err(workstation::Error::io("read", &path))?;
    let mode = facts.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(Failure::new(
            "secret.readable",
            format!("`{shown}` has mode {mode:04o}: others may read it"),
        )
        .help(format!("run `chmod 600 {shown}`"))
        .into());
    }
    let file = path.clone();
    let text = call.wait_ok(async move { workstation::read_text(&file).await })?;
    let inputs = call.session.run.inputs();
    inputs.setting(&path, "", &text, true);
    Ok(super::keep_secret(call, without_line_end(&text)))
}

fn command(call: &mut Call) -> Result<Dynamic, Raise> {
    let words = match call.command(0)? {
        Command::Words(words) => words,
        Command::Shell(text) => vec!["sh".into(), "-c".into(), text],
    };
    let written = call.wait_ok(async move { workstation::stdout_of(&words).await })?;
    let text = String::from_utf8(written)
        .map_err(|_| Failure::new("fs.not_text", "what the command wrote is not UTF-8 text"))?;
    Ok(super::keep_secret(call, without_line_end(&text)))
}

fn without_line_end(text: &str) -> &str {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text)
}

fn random(call: &mut Call) -> Result<Dynamic, Raise> {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    let wrong = |what: String| Failure::usage("script.option", what);
    let count = call.opt_int("bytes").unwrap_or(BYTES);
    let count = usize::try_from(count)
        .ok()
        .filter(|count| (16..=1024).contains(count))
        .ok_or_else(|| {
            wrong(format!(
                "option `bytes` of `secret::random` is 16 to 1024, not {count}"
            ))
        })?;
    let bytes = workstation::random(count)?;
    let text = match call.opt_string("encoding").as_deref() {
        Some("base64") => STANDARD.encode(bytes),
        Some("url") => URL_SAFE_NO_PAD.encode(bytes),
        _ => workstation::hex(&bytes),
    };
    Ok(super::keep_secret(call, text))
}

fn concat(call: &mut Call) -> Result<Dynamic, Raise> {
    let mut joined = String::new();
    for part in call.array(0)?.iter() {
        joined.push_str(&piece(part)?);
    }
    Ok(super::keep_secret(call, joined))
}

fn piece(part: &Dynamic) -> Result<String, Failure> {
    if let Some(secret) = part.read_lock::<Secret>() {
        return Ok(secret.expose().to_owned());
    }
    match ty::text(part) {
        Some(text) => refuse_masked(&text).map(|()| text),
        None if part.is_int() || part.is_float() => Ok(part.to_string()),
        None => Err(Failure::usage(
            "script.argument",
            format!(
                "`secret::concat` joins strings, numbers and secrets, got {}",
                ty::describe(part)
            ),
        )),
    }
}
