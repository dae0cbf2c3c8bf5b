//! One lab: its name, and every path and kernel name made from it.

use std::env;
use std::fs;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::error::{At, Error, Result};

/// The directory of all labs unless `E2BLAB_STATE` says otherwise.
const STATE: &str = "/var/lib/e2blab";

/// A lab's name and directory. Kernel objects (namespaces, control groups, machines) are named
/// `e2blab.<name>…`; a name has no dot, so no lab's names begin with another's.
#[derive(Debug, Clone)]
pub struct Lab {
    name: String,
    directory: PathBuf,
}

impl Lab {
    /// The lab of that name, whether it exists or not.
    pub fn new(name: &str) -> Result<Lab> {
        let base = env::var_os("E2BLAB_STATE").filter(|value| !value.is_empty());
        let base = base.map_or_else(|| PathBuf::from(STATE), PathBuf::from);
        Lab::within(&base, name)
    }

    /// The lab of that name in a directory of labs.
    pub fn within(base: &Path, name: &str) -> Result<Lab> {
        let mut letters = name.chars();
        let good = letters.next().is_some_and(|c| c.is_ascii_lowercase())
            && letters.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
            && name.len() <= 16
            && !name.ends_with('-');
        if !good {
            return Err(Error::BadName(name.to_owned()));
        }
        let base = std::path::absolute(base).at("resolve", base)?;
        Ok(Lab {
            name: name.to_owned(),
            directory: base.join(name),
        })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where everything of this lab is kept: `/var/lib/e2blab/<name>`, mode 0700.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// A file of the lab's directory.
    pub fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// What every kernel object of this lab begins with: `e2blab.<name>`.
    pub fn prefix(&self) -> String {
        format!("e2blab.{}", self.name)
    }

    /// The network namespace (and machine) name of a node, of the router (`wan`) or of the
    /// private network (`lan`).
    pub fn namespace(&self, part: &str) -> String {
        format!("e2blab.{}.{part}", self.name)
    }

    /// The mark on the lab's link of this machine, from which `down` knows whose it is.
    pub fn mark(&self) -> String {
        format!("{} {}", self.prefix(), self.directory.display())
    }

    /// Where a node's files are kept.
    pub fn node_directory(&self, node: &str) -> PathBuf {
        self.directory.join("nodes").join(node)
    }

    /// A node's root, an overlay of the image.
    pub fn node_root(&self, node: &str) -> PathBuf {
        self.node_directory(node).join("root")
    }

    /// What the node's machine printed while it booted.
    pub fn node_log(&self, node: &str) -> PathBuf {
        self.directory.join("log").join(format!("{node}.log"))
    }

    /// What the mirror or the relay said.
    pub fn helper_log(&self, helper: &str) -> PathBuf {
        self.node_log(helper)
    }

    /// The host keys a node was given at first, which `fault heal` puts back.
    pub fn host_keys(&self, node: &str) -> PathBuf {
        self.directory.join("hostkeys").join(node)
    }

    /// Makes the lab's directories.
    pub fn create(&self) -> Result<()> {
        make_private(&self.directory)?;
        for part in ["nodes", "log", "hostkeys", "artifacts/bin"] {
            let directory = self.directory.join(part);
            fs::create_dir_all(&directory).at("create", &directory)?;
        }
        Ok(())
    }
}

/// Makes a directory that only root may enter, with its parents.
fn make_private(directory: &Path) -> Result<()> {
    if let Some(parent) = directory.parent() {
        fs::create_dir_all(parent).at("create", parent)?;
    }
    let made = fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory);
    made.at("create", directory)?;
    fs::set_permissions(directory, fs::Permissions::from_mode(0o700))
        .at("change the mode of", directory)
}

/// Writes a file beside its place and renames it, so that a reader sees the old or the new one.
pub fn write_file(path: &Path, content: impl AsRef<[u8]>, mode: u32) -> Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let beside = path.with_file_name(name);
    let _ = fs::remove_file(&beside);
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    let mut file = options.open(&beside).at("create", &beside)?;
    std::io::Write::write_all(&mut file, content.as_ref()).at("write", &beside)?;
    // the mode given at creation was cut by the umask
    file.set_permissions(fs::Permissions::from_mode(mode))
        .at("change the mode of", &beside)?;
    fs::rename(&beside, path).at("replace", path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_have_no_dots() {
        for good in ["lab", "bench-2", "a"] {
            assert!(Lab::new(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "a.b",
            "1st",
            "Lab",
            "a/b",
            "-a",
            "a-",
            "seventeen-letters",
        ] {
            assert!(matches!(Lab::new(bad), Err(Error::BadName(_))), "{bad}");
        }
    }

    #[test]
    fn no_labs_names_begin_with_anothers() {
        let short = Lab::new("a").unwrap().namespace("");
        let long = Lab::new("a-b").unwrap().namespace("");
        assert!(!long.starts_with(&short));
    }
}
