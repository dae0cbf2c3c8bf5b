//! `hash`: checksums and encodings.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rhai::Dynamic;
use sha2::{Digest, Sha256};

use crate::diag::Failure;
use crate::engine::Call;
use crate::engine::raise::Raise;
use crate::engine::registry::{Function, Module, Opt, Param};
use crate::engine::ty::Ty;
use crate::workstation::{self, hex, path};

const DATA: Param = Param::new("data", Ty::Bytes, "a string, a secret or a blob");
const ENCODED: Param = Param::new("text", Ty::Text, "the encoded form");
const BLOB: Opt = Opt::new("blob", Ty::Bool, "false", "give bytes instead of a string");

pub static MODULE: Module = Module {
    name: "hash",
    doc: "Checksums and encodings. What is made of a secret by an encoding is a secret; a checksum is not.",
    functions: &[
        Function {
            name: "sha256",
            doc: "The SHA-256 checksum of a value.",
            params: &[DATA],
            returns: "64 hexadecimal digits",
            example: "hash::sha256(\"abc\")",
            body: |call| Ok(hex(&Sha256::digest(call.bytes(0)?)).into()),
            ..Function::BASE
        },
        Function {
            name: "sha256_file",
            doc: "The SHA-256 checksum of a file on the workstation.",
            params: &[Param::new("path", Ty::Str, "the file")],
            returns: "64 hexadecimal digits",
            errors: &["fs.not_found", "fs.denied", "fs.failed"],
            example: "hash::sha256_file(\"Cargo.toml\")",
            body: |call| {
                let path = path::expand(&call.string(0)?);
                call.session.run.inputs().file(&path);
                Ok(call
                    .wait_ok(async move { workstation::sha256(&path).await })?
                    .into())
            },
            ..Function::BASE
        },
        Function {
            name: "base64",
            doc: "Encodes in base64.",
            params: &[DATA],
            options: &[Opt::new(
                "url",
                Ty::Bool,
                "false",
                "use the alphabet for URLs, without padding",
            )],
            returns: "a string, or a secret",
            example: "hash::base64(\"abc\")",
            body: |call| {
                let data = call.bytes(0)?;
                let engine = if call.opt_bool("url") == Some(true) {
                    &URL_SAFE_NO_PAD
                } else {
                    &STANDARD
                };
                Ok(super::made_of(call, call.value(0)?, engine.encode(data)))
            },
            ..Function::BASE
        },
        Function {
            name: "from_base64",
            doc: "Decodes base64 of either alphabet, with or without padding.",
            params: &[ENCODED],
            options: &[BLOB],
            returns: "a string (or a secret), or a blob",
            errors: &["hash.decode"],
            example: "hash::from_base64(\"YWJj\")",
            body: |call| decoded(call, from_base64(call.text(0)?.expose())),
            ..Function::BASE
        },
        Function {
            name: "hex",
            doc: "Encodes in hexadecimal digits.",
            params: &[DATA],
            returns: "a string, or a secret",
            example: "hash::hex(\"abc\")",
            body: |call| Ok(super::made_of(call, call.value(0)?, hex(&call.bytes(0)?))),
            ..Function::BASE
        },
        Function {
            name: "from_hex",
            doc: "Decodes hexadecimal digits.",
            params: &[ENCODED],
            options: &[BLOB],
            returns: "a string (or a secret), or a blob",
            errors: &["hash.decode"],
            example: "hash::from_hex(\"616263\")",
            body: |call| decoded(call, from_hex(call.text(0)?.expose())),
            ..Function::BASE
        },
    ],
    types: &[],
};

fn decoded(call: &Call, bytes: Option<Vec<u8>>) -> Result<Dynamic, Raise> {
    let failed = |what: &str| Failure::new("hash.decode", format!("`{}`: {what}", call.name()));
    let bytes = bytes.ok_or_else(|| failed("the text is not in this encoding"))?;
    if call.opt_bool("blob") == Some(true) {
        return Ok(Dynamic::from_blob(bytes));
    }
    let text = String::from_utf8(bytes).map_err(|_| {
        failed("what comes out is no text").help("ask for bytes: `#{ blob: true }`")
    })?;
    Ok(super::made_of(call, call.value(0)?, text))
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim().as_bytes();
    if !digits.len().is_multiple_of(2) || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}

fn from_base64(text: &str) -> Option<Vec<u8>> {
    let plain: String = text
        .chars()
        .filter(|c| !c.is_ascii_whitespace() && *c != '=')
        .map(|c| match c {
            '+' => '-',
            '/' => '_',
            other => other,
        })
        .collect();
    URL_SAFE_NO_PAD.decode(plain).ok()
}
