//! Archives that `fs` writes.

use std::os::unix::fs::PermissionsExt;

use rhai::Dynamic;

use super::{local, path_at, write};
use crate::diag::Failure;
use crate::engine::Call;
use crate::engine::raise::Raise;
use crate::engine::ty;
use crate::workstation::{self, ZipEntry, path};

pub fn write(call: &mut Call) -> Result<Dynamic, Raise> {
    let target = path_at(call, 0)?;
    let mut files = Vec::new();
    for (name, value) in call.map(1)? {
        let Some(from) = ty::text(&value) else {
            let what = ty::describe(&value);
            return Err(Failure::usage(
                "script.argument",
                format!("`fs::zip` takes paths by name; `{name}` has {what}"),
            )
            .into());
        };
        let from = path::expand(&from);
        call.session.run.inputs().file(&from);
        files.push((name.to_string(), from));
    }
    let entries = local(call, move || {
        files
            .into_iter()
            .map(|(name, from)| {
                let failed = || workstation::Error::io("read", &from);
                let mode = std::fs::metadata(&from).map_err(failed())?.permissions();
                Ok(ZipEntry {
                    name,
                    content: std::fs::read(&from).map_err(failed())?,
                    executable: mode.mode() & 0o111 != 0,
                })
            })
            .collect::<Result<Vec<_>, _>>()
    })?;
    let archive =
        workstation::zip(entries).map_err(|error| Failure::from_error("fs.zip", &error))?;
    write::put(call, target, archive, None, false)
}
