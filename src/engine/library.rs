//! The standard library and the operator's scripts: embedded, each file overridable on disk.

use std::path::{Path, PathBuf};

use crate::diag::Failure;

use super::overrides::{conflict, stale, without_header};

/// A file of the library as it is in the binary.
#[derive(Clone, Copy)]
pub struct Embedded {
    pub name: &'static str,
    pub text: &'static str,
}

macro_rules! embed {
    ($folder:literal: $($name:literal),* $(,)?) => {
        &[$(Embedded {
            name: $name,
            text: include_str!(concat!("../../", $folder, "/", $name, ".rhai")),
        }),*]
    };
}

/// The flows, imported as `std/NAME`.
pub static STDLIB: &[Embedded] = embed!("stdlib": "agent_access", "agent_files", "agent_nodes", "agents", "artifacts", "check", "check_agents", "check_ports", "check_services", "checklist", "cluster", "config", "credentials", "database", "doctor", "env_files", "keys", "network", "operations", "platform", "sandboxes", "seed", "services", "snapshot", "stacks", "stage", "template_files", "templates", "testing", "tunnel", "validate");

/// What operators run, found by name when there is no such file on disk.
pub static SCRIPTS: &[Embedded] = embed!("scripts": "agents", "build-logs", "check-cluster", "checklist", "configure", "create-template", "db-shell", "db-status", "deploy", "deploy-services", "doctor", "export-api-creds", "generate-snapshot", "list-templates", "logs", "package", "restart", "rollback", "run-init-db", "sandboxes", "seed-template-image", "stage", "status", "tunnel", "validate-api");

/// The standard modules of one version of the program.
#[derive(Clone, Copy)]
pub struct Edition {
    pub version: &'static str,
    pub modules: &'static [Embedded],
}

impl Default for Edition {
    /// What this program has.
    fn default() -> Edition {
        Edition {
            version: env!("CARGO_PKG_VERSION"),
            modules: STDLIB,
        }
    }
}

/// The file that marks a project, and holds its settings.
pub const PROJECT_FILE: &str = "e2bscript.toml";

/// The nearest directory upwards from `cwd` that has an `e2bscript.toml`. What lies above the home
/// directory is not the project of anything in it.
pub fn project(cwd: &Path, home: Option<&Path>) -> Option<PathBuf> {
    let above_home = |dir: &&Path| home.is_some_and(|home| home != *dir && home.starts_with(dir));
    let inside = home.is_some_and(|home| cwd.starts_with(home));
    cwd.ancestors()
        .take_while(|dir| !(inside && above_home(dir)))
        .find(|dir| dir.join(PROJECT_FILE).is_file())
        .map(Path::to_path_buf)
}

/// Where `std/…` and scripts are looked for, first hit first.
#[derive(Clone, Default)]
pub struct Library {
    /// What there is when no directory has a module.
    pub built_in: Edition,
    /// `--std DIR`, in the order given.
    pub std_dirs: Vec<PathBuf>,
    /// The project's root: its `stdlib/` and `scripts/`.
    pub project: Option<PathBuf>,
    /// The operator's own `stdlib/`, below the user's configuration directory.
    pub user: Option<PathBuf>,
}

/// A script that was found.
#[derive(Clone, Debug)]
pub struct Found {
    /// What errors and imports call it.
    pub id: String,
    pub path: Option<PathBuf>,
    pub text: String,
}

/// A standard module that comes from disk and differs from the embedded one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    pub module: String,
    pub path: PathBuf,
    /// Whether the embedded module changed since this copy was ejected; `None` when the copy does
    /// not say what it came from.
    pub stale: Option<bool>,
}

impl Library {
    /// The search path as seen from `cwd`, which is the project itself where there is none upwards
    /// (see [`project`]).
    pub fn discover(
        std_dirs: Vec<PathBuf>,
        cwd: &Path,
        home: Option<&Path>,
        user_config: Option<PathBuf>,
    ) -> Library {
        Library {
            std_dirs,
            project: Some(project(cwd, home).unwrap_or_else(|| cwd.to_path_buf())),
            user: user_config.map(|dir| dir.join("e2bscript/stdlib")),
            ..Library::default()
        }
    }

