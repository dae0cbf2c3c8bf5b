//! What `make dist` puts beside the program: the archive, whose bytes depend on its files alone, the bill of materials and the
//! licences. The program itself takes too long to build here.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test fails by panicking

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

const TARGET: &str = "x86_64-unknown-linux-musl";
const PART: &str = "musl=1.2.5@MIT:LICENSE";

/// What a tool prints.
fn tool(name: &str, words: &[&str]) -> String {
    let out = Command::new(Path::new("tools").join(name))
        .args(words)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("SOURCE_DATE_EPOCH", "1700000000")
        .output()
        .unwrap();
    assert!(out.status.success(), "{name}: {out:?}");
    String::from_utf8(out.stdout).unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

#[test]
fn the_archive_depends_on_the_files_alone() {
    let dir = tempfile::tempdir().unwrap();
    let mut archives = Vec::new();
    // made in another order, at another time, by somebody with another umask
    for (place, names, mode) in [("one", ["a", "b"], 0o600), ("two", ["b", "a"], 0o664)] {
        let tree = dir.path().join(place).join("e2bscript-1");
        fs::create_dir_all(tree.join("man")).unwrap();
        for name in names {
            fs::write(tree.join("man").join(name), name).unwrap();
            fs::set_permissions(
                tree.join("man").join(name),
                fs::Permissions::from_mode(mode),
            )
            .unwrap();
        }
        fs::write(tree.join("program"), "#!").unwrap();
        let executable = fs::Permissions::from_mode(mode | 0o100);
        fs::set_permissions(tree.join("program"), executable).unwrap();
        let late = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(mode.into());
        let file = fs::File::options()
            .append(true)
            .open(tree.join("program"))
            .unwrap();
        file.set_modified(late).unwrap();
        let archive = dir.path().join(format!("{place}.tar.gz"));
        tool(
            "pack.sh",
            &[tree.to_str().unwrap(), archive.to_str().unwrap()],
        );
        archives.push(fs::read(archive).unwrap());
    }
    assert_eq!(archives[0], archives[1]);

    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(archives[0].as_slice()));
    let entries: Vec<(String, u32, u64)> = archive
        .entries()
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let path = entry.path().unwrap().display().to_string();
            let header = entry.header();
            (path, header.mode().unwrap(), header.mtime().unwrap())
        })
        .collect();
    let at = 1_700_000_000;
    assert_eq!(
        entries,
        [
            ("e2bscript-1/".to_owned(), 0o755, at),
            ("e2bscript-1/man/".to_owned(), 0o755, at),
            ("e2bscript-1/man/a".to_owned(), 0o644, at),
            ("e2bscript-1/man/b".to_owned(), 0o644, at),
            ("e2bscript-1/program".to_owned(), 0o755, at),
        ]
    );
}

#[test]
fn the_bill_of_materials_names_what_is_linked_in() {
    let printed = tool("sbom.py", &[TARGET, PART]);
    assert_eq!(printed, tool("sbom.py", &[TARGET, PART]));
    let bill: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(bill["bomFormat"], "CycloneDX");
    assert_eq!(bill["metadata"]["timestamp"], "2023-11-14T22:13:20Z");
    let program = &bill["metadata"]["component"];
    assert_eq!(
        program["purl"],
        format!("pkg:cargo/e2bscript@{}", env!("CARGO_PKG_VERSION"))
    );

    let components = bill["components"].as_array().unwrap();
    let scope = |name: &str| {
        let found = components
            .iter()
            .find(|component| component["name"] == name);
        found.map(|component| text(&component["scope"]))
    };
    for (name, expected) in [
        ("rhai", Some("required")),
        ("aws-lc-sys", Some("required")),
        ("musl", Some("required")),
        ("serde_derive", Some("excluded")), // runs while compiling
        ("wiremock", None),                 // of the tests
        ("multer", None),                   // of the lab
        ("security-framework", None),       // of macOS
    ] {
        assert_eq!(scope(name), expected, "{name}");
    }
    for component in components {
        let name = &component["name"];
        assert!(
            component["licenses"][0]["expression"].is_string(),
            "{name} has no licence"
        );
        if name != "musl" {
            let sum = text(&component["hashes"][0]["content"]);
            assert_eq!(sum.len(), 64, "{name}");
        }
    }

    let mut known: BTreeSet<&str> = components
        .iter()
        .map(|component| text(&component["bom-ref"]))
        .collect();
    assert_eq!(known.len(), components.len());
    known.insert(text(&program["bom-ref"]));
    let dependencies = bill["dependencies"].as_array().unwrap();
    assert_eq!(dependencies.len(), known.len());
    for dependency in dependencies {
        let used = dependency["dependsOn"].as_array().unwrap();
        for name in used.iter().chain([&dependency["ref"]]) {
            assert!(known.contains(text(name)), "{name} is nowhere described");
        }
    }
}

#[test]
fn licences_of_what_is_linked_in_have_their_texts() {
    let printed = tool("licences.py", &[TARGET, PART]);
    let (list, texts) = printed.split_once("\n====").unwrap();
    assert!(list.contains("\nrhai 1.26.0: MIT OR Apache-2.0\n"));
    assert!(list.contains("\nmusl 1.2.5: MIT\n"));
    assert!(!list.contains("\nserde_derive "));
    for part in ["rhai 1.26.0", "musl 1.2.5", "smartstring 1.0.1"] {
        assert!(texts.contains(part), "{part}");
    }
}
