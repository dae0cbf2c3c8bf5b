//! Every command that a page for people shows, and every example that works on a cluster.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::common::lab::{Lab, Ran};
use super::common::pages::{blocks, commands};

/// How a command ends when not with 0.
enum End {
    Code(i32),
    /// Not by itself, but by Ctrl-C, with one of these.
    CtrlC(&'static [i32]),
    /// A form, or named in passing.
    Untried,
}

/// By the beginning of the command; the first that fits counts.
const ENDS: &[(&str, End)] = &[
    ("tunnel.rhai -- ", End::Code(0)),
    ("tunnel.rhai", End::CtrlC(&[130])),
    ("logs.rhai api --follow", End::CtrlC(&[130])),
    // there is no terminal to ask on
    ("watch stage.rhai --apply", End::Code(2)),
    // between two rounds that is how it is meant to end
    ("watch ", End::CtrlC(&[0, 130])),
    ("--json SCRIPT", End::Untried),
    ("SCRIPT", End::Untried),
    ("-e CODE", End::Untried),
    // there are none in this project; tests/script_tests.rs runs them
    ("test", End::Untried),
    ("std eject stage", End::Code(0)),
    ("std eject", End::Untried),
    // the first version is the only one
    ("rollback.rhai", End::Code(2)),
    // without the `oci` command, which it asks for by name
    ("configure.rhai --vault", End::Code(1)),
];

/// What stands for what a reader puts in.
const FILLED_IN: &[(&str, &str)] = &[
    ("TEMPLATE", "python"),
    ("SERVICE", "api"),
    ("NAME", "stage"),
    ("KIND", "ssh.auth"),
    ("RUN", "last"),
    ("FILE…", "my-flow.rhai"),
];

/// Runs all of them, in the order of the pages, in a project of their own.
pub fn all(lab: &Lab) {
    let project = lab.home.path().join("project");
    fill(&project);
    // the tree that is deployed stays the checkout's
    let configuration = lab.home.path().join("lab.env");
    let text = fs::read_to_string(lab.file("deploy.env")).unwrap();
    let tree = format!("DEPLOY_TREE={}\n", env!("CARGO_MANIFEST_DIR"));
    fs::write(&configuration, format!("{text}{tree}")).unwrap();
    fs::set_permissions(&configuration, fs::Permissions::from_mode(0o600)).unwrap();
    // the examples work with the template that the seed has a row of
    let base = ["create-template.rhai", "--alias", "base", "--dockerfile"];
    lab.run(&[&base[..], &[project.join("Dockerfile").to_str().unwrap()]].concat())
        .ended(0);
    let mut done: Vec<String> = Vec::new();
    let mut wrong = Vec::new();
    for shown in commands() {
        let mut words = shlex::split(&shown.text).unwrap();
        for word in &mut words {
            if let Some((_, with)) = FILLED_IN.iter().find(|(what, _)| word == what) {
                *word = (*with).to_owned();
            }
        }
        let text = words.join(" ");
        if done.contains(&text) {
            continue;
        }
        done.push(text.clone());
        let at = format!("{}:{}: {text}", shown.page, shown.line);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let end = ENDS.iter().find(|(begin, _)| text.starts_with(begin));
        let mut command = lab.command(&words);
        command
            .current_dir(&project)
            .env("E2BSCRIPT_ENV_FILE", &configuration);
        if text.starts_with("configure.rhai") {
            // it writes the project's own `deploy.env`
            command.env_remove("E2BSCRIPT_ENV_FILE");
        }
        let (ran, codes) = match end.map_or(&End::Code(0), |(_, end)| end) {
            End::Untried => continue,
            End::Code(code) => (
                Ran::of(command.output().unwrap()),
                std::slice::from_ref(code),
            ),
            End::CtrlC(codes) => (interrupted(command), *codes),
        };
        if !ran.code.is_some_and(|code| codes.contains(&code)) {
            wrong.push(format!("{at}: {ran}"));
        }
    }
    examples(lab, &mut wrong);
    assert!(wrong.is_empty(), "{}", wrong.join("\n=====\n"));
}

fn examples(lab: &Lab, wrong: &mut Vec<String>) {
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")).unwrap() {
        let path = entry.unwrap().path();
        // the image that the lab has knows no apt-get
        if !path.is_file() || path.ends_with("template.rhai") {
            continue;
        }
        if fs::read_to_string(&path)
            .unwrap()
            .contains("E2BSCRIPT_ENV_FILE")
        {
            let ran = lab.run(&[path.to_str().unwrap()]);
            if ran.code != Some(0) {
                wrong.push(format!("{}: {ran}", path.display()));
            }
        }
    }
}

/// Ends a run by Ctrl-C once it has said something.
fn interrupted(mut command: Command) -> Ran {
    let mut run: Child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(3) && run.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(100));
    }
    let pid = Pid::from_raw(run.id().try_into().unwrap()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    Ran::of(run.wait_with_output().unwrap())
}

/// A project as a reader has it: the tree, the files that the pages show by name, and those that they take for granted.
fn fill(project: &Path) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    fs::create_dir_all(project.join("lib")).unwrap();
    for name in [
        "examples",
        "scripts",
        "nomad",
        "db",
        "terraform-base",
        "terraform-cluster",
        "deploy.env.example",
    ] {
        symlink(root.join(name), project.join(name)).unwrap();
    }
    for (name, from) in [
        ("base.json", "tests/data/stacks/base.output.json"),
        ("cluster.json", "tests/data/stacks/cluster.output.json"),
        ("my-flow.rhai", "examples/motd.rhai"),
    ] {
        fs::copy(root.join(from), project.join(name)).unwrap();
    }
    fs::write(project.join("Dockerfile"), "FROM debian:12\n").unwrap();
    for program in ["my-program.py", "my-sdk-program.py"] {
        fs::write(
            project.join(program),
            "import os; print(os.environ['E2B_API_URL'])\n",
        )
        .unwrap();
    }
    for block in blocks() {
        // `// lib/motd.rhai` as the first line, or a block whose text before says where it goes
        let first = block.text.lines().next().unwrap_or_default();
        let named = first
            .strip_prefix("// ")
            .and_then(|rest| rest.split([':', ' ']).next());
        if let Some(name) = named.filter(|name| name.ends_with(".rhai")) {
            fs::write(project.join(name), &block.text).unwrap();
        }
    }
}