    /// The directories that may override a standard module, first hit first.
    pub fn std_path(&self) -> impl Iterator<Item = PathBuf> + '_ {
        self.std_dirs
            .iter()
            .cloned()
            .chain(self.project.iter().map(|dir| dir.join("stdlib")))
            .chain(self.user.iter().cloned())
    }

    /// Where `std/NAME` is looked for on disk, first hit first.
    pub fn std_candidates(&self, name: &str) -> Vec<PathBuf> {
        match is_plain(name) {
            true => self
                .std_path()
                .map(|dir| dir.join(format!("{name}.rhai")))
                .collect(),
            false => Vec::new(),
        }
    }

    /// `std/NAME`, and the override it is, if it is one.
    pub fn find_std(&self, name: &str) -> Result<(Found, Option<Override>), Failure> {
        let embedded = self.built_in(name);
        let id = format!("std/{name}");
        for path in self.std_candidates(name) {
            let Some(text) = read(&path)? else { continue };
            let differs = embedded.is_none_or(|file| file.text != without_header(&text));
            let announced = differs.then(|| Override {
                module: id.clone(),
                path: path.clone(),
                stale: embedded.and_then(|file| stale(&text, file.text)),
            });
            return Ok((
                Found {
                    id,
                    path: Some(path),
                    text,
                },
                announced,
            ));
        }
        match embedded {
            Some(file) => Ok((
                Found {
                    id,
                    path: None,
                    text: file.text.to_owned(),
                },
                None,
            )),
            None => Err(self.unknown_std(name)),
        }
    }

    /// Every module that `import "std/…"` can name, sorted.
    pub fn std_names(&self) -> Vec<String> {
        let built_in = self.built_in.modules.iter();
        let mut names: Vec<String> = built_in.map(|file| file.name.to_owned()).collect();
        for dir in self.std_path() {
            let Ok(entries) = std::fs::read_dir(dir) else {
                continue;
            };
            names.extend(entries.flatten().filter_map(|entry| {
                let name = entry.file_name().into_string().ok()?;
                let name = name.strip_suffix(".rhai")?;
                // the tests of a module stand beside it
                (!name.ends_with(".test")).then(|| name.to_owned())
            }));
        }
        names.sort();
        names.dedup();
        names
    }

    fn unknown_std(&self, name: &str) -> Failure {
        let names = self.std_names();
        let near = super::suggest::nearest(name, names.iter().map(String::as_str));
        Failure::usage(
            "script.import",
            format!("there is no standard module `std/{name}`"),
        )
        .help(match near {
            Some(near) => format!("did you mean `std/{near}`?"),
            None => format!("there are: {}", names.join(", ")),
        })
    }

    /// Where a script of this name is looked for on disk, first hit first.
    pub fn script_candidates(&self, name: &str) -> Vec<PathBuf> {
        let typed = Path::new(name);
        let mut candidates = vec![typed.to_path_buf()];
        if typed.extension().is_none_or(|ending| ending != "rhai") {
            candidates.push(PathBuf::from(format!("{name}.rhai")));
        }
        let bare = name.strip_suffix(".rhai").unwrap_or(name);
        if is_plain(bare)
            && let Some(dir) = &self.project
        {
            candidates.push(dir.join("scripts").join(format!("{bare}.rhai")));
        }
        candidates
    }

    /// The script that an operator means by `name`: a path, else `scripts/` of the project, else an
    /// embedded one.
    pub fn find_script(&self, name: &str) -> Result<Found, Failure> {
        let bare = name.strip_suffix(".rhai").unwrap_or(name);
        let of_project = format!("scripts/{bare}.rhai");
        for candidate in self.script_candidates(name) {
            if !candidate.is_file() {
                continue;
            }
            let in_project = self.project.as_ref().map(|dir| dir.join(&of_project));
            return match in_project.as_ref() == Some(&candidate) {
                true => load(&candidate, of_project),
                false => load(&candidate, candidate.display().to_string()),
            };
        }
        if let Some(file) = SCRIPTS.iter().find(|file| file.name == bare) {
            return Ok(Found {
                id: of_project,
                path: None,
                text: file.text.to_owned(),
            });
        }
        Err(unknown_script(name))
    }
}

