//! The pages for people: every block of script is clean and runs, every script that a command names is there. That the
//! commands do what they say is seen in tests/sandboxes.rs, on a lab.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test fails by panicking

mod common;

use std::fs;
use std::path::Path;
use std::process::Output;

use assert_cmd::Command;
use common::pages::{Block, blocks, commands};

/// What a block names that works on a cluster; it is checked, and not run.
const NEEDS_CLUSTER: &str = "E2BSCRIPT_ENV_FILE";

fn e2bscript(home: &Path, words: &[&str]) -> Output {
    let mut command = Command::cargo_bin("e2bscript").unwrap();
    command
        .args(words)
        .current_dir(home)
        .env("HOME", home)
        .env_remove("E2BSCRIPT_ENV_FILE")
        .env_remove("XDG_STATE_HOME")
        .env_remove("XDG_CONFIG_HOME")
        .env_remove("E2BSCRIPT_STATE_HOME");
    command.output().unwrap()
}

fn scripts() -> Vec<Block> {
    let scripts: Vec<Block> = blocks()
        .into_iter()
        .filter(|block| block.language == "rhai")
        .collect();
    assert!(scripts.len() > 10, "the pages have hardly a script");
    scripts
}

#[test]
fn scripts_on_the_pages_are_clean_and_run() {
    let home = tempfile::tempdir().unwrap();
    for block in scripts() {
        let at = format!("{}:{}", block.page, block.line);
        let file = home.path().join("block.rhai");
        // what a page shows of a script in passing has its variables from somewhere else
        let whole = block.text.contains("let ") || block.text.contains("import ");
        if !whole {
            continue;
        }
        fs::write(&file, &block.text).unwrap();
        let checked = e2bscript(home.path(), &["check", file.to_str().unwrap()]);
        assert!(checked.status.success(), "{at}: {checked:?}");
        if block.text.contains(NEEDS_CLUSTER) {
            continue;
        }
        let ran = e2bscript(home.path(), &["--no-journal", file.to_str().unwrap()]);
        assert!(ran.status.success(), "{at}: {ran:?}");
    }
}

#[test]
fn commands_on_the_pages_name_what_there_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let shown = commands();
    assert!(shown.len() > 60, "the pages have hardly a command");
    for shown in shown {
        let words = shlex::split(&shown.text).unwrap_or_default();
        let Some(script) = words.iter().find(|word| word.ends_with(".rhai")) else {
            continue;
        };
        let named = Path::new(script);
        let there = root.join(named).exists() || root.join("scripts").join(named).exists();
        // a script of the reader's own, which the page shows
        let page = fs::read_to_string(root.join(&shown.page)).unwrap();
        let own = page.matches(script.as_str()).count() > 1 || script.starts_with("my-");
        assert!(
            there || own,
            "{}:{}: {}",
            shown.page,
            shown.line,
            shown.text
        );
    }
}
