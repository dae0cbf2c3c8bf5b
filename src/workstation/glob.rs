//! Paths that match a pattern.

use std::path::{Component, Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};
use ignore::WalkBuilder;

use super::Error;

/// Paths that exist and match, sorted. `*` and `?` stay within one name, `**` crosses directories,
/// `[ab]` and `{a,b}` choose; names that begin with a dot match only patterns that say the dot.
pub fn glob(pattern: &str) -> Result<Vec<String>, Error> {
    let full = super::path::expand(pattern);
    let text = full.to_string_lossy();
    let matcher = matcher(pattern, &text)?;
    let base = base(&full);
    let deep = text.contains("**");
    let depth = full.components().count() - base.components().count();
    let start = if base.as_os_str().is_empty() {
        Path::new(".")
    } else {
        &base
    };
    if !start.exists() {
        return Ok(Vec::new());
    }
    let dots = says_dots(full.strip_prefix(&base).unwrap_or(&full));
    let walk = WalkBuilder::new(start)
        .standard_filters(false)
        .follow_links(true)
        .max_depth((!deep).then_some(depth))
        .filter_entry(move |entry| {
            dots || entry.depth() == 0 || !entry.file_name().as_encoded_bytes().starts_with(b".")
        })
        .build();
    let mut found = Vec::new();
    for entry in walk {
        // A directory that cannot be read holds nothing that could be used either.
        let Ok(entry) = entry else { continue };
        let path = entry.path().strip_prefix(".").unwrap_or(entry.path());
        if matcher.is_match(path) {
            found.push(path.to_string_lossy().into_owned());
        }
    }
    found.sort();
    Ok(found)
}

/// The directory below which everything stands that the pattern can match.
pub fn glob_base(pattern: &str) -> PathBuf {
    let base = base(&super::path::expand(pattern));
    match base.as_os_str().is_empty() {
        true => PathBuf::from("."),
        false => base,
    }
}

fn matcher(shown: &str, pattern: &str) -> Result<GlobMatcher, Error> {
    let pattern = pattern.strip_prefix("./").unwrap_or(pattern);
    let glob = GlobBuilder::new(pattern)
        .literal_separator(true)
        .backslash_escape(true)
        .build();
    glob.map(|glob| glob.compile_matcher())
        .map_err(|error| Error::Pattern {
            pattern: shown.to_owned(),
            why: error.kind().to_string(),
        })
}

/// The directories before the first name with a wildcard in it.
fn base(pattern: &Path) -> PathBuf {
    let wild = |part: &Component| {
        part.as_os_str()
            .to_string_lossy()
            .contains(['*', '?', '[', '{', '\\'])
    };
    let mut base: PathBuf = pattern
        .components()
        .take_while(|part| !wild(part))
        .collect();
    if base == pattern {
        base.pop();
    }
    base
}

fn says_dots(pattern: &Path) -> bool {
    pattern.components().any(
        |part| matches!(part, Component::Normal(name) if name.as_encoded_bytes().starts_with(b".")),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_a_shell() {
        let dir = tempfile::tempdir().unwrap();
        for name in [
            "a.txt",
            "b.txt",
            ".hidden.txt",
            "sub/c.txt",
            "sub/deep/d.txt",
            "sub/e.md",
        ] {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let root = dir.path().to_str().unwrap();
        let names = |pattern: &str| -> Vec<String> {
            let found = glob(&format!("{root}/{pattern}")).unwrap();
            found
                .iter()
                .map(|path| path[root.len() + 1..].to_owned())
                .collect()
        };
        assert_eq!(names("*.txt"), ["a.txt", "b.txt"]);
        assert_eq!(names("*/*.txt"), ["sub/c.txt"]);
        assert_eq!(
            names("**/*.txt"),
            ["a.txt", "b.txt", "sub/c.txt", "sub/deep/d.txt"]
        );
        assert_eq!(names("{a,b}.txt"), ["a.txt", "b.txt"]);
        assert_eq!(names(".*.txt"), [".hidden.txt"]);
        assert_eq!(names("a.txt"), ["a.txt"]);
        assert_eq!(names("none/*.txt"), Vec::<String>::new());
        assert!(matches!(glob("[a"), Err(Error::Pattern { .. })));
    }

    #[test]
    fn relative_patterns_give_relative_paths() {
        assert!(
            glob("src/workstation/gl*.rs")
                .unwrap()
                .contains(&"src/workstation/glob.rs".into())
        );
        assert!(glob("./Cargo.*").unwrap().contains(&"Cargo.toml".into()));
        assert!(glob("Cargo.*").unwrap().contains(&"Cargo.toml".into()));
    }
}
