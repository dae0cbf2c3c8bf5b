//! `e2bscript.toml`: who wins, what is refused, and what `config show` says of it.

use std::fs;
use std::path::Path;

use crate::{Ran, command, ended, ran};

/// A home with a project in it, and this in the two files of settings.
fn home(project: &str, user: &str) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let at = |name: &str| home.path().join(name);
    fs::create_dir_all(at("project/scripts/deep")).unwrap();
    fs::create_dir_all(at(".config/e2bscript")).unwrap();
    fs::write(at("project/e2bscript.toml"), project).unwrap();
    fs::write(at(".config/e2bscript/e2bscript.toml"), user).unwrap();
    home
}

/// Runs the program in a directory below the home.
fn within(home: &Path, dir: &str, words: &[&str], variables: &[(&str, &str)]) -> Ran {
    let mut command = command(&home.join(dir), "e2bscript", words);
    command.env("HOME", home).envs(variables.iter().copied());
    ended(command)
}

/// `config show --origin` as it was written: the example of the guide.
#[test]
fn every_value_says_where_it_came_from() {
    let home = home(
        "# ours\nenv_file = \"deploy.env\"\nlimit = [\"client-*\"]\ntimeout = \"30m\"\n",
        "color = \"always\"\ntimeout = \"5m\"\nverbosity = \"quiet\"\n",
    );
    let words = ["config", "show", "--origin", "--timeout", "10m"];
    let variables = [("E2BSCRIPT_SSH_CONFIG", "none")];
    let shown = within(home.path(), "project", &words, &variables);
    assert_eq!(shown.code, 0, "{}", shown.err);
    assert_eq!(
        shown.out,
        "env_file = \"deploy.env\"       # e2bscript.toml:2\n\
         std = []                      # default\n\
         ssh_config = \"none\"           # E2BSCRIPT_SSH_CONFIG\n\
         accept_new_host_keys = false  # default\n\
         limit = [\"client-*\"]          # e2bscript.toml:3\n\
         timeout = \"10m\"               # --timeout\n\
         color = \"always\"              # ~/.config/e2bscript/e2bscript.toml:1\n\
         verbosity = \"quiet\"           # ~/.config/e2bscript/e2bscript.toml:3\n\
         stats = false                 # default\n\
         journal = true                # default\n\
         keep_runs = 200               # default\n"
    );
    let shown = within(
        home.path(),
        "project",
        &["config", "show"],
        &[("NO_COLOR", "1")],
    );
    assert!(
        shown.out.contains("timeout = \"30m\"\ncolor = \"never\"\n"),
        "{}",
        shown.out
    );
    let shown = within(
        home.path(),
        "project",
        &["config", "show", "--json", "-vv"],
        &[],
    );
    let shown: serde_json::Value = serde_json::from_str(&shown.out).unwrap();
    assert_eq!(shown["limit"]["value"][0], "client-*");
    assert_eq!(shown["verbosity"]["value"], "debug");
    assert_eq!(shown["verbosity"]["origin"], "--verbose");
    assert_eq!(shown["keep_runs"]["value"], 200);
}

/// From below a project its paths still begin at its file.
#[test]
fn a_project_is_found_from_below() {
    let home = home("env_file = \"deploy.env\"\nstd = [\"mine\"]\n", "");
    let whole = fs::canonicalize(home.path()).unwrap();
    let shown = within(
        &whole,
        "project/scripts/deep",
        &["config", "show", "--origin"],
        &[],
    );
    let file = whole.join("project/deploy.env");
    let said = shown.out.lines().next().unwrap();
    assert!(
        said.starts_with(&format!("env_file = \"{}\" ", file.display())),
        "{said}"
    );
    assert!(said.ends_with("# ~/project/e2bscript.toml:1"), "{said}");
    fs::create_dir(whole.join("project/mine")).unwrap();
    fs::write(whole.join("project/mine/own.rhai"), "fn answer() { 42 }").unwrap();
    let code = "import \"std/own\" as own; [own::answer(), env::get(\"E2BSCRIPT_ENV_FILE\")]";
    let words = ["--no-journal", "--json", "-e", code];
    let answered = within(&whole, "project/scripts/deep", &words, &[]);
    assert!(
        answered
            .out
            .contains(&format!("[42,\"{}\"]", file.display())),
        "{}",
        answered.out
    );
}

#[test]
fn the_command_line_wins_then_the_environment_then_the_project_then_the_user() {
    let code = "let o = args::parse(#{ env_file: #{ fallback: \"fallback\", env: \"E2BSCRIPT_ENV_FILE\", help: \"\" } }); o.env_file";
    let value = |project: &str, user: &str, variables: &[(&str, &str)], words: &[&str]| {
        let home = home(project, user);
        let words = [&["--no-journal", "-e", code], words].concat();
        let ran = within(home.path(), "project", &words, variables);
        assert_eq!(ran.code, 0, "{}", ran.err);
        ran.out.trim().to_owned()
    };
    let (project, user) = ("env_file = \"project\"", "env_file = \"/user\"");
    let variable = [("E2BSCRIPT_ENV_FILE", "variable")];
    assert_eq!(
        value(project, user, &variable, &["--env-file", "typed"]),
        "typed"
    );
    assert_eq!(value(project, user, &variable, &[]), "variable");
    assert_eq!(value(project, user, &[], &[]), "project");
    assert_eq!(value("", user, &[], &[]), "/user");
    assert_eq!(value("", "", &[], &[]), "fallback");
}

