//! Paths on the workstation as people write them.

use std::path::{Component, Path, PathBuf};

/// `~` and `~/…` become the home directory; everything else stays as it is.
pub fn expand(path: &str) -> PathBuf {
    let rest = match path.strip_prefix('~') {
        Some("") => Some(""),
        Some(rest) => rest.strip_prefix('/'),
        None => None,
    };
    match (rest, std::env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(path),
    }
}

/// The path from the root, without `.` and `..`; nothing is looked up on disk except where we are.
pub fn absolute(path: &Path) -> PathBuf {
    let full = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut clean = PathBuf::new();
    for part in full.components() {
        match part {
            Component::ParentDir => {
                clean.pop();
            }
            Component::CurDir => {}
            other => clean.push(other),
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_leading_tilde_of_its_own_is_the_home() {
        let home = std::env::home_dir().unwrap();
        assert_eq!(expand("~/x"), home.join("x"));
        assert_eq!(expand("~"), home);
        assert_eq!(expand("~x/y"), PathBuf::from("~x/y"));
        assert_eq!(expand("/a/~/b"), PathBuf::from("/a/~/b"));
    }

    #[test]
    fn dots_are_resolved() {
        assert_eq!(absolute(Path::new("/a/./b/../c")), PathBuf::from("/a/c"));
        assert!(absolute(Path::new("x")).is_absolute());
    }
}
