//! Standard modules that an operator took over, across versions of the program.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // a test fails by panicking

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use e2bscript::bindings::REGISTRY;
use e2bscript::cli::args::StdCommand;
use e2bscript::cli::std::{Said, answer};
use e2bscript::diag::Failure;
use e2bscript::engine::library::{Edition, Embedded, Found, Library};
use e2bscript::engine::overrides::Header;
use e2bscript::engine::{Host, Session, Settings};
use e2bscript::report::Mode;
use e2bscript::run::Run;

const OLD: &str = "//! std/flow: does a thing.\n\nfn first() {\n    1\n}\n\nfn second() {\n    2\n}\n\nfn third() {\n    3\n}\n";

/// An announced module, and whether the built-in one has changed since.
type Note = (String, Option<bool>);

/// A project, and a program whose only module is `std/flow`.
struct Project {
    dir: tempfile::TempDir,
    library: Library,
}

impl Project {
    fn new() -> Project {
        let dir = tempfile::tempdir().unwrap();
        let library = Library {
            project: Some(dir.path().to_owned()),
            ..Library::default()
        };
        let mut project = Project { dir, library };
        project.release("1.0.0", OLD);
        project
    }

    /// The program of another day.
    fn release(&mut self, version: &'static str, text: &str) {
        let text = String::from(text).leak();
        let module = Embedded { name: "flow", text };
        self.library.built_in = Edition {
            version,
            modules: vec![module].leak(),
        };
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join("stdlib").join(name)
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// The operator's edit of the copy.
    fn edit(&self, old: &str, new: &str) {
        let text = self.text("flow.rhai");
        assert!(text.contains(old), "{text}");
        fs::write(self.path("flow.rhai"), text.replace(old, new)).unwrap();
    }

    fn try_std(&self, command: StdCommand) -> Result<Said, Failure> {
        answer(&command, &self.library)
    }

    /// What a command says, with the project's directory left out.
    fn std(&self, command: StdCommand) -> String {
        let said = self.try_std(command).unwrap();
        said.text
            .replace(&format!("{}/", self.dir.path().display()), "")
    }

    fn eject(&self) {
        self.std(StdCommand::Eject {
            module: "std/flow".into(),
            force: false,
        });
    }

    fn diff(&self, mine: bool, built_in: bool) -> String {
        self.std(StdCommand::Diff {
            module: Some("flow".into()),
            mine,
            built_in,
        })
    }

    fn update(&self, base: Option<PathBuf>, plan: bool) -> Result<Said, Failure> {
        self.try_std(StdCommand::Update {
            module: base.as_ref().map(|_| "flow".into()),
            base,
            plan,
        })
    }

    /// Runs a script that imports the module: its result, and the notes on the way.
    fn run(&self) -> (Result<String, String>, Vec<Note>) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let run = Run::silent(Mode::Apply, runtime.handle().clone());
        let session = Session::new(run, Settings::default());
        let notes = Arc::new(Mutex::new(Vec::new()));
        let taken = notes.clone();
        let announce = Box::new(move |change: &e2bscript::engine::library::Override| {
            taken
                .lock()
                .unwrap()
                .push((change.module.clone(), change.stale));
        });
        let host = Host::new(REGISTRY, self.library.clone(), session, announce);
        let main = Found {
            id: "main.rhai".into(),
            path: Some("main.rhai".into()),
            text: "import \"std/flow\" as a; import \"std/flow\" as b; a::first() + b::third()"
                .into(),
        };
        let result = host.compile(&main).and_then(|ast| host.run(&ast));
        let result = match result {
            Ok(outcome) => Ok(format!("{outcome:?}")),
            Err(error) => Err(e2bscript::engine::raise::failure_of(&error).to_string()),
        };
        let notes = notes.lock().unwrap().clone();
        (result, notes)
    }
}

#[test]
fn a_copy_says_what_it_came_from_and_is_not_replaced() {
    let project = Project::new();
    project.eject();
    assert_eq!(
        project.text("flow.rhai"),
        format!("{}{OLD}", Header::line("flow", "1.0.0", OLD))
    );
    assert_eq!(project.text(".base/flow.rhai"), OLD);
    assert_eq!(
        project.std(StdCommand::Status),
        "std/flow  stdlib/flow.rhai  the same as the built-in module\n    the copy can go: rm stdlib/flow.rhai\n"
    );
    project.edit("1\n", "10\n");
    let again = project.try_std(StdCommand::Eject {
        module: "flow".into(),
        force: false,
    });
    assert_eq!(again.unwrap_err().kind, "std.eject");
    assert!(project.text("flow.rhai").contains("10\n"));
    assert_eq!(
        project.std(StdCommand::Status),
        "std/flow  stdlib/flow.rhai  changed by you (+1 -1), built-in module unchanged since 1.0.0\n    \
         e2bscript std diff flow\n"
    );
}

