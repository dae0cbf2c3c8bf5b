//! Nothing at a path.

use super::super::apply::Script;
use super::super::inputs::Inputs;
use super::super::item::{Problem, State, Verdict};
use super::super::place::{check_path, clean};
use super::super::read::Probe;
use super::super::report::{Action, Change, Reason};
use super::super::world::{NodeKind, World};

/// Directories that no script removes with all they hold, whatever it thinks it means.
const GUARDED: &[&str] = &[
    "/bin",
    "/boot",
    "/dev",
    "/etc",
    "/home",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/media",
    "/mnt",
    "/opt",
    "/proc",
    "/root",
    "/run",
    "/sbin",
    "/snap",
    "/srv",
    "/sys",
    "/tmp",
    "/usr",
    "/var",
    "/etc/apt",
    "/etc/netplan",
    "/etc/pam.d",
    "/etc/ssh",
    "/etc/ssl",
    "/etc/sudoers.d",
    "/etc/systemd",
    "/etc/systemd/system",
    "/usr/bin",
    "/usr/lib",
    "/usr/lib64",
    "/usr/local",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/share",
    "/var/backups",
    "/var/cache",
    "/var/lib",
    "/var/lib/dpkg",
    "/var/log",
    "/var/run",
    "/var/spool",
    "/var/tmp",
];

/// Whether `path` is a directory that the system needs.
pub(in super::super) fn is_guarded(path: &str) -> bool {
    path == "/" || GUARDED.contains(&path)
}

/// Nothing at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Absent {
    path: String,
    recursive: bool,
}

impl Absent {
    pub fn new(path: impl AsRef<str>) -> Absent {
        Absent {
            path: clean(path.as_ref()),
            recursive: false,
        }
    }

    /// A directory goes with all that it holds. Default: false, which removes empty ones only.
    #[must_use]
    pub fn recursive(mut self, recursive: bool) -> Absent {
        self.recursive = recursive;
        self
    }
}

impl State for Absent {
    fn kind(&self) -> &'static str {
        "absent"
    }

    fn name(&self) -> String {
        self.path.clone()
    }

    fn check(&self) -> Result<(), Problem> {
        check_path(&self.path)?;
        if is_guarded(&self.path) {
            return Err(
                Problem::new("the system needs this directory").help("name what is to go below it")
            );
        }
        Ok(())
    }

    fn read(&self, probe: &mut Probe, _inputs: &Inputs) {
        probe.filled(&self.path);
    }

    fn compare(&self, world: &mut World, script: &mut Script) -> Result<Verdict, Problem> {
        let node = world.node(&self.path);
        let how = match node.kind {
            NodeKind::Absent => return Ok(Verdict::unchanged()),
            NodeKind::Dir if self.recursive => "tree",
            NodeKind::Dir if node.filled => {
                return Err(Problem::new("the directory is not empty")
                    .help("pass `recursive: true` if all of it may go"));
            }
            NodeKind::Dir => "dir",
            _ => "file",
        };
        script.call("remove", &[&self.path, how]);
        world.predict_gone(&self.path);
        let what = match (node.kind, node.filled) {
            (NodeKind::Dir, true) => "a directory and what it holds".to_owned(),
            (kind, _) => kind.noun().to_owned(),
        };
        let found = Reason {
            what: "found".to_owned(),
            from: None,
            to: Some(what),
        };
        Ok(Change::new(Action::Remove).because(found).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_is_guarded() {
        for path in ["/", "/etc", "/etc/", "//usr", "/opt/../etc", "relative"] {
            assert!(Absent::new(path).recursive(true).check().is_err(), "{path}");
        }
        assert!(Absent::new("/opt/e2b").recursive(true).check().is_ok());
    }
}
