//! What `check` finds, compared byte for byte: `tests/golden/check/CASE/` holds `main.rhai`, what it
//! imports, and the expected `findings.txt`. `UPDATE_GOLDEN=1` writes the latter anew.

// A test may stop at once; clippy knows that only inside test functions.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use e2bscript::bindings::REGISTRY;
use e2bscript::check::{Finding, check};
use e2bscript::engine::library::{Found, Library, SCRIPTS, STDLIB};
use e2bscript::engine::{Host, Session, Settings};
use e2bscript::explain::{RenderOptions, render_diagnostic};
use e2bscript::report::Mode;
use e2bscript::run::Run;

fn host(library: Library) -> Host {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let run = Run::silent(Mode::Apply, runtime.handle().clone());
    let session = Session::new(run, Settings::default());
    Host::new(REGISTRY, library, session, Box::new(|_| {}))
}

fn shown(host: &Host, findings: &[Finding]) -> String {
    let options = RenderOptions::default();
    let reports: Vec<String> = findings
        .iter()
        .map(|finding| render_diagnostic(&finding.diagnostic(), host.sources(), options))
        .collect();
    reports.join("\n")
}

fn case(name: &str) {
    let dir = Path::new("tests/golden/check").join(name);
    let path = dir.join("main.rhai");
    let host = host(Library {
        std_dirs: vec![dir.join("std")],
        project: Some(dir.clone()),
        ..Library::default()
    });
    let found = Found {
        id: path.display().to_string(),
        text: fs::read_to_string(&path).unwrap(),
        path: Some(path),
    };
    let findings = check(&host, REGISTRY, &found);
    let actual = shown(&host, &findings);
    let golden = dir.join("findings.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&golden, &actual).unwrap();
    }
    let expected = fs::read_to_string(&golden).unwrap_or_default();
    assert_eq!(
        expected, actual,
        "{name}: run with UPDATE_GOLDEN=1 if this is meant"
    );
    assert!(
        !actual.is_empty() || name == "nothing",
        "{name}: nothing was found"
    );
}