#[test]
fn both_sides_changes_are_told_apart_and_merged() {
    let mut project = Project::new();
    project.eject();
    project.edit("1\n", "10\n");
    project.release("1.1.0", &OLD.replace("3\n", "30\n"));
    assert_eq!(
        project.std(StdCommand::Status),
        "std/flow  stdlib/flow.rhai  changed by you (+1 -1), built-in module changed since 1.0.0 (+1 -1)\n    \
         e2bscript std diff flow --built-in; e2bscript std update flow\n"
    );
    let (mine, theirs, both) = (
        project.diff(true, false),
        project.diff(false, true),
        project.diff(false, false),
    );
    assert!(mine.contains("+    10\n") && !mine.contains("30"), "{mine}");
    assert!(
        theirs.contains("+    30\n") && !theirs.contains("10\n"),
        "{theirs}"
    );
    assert!(theirs.starts_with(
        "--- std/flow (as you took it over from 1.0.0)\n+++ std/flow (built in 1.1.0)\n"
    ));
    assert!(
        both.contains("+    10\n") && both.contains("-    30\n"),
        "{both}"
    );
    let (result, notes) = project.run();
    assert_eq!(result.unwrap(), "Value(13)");
    assert_eq!(
        notes,
        [("std/flow".to_owned(), Some(true))],
        "announced once"
    );

    let before = project.text("flow.rhai");
    let said = project.update(None, true).unwrap();
    assert!(said.text.contains("+    30\n"), "{}", said.text);
    assert_eq!(project.text("flow.rhai"), before, "a plan writes nothing");

    let said = project.update(None, false).unwrap();
    assert_eq!(
        (said.code, said.text.ends_with("flow.rhai: updated\n")),
        (0, true)
    );
    let new = OLD.replace("3\n", "30\n");
    assert_eq!(
        project.text("flow.rhai"),
        format!(
            "{}{}",
            Header::line("flow", "1.1.0", &new),
            new.replace("1\n", "10\n")
        )
    );
    assert_eq!(project.text(".base/flow.rhai"), new);
    let (result, notes) = project.run();
    assert_eq!(result.unwrap(), "Value(40)");
    assert_eq!(notes, [("std/flow".to_owned(), Some(false))]);
    assert_eq!(
        project.update(None, false).unwrap().text,
        "nothing to update\n"
    );
}

#[test]
fn a_conflict_is_marked_and_nothing_is_lost() {
    let mut project = Project::new();
    project.eject();
    project.edit("    2\n", "    20\n");
    project.release(
        "1.1.0",
        &OLD.replace("    2\n", "    200\n")
            .replace("    3\n", "    300\n"),
    );
    let before = project.text("flow.rhai");
    let said = project.update(None, false).unwrap();
    assert_eq!(said.code, 7);
    assert!(
        said.text.contains("1 place changed by both"),
        "{}",
        said.text
    );
    let text = project.text("flow.rhai");
    assert!(
        text.contains("<<<<<<< yours\n    20\n||||||| as you took it over\n    2\n=======\n    200\n>>>>>>> built in\n"),
        "{text}"
    );
    assert!(text.contains("    300\n"), "{text}");
    let kept = project.text(".base/flow.before-update.rhai");
    assert_eq!(kept, before.split_once('\n').unwrap().1);

    let status = project.std(StdCommand::Status);
    assert!(
        status.contains("a conflict is unresolved, from line 9 on"),
        "{status}"
    );
    assert_eq!(text.lines().nth(8), Some("<<<<<<< yours"));
    let failure = project.run().0.unwrap_err();
    assert!(
        failure.contains("holds both sides of a conflict, from line 9 on"),
        "{failure}"
    );
    let again = project.try_std(StdCommand::Update {
        module: Some("flow".into()),
        base: None,
        plan: false,
    });
    assert_eq!(again.unwrap_err().kind, "std.update");
    assert_eq!(project.text("flow.rhai"), text);

    let start = text.find("<<<<<<<").unwrap();
    let end = text.find(">>>>>>> built in\n").unwrap() + ">>>>>>> built in\n".len();
    let resolved = format!("{}    20\n{}", &text[..start], &text[end..]);
    fs::write(project.path("flow.rhai"), resolved).unwrap();
    assert!(
        project
            .std(StdCommand::Status)
            .contains("changed by you (+1 -1), built-in module unchanged since 1.1.0")
    );
    assert_eq!(project.run().0.unwrap(), "Value(301)");
}

