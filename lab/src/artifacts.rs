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

/// The one program that acts as any of them, by its file's name.
const PROGRAM: &str = "standin";

/// The directory e2blab itself is in; what is built with it is there too.
pub fn own_directory() -> Result<PathBuf> {
    let own = env::current_exe().at("find the directory of", "/proc/self/exe")?;
    Ok(own.parent().map(PathBuf::from).unwrap_or_default())
}

/// Fails, before anything is made, when the stand-in is not built.
pub fn check() -> Result<()> {
    let directory = own_directory()?;
    match directory.join(PROGRAM).is_file() {
        true => Ok(()),
        false => Err(Error::NoStandins {
            missing: PROGRAM.to_owned(),
            directory,
        }),
    }
}

/// Copies the stand-in to the lab's `artifacts/bin`, under each name.
pub fn install(lab: &Lab) -> Result<()> {
    let program = own_directory()?.join(PROGRAM);
    let bytes = fs::read(&program).at("read", &program)?;
    for name in NAMES {
        let to = lab.file("artifacts/bin").join(name);
        // the five are different files for everyone who compares them; what is behind a program does not matter to it
        let own = [&bytes, name.as_bytes()].concat();
        fs::write(&to, own).at("copy a stand-in to", &to)?;
        fs::set_permissions(&to, fs::Permissions::from_mode(0o755))
            .at("change the mode of", &to)?;
    }
    Ok(())
}
