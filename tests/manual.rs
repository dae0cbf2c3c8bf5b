//! The reference manual in `docs/reference/` is what the program says, and says it of everything.

#![allow(clippy::unwrap_used)] // a test fails by panicking

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use e2bscript::bindings::REGISTRY;
use e2bscript::engine::library::{SCRIPTS, STDLIB};
use e2bscript::engine::registry::Function;
use e2bscript::manual::{errors, standard};

fn docs(words: &[&str]) -> (Option<i32>, String, String) {
    program(&[&["docs"], words].concat())
}

fn program(words: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_e2bscript"))
        .args(words)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[test]
fn the_pages_are_what_the_program_says() {
    let (code, _, said) = docs(&["--check", "docs/reference"]);
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn a_stale_page_and_a_strange_one_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    assert_eq!(docs(&["--write", path]).0, Some(0));
    assert_eq!(docs(&["--check", path]).0, Some(0));
    std::fs::write(directory.path().join("ssh.md"), "old").unwrap();
    std::fs::write(directory.path().join("gone.md"), "old").unwrap();
    std::fs::write(directory.path().join("errors/gone.md"), "old").unwrap();
    let (code, _, said) = docs(&["--check", path]);
    assert_eq!(code, Some(1));
    assert!(said.contains("ssh.md, errors/gone.md, gone.md"), "{said}");
    assert_eq!(docs(&["--write", path]).0, Some(0));
    assert_eq!(docs(&["--check", path]).0, Some(0));
}

#[test]
fn names_are_found_however_they_are_said() {
    for (name, wanted) in [
        ("ssh", "# ssh\n"),
        ("fs::glob", "## fs::glob("),
        ("Host.run", "## Host.run("),
        ("Host::run", "## Host.run("),
        ("Host", "# Host\n"),
        ("std/stage", "# std/stage\n"),
        ("stage", "## stage::run(c, options)\n"),
    ] {
        let (code, said, _) = docs(&[name]);
        assert_eq!(code, Some(0), "{name}");
        assert!(said.contains(wanted), "{name}: {said}");
    }
    let (code, _, said) = docs(&["Host.rum"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("did you mean `Host.run`?"), "{said}");
}

/// Counts what must be said, and what of it is not.
#[derive(Default)]
struct Coverage {
    facts: usize,
    missing: Vec<String>,
}

impl Coverage {
    fn say(&mut self, owner: &str, what: &str, text: &str) {
        self.facts += 1;
        if text.trim().is_empty() {
            self.missing.push(format!("{owner}: {what}"));
        }
    }

    fn kind(&mut self, owner: &str, kind: &str) {
        self.facts += 1;
        // Some entries say in words where further kinds come from.
        let known = |name: &str| match kind.strip_suffix('*') {
            Some(area) => name.starts_with(area),
            None => name == kind,
        };
        if !kind.contains(' ') && !errors::kinds().any(|one| known(one.name)) {
            self.missing.push(format!("{owner}: `{kind}` has no page"));
        }
    }

    fn function(&mut self, owner: &str, function: &Function) {
        let name = format!("{owner}{}", function.name);
        self.say(&name, "what it does", function.doc);
        self.say(&name, "what it returns", function.returns);
        self.say(&name, "an example", function.example);
        for param in function.params {
            self.say(&name, param.name, param.doc);
            self.say(&name, param.name, &param.ty.words());
        }
        for option in function.options {
            self.say(&name, option.name, option.doc);
            self.say(&name, option.name, &option.ty.words());
        }
        for kind in function.errors {
            self.kind(&name, kind);
        }
    }
}

/// Nothing that a script can use is without a sentence, its meanings, its forms, an example, and a page
/// for each of its failures.
#[test]
fn everything_is_documented() {
    let mut coverage = Coverage::default();
    for module in REGISTRY.modules() {
        coverage.say(module.name, "what it is for", module.doc);
        for function in module.functions {
            coverage.function(&format!("{}::", module.name), function);
        }
        for handle in module.types {
            coverage.say(handle.name, "what it is", handle.doc);
            for property in handle.properties {
                coverage.say(handle.name, property.name, property.doc);
            }
            for method in handle.methods {
                coverage.function(&format!("{}.", handle.name), method);
            }
        }
    }
    for module in STDLIB {
        let said = standard::read(module.name, module.text);
        coverage.say(module.name, "what it is for", &said.head);
        for function in &said.functions {
            coverage.say(module.name, function.signature, &function.doc);
        }
    }
    let said = coverage.facts - coverage.missing.len();
    assert_eq!(said, coverage.facts, "not said: {:#?}", coverage.missing);
    // A coverage of nothing would be complete as well.
    assert!(coverage.facts > 2500, "{} facts", coverage.facts);
}

/// Every name in the sources that has the form of a kind; names of files and hosts are none.
fn raised() -> BTreeMap<String, String> {
    const FILES: &[&str] = &[
        "env", "hcl", "json", "jsonl", "rhai", "toml", "tf", "txt", "yaml", "service",
    ];
    let mut found = BTreeMap::new();
    let mut folders = vec!["src".to_owned(), "stdlib".to_owned(), "scripts".to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(&folder)).unwrap()
        {
            let entry = entry.unwrap();
            let path = format!("{folder}/{}", entry.file_name().to_str().unwrap());
            if entry.path().is_dir() {
                folders.push(path);
                continue;
            }
            let script = path.ends_with(".rhai");
            if !script && (!path.ends_with(".rs") || path.ends_with("tests.rs")) {
                continue;
            }
            let text = std::fs::read_to_string(entry.path()).unwrap();
            let text = text.split("#[cfg(test)]\nmod tests").next().unwrap();
            for line in text
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"))
            {
                // Scripts name kinds beside files; there, only what is thrown counts.
                let throws = ["kind: ", "unwell(", "report("];
                if script && !throws.iter().any(|word| line.contains(word)) {
                    continue;
                }
                for word in line.split('"').skip(1).step_by(2) {
                    let Some((area, what)) = word.split_once('.') else {
                        continue;
                    };
                    let letters = |text: &str| {
                        let mut chars = text.chars();
                        chars.next().is_some_and(|c| c.is_ascii_lowercase())
                            && chars
                                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
                    };
                    if letters(area)
                        && letters(what)
                        && !FILES.contains(&what)
                        && word != "e2b.local"
                    {
                        found.insert(word.to_owned(), path.clone());
                    }
                }
            }
        }
    }
    found
}

#[test]
fn every_kind_of_failure_has_its_page_and_no_page_is_of_nothing() {
    let raised = raised();
    let explained: BTreeSet<&str> = errors::kinds().map(|kind| kind.name).collect();
    let untold = raised
        .iter()
        .filter(|(kind, _)| !explained.contains(kind.as_str()));
    let untold: Vec<String> = untold
        .map(|(kind, path)| format!("{kind} ({path})"))
        .collect();
    assert_eq!(untold, [""; 0], "write them into src/manual/errors/");
    let idle = explained
        .iter()
        .filter(|kind| **kind != "internal" && !raised.contains_key(**kind));
    let idle: Vec<&str> = idle.copied().collect();
    assert_eq!(idle, [""; 0], "nothing raises them");
}

#[test]
fn a_kind_is_explained_and_a_near_miss_helped() {
    let (code, said, _) = program(&["explain", "ssh.host_key"]);
    assert_eq!(code, Some(0));
    for wanted in [
        "## ssh.host_key\n",
        "Usual causes:",
        "What to do: ",
        "ssh-keygen -R",
        "×",
    ] {
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
    let (_, thrown, _) = program(&["explain", "http.checksum"]);
    assert!(thrown.contains("Thrown by `http::get`"), "{thrown}");
    assert!(thrown.contains("`http::download`"), "{thrown}");
    assert!(said.contains("`Host.run`"), "it throws `ssh.*`: {said}");
    assert_eq!(program(&["docs", "ssh.host_key"]).1, said);
    assert!(program(&["explain", "ssh"]).1.starts_with("# ssh\n"));
    assert!(program(&["explain"]).1.contains("\nssh.auth "));
    let (code, _, said) = program(&["explain", "ssh.hostkey"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("did you mean `ssh.host_key`?"), "{said}");
}

#[test]
fn definitions_and_manual_pages_are_written() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let text = |name: &str| std::fs::read_to_string(path(name)).unwrap();
    assert_eq!(
        program(&["definitions", path("defs").to_str().unwrap()]).0,
        Some(0)
    );
    assert!(text("defs/fs.d.rhai").contains("fn read(path: String) -> String;"));
    assert!(text("defs/__builtin__.d.rhai").starts_with("module static;"));
    assert_eq!(program(&["man", path("man").to_str().unwrap()]).0, Some(0));
    assert!(text("man/e2bscript.1").contains(".SH OPTIONS"));
    assert!(text("man/e2bscript-std-update.1").contains("three\\-way merge"));
    let scripts = text("man/e2bscript-scripts.7");
    for script in SCRIPTS {
        let heading = format!(".SH {}\n", script.name.to_uppercase());
        assert!(scripts.contains(&heading), "{}", script.name);
    }
    assert!(
        scripts.contains("what was printed before"),
        "options are told"
    );
    assert!(!path("man/e2bscript-__complete.1").exists());
    let (code, _, said) = program(&["man", "/dev/null/man"]);
    assert_eq!(code, Some(1));
    assert!(said.contains("man.write"), "{said}");
}
