//! Files of an allocation, read without running anything in it.

use crate::bindings::bytes_or_text;
use crate::engine::registry::{Function, Opt, Param};
use crate::engine::ty::Ty;
use crate::engine::value;
use crate::nomad::Nomad;

use super::{ALLOCATION, ERRORS, ask};

pub const LIST_FILES: Function = Function {
    name: "list_files",
    doc: "What is in a directory of an allocation. Nothing is run for it.",
    params: &[
        ALLOCATION,
        Param::optional(
            "directory",
            Ty::Str,
            "below the allocation's own, which is `/` and meant when this is left out",
        ),
    ],
    returns: "an array of maps with `name`, `is_dir`, `size`, `mode` and `modified`, sorted by name",
    errors: ERRORS,
    example: "nomad.list_files(\"1f3a\", \"alloc/logs\").map(|file| file.name)",
    body: |call| {
        let (nomad, id) = (call.receiver::<Nomad>()?, call.string(0)?);
        let directory = match call.has(1) {
            true => call.string(1)?,
            false => "/".to_owned(),
        };
        value::from_serde(&ask(call, &nomad, nomad.list_files(&id, &directory))?)
    },
    ..Function::BASE
};

pub const READ_FILE: Function = Function {
    name: "read_file",
    doc: "The content of a file of an allocation. Nothing is run for it.",
    params: &[
        ALLOCATION,
        Param::new(
            "file",
            Ty::Str,
            "its path below the allocation's directory, such as `alloc/logs/api.stderr.0`",
        ),
    ],
    options: &[
        Opt::new("offset", Ty::Size, "0", "where to begin"),
        Opt::new("limit", Ty::Size, "all of it", "at most so much"),
    ],
    returns: "a string, or a blob if it is no text",
    errors: ERRORS,
    example: "nomad.read_file(\"1f3a\", \"alloc/logs/api.stderr.0\", #{ limit: \"4KiB\" })",
    body: |call| {
        let nomad = call.receiver::<Nomad>()?;
        let (id, file) = (call.string(0)?, call.string(1)?);
        let (offset, limit) = (call.opt_size("offset").unwrap_or(0), call.opt_size("limit"));
        let bytes = ask(call, &nomad, nomad.read_file(&id, &file, offset, limit))?;
        Ok(bytes_or_text(bytes))
    },
    ..Function::BASE
};
