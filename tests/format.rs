//! The layout of scripts: what we ship is laid out, and laying out changes nothing but the looks.

// A test may stop at once; clippy knows that only inside test functions.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use e2bscript::format::{format, significant};

fn scripts(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(scripts(&path.display().to_string()));
        } else if path.extension().is_some_and(|ending| ending == "rhai") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The text with all its blanks at the beginnings of lines, and around commas, in a mess.
fn disordered(text: &str) -> String {
    let lines = text.lines().enumerate().map(|(number, line)| {
        let blanks = " ".repeat(number * 7 % 5);
        match line.contains(['`', '"']) {
            true => format!("{blanks}{}   ", line.trim_start()),
            false => format!("{blanks}{}\r", line.trim_start().replace(", ", "  ,")),
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn what_we_ship_is_laid_out() {
    for folder in ["stdlib", "scripts", "examples"] {
        for path in scripts(folder) {
            let text = fs::read_to_string(&path).unwrap();
            assert_eq!(
                text,
                format(&text),
                "{}: `e2bscript fmt` lays it out",
                path.display()
            );
        }
    }
}

#[test]
fn laying_out_changes_no_word_and_is_done_once() {
    for folder in ["stdlib", "scripts", "examples"] {
        for path in scripts(folder) {
            let text = fs::read_to_string(&path).unwrap();
            let once = format(&text);
            assert_eq!(significant(&text), significant(&once), "{}", path.display());
            // Strings over several lines are content, and so cannot be put in disorder.
            if text.matches('`').count() % 2 == 0
                && !text.contains("SELECT")
                && !text.contains("/*")
            {
                let mess = disordered(&text);
                let again = format(&mess);
                assert_eq!(
                    significant(&mess),
                    significant(&again),
                    "{}",
                    path.display()
                );
                assert_eq!(again, format(&again), "{}", path.display());
            }
        }
    }
}

fn fmt(dir: &Path, args: &[&str], input: &str) -> Output {
    use std::io::Write as _;
    let mut child = Command::new(env!("CARGO_BIN_EXE_e2bscript"))
        .arg("fmt")
        .args(args)
        .current_dir(dir)
        .env("HOME", dir)
        .env("XDG_STATE_HOME", dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn the_command_writes_only_what_it_is_asked_to() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("main.rhai");
    fs::write(&file, "let x=1 ; // one\nx\n").unwrap();
    let checked = fmt(dir.path(), &["--check"], "");
    assert_eq!(checked.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&checked.stdout).contains("main.rhai"));
    let shown = fmt(dir.path(), &["--diff", "main.rhai"], "");
    assert!(String::from_utf8_lossy(&shown.stdout).contains("+let x = 1; // one"));
    assert_eq!(fs::read_to_string(&file).unwrap(), "let x=1 ; // one\nx\n");
    assert_eq!(fmt(dir.path(), &["main.rhai"], "").status.code(), Some(0));
    assert_eq!(fs::read_to_string(&file).unwrap(), "let x = 1; // one\nx\n");
    assert_eq!(fmt(dir.path(), &["--check"], "").status.code(), Some(0));
    let piped = fmt(dir.path(), &["-"], "f( 1 )");
    assert_eq!(String::from_utf8_lossy(&piped.stdout), "f(1)\n");
    fs::write(&file, "let x = (;\n").unwrap();
    assert_eq!(fmt(dir.path(), &["main.rhai"], "").status.code(), Some(2));
    assert_eq!(fs::read_to_string(&file).unwrap(), "let x = (;\n");
}
