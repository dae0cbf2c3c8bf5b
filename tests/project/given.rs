//! Scripts that are no file: `-e CODE`, standard input, a shell's `<(…)`, and a file that begins with `#!`.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use crate::{Ran, command, ran};

fn e2bscript(words: &[&str], input: &str) -> Ran {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("beside.rhai"), "fn answer() { 42 }\n").unwrap();
    ran(dir.path(), "e2bscript", words, input)
}

/// Each way to give the code, as the words and the standard input of a command.
fn ways<'a>(code: &'a str, before: &[&'a str]) -> Vec<(Vec<&'a str>, &'a str)> {
    let with = |last: &[&'a str]| [before, last].concat();
    vec![
        (with(&["-e", code]), ""),
        (with(&["-"]), code),
        (with(&["/dev/stdin"]), code),
    ]
}

#[test]
fn the_last_value_is_the_result() {
    for (words, input) in ways("let x = 40; x + 2", &[]) {
        let ran = e2bscript(&words, input);
        assert_eq!(
            (ran.code, ran.out.as_str()),
            (0, "42\n"),
            "{words:?}: {}",
            ran.err
        );
    }
    for (words, input) in ways("let x = 40; x + 2;", &["-n"]) {
        assert_eq!(e2bscript(&words, input).out, "", "{words:?}");
    }
}

#[test]
fn modules_are_found_from_the_current_directory() {
    let code = "import \"std/config\" as config;\nimport \"./beside\" as beside;\n[beside::answer(), config::REQUIRED.is_empty()]";
    for (words, input) in ways(code, &[]) {
        let ran = e2bscript(&words, input);
        assert_eq!(ran.code, 0, "{words:?}: {}", ran.err);
        assert_eq!(ran.out.replace([' ', '\n'], ""), "[42,false]");
    }
}

#[test]
fn mistakes_are_found_before_the_first_line_and_shown_under_a_plain_name() {
    for ((words, input), name) in ways("print(\"began\");\ntask::paralel([1], |x| x);", &[])
        .into_iter()
        .zip(["-e", "stdin", "stdin"])
    {
        let ran = e2bscript(&words, input);
        assert_eq!((ran.code, ran.out.as_str()), (3, ""), "{words:?}");
        assert!(ran.err.contains(&format!("[{name}:2:7]")), "{}", ran.err);
        assert!(ran.err.contains("2 │ task::paralel([1]"), "{}", ran.err);
        assert!(ran.err.contains("`task::parallel`?"), "{}", ran.err);
    }
    for (words, input) in ways("print(\"began\");\nthrow \"no\"", &[]) {
        let ran = e2bscript(&words, input);
        assert_eq!((ran.code, ran.out.as_str()), (1, "began\n"), "{words:?}");
        assert!(ran.err.contains("2 │ throw \"no\""), "{}", ran.err);
    }
}

#[test]
fn the_words_behind_are_the_scripts() {
    let code = "let o = args::parse(#{ name: #{ fallback: \"x\", help: \"a name\" } }); o.name";
    for (mut words, input) in ways(code, &[]) {
        words.extend(["--name", "check"]);
        let ran = e2bscript(&words, input);
        assert_eq!(
            (ran.code, ran.out.as_str()),
            (0, "check\n"),
            "{words:?}: {}",
            ran.err
        );
        let last = words.len() - 2;
        words.truncate(last);
        words.push("--help");
        let ran = e2bscript(&words, input);
        assert!(
            ran.out.contains("--name NAME"),
            "{words:?}: {}{}",
            ran.out,
            ran.err
        );
    }
}

#[test]
fn options_of_a_run_hold() {
    let code = "fs::write(\"made\", \"x\"); task::is_plan()";
    for (words, input) in ways(code, &["--plan", "--json", "--no-journal"]) {
        let dir = tempfile::tempdir().unwrap();
        let ran = ran(dir.path(), "e2bscript", &words, input);
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert!(!dir.path().join("made").exists());
        let events = ran
            .out
            .lines()
            .map(|line| serde_json::from_str(line).unwrap());
        let events: Vec<serde_json::Value> = events.collect();
        assert!(
            events.iter().any(|event| event["type"] == "change"),
            "{}",
            ran.out
        );
        let result = events
            .iter()
            .find(|event| event["type"] == "result")
            .unwrap();
        assert_eq!(result["value"], true);
    }
}

#[test]
fn what_needs_a_file_is_refused_in_a_sentence() {
    for (option, said) in [
        (vec!["--watch"], "`--watch` needs a script in a file"),
        (
            vec!["--plan", "--out", "x"],
            "`--out` needs a script in a file",
        ),
    ] {
        for (words, input) in ways("1", &option) {
            let ran = e2bscript(&words, input);
            assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{words:?}");
            assert!(ran.err.contains(said), "{}", ran.err);
        }
    }
    let ran = e2bscript(&["watch", "-"], "1");
    assert!(
        ran.code == 2 && ran.err.contains("in a file"),
        "{}",
        ran.err
    );
    let ran = e2bscript(&["-e"], "");
    assert!(
        ran.code == 2 && ran.err.contains("-e <CODE>"),
        "{}",
        ran.err
    );
}

/// A question goes to the terminal; the script's own lines are no answers.
#[test]
fn a_question_does_not_read_the_script() {
    let ran = e2bscript(&["-"], "let name = prompt::ask(\"Name\");\nname\n");
    assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{}", ran.err);
    assert!(
        ran.err.contains("there is no terminal to ask on"),
        "{}",
        ran.err
    );
}

/// On the terminal that `script` of util-linux makes.
#[test]
fn a_question_is_answered_on_the_terminal() {
    let dir = tempfile::tempdir().unwrap();
    let text = "let name = prompt::ask(\"Name\");\n`hello ${name}`\n";
    fs::write(dir.path().join("ask.rhai"), text).unwrap();
    let words = ["-qec", "e2bscript --no-journal - < ask.rhai", "/dev/null"];
    let mut command = command(dir.path(), "script", &words);
    command.env_remove("CI").env("TERM", "xterm");
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let (mut keyboard, mut screen) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains("Name: ") {
        let mut chunk = [0; 256];
        let count = screen.read(&mut chunk).unwrap();
        assert!(count > 0, "{}", String::from_utf8_lossy(&seen));
        seen.extend_from_slice(&chunk[..count]);
    }
    keyboard.write_all(b"me\n").unwrap();
    screen.read_to_end(&mut seen).unwrap();
    assert!(child.wait().unwrap().success());
    let seen = String::from_utf8_lossy(&seen);
    assert!(seen.contains("hello me"), "{seen}");
}

#[test]
fn standard_input_is_checked_too() {
    let ran = e2bscript(&["check", "-"], "nme;");
    assert_eq!(ran.code, 3);
    assert!(ran.out.contains("[stdin:1:1]"), "{}", ran.out);
    let ran = e2bscript(
        &["check", "-"],
        "import \"./beside\" as beside; beside::answer()",
    );
    assert_eq!((ran.code, ran.out.as_str()), (0, ""), "{}", ran.err);
}

#[test]
fn what_is_no_text_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let ran = ran(
        dir.path(),
        "bash",
        &["-c", "printf '\\xff' | e2bscript -"],
        "",
    );
    assert_eq!(ran.code, 2);
    assert!(
        ran.err.contains("cannot read the script from `stdin`"),
        "{}",
        ran.err
    );
}

#[test]
fn a_stream_of_the_shell_is_a_script() {
    let dir = tempfile::tempdir().unwrap();
    let command = "e2bscript <(echo '6 * 7'); e2bscript check <(echo 'nme')";
    let ran = ran(dir.path(), "bash", &["-c", command], "");
    assert!(
        ran.out.starts_with("42\n") && ran.code == 3,
        "{}{}",
        ran.out,
        ran.err
    );
}

#[test]
fn a_script_is_a_program() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("flow");
    fs::write(
        &path,
        "#!/usr/bin/env e2bscript\nlet o = args::parse(#{ words: #{ positional: true, many: true, help: \"words\" } });\no.words.len()\n",
    )
    .unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    // Another test's child may still hold the file that was just written.
    let ran = ran(
        dir.path(),
        "bash",
        &[
            "-c",
            "for i in 1 2 3; do ./flow one two && exit; [ $? = 126 ] || exit; sleep 0.1; done",
        ],
        "",
    );
    assert_eq!((ran.code, ran.out.as_str()), (0, "2\n"), "{}", ran.err);
}
