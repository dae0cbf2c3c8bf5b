//! Which files are tests, and which belong to a script.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::diag::Failure;

/// How the name of a file of tests ends.
pub const ENDING: &str = ".test.rhai";
/// The directories of a project that are looked through when nothing is named.
const PLACES: [&str; 3] = ["scripts", "stdlib", "tests"];

/// The files of tests among `given`, in which a directory stands for all below it; those of the
/// project when nothing is given. Sorted, each once.
///
/// # Errors
/// A file or directory that is not there or cannot be read, and a named file that is none of tests.
pub fn files(given: &[PathBuf], project: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut found = BTreeSet::new();
    for path in given {
        if path.is_dir() {
            below(path, &mut found)?;
        } else if is_test(path) && path.is_file() {
            found.insert(path.clone());
        } else if !path.exists() {
            let message = format!("there is no `{}`", path.display());
            return Err(Failure::usage("test.not_found", message)
                .help("name files whose name ends with `.test.rhai`, or directories"));
        } else {
            let message = format!("`{}` is no file of tests", path.display());
            let stem = path.file_stem().unwrap_or_default().to_string_lossy();
            return Err(Failure::usage("test.not_found", message)
                .help(format!("its tests would be in `{stem}{ENDING}`")));
        }
    }
    if given.is_empty() {
        for place in PLACES {
            let directory = project.join(place);
            if directory.is_dir() {
                below(&directory, &mut found)?;
            }
        }
    }
    Ok(found.into_iter().collect())
}

/// The files of tests of the project that a change of `script` may concern: those of its name, and
/// those that import it, directly or through others. A standard module is named by its file.
pub fn belonging_to(script: &Path, project: &Path) -> Result<Vec<PathBuf>, Failure> {
    let Some(stem) = stem(script) else {
        return Ok(Vec::new());
    };
    let mut names = BTreeSet::from([stem.clone()]);
    let scripts = imports(project)?;
    loop {
        let before = names.len();
        for (name, imported) in &scripts {
            if imported.iter().any(|import| names.contains(import)) {
                names.insert(name.clone());
            }
        }
        if names.len() == before {
            break;
        }
    }
    let mut tests = files(&[], project)?;
    // A test beside the script itself, where the script is not in one of the usual directories.
    let beside = script.with_file_name(format!("{stem}{ENDING}"));
    if beside.is_file() && !tests.contains(&beside) {
        tests.push(beside);
    }
    tests.retain(|test| {
        let own = own_name(test);
        own == stem
            || test == script
            || imported_by(test)
                .iter()
                .any(|import| names.contains(import))
    });
    Ok(tests)
}

/// `name` of `name.rhai` and of `name.test.rhai`.
fn stem(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    let name = name.strip_suffix(ENDING).or(name.strip_suffix(".rhai"))?;
    Some(name.to_owned())
}

fn own_name(test: &Path) -> String {
    stem(test).unwrap_or_default()
}

/// The scripts of the project, and what each imports, by their names.
fn imports(project: &Path) -> Result<Vec<(String, Vec<String>)>, Failure> {
    let mut scripts = Vec::new();
    for place in PLACES {
        let directory = project.join(place);
        let Ok(entries) = std::fs::read_dir(&directory) else {
            continue;
        };
        for entry in entries.flatten() {
            let path = entry.path();
            if let Some(name) = stem(&path).filter(|_| !is_test(&path)) {
                scripts.push((name, imported_by(&path)));
            }
        }
    }
    Ok(scripts)
}

/// The names that a script imports: what stands behind the last slash of each import.
fn imported_by(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines()
        .filter_map(|line| line.trim_start().strip_prefix("import \""))
        .filter_map(|rest| rest.split('"').next())
        .filter_map(|import| import.rsplit('/').next())
        .map(|name| name.strip_suffix(".rhai").unwrap_or(name).to_owned())
        .collect()
}

fn is_test(path: &Path) -> bool {
    path.to_str().is_some_and(|path| path.ends_with(ENDING))
}

fn below(directory: &Path, found: &mut BTreeSet<PathBuf>) -> Result<(), Failure> {
    let failed = |error: std::io::Error| {
        Failure::usage(
            "test.not_found",
            format!("cannot read the directory `{}`", directory.display()),
        )
        .cause(error.to_string())
    };
    for entry in std::fs::read_dir(directory).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let path = entry.path();
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        // A link to a directory could lead around in a circle.
        if !hidden && entry.file_type().map_err(failed)?.is_dir() {
            below(&path, found)?;
        } else if is_test(&path) && path.is_file() {
            found.insert(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        dir
    }

    fn shown(found: Vec<PathBuf>, dir: &Path) -> Vec<String> {
        let names = found
            .iter()
            .map(|path| path.strip_prefix(dir).unwrap_or(path));
        names.map(|path| path.display().to_string()).collect()
    }

    #[test]
    fn tests_are_found_by_their_ending() {
        let dir = project(&[
            ("scripts/a.test.rhai", ""),
            ("scripts/a.rhai", ""),
            ("tests/deep/b.test.rhai", ""),
            ("tests/.git/c.test.rhai", ""),
            ("other/d.test.rhai", ""),
        ]);
        let root = dir.path();
        assert_eq!(
            shown(files(&[], root).unwrap(), root),
            ["scripts/a.test.rhai", "tests/deep/b.test.rhai"]
        );
        let named = files(&[root.join("other")], root).unwrap();
        assert_eq!(shown(named, root), ["other/d.test.rhai"]);
        let error = files(&[root.join("scripts/a.rhai")], root).unwrap_err();
        assert!(error.help.unwrap().contains("a.test.rhai"));
        assert!(files(&[root.join("nowhere")], root).is_err());
    }

    #[test]
    fn a_script_has_the_tests_of_its_name_and_of_what_imports_it() {
        let dir = project(&[
            ("stdlib/low.rhai", ""),
            ("stdlib/low.test.rhai", ""),
            ("stdlib/flow.rhai", "import \"std/low\" as low;"),
            ("stdlib/flow.test.rhai", "import \"std/flow\" as flow;"),
            ("stdlib/other.test.rhai", "import \"std/other\" as other;"),
            ("scripts/own.test.rhai", "  import \"./own\" as own;"),
        ]);
        let root = dir.path();
        let of = |name: &str| shown(belonging_to(&root.join(name), root).unwrap(), root);
        assert_eq!(
            of("stdlib/low.rhai"),
            ["stdlib/flow.test.rhai", "stdlib/low.test.rhai"]
        );
        assert_eq!(of("stdlib/flow.rhai"), ["stdlib/flow.test.rhai"]);
        assert_eq!(of("scripts/own.rhai"), ["scripts/own.test.rhai"]);
        assert_eq!(of("scripts/nobody.rhai"), Vec::<String>::new());
        assert_eq!(of("stdlib/flow.test.rhai"), ["stdlib/flow.test.rhai"]);
    }
}
