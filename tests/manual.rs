//! The reference manual in `docs/reference/` is what the program says, and says it of everything.

#![allow(clippy::unwrap_used)] // a test fails by panicking

use std::process::Command;

use e2bscript::bindings::REGISTRY;

fn docs(words: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_e2bscript"))
        .arg("docs")
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
    let (code, _, said) = docs(&["--check", path]);
    assert_eq!(code, Some(1));
    assert!(said.contains("ssh.md, gone.md"), "{said}");
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

/// Nothing that a script can call is without a sentence, meanings and an example.
#[test]
fn everything_is_documented() {
    let mut missing = Vec::new();
    let mut look = |owner: &str, function: &e2bscript::engine::registry::Function| {
        let name = format!("{owner}{}", function.name);
        let meanings = function.params.iter().map(|param| param.doc);
        let meanings = meanings.chain(function.options.iter().map(|option| option.doc));
        if meanings
            .chain([function.doc, function.example])
            .any(str::is_empty)
        {
            missing.push(name);
        }
    };
    for module in REGISTRY.modules() {
        for function in module.functions {
            look(&format!("{}::", module.name), function);
        }
        for handle in module.types {
            for method in handle.methods {
                look(&format!("{}.", handle.name), method);
            }
        }
    }
    assert_eq!(missing, [""; 0]);
}
