//! `e2bscript init`: the files that a project begins with.

use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::args::InitArgs;
use crate::diag::Failure;

/// A file that is made.
struct File {
    name: &'static str,
    text: &'static str,
    mode: u32,
}

const fn file(name: &'static str, text: &'static str) -> File {
    File {
        name,
        text,
        mode: 0o644,
    }
}

const IGNORED: &str = ".gitignore";
const CONFIGURATION: &str = "deploy.env";

/// Everything that a deployment needs beside the platform's binaries.
const FILES: &[File] = &[
    File {
        mode: 0o600,
        ..file(CONFIGURATION, include_str!("../../deploy.env.example"))
    },
    file(
        "e2bscript.toml",
        include_str!("../../examples/project/e2bscript.toml"),
    ),
    file(
        "deploy.rhai",
        include_str!("../../examples/project/deploy.rhai"),
    ),
    file(
        "hooks.rhai",
        include_str!("../../examples/project/hooks.rhai"),
    ),
    file(
        "tests/hooks.test.rhai",
        include_str!("../../examples/project/tests/hooks.test.rhai"),
    ),
    file("nomad/api.hcl", include_str!("../../nomad/api.hcl")),
    file(
        "nomad/client-proxy.hcl",
        include_str!("../../nomad/client-proxy.hcl"),
    ),
    file(
        "nomad/orchestrator.hcl",
        include_str!("../../nomad/orchestrator.hcl"),
    ),
    file(
        "nomad/template-manager.hcl",
        include_str!("../../nomad/template-manager.hcl"),
    ),
    file(IGNORED, include_str!("../../examples/project/gitignore")),
];

/// Makes the files that are not there; says which, and what comes next.
pub fn init(args: &InitArgs) -> Result<String, Failure> {
    let dir = &args.directory;
    let mut made = Vec::new();
    let mut left = Vec::new();
    for file in FILES {
        match make(&dir.join(file.name), file) {
            Ok(true) => made.push(file.name),
            Ok(false) => left.push(file.name),
            Err(error) => {
                let path = dir.join(file.name);
                return Err(Failure::usage(
                    "init.write",
                    format!("cannot make `{}`", path.display()),
                )
                .cause(error.to_string())
                .help("what was made before stays, and a second call makes the rest"));
            }
        }
    }
    Ok(said(dir, &made, &left))
}

/// Whether the file was made; one that is there is left alone.
fn make(path: &Path, file: &File) -> io::Result<bool> {
    if path.symlink_metadata().is_ok() {
        return Ok(false);
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut temporary = tempfile::Builder::new()
        .prefix(".e2bscript-")
        .permissions(Permissions::from_mode(file.mode))
        .tempfile_in(folder)?;
    temporary.write_all(file.text.as_bytes())?;
    match temporary.persist_noclobber(path) {
        Ok(_) => Ok(true),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error.error),
    }
}

fn said(dir: &Path, made: &[&str], left: &[&str]) -> String {
    let mut text = String::new();
    let place = match dir == Path::new(".") {
        true => "here".to_owned(),
        false => format!("in `{}`", dir.display()),
    };
    if made.is_empty() {
        text.push_str(&format!(
            "nothing to do: every file is there already, {place}\n"
        ));
    } else {
        text.push_str(&format!("made {place}: {}\n", made.join(", ")));
        if !left.is_empty() {
            text.push_str(&format!("left as they were: {}\n", left.join(", ")));
        }
    }
    if left.contains(&IGNORED) && !ignores(&dir.join(IGNORED)) {
        text.push_str(&format!(
            "add `/{CONFIGURATION}` to `{IGNORED}`: it holds passwords\n"
        ));
    }
    if made.is_empty() {
        return text;
    }
    text.push_str("next:\n");
    if dir != Path::new(".") {
        text.push_str(&format!("  cd {}\n", dir.display()));
    }
    text.push_str(
        "  e2bscript configure.rhai        # fill in deploy.env: secrets, outputs of the stacks; says what is missing\n  \
           e2bscript doctor.rhai           # can this machine work on the cluster?\n  \
           e2bscript deploy.rhai --plan    # what a deployment would change\n",
    );
    text
}

/// Whether git is told to leave the configuration alone.
fn ignores(path: &Path) -> bool {
    let text = fs::read_to_string(path).unwrap_or_default();
    let names = text.lines().map(|line| line.trim().trim_start_matches('/'));
    names
        .into_iter()
        .any(|name| matches!(name, CONFIGURATION | "*.env"))
}

#[cfg(test)]
mod tests {
    use crate::cli::settings::key::Key;

    #[test]
    fn the_file_of_settings_names_each_with_what_holds_without_it() {
        let text = include_str!("../../examples/project/e2bscript.toml");
        for key in Key::ALL {
            let line = format!("{} = {}", key.name(), key.usual());
            let found = text.lines().any(|own| own.trim_start_matches("# ") == line);
            assert!(found, "{line}");
        }
    }

    #[test]
    fn git_is_told_of_everything_with_secrets() {
        let text = include_str!("../../examples/project/gitignore");
        for name in ["/deploy.env", "/api-creds.env", "*.tfstate", "*.tfvars"] {
            assert!(text.lines().any(|line| line == name), "{name}");
        }
    }
}