#[test]
fn settings_of_a_run_hold() {
    let quiet = home("verbosity = \"quiet\"\njournal = false\n", "");
    let code = ["-e", "log::info(\"said\"); 1"];
    let ran = within(quiet.path(), "project", &code, &[]);
    assert_eq!(
        (ran.code, ran.out.as_str(), ran.err.as_str()),
        (0, "1\n", "")
    );
    assert!(!quiet.path().join(".local").exists());
    let loud = within(quiet.path(), "project", &[&["-v"], &code[..]].concat(), &[]);
    assert!(loud.err.contains("said"), "{}", loud.err);

    let few = home("keep_runs = 2\ntimeout = \"200ms\"\n", "");
    for _ in 0..4 {
        within(few.path(), "project", &code, &[]);
    }
    let runs = few.path().join(".local/state/e2bscript/runs");
    // Names of one minute are in no order, and a run never removes itself.
    let kept = fs::read_dir(runs).unwrap().count();
    assert!((2..=3).contains(&kept), "{kept}");
    let late = within(few.path(), "project", &["-e", "time::sleep(\"60s\");"], &[]);
    assert_eq!(late.code, 124, "{}", late.err);
    let in_time = ["--timeout", "1m", "-e", "time::sleep(\"300ms\"); 1"];
    assert_eq!(within(few.path(), "project", &in_time, &[]).out, "1\n");

    let limited = home("limit = [\"a,\"]\n", "");
    assert_eq!(within(limited.path(), "project", &code, &[]).code, 2);
}

/// Told before anything runs, all at once, each with its line; values that may be secrets are not shown.
#[test]
fn mistakes_are_refused_with_their_place() {
    let home = home(
        "limit = \"client-1\"\ntimout = \"5m\"\nPOSTGRES_PASSWORD = \"canary-41aa\"\ncolor = \"nevr\"\n",
        "yes = true\n",
    );
    let words = ["-e", "fs::write(\"ran\", \"\");"];
    let refused = within(home.path(), "project", &words, &[("COLUMNS", "90")]);
    assert_eq!((refused.code, refused.out.as_str()), (2, ""));
    assert!(!home.path().join("project/ran").exists());
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/project/settings.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(golden.parent().unwrap()).unwrap();
        fs::write(&golden, &refused.err).unwrap();
    }
    assert_eq!(refused.err, fs::read_to_string(golden).unwrap_or_default());
    assert!(!refused.err.contains("canary"));

    let events = within(
        home.path(),
        "project",
        &[&["--json"], &words[..]].concat(),
        &[],
    );
    let event: serde_json::Value =
        serde_json::from_str(events.out.lines().next().unwrap()).unwrap();
    assert_eq!(event["type"], "failure");
    for words in [
        vec!["check"],
        vec!["test"],
        vec!["std", "list"],
        vec!["config", "show"],
        vec!["repl"],
    ] {
        assert_eq!(
            within(home.path(), "project", &words, &[]).code,
            2,
            "{words:?}"
        );
    }
    // What needs no settings says how things are.
    for words in [
        vec!["--help"],
        vec!["explain", "settings.value"],
        vec!["init", "new"],
    ] {
        assert_eq!(
            within(home.path(), "project", &words, &[]).code,
            0,
            "{words:?}"
        );
    }
}

#[test]
fn what_is_no_toml_is_refused() {
    let home = home("limit = [\"a\"\ncolor = never\n", "");
    let refused = within(home.path(), "project", &["config", "show"], &[]);
    assert_eq!(refused.code, 2);
    assert!(refused.err.contains("e2bscript.toml:"), "{}", refused.err);
    assert!(refused.err.contains("this is no TOML"), "{}", refused.err);
    fs::write(home.path().join("project/e2bscript.toml"), [0xff]).unwrap();
    let refused = within(home.path(), "project", &["config", "show"], &[]);
    assert!(
        refused.code == 2 && refused.err.contains("cannot read `e2bscript.toml`"),
        "{}",
        refused.err
    );
}

#[test]
fn help_fits_a_screen() {
    let dir = tempfile::tempdir().unwrap();
    let screen = ran(dir.path(), "e2bscript", &["--help"], "");
    assert!(
        screen.code == 0 && screen.out.lines().count() <= 24,
        "{}",
        screen.out
    );
    let options = ran(dir.path(), "e2bscript", &["help", "options"], "");
    assert!(
        options.out.contains("E2BSCRIPT_LIMIT") && options.out.contains("Exit codes"),
        "{}",
        options.out
    );
}