#[test]
fn what_the_operator_never_changed_becomes_the_new_module() {
    let mut project = Project::new();
    project.eject();
    project.release("1.1.0", &OLD.replace("3\n", "30\n"));
    assert!(
        project
            .std(StdCommand::Status)
            .contains("unchanged by you, built-in module changed since 1.0.0 (+1 -1)")
    );
    let said = project.update(None, false).unwrap();
    assert!(
        said.text
            .ends_with("updated; it is the built-in module now and can go\n")
    );
    assert!(
        project
            .std(StdCommand::Status)
            .contains("the same as the built-in module")
    );
}

#[test]
fn without_the_text_of_then_nothing_is_guessed() {
    let mut project = Project::new();
    project.eject();
    project.edit("1\n", "10\n");
    fs::remove_file(project.path(".base/flow.rhai")).unwrap();
    // As long as the built-in module is the one of then, it is the text of then.
    assert!(project.diff(true, false).contains("+    10\n"));
    project.release("1.1.0", &OLD.replace("3\n", "30\n"));
    let before = project.text("flow.rhai");
    let status = project.std(StdCommand::Status);
    assert!(status.contains("the text of then is missing"), "{status}");
    let failure = project.update(None, false).unwrap_err();
    assert!(
        failure.message.contains("was taken over from 1.0.0"),
        "{failure}"
    );
    // A text that it did not come from is refused, also where it stands in the right place.
    fs::write(project.path(".base/flow.rhai"), "fn other() {}\n").unwrap();
    assert_eq!(project.update(None, false).unwrap_err().kind, "std.update");
    let wrong = project.path(".base/flow.rhai");
    assert!(
        project
            .update(Some(wrong), false)
            .unwrap_err()
            .help
            .unwrap()
            .contains("1.0.0")
    );
    assert_eq!(project.text("flow.rhai"), before);
    let right = project.path("right.txt");
    fs::write(&right, OLD).unwrap();
    assert_eq!(project.update(Some(right), false).unwrap().code, 0);
    assert!(
        project.text("flow.rhai").contains("10\n") && project.text("flow.rhai").contains("30\n")
    );
}

#[test]
fn a_module_of_ones_own_is_left_alone() {
    let project = Project::new();
    fs::create_dir_all(project.path("")).unwrap();
    fs::write(project.path("mine.rhai"), "fn x() { 1 }\n").unwrap();
    fs::write(project.path("flow.rhai"), "fn first() { 1 }\n").unwrap();
    assert_eq!(
        project.std(StdCommand::Status),
        "std/flow  stdlib/flow.rhai  differs; it does not say what it came from\n    e2bscript std diff flow\n\
         std/mine  stdlib/mine.rhai  a module of your own\n"
    );
    assert_eq!(
        project.update(None, false).unwrap().text,
        "nothing to update\n"
    );
    let failure = project.try_std(StdCommand::Show {
        module: "mine".into(),
        built_in: true,
    });
    assert!(failure.unwrap_err().message.contains("yours alone"));
}

/// The real program, with a copy that an older one might have made.
#[test]
fn the_program_announces_an_old_copy_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let program = |words: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_e2bscript"))
            .args(words)
            .current_dir(dir.path())
            .env("NO_COLOR", "1")
            .env("XDG_CONFIG_HOME", dir.path())
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (
            output.status.code(),
            text(&output.stdout),
            text(&output.stderr),
        )
    };
    assert_eq!(program(&["std", "eject", "keys"]).0, Some(0));
    let copy = dir.path().join("stdlib/keys.rhai");
    let text = fs::read_to_string(&copy).unwrap();
    let today = text.split_once('\n').unwrap().1;
    let old = today.replacen("//! ", "//! Once: ", 1);
    fs::write(dir.path().join("stdlib/.base/keys.rhai"), &old).unwrap();
    fs::write(
        &copy,
        format!("{}{old}// mine\n", Header::line("keys", "0.0.9", &old)),
    )
    .unwrap();
    let main: &Path = &dir.path().join("main.rhai");
    fs::write(
        main,
        "import \"std/keys\" as a;\nimport \"std/keys\" as b;\n1\n",
    )
    .unwrap();
    let (code, out, err) = program(&["--no-journal", "main.rhai"]);
    assert_eq!((code, out.trim()), (Some(0), "1"), "{err}");
    assert_eq!(err.matches("`std/keys` is taken from").count(), 1, "{err}");
    let one_line = err.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        one_line.contains("`e2bscript std diff keys --built-in` shows how"),
        "{err}"
    );
    let (code, out, err) = program(&["std", "update"]);
    assert_eq!(code, Some(0), "{out}{err}");
    assert_eq!(
        fs::read_to_string(&copy)
            .unwrap()
            .split_once('\n')
            .unwrap()
            .1,
        format!("{today}// mine\n")
    );
}
