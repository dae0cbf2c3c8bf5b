//! `e2bscript init`: a project that is whole from its first minute.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::{Ran, ran};

fn e2bscript(dir: &Path, words: &[&str]) -> Ran {
    ran(dir, "e2bscript", words, "")
}

#[test]
fn a_new_project_is_checked_tested_and_its_steps_work() {
    let dir = tempfile::tempdir().unwrap();
    let made = e2bscript(dir.path(), &["init"]);
    assert_eq!(made.code, 0, "{}", made.err);
    assert!(
        made.out.contains("e2bscript deploy.rhai --plan"),
        "{}",
        made.out
    );
    let mode = fs::metadata(dir.path().join("deploy.env"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);

    let scripts = [
        "check",
        "deploy.rhai",
        "hooks.rhai",
        "tests/hooks.test.rhai",
    ];
    let checked = e2bscript(dir.path(), &scripts);
    assert_eq!(
        (checked.code, checked.out.as_str()),
        (0, ""),
        "{}",
        checked.err
    );
    let laid_out = e2bscript(dir.path(), &["fmt", "--check"]);
    assert_eq!(laid_out.code, 0, "{}{}", laid_out.out, laid_out.err);
    let tested = e2bscript(dir.path(), &["test"]);
    assert!(
        tested.code == 0 && tested.out.contains("1 passed"),
        "{}{}",
        tested.out,
        tested.err
    );

    // Before it is filled in, the names that are missing are told and nothing is reached.
    let planned = e2bscript(dir.path(), &["deploy.rhai", "--plan"]);
    assert!(
        planned.code == 2 && planned.err.contains("BASTION_HOST"),
        "{}",
        planned.err
    );
    let doctor = e2bscript(dir.path(), &["doctor.rhai"]);
    assert!(
        doctor.code != 0 && doctor.err.contains("BASTION_HOST"),
        "{}",
        doctor.err
    );
    let filled = e2bscript(dir.path(), &["configure.rhai"]);
    assert_eq!(filled.code, 0, "{}", filled.err);
    let text = fs::read_to_string(dir.path().join("deploy.env")).unwrap();
    assert!(!text.contains("REPLACE_WITH_A_RANDOM_SECRET"), "{text}");
    let shown = e2bscript(dir.path(), &["config", "show", "--origin"]);
    assert!(
        shown.out.starts_with("env_file = \"deploy.env\""),
        "{}",
        shown.out
    );
}

#[test]
fn what_is_there_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let project = dir.path().join("project");
    fs::create_dir(&project).unwrap();
    fs::write(project.join("hooks.rhai"), "// mine\n").unwrap();
    fs::write(project.join(".gitignore"), "target\n").unwrap();
    let made = e2bscript(dir.path(), &["init", "project"]);
    assert_eq!(made.code, 0, "{}", made.err);
    let said = made.out.as_str();
    assert!(
        said.contains("left as they were: hooks.rhai, .gitignore"),
        "{said}"
    );
    assert!(said.contains("add `/deploy.env` to `.gitignore`"), "{said}");
    assert!(said.contains("cd project"), "{said}");
    assert_eq!(
        fs::read_to_string(project.join("hooks.rhai")).unwrap(),
        "// mine\n"
    );
    fs::write(project.join(".gitignore"), "deploy.env\n").unwrap();
    let again = e2bscript(dir.path(), &["init", "project"]);
    assert_eq!(
        again.out,
        "nothing to do: every file is there already, in `project`\n"
    );
}

#[test]
fn a_place_that_cannot_be_written_is_named() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("file"), "").unwrap();
    let refused = e2bscript(dir.path(), &["init", "file"]);
    assert_eq!((refused.code, refused.out.as_str()), (2, ""));
    assert!(
        refused.err.contains("cannot make `file/deploy.env`"),
        "{}",
        refused.err
    );
}
