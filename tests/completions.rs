//! What the shells offer: the candidates, and bash's hook in bash itself; zsh's and fish's where they are.
#![allow(clippy::unwrap_used)] // a test fails by panicking

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// A directory with a configuration and a deployment tree.
fn project() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
    fs::create_dir_all(dir.path().join("tree/nomad")).unwrap();
    fs::create_dir_all(dir.path().join("scripts")).unwrap();
    write("tree/nomad/api.hcl", "");
    write("tree/nomad/orchestrator.hcl", "");
    write(
        "scripts/mine.rhai",
        "// Mine.\nargs::parse(#{ colour: #{ choices: [\"red\", \"blue\"] } });\n",
    );
    write(
        "deploy.env",
        "SERVER_POOL_PRIVATE=10.0.0.1,10.0.0.2\nAPI_POOL_PUBLIC=192.0.2.1\nDEPLOY_TREE=tree\n",
    );
    write("other.env", "CLIENT_POOL_PRIVATE=10.0.0.9\n");
    let run = "state/e2bscript/runs/20261124-0301-ab12";
    fs::create_dir_all(dir.path().join(run)).unwrap();
    write(&format!("{run}/events.jsonl"), "");
    write(
        &format!("{run}/run.json"),
        r#"{"id":"20261124-0301-ab12","script":"deploy.rhai","mode":"apply","version":"0.1.0","process":1,"started":"2026-11-24T03:01:00.120Z"}"#,
    );
    dir
}

fn candidates(dir: &Path, words: &[&str]) -> Vec<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_e2bscript"))
        .args(["__complete", "--", "e2bscript"])
        .args(words)
        .current_dir(dir)
        .env("E2BSCRIPT_STATE_HOME", dir.join("state"))
        .env_remove("E2BSCRIPT_ENV_FILE")
        .output()
        .unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| line.split('\t').next().unwrap().to_owned())
        .collect()
}

#[test]
fn what_can_stand_there_is_offered() {
    let dir = project();
    for (words, wanted) in [
        (vec!["--limit", "ser"], vec!["server-1", "server-2"]),
        (vec!["--limit=server-1,!a"], vec!["--limit=server-1,!api-1"]),
        (
            vec!["deploy.rhai", "--limit", ""],
            vec!["server-1", "server-2", "api-1"],
        ),
        (
            vec!["deploy.rhai", "--env-file", "other.env", "-l", ""],
            vec!["client-1"],
        ),
        (vec!["logs.rhai", ""], vec!["api", "orchestrator"]),
        (vec!["logs.rhai", "--follow", "o"], vec!["orchestrator"]),
        (
            vec!["logs.rhai", "--stream", "std"],
            vec!["stderr", "stdout"],
        ),
        (
            vec!["logs.rhai", "api", "--st"],
            vec!["--stream", "--std", "--stats"],
        ),
        (vec!["deploy-services.rhai", "--only", "a"], vec!["api"]),
        (vec!["mine", "--colour", ""], vec!["red", "blue"]),
        (vec!["ru"], vec!["runs", "run-init-db.rhai", ":"]),
        (vec!["runs", "show", "l"], vec!["last"]),
        (vec!["runs", "show", "2026"], vec!["20261124-0301-ab12"]),
        (vec!["runs", "--script", "min"], vec!["mine.rhai", ":"]),
        (vec!["std", "ej"], vec!["eject"]),
        (vec!["std", "diff", "stag"], vec!["stage"]),
        (
            vec!["explain", "ssh.host_key_r"],
            vec!["ssh.host_key_revoked"],
        ),
        (vec!["completions", ""], vec!["bash", "zsh", "fish"]),
        (vec!["docs", "Hos"], vec!["Host"]),
        (vec!["--color", "n"], vec!["never"]),
        (vec!["def"], vec!["definitions", ":"]),
        (vec!["min"], vec!["mine.rhai", ":"]),
        (vec!["std", "update", "--base", ""], vec![":"]),
        (vec!["configure.rhai", ""], vec![":"]),
        (vec!["init", ""], vec![":"]),
        (vec!["config", "s"], vec!["show"]),
        (vec!["-e", "1", ""], vec![":"]),
        (vec!["--timeout", ""], vec![]),
    ] {
        assert_eq!(candidates(dir.path(), &words), wanted, "{words:?}");
    }
}

/// Runs a shell's own completion of `e2bscript --limit=ser` or so; `None` where the shell is not there.
fn in_shell(shell: &str, code: &str) -> Option<String> {
    let dir = project();
    let program = Path::new(env!("CARGO_BIN_EXE_e2bscript"));
    let hook = Command::new(program)
        .args(["completions", shell])
        .output()
        .unwrap();
    fs::write(dir.path().join("hook"), hook.stdout).unwrap();
    let path = format!(
        "{}:{}",
        program.parent().unwrap().display(),
        std::env::var("PATH").unwrap()
    );
    let output = Command::new(shell)
        .args(["-c", code])
        .current_dir(dir.path())
        .env("PATH", path)
        .env_remove("E2BSCRIPT_ENV_FILE")
        .stdin(Stdio::null())
        .output()
        .ok()?;
    assert!(
        output.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn bash_takes_them() {
    let code = "source ./hook
        for line in 'e2bscript --limit ser' 'e2bscript --limit=api' 'e2bscript std di' 'e2bscript logs.rhai '; do
            COMP_LINE=$line COMP_POINT=${#line}
            _e2bscript
            echo \"${COMPREPLY[*]}\"
        done";
    let said = in_shell("bash", code).unwrap();
    assert_eq!(said, "server-1 server-2\napi-1\ndiff\napi orchestrator\n");
}

#[test]
fn fish_takes_them() {
    if let Some(said) = in_shell("fish", "source ./hook; complete -C 'e2bscript --limit ser'") {
        assert_eq!(said, "server-1\nserver-2\n");
    }
}

#[test]
fn zsh_reads_the_hook() {
    let code = "autoload -U compinit; compinit -D -u; source ./hook; print $_comps[e2bscript]";
    if let Some(said) = in_shell("zsh", code) {
        assert_eq!(said, "_e2bscript\n");
    }
}
