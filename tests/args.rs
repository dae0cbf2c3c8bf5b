//! `args`: how a script explains itself and refuses what it does not take.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test fails by panicking

use std::process::Output;

const SCRIPT: &str = "#!/usr/bin/env e2bscript
// Deploys the services.
//
// Run it after staging.

let opts = args::parse(#{
    env_file: #{ fallback: \"deploy.env\", help: \"cluster configuration\" },
    only: #{ many: true, help: \"job names\" },
});
print(`${opts.env_file} ${opts.only}`);
";

fn run(args: &[&str]) -> Output {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("deploy.rhai"), SCRIPT).unwrap();
    assert_cmd::Command::cargo_bin("e2bscript")
        .unwrap()
        .current_dir(dir.path())
        .arg("--no-journal")
        .arg("deploy.rhai")
        .args(args)
        .output()
        .unwrap()
}

#[test]
fn help_is_made_of_the_declaration_and_the_scripts_comment() {
    let out = run(&["--help"]);
    assert_eq!(out.status.code(), Some(0));
    assert_eq!(
        String::from_utf8(out.stdout).unwrap(),
        "Deploys the services.\n\nRun it after staging.\n\n\
         Usage: e2bscript deploy.rhai [OPTIONS]\n\n\
         Options:\n\
         \x20 --env-file ENV_FILE         cluster configuration [default deploy.env]\n\
         \x20 --only ONLY                 job names [may be repeated]\n\
         \x20 --help                      show this text\n"
    );
}

#[test]
fn arguments_arrive() {
    let out = run(&["--env-file", "x.env", "--only=api"]);
    assert_eq!(String::from_utf8(out.stdout).unwrap(), "x.env [\"api\"]\n");
}

#[test]
fn an_unknown_argument_is_an_error_of_usage_with_advice() {
    let out = run(&["--env-fiel", "x.env"]);
    assert_eq!(out.status.code(), Some(2));
    let said = String::from_utf8(out.stderr).unwrap();
    for part in [
        "there is no argument `--env-fiel`",
        "did you mean `--env-file`?",
        "`x.env` is one argument too many",
        "e2bscript deploy.rhai --help",
    ] {
        assert!(said.contains(part), "{said}");
    }
}

/// What the program takes for itself never reaches a script.
#[test]
fn no_script_declares_an_option_of_the_program() {
    let help = assert_cmd::Command::cargo_bin("e2bscript")
        .unwrap()
        .arg("--help")
        .output()
        .unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let words = help.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
    let taken: Vec<&str> = words
        .filter_map(|word| word.strip_prefix("--"))
        // behind a script's name both are the script's
        .filter(|name| !["", "help", "version"].contains(name))
        .collect();
    assert!(
        taken.contains(&"timeout") && taken.contains(&"limit"),
        "{taken:?}"
    );
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts");
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let declared = text.split("args::parse(#{").nth(1).unwrap_or_default();
        let declared = declared.split("\n});").next().unwrap();
        for line in declared.lines() {
            let Some((name, _)) = line.split_once(": #{") else {
                continue;
            };
            let name = name.trim().replace('_', "-");
            assert!(!taken.contains(&&*name), "{}: --{name}", path.display());
        }
    }
}
