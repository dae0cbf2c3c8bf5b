//! Commands whose answer is a directory of files.

use ::std::path::Path;

use crate::diag::Failure;
use crate::workstation;

/// Writes every file into `directory`; `kind` is the failure when that cannot be done.
pub fn write_all(directory: &Path, files: &[(String, String)], kind: &str) -> Result<(), Failure> {
    let failed = |error: workstation::Error| Failure::from_error(kind, &error);
    for (name, text) in files {
        let path = directory.join(name);
        let folder = path.parent().unwrap_or(directory);
        workstation::mkdir(folder, None).map_err(failed)?;
        workstation::write(&path, text.as_bytes(), None, 0o644).map_err(failed)?;
    }
    Ok(())
}
