//! Which files are tests, and which belong to a script.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::diag::Failure;
use crate::engine::library::{self, Found, Library};
use crate::workstation;

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

/// The tests that tell whether a script works.
pub struct Belonging {
    /// Those of the script and of what it imports, directly or through others. Sorted.
    pub files: Vec<PathBuf>,
    /// Where further ones may come to be, beside what the script is made of.
    pub beside: Vec<PathBuf>,
    /// The directories that were looked through.
    pub places: Vec<PathBuf>,
}

/// The files of tests that bear the name of `script`, or of a script or standard module that it
/// imports, directly or through others, and those that import one of them.
///
/// # Errors
/// A directory that cannot be read.
pub fn belonging_to(script: &Found, library: &Library) -> Result<Belonging, Failure> {
    let parts = parts(script, library);
    let names: BTreeSet<String> = parts.values().filter_map(|part| part.name()).collect();
    let project = library.project.clone().unwrap_or_default();
    let mut found: BTreeSet<PathBuf> = files(&[], &project)?
        .iter()
        .map(|file| whole(file))
        .collect();
    found.retain(|test| {
        let own = stem(test).is_some_and(|own| names.contains(&own));
        let imports = || imported_by(&text_of(test));
        own || imports()
            .iter()
            .any(|import| parts.contains_key(&identity(import, Some(test))))
    });
    let on_disk = parts.values().filter_map(|part| part.path.as_deref());
    let beside: Vec<PathBuf> = on_disk
        .filter_map(|path| Some(path.with_file_name(format!("{}{ENDING}", stem(path)?))))
        .collect();
    found.extend(beside.iter().filter(|file| file.is_file()).cloned());
    let places = PLACES.iter().map(|place| project.join(place));
    Ok(Belonging {
        files: found.into_iter().collect(),
        beside,
        places: places.collect(),
    })
}

/// A script that another one is made of.
struct Part {
    id: String,
    path: Option<PathBuf>,
}

impl Part {
    /// By which its tests are called.
    fn name(&self) -> Option<String> {
        match &self.path {
            Some(path) => stem(path),
            None => stem(Path::new(&format!(
                "{}.rhai",
                self.id.trim_end_matches(".rhai")
            ))),
        }
    }
}

/// The script and all that it imports, by what tells them apart. What cannot be found is a matter
/// of the check.
fn parts(script: &Found, library: &Library) -> BTreeMap<String, Part> {
    let mut parts = BTreeMap::new();
    let path = script.path.as_deref().map(whole);
    let first = match &path {
        Some(path) => path.display().to_string(),
        None => script.id.clone(),
    };
    let mut open = vec![(first, script.id.clone(), path, script.text.clone())];
    while let Some((key, id, path, text)) = open.pop() {
        if parts.contains_key(&key) {
            continue;
        }
        for import in imported_by(&text) {
            let key = identity(&import, path.as_deref());
            if parts.contains_key(&key) {
                continue;
            }
            let found = match import.strip_prefix("std/") {
                Some(name) => library.find_std(name).ok().map(|(found, _)| found),
                None => {
                    let path = PathBuf::from(&key);
                    let text = library::read(&path).ok().flatten();
                    text.map(|text| Found {
                        id: key.clone(),
                        path: Some(path),
                        text,
                    })
                }
            };
            if let Some(found) = found {
                let path = found.path.as_deref().map(whole);
                open.push((key, found.id, path, found.text));
            }
        }
        parts.insert(key, Part { id, path });
    }
    parts
}

/// What `import` means in a file: `std/NAME`, or the whole path of a file.
fn identity(import: &str, importer: Option<&Path>) -> String {
    if import.starts_with("std/") {
        return import.to_owned();
    }
    let dir = importer.and_then(Path::parent).unwrap_or(Path::new(""));
    let ending = if import.ends_with(".rhai") {
        ""
    } else {
        ".rhai"
    };
    let path = dir.join(format!("{import}{ending}"));
    whole(&path).display().to_string()
}

/// The path from the root, the same however one gets there.
fn whole(path: &Path) -> PathBuf {
    workstation::path::absolute(path)
}

/// `name` of `name.rhai` and of `name.test.rhai`.
fn stem(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    let name = name.strip_suffix(ENDING).or(name.strip_suffix(".rhai"))?;
    Some(name.to_owned())
}

/// What a script's imports name, where they stand at the beginning of a line.
fn imported_by(text: &str) -> Vec<String> {
    text.lines()
        .filter_map(|line| line.trim_start().strip_prefix("import \""))
        .filter_map(|rest| rest.split('"').next())
        .map(str::to_owned)
        .collect()
}

/// A file that cannot be read fails where it is run.
fn text_of(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
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
    fn a_script_has_the_tests_of_itself_and_of_what_it_is_made_of() {
        let dir = project(&[
            (
                "scripts/mine.rhai",
                "import \"std/config\" as config;\nimport \"std/stage\" as stage;\nimport \"../lib/low\" as low;",
            ),
            ("lib/low.rhai", ""),
            ("lib/low.test.rhai", "import \"./low\" as low;"),
            ("stdlib/config.rhai", ""),
            ("stdlib/config.test.rhai", ""),
            (
                "stdlib/agents.test.rhai",
                "import \"std/agents\" as agents;",
            ),
            (
                "tests/deep/flow.test.rhai",
                "import \"std/stage\" as stage;",
            ),
            (
                "tests/low_too.test.rhai",
                "import \"../lib/low.rhai\" as low;",
            ),
            ("tests/stage.test.rhai", ""),
            (
                "tests/unrelated.test.rhai",
                "import \"std/testing\" as testing;",
            ),
        ]);
        let root = whole(dir.path());
        let library = Library {
            project: Some(root.clone()),
            ..Library::default()
        };
        let of = |name: &str| {
            let found = library
                .find_script(root.join(name).to_str().unwrap())
                .unwrap();
            belonging_to(&found, &library).unwrap()
        };
        let mine = of("scripts/mine.rhai");
        assert_eq!(
            shown(mine.files, &root),
            [
                "lib/low.test.rhai",
                "stdlib/config.test.rhai",
                "tests/deep/flow.test.rhai",
                "tests/low_too.test.rhai",
                "tests/stage.test.rhai",
            ]
        );
        assert!(mine.beside.contains(&root.join("scripts/mine.test.rhai")));
        assert_eq!(
            shown(of("lib/low.rhai").files, &root),
            ["lib/low.test.rhai", "tests/low_too.test.rhai"]
        );
        let built_in = library.find_script("stage").unwrap();
        let found = shown(belonging_to(&built_in, &library).unwrap().files, &root);
        assert!(
            found.contains(&"tests/stage.test.rhai".to_owned()),
            "{found:?}"
        );
    }
}