macro_rules! cases {
    ($($name:ident)*) => { $(#[test] fn $name() { case(stringify!($name)); })* };
}

cases! {
    allowed
    arguments
    captured
    closures
    files
    functions
    handles
    imports
    import_cycle
    keys
    kinds
    literals
    methods
    modules
    nothing
    options
    shapes
    stacks
    std_module
    strings_for_shells
    syntax_in_an_import
    unreachable
    unused
    variables
}

/// Standard modules, built-in scripts and examples are what people copy from.
#[test]
fn what_we_ship_is_without_findings() {
    let host = host(Library::default());
    let embedded = |folder: &str, name: &str, text: &str| Found {
        id: format!("{folder}/{name}"),
        path: None,
        text: text.to_owned(),
    };
    let mut all: Vec<Found> = Vec::new();
    all.extend(
        STDLIB
            .iter()
            .map(|file| embedded("std", file.name, file.text)),
    );
    all.extend(
        SCRIPTS
            .iter()
            .map(|file| embedded("scripts", file.name, file.text)),
    );
    let examples = fs::read_dir("examples").unwrap();
    let mut examples: Vec<PathBuf> = examples.map(|entry| entry.unwrap().path()).collect();
    examples.sort();
    for path in examples
        .into_iter()
        .filter(|path| path.extension().is_some_and(|e| e == "rhai"))
    {
        all.push(Found {
            id: path.display().to_string(),
            text: fs::read_to_string(&path).unwrap(),
            path: Some(path),
        });
    }
    assert!(all.len() > 10);
    let mut findings = Vec::new();
    for found in &all {
        findings.extend(check(&host, REGISTRY, found));
    }
    assert!(findings.is_empty(), "{}", shown(&host, &findings));
}

/// Who allows a finding looks its code up.
#[test]
fn the_manual_names_every_code() {
    let manual = fs::read_to_string("docs/check.md").unwrap();
    let named: BTreeSet<&str> = manual
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .collect();
    let mut found = BTreeSet::from(["script.syntax".to_owned()]);
    for case in fs::read_dir("tests/golden/check").unwrap() {
        let findings = fs::read_to_string(case.unwrap().path().join("findings.txt")).unwrap();
        let is_code = |line: &&str| {
            !line.is_empty()
                && line
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || "._-".contains(c))
        };
        found.extend(findings.lines().filter(is_code).map(str::to_owned));
    }
    let found: BTreeSet<&str> = found.iter().map(String::as_str).collect();
    assert_eq!(
        named, found,
        "codes of docs/check.md and those of the golden findings"
    );
}

/// An editor's buffer is broken most of the time.
#[test]
fn a_script_cut_off_anywhere_is_reported_without_a_crash() {
    let host = host(Library::default());
    let whole = STDLIB
        .iter()
        .find(|file| file.name == "stage")
        .unwrap()
        .text;
    let mut broken = 0;
    for end in (0..whole.len())
        .step_by(23)
        .filter(|end| whole.is_char_boundary(*end))
    {
        let found = Found {
            id: format!("cut-{end}.rhai"),
            path: None,
            text: whole[..end].to_owned(),
        };
        let findings = check(&host, REGISTRY, &found);
        broken += usize::from(!findings.is_empty());
        let text = shown(&host, &findings);
        assert!(!text.contains("Failed to read"), "{text}");
    }
    assert!(broken > 100, "{broken}");
}

/// Runs the program in a directory of its own that holds `main.rhai`.
fn program(script: &str, args: &[&str]) -> (i32, String, String) {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("main.rhai"), script).unwrap();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_e2bscript"))
        .args(args)
        .current_dir(dir.path())
        .env("HOME", dir.path())
        .env("XDG_STATE_HOME", dir.path())
        .env_remove("XDG_CONFIG_HOME")
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code().unwrap(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

#[test]
fn the_command_ends_with_3_after_errors_only() {
    let (code, out, err) = program("task::paralel([1], |x| x);", &["check", "main.rhai"]);
    assert_eq!(code, 3, "{out}{err}");
    assert!(
        out.contains("main.rhai:1:7") && out.contains("did you mean `task::parallel`?"),
        "{out}"
    );
    assert!(err.contains("1 script: 1 error, 0 warnings"), "{err}");
    let (code, out, err) = program(
        "import \"std/cluster\" as cluster;",
        &["check", "main.rhai"],
    );
    assert_eq!(code, 0, "{out}{err}");
    assert!(out.contains("unused-import"), "{out}");
    let (code, _, err) = program("", &["check", "gone.rhai"]);
    assert_eq!(code, 2, "{err}");
}

#[test]
fn findings_are_lines_of_json_too() {
    let (_, out, _) = program("nme; nmo;", &["check", "--json", "main.rhai"]);
    let lines: Vec<serde_json::Value> = out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 2, "{out}");
    assert_eq!(lines[1]["code"], "script.unknown_variable");
    assert_eq!(lines[1]["severity"], "error");
    assert_eq!(lines[1]["spans"][0]["column"], 6);
}

#[test]
fn the_format_of_messages_has_two_names() {
    let (_, one, _) = program("nme;", &["check", "--json", "main.rhai"]);
    let (code, other, _) = program("nme;", &["check", "--message-format", "json", "main.rhai"]);
    assert_eq!((code, one), (3, other));
}

#[test]
fn a_run_refuses_a_script_with_mistakes_before_its_first_line() {
    let script = "print(\"started\"); task::paralel([1], |x| x);";
    let (code, out, err) = program(script, &["main.rhai"]);
    assert_eq!(code, 3, "{err}");
    assert_eq!(out, "");
    assert!(
        err.contains("main.rhai:1:25") && err.contains("nothing was run"),
        "{err}"
    );
    let (code, out, err) = program(script, &["--no-check", "main.rhai"]);
    assert_eq!((code, out.trim()), (1, "started"), "{err}");
    assert!(err.contains("--no-check"), "{err}");
}
