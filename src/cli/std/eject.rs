//! `e2bscript std eject`: a copy of a built-in module, to be changed.

use crate::diag::Failure;
use crate::engine::library::Library;
use crate::engine::overrides::{Header, base_path};

use super::{embedded, write};

/// Writes the copy into the project's `stdlib/`, and what it came from beside it; says where.
pub fn eject(library: &Library, name: &str, force: bool) -> Result<String, Failure> {
    let text = embedded(library, name, "std.eject")?;
    let folder = library.project.clone().unwrap_or_default().join("stdlib");
    let target = folder.join(format!("{name}.rhai"));
    if target.exists() && !force {
        return Err(Failure::usage(
            "std.eject",
            format!("`{}` is there already", target.display()),
        )
        .help(format!(
            "`e2bscript std diff {name}` shows what it changes; `--force` replaces it"
        )));
    }
    let header = Header::line(name, library.built_in.version, text);
    write(&target, &format!("{header}{text}"), "std.eject")?;
    write(&base_path(&target), text, "std.eject")?;
    Ok(format!("{}\n", target.display()))
}
