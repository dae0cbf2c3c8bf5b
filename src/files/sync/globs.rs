//! Which paths of a tree are meant.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use super::super::item::Problem;
use super::SyncOptions;

/// The compiled globs of a sync.
#[derive(Debug, Clone)]
pub(super) struct Globs {
    include: Option<GlobSet>,
    /// Where the globs of `include` begin; empty when one may match anywhere.
    roots: Vec<PathBuf>,
    exclude: GlobSet,
    protect: GlobSet,
    /// Those of `exclude` and `protect` that `find` understands.
    pruned: Vec<Pruned>,
}

/// Something that the host need not look into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pruned {
    /// `-name` or `-path`.
    pub test: &'static str,
    pub pattern: String,
}

impl Globs {
    pub fn new(options: &SyncOptions) -> Result<Globs, Problem> {
        let mut pruned = Vec::new();
        for pattern in options.exclude.iter().chain(&options.protect) {
            pruned.extend(prune(pattern));
        }
        let include = match options.include.is_empty() {
            true => None,
            false => Some(compile(&options.include)?),
        };
        Ok(Globs {
            include,
            roots: roots(&options.include),
            exclude: compile(&options.exclude)?,
            protect: compile(&options.protect)?,
            pruned,
        })
    }

    /// Whether the walk may pass by `path`, and all below it.
    pub fn is_excluded(&self, path: &[u8]) -> bool {
        self.exclude.is_match(as_path(path))
    }

    /// Whether the host's `path` must stay as it is.
    pub fn is_protected(&self, path: &[u8]) -> bool {
        self.protect.is_match(as_path(path))
    }

    /// Whether `path` takes part.
    pub fn is_included(&self, path: &[u8]) -> bool {
        let included = |include: &GlobSet| include.is_match(as_path(path));
        self.include.as_ref().is_none_or(included)
    }

    /// Whether what takes part may stand in the directory `path`.
    pub fn may_hold(&self, path: &Path) -> bool {
        let near = |root: &PathBuf| root.starts_with(path) || path.starts_with(root);
        self.roots.is_empty() || self.roots.iter().any(near)
    }

    /// Whether everything takes part that is not excluded.
    pub fn includes_all(&self) -> bool {
        self.include.is_none()
    }

    pub fn pruned(&self) -> &[Pruned] {
        &self.pruned
    }
}

pub(super) fn as_path(path: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(path))
}

/// A pattern without the decoration of its ends, and whether it starts at the root.
fn normal(pattern: &str) -> (&str, bool) {
    let trimmed = pattern.trim_end_matches('/');
    let from_root = trimmed.trim_start_matches("./").trim_start_matches('/');
    (from_root, trimmed.contains('/'))
}

/// The part before the first wildcard of each pattern; none where a pattern has no such part.
fn roots(patterns: &[String]) -> Vec<PathBuf> {
    let root = |pattern: &String| {
        let (body, anchored) = normal(pattern);
        let wild = |part: &Component| {
            let text = part.as_os_str().to_string_lossy();
            text.contains(['*', '?', '[', '{', '\\'])
        };
        let root: PathBuf = Path::new(body)
            .components()
            .take_while(|part| !wild(part))
            .collect();
        (anchored && !root.as_os_str().is_empty()).then_some(root)
    };
    let found: Option<Vec<PathBuf>> = patterns.iter().map(root).collect();
    found.unwrap_or_default()
}

fn compile(patterns: &[String]) -> Result<GlobSet, Problem> {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        let (body, anchored) = normal(pattern);
        if body.is_empty() {
            return Err(Problem::new(format!("the glob `{pattern}` is empty")));
        }
        let start = if anchored { "" } else { "**/" };
        for end in ["", "/**"] {
            let glob = GlobBuilder::new(&format!("{start}{body}{end}"))
                .literal_separator(true)
                .build()
                .map_err(|error| {
                    Problem::new(format!("`{pattern}` is no glob")).help(error.kind().to_string())
                })?;
            set.add(glob);
        }
    }
    set.build()
        .map_err(|error| Problem::new(format!("the globs cannot be used: {error}")))
}

/// A pattern in terms of `find`, where it means the same there.
fn prune(pattern: &str) -> Option<Pruned> {
    let (body, anchored) = normal(pattern);
    let body = body.strip_suffix("/**").unwrap_or(body);
    if body.contains(['{', '\\']) || body.contains("**") {
        return None;
    }
    if !anchored {
        return Some(Pruned {
            test: "-name",
            pattern: body.to_owned(),
        });
    }
    // `*` of -path crosses slashes, so only plain paths mean the same.
    let plain = !body.contains(['*', '?', '[']);
    // What `runtime/**` means does not hold `runtime` itself, which is kept by what it holds.
    plain.then(|| Pruned {
        test: "-path",
        pattern: format!("./{body}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn globs(include: &[&str], exclude: &[&str], protect: &[&str]) -> Globs {
        let strings = |all: &[&str]| all.iter().map(ToString::to_string).collect();
        Globs::new(&SyncOptions {
            include: strings(include),
            exclude: strings(exclude),
            protect: strings(protect),
            ..SyncOptions::default()
        })
        .unwrap()
    }

    #[test]
    fn globs_are_those_of_gitignore() {
        let globs = globs(
            &["nomad/**", "db"],
            &[".git", "*.zip", "/top"],
            &["runtime/", "a/b"],
        );
        assert!(globs.is_included(b"nomad/api.hcl") && globs.is_included(b"db/1.sql"));
        assert!(!globs.is_included(b"README.md"));
        assert!(globs.is_excluded(b".git/config") && globs.is_excluded(b"x/.git"));
        assert!(globs.is_excluded(b"x/y.zip") && globs.is_excluded(b"top/x"));
        assert!(!globs.is_excluded(b"x/top"));
        assert!(globs.is_protected(b"runtime/x/y") && globs.is_protected(b"runtime"));
        assert!(globs.is_protected(b"a/b/c") && !globs.is_protected(b"x/a/b"));
        assert!(globs.is_excluded(b"\xff.zip"));
    }

    #[test]
    fn directories_that_can_hold_nothing_are_not_looked_into() {
        let some = globs(&["nomad/**", "db/seed/*.sql", "/top"], &[], &[]);
        for path in ["nomad", "nomad/a", "db", "db/seed", "top"] {
            assert!(some.may_hold(Path::new(path)), "{path}");
        }
        for path in ["target", "db/other", "nomads"] {
            assert!(!some.may_hold(Path::new(path)), "{path}");
        }
        for anywhere in [&["nomad/**", "*.sql"][..], &["**/x"], &[]] {
            assert!(globs(anywhere, &[], &[]).may_hold(Path::new("target")));
        }
    }

    #[test]
    fn find_gets_what_means_the_same_to_it() {
        let pruned = |pattern| prune(pattern).map(|found| (found.test, found.pattern));
        assert_eq!(pruned(".git"), Some(("-name", ".git".into())));
        assert_eq!(pruned("*.zip"), Some(("-name", "*.zip".into())));
        assert_eq!(pruned("a/b/"), Some(("-path", "./a/b".into())));
        assert_eq!(pruned("runtime/**"), Some(("-path", "./runtime".into())));
        assert_eq!(pruned("a/*.x"), None);
        assert_eq!(pruned("{a,b}"), None);
    }

    #[test]
    fn bad_globs_are_named() {
        let options = SyncOptions {
            exclude: vec!["a[".into()],
            ..SyncOptions::default()
        };
        assert!(Globs::new(&options).unwrap_err().text.contains("`a[`"));
    }
}
