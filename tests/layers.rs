//! Keeps the layers as `docs/architecture.md` draws them: who may use whom, who knows Rhai, who
//! prints. The table there is what is tested, so it cannot go stale.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // a test fails by panicking

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const PAGE: &str = "docs/architecture.md";
/// What a cell says instead of a list.
const EVERYTHING: &str = "everything below";
/// Who may name Rhai's types; all other modules are plain Rust that any program could use.
const SPEAK_RHAI: [&str; 7] = [
    "bindings", "check", "cli", "diag", "engine", "explain", "testing",
];
/// Who may write to the process's own output: the report, and commands whose answer is a text.
const WRITE_OUT: [&str; 2] = ["cli", "report"];

/// A row of the table: a module and what it may use.
struct Row {
    module: String,
    /// The cell names no modules: all below are meant.
    everything: bool,
    may_use: BTreeSet<String>,
}

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The rows of the table under "## Layers", topmost first.
fn rows() -> Vec<Row> {
    let page = fs::read_to_string(root(PAGE)).unwrap();
    let section = page.split("\n## Layers\n").nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let cells: Vec<(String, &str)> = section
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split('|').collect();
            (quoted(cells[0]).remove(0), cells[2].trim())
        })
        .collect();
    let below = |index: usize| {
        cells
            .iter()
            .skip(index + 1)
            .map(|(module, _)| module.clone())
    };
    let row = |(index, (module, cell)): (usize, &(String, &str))| Row {
        module: module.clone(),
        everything: *cell == EVERYTHING,
        may_use: match *cell {
            EVERYTHING => below(index).collect(),
            named => quoted(named).into_iter().collect(),
        },
    };
    cells.iter().enumerate().map(row).collect()
}

/// The words in backticks.
fn quoted(cell: &str) -> Vec<String> {
    cell.split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

/// Every module below `src/` with its files; a file's unit tests and comments are cut off.
fn modules() -> BTreeMap<String, Vec<(PathBuf, String)>> {
    let mut modules = BTreeMap::new();
    for entry in fs::read_dir(root("src")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if !["lib", "main"].contains(&name.as_str()) {
            let mut files = Vec::new();
            collect(&path, &mut files);
            modules.insert(name, files);
        }
    }
    modules
}

fn collect(path: &Path, files: &mut Vec<(PathBuf, String)>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            collect(&entry.unwrap().path(), files);
        }
    } else if path.extension().is_some_and(|ending| ending == "rs") && !path.ends_with("tests.rs") {
        let text = fs::read_to_string(path).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
        let lines = code
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"));
        files.push((path.to_owned(), lines.collect::<Vec<_>>().join("\n")));
    }
}

/// The modules that a text names behind `crate::`, also in a group of imports.
fn uses(code: &str) -> BTreeSet<String> {
    let word = |text: &str| {
        let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        text[..end.unwrap_or(text.len())].to_owned()
    };
    let mut found = BTreeSet::new();
    for (at, marker) in code.match_indices("crate::") {
        let rest = &code[at + marker.len()..];
        match rest.strip_prefix('{') {
            Some(group) => found.extend(group.split(['{', '}', ';']).next().map(word)),
            None => {
                found.insert(word(rest));
            }
        }
    }
    found
}

#[test]
fn the_table_names_every_module() {
    let drawn: BTreeSet<String> = rows().into_iter().map(|row| row.module).collect();
    let there: BTreeSet<String> = modules().into_keys().collect();
    assert_eq!(drawn, there, "the table of {PAGE} and the modules of src/");
}

#[test]
fn the_table_looks_down_only() {
    let rows = rows();
    for (index, row) in rows.iter().enumerate() {
        for used in &row.may_use {
            let below = rows[index + 1..].iter().any(|other| other.module == *used);
            assert!(
                below,
                "`{}` may use `{used}`, which is not below it in {PAGE}",
                row.module
            );
        }
    }
}

#[test]
fn modules_use_what_the_table_allows() {
    let modules = modules();
    let mut wrong = Vec::new();
    for row in rows() {
        let mut used = BTreeSet::new();
        for (path, code) in &modules[&row.module] {
            let names = uses(code)
                .into_iter()
                .filter(|name| modules.contains_key(name));
            for name in names.filter(|name| *name != row.module) {
                if !row.may_use.contains(&name) {
                    wrong.push(format!("{} uses `{name}`", path.display()));
                }
                used.insert(name);
            }
        }
        let idle = row.may_use.difference(&used).filter(|_| !row.everything);
        wrong.extend(idle.map(|name| format!("`{}` does not use `{name}`", row.module)));
    }
    assert!(
        wrong.is_empty(),
        "other than in the table of {PAGE}:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn clients_know_nothing_of_rhai() {
    for (module, files) in modules() {
        let may = SPEAK_RHAI.contains(&module.as_str());
        for (path, code) in files {
            let does = code.contains("rhai::") || code.contains("use rhai");
            assert!(may || !does, "{} names Rhai's types", path.display());
        }
    }
}

#[test]
fn only_the_report_speaks() {
    for (module, files) in modules() {
        for (path, code) in files {
            let allowed = ["print_stdout", "print_stderr"]
                .iter()
                .any(|lint| code.contains(lint));
            assert!(!allowed, "{} lets itself print", path.display());
            let writes = ["io::stdout()", "io::stderr()"]
                .iter()
                .any(|call| code.contains(call));
            let may = WRITE_OUT.contains(&module.as_str());
            assert!(may || !writes, "{} writes past the report", path.display());
        }
    }
}