/// Why a copy with marks of a conflict cannot run.
pub fn unresolved(found: &Found) -> Option<Failure> {
    let line = conflict(&found.text)?;
    let path = found.path.as_ref()?.display();
    Some(
        Failure::usage(
            "std.conflict",
            format!("`{path}` holds both sides of a conflict, from line {line} on"),
        )
        .help("decide what stays between `<<<<<<< yours` and `>>>>>>> built in`, and remove the marks"),
    )
}

fn load(path: &Path, id: String) -> Result<Found, Failure> {
    match read(path)? {
        Some(text) => Ok(Found {
            id,
            path: Some(path.to_path_buf()),
            text,
        }),
        None => Err(unknown_script(&id)),
    }
}

/// The file's text; `None` when there is no such file.
pub fn read(path: &Path) -> Result<Option<String>, Failure> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::usage(
            "script.read",
            format!("cannot read the script `{}`", path.display()),
        )
        .cause(error.to_string())),
    }
}

fn unknown_script(name: &str) -> Failure {
    let names: Vec<&str> = SCRIPTS.iter().map(|file| file.name).collect();
    let bare = name.strip_suffix(".rhai").unwrap_or(name);
    let near = super::suggest::nearest(bare, names.iter().copied());
    Failure::usage("script.not_found", format!("there is no script `{name}`")).help(match near {
        Some(near) => format!("did you mean `{near}.rhai`?"),
        None => format!(
            "looked in the current directory, in `scripts/` of the project, and among the built-in ones: {}",
            names.join(", ")
        ),
    })
}

/// A name that cannot leave its directory.
fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && name.split('/').all(|part| {
            !part.is_empty()
                && !part.starts_with('.')
                && part
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_both_folders_is_embedded() {
        for (folder, table) in [("stdlib", STDLIB), ("scripts", SCRIPTS)] {
            let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
            let mut on_disk: Vec<String> = std::fs::read_dir(dir)
                .unwrap()
                .filter_map(|entry| entry.unwrap().file_name().into_string().ok())
                .filter_map(|name| name.strip_suffix(".rhai").map(str::to_owned))
                .filter(|name| !name.ends_with(".test"))
                .collect();
            on_disk.sort();
            let embedded: Vec<&str> = table.iter().map(|file| file.name).collect();
            assert_eq!(embedded, on_disk, "{folder}");
        }
    }

    #[test]
    fn a_project_is_found_upwards_as_far_as_the_home_directory() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::create_dir_all(at("home/p/scripts")).unwrap();
        let mark = |name: &str| std::fs::write(at(name).join(PROJECT_FILE), "").unwrap();
        mark("");
        let home = at("home");
        let found = |from: &str| project(&at(from), Some(&home));
        assert_eq!(found("home/p/scripts"), None);
        assert_eq!(project(&at("home/p"), None), Some(at("")));
        assert_eq!(project(&at("other"), Some(&home)), Some(at("")));
        mark("home");
        assert_eq!(found("home/p/scripts"), Some(at("home")));
        mark("home/p");
        assert_eq!(found("home/p/scripts"), Some(at("home/p")));
    }

    #[test]
    fn a_name_cannot_leave_the_search_path() {
        for name in ["../etc", "a/../b", "", ".hidden", "a//b", "/etc/passwd"] {
            assert!(!is_plain(name), "{name}");
        }
        assert!(is_plain("lib/health-2"));
    }
}
