//! The platform's five binaries, as stand-ins, where `deploy.env` says the artifacts are.

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use crate::error::{At, Error, Result};
use crate::lab::Lab;

/// The names that the platform's build gives its binaries.
const NAMES: [&str; 5] = [
    "e2b-api",
    "client-proxy",
    "orchestrator",
    "template-manager",
    "envd",
];

/// The directory e2blab itself is in; what is built with it is there too.
pub fn own_directory() -> Result<PathBuf> {
    let own = env::current_exe().at("find the directory of", "/proc/self/exe")?;
    Ok(own.parent().map(PathBuf::from).unwrap_or_default())
}

/// Fails, before anything is made, when a stand-in is not built.
pub fn check() -> Result<()> {
    let directory = own_directory()?;
    match NAMES.iter().find(|name| !directory.join(name).is_file()) {
        None => Ok(()),
        Some(missing) => Err(Error::NoStandins {
            missing: (*missing).to_owned(),
            directory,
        }),
    }
}

/// Copies the stand-ins to the lab's `artifacts/bin`.
pub fn install(lab: &Lab) -> Result<()> {
    let directory = own_directory()?;
    for name in NAMES {
        let to = lab.file("artifacts/bin").join(name);
        fs::copy(directory.join(name), &to).at("copy a stand-in to", &to)?;
        fs::set_permissions(&to, fs::Permissions::from_mode(0o755))
            .at("change the mode of", &to)?;
    }
    Ok(())
}
