//! A command that makes something so.

use bytes::Bytes;

use super::super::apply::Script;
use super::super::command::Work;
use super::super::content::Content;
use super::super::inputs::Inputs;
use super::super::item::{Problem, State, Verdict};
use super::super::place::{check_path, clean};
use super::super::quote::{holds_nul, join, quote};
use super::super::read::{Probe, Snippet};
use super::super::report::{Action, Change, Reason};
use super::super::world::{NodeKind, World};

static READ: Snippet = Snippet {
    name: "command",
    text: include_str!("command.read.sh"),
};
static APPLY: Snippet = Snippet {
    name: "command_apply",
    text: include_str!("command.apply.sh"),
};

/// Longest input of a command, in bytes: it has to pass a pipe in one piece.
const LONGEST_INPUT: usize = 64 << 10;

/// A command that is run unless what it makes is there.
#[derive(Clone)]
pub struct Command {
    work: Work,
    name: Option<String>,
    unless: Option<Work>,
    onlyif: Option<Work>,
    creates: Option<String>,
    env: Vec<(String, String)>,
    cwd: Option<String>,
    stdin: Bytes,
}

impl std::fmt::Debug for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Environment and input may be secret.
        f.debug_struct("Command")
            .field("work", &self.work)
            .field("unless", &self.unless)
            .field("onlyif", &self.onlyif)
            .field("creates", &self.creates)
            .finish_non_exhaustive()
    }
}

impl Command {
    pub fn new(work: Work) -> Command {
        Command {
            work,
            name: None,
            unless: None,
            onlyif: None,
            creates: None,
            env: Vec::new(),
            cwd: None,
            stdin: Bytes::new(),
        }
    }

    /// What reports call it. Default: the command itself.
    #[must_use]
    pub fn named(mut self, name: impl Into<Option<String>>) -> Command {
        self.name = name.into();
        self
    }

    /// A command that only looks; while it succeeds, there is nothing to do.
    #[must_use]
    pub fn unless(mut self, unless: impl Into<Option<Work>>) -> Command {
        self.unless = unless.into();
        self
    }

    /// A command that only looks; while it fails, there is nothing to do.
    #[must_use]
    pub fn onlyif(mut self, onlyif: impl Into<Option<Work>>) -> Command {
        self.onlyif = onlyif.into();
        self
    }

    /// A path that the command makes; while it is there, there is nothing to do.
    #[must_use]
    pub fn creates(mut self, path: impl Into<Option<String>>) -> Command {
        self.creates = path.into().map(|path| clean(&path));
        self
    }

    /// Variables of its environment, which root and its own user can see while it runs.
    #[must_use]
    pub fn env(mut self, env: impl IntoIterator<Item = (String, String)>) -> Command {
        self.env = env.into_iter().collect();
        self
    }

    /// The directory it runs in. Default: the user's home.
    #[must_use]
    pub fn cwd(mut self, cwd: impl Into<Option<String>>) -> Command {
        self.cwd = cwd.into();
        self
    }

    /// What it reads; the way for secrets.
    #[must_use]
    pub fn stdin(mut self, stdin: impl Into<Bytes>) -> Command {
        self.stdin = stdin.into();
        self
    }

    fn setup(&self) -> String {
        let assignments = self.env.iter();
        assignments
            .map(|(name, value)| format!("export {name}={}\n", quote(value)))
            .collect()
    }
}

/// A command as a person would type it.
fn shown(work: &Work) -> String {
    match work {
        Work::Words(words) => join(words),
        Work::Shell(text) => text.clone(),
    }
}

fn is_variable(name: &str) -> bool {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.bytes().all(fine)
}

impl State for Command {
    fn kind(&self) -> &'static str {
        "command"
    }

    fn name(&self) -> String {
        self.name.clone().unwrap_or_else(|| shown(&self.work))
    }

    fn check(&self) -> Result<(), Problem> {
        if self.unless.is_none() && self.onlyif.is_none() && self.creates.is_none() {
            return Err(Problem::new("nothing says when it is to be run").help(
                "pass `unless`, `onlyif` or `creates`; a command for every time is `host.run`",
            ));
        }
        for work in [Some(&self.work), self.unless.as_ref(), self.onlyif.as_ref()] {
            let empty = match work {
                Some(Work::Words(words)) => words.first().is_none_or(String::is_empty),
                Some(Work::Shell(text)) => text.trim().is_empty(),
                None => false,
            };
            if empty || work.is_some_and(|work| holds_nul(&shown(work))) {
                return Err(Problem::new("a command is empty or holds a NUL"));
            }
        }
        if self.stdin.len() > LONGEST_INPUT {
            return Err(
                Problem::new(format!("its input is longer than {LONGEST_INPUT} bytes"))
                    .help("put it into a file first"),
            );
        }
        for path in self.creates.iter().chain(&self.cwd) {
            check_path(path)?;
        }
        for (name, value) in &self.env {
            if !is_variable(name) || holds_nul(value) {
                return Err(Problem::new(format!("`{name}` cannot be a variable")));
            }
        }
        Ok(())
    }

    fn read(&self, probe: &mut Probe, _inputs: &Inputs) {
        for condition in self.unless.iter().chain(&self.onlyif) {
            probe.ask(&READ, &[&shown(condition)]);
        }
        if let Some(path) = &self.creates {
            probe.path(path);
        }
    }

    fn compare(&self, world: &mut World, script: &mut Script) -> Result<Verdict, Problem> {
        let holds = |work: &Work| {
            let code = world.answer(&READ, &[&shown(work)]);
            code.is_some_and(|code| code.trim() == "0")
        };
        let made = self
            .creates
            .as_ref()
            .is_some_and(|path| world.node(path).kind != NodeKind::Absent);
        let settled = made
            || self.unless.as_ref().is_some_and(holds)
            || self.onlyif.as_ref().is_some_and(|onlyif| !holds(onlyif));
        let reason = match (&self.creates, &self.unless, &self.onlyif) {
            (Some(path), _, _) if !made => format!("`{path}` is missing"),
            (_, Some(unless), _) => format!("`{}` fails", shown(unless)),
            (_, _, Some(onlyif)) => format!("`{}` succeeds", shown(onlyif)),
            _ => "its condition changed".to_owned(),
        };
        let (name, setup, work) = (self.name(), self.setup(), shown(&self.work));
        let condition = |work: &Option<Work>| work.as_ref().map(shown).unwrap_or_default();
        let words = [
            &name,
            self.cwd.as_deref().unwrap_or_default(),
            self.creates.as_deref().unwrap_or_default(),
            &condition(&self.unless),
            &condition(&self.onlyif),
            &setup,
            &work,
        ];
        script.need(&APPLY);
        script.call("run_command", &words);
        script.carry(Content::bytes(self.stdin.clone()));
        if !settled {
            world.expect_anything(&format!("command {name}"));
        }
        let change = Change::new(Action::Run).because(Reason::new(reason));
        Ok(Verdict {
            change: Some(change),
            // Items before it may change what was true when it was read.
            conditional: settled,
            notes: Vec::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(text: &str) -> Work {
        Work::Shell(text.to_owned())
    }

    #[test]
    fn a_command_needs_a_condition() {
        assert!(Command::new(sh("x")).check().is_err());
        assert!(Command::new(sh("x")).unless(sh("y")).check().is_ok());
        assert!(Command::new(sh(" ")).unless(sh("y")).check().is_err());
        assert!(
            Command::new(sh("x"))
                .creates("rel".to_owned())
                .check()
                .is_err()
        );
        let env = [("A B".to_owned(), String::new())];
        assert!(
            Command::new(sh("x"))
                .unless(sh("y"))
                .env(env)
                .check()
                .is_err()
        );
    }

    #[test]
    fn debug_shows_no_environment_and_no_input() {
        let command = Command::new(sh("x"))
            .env([("A".to_owned(), "canary".to_owned())])
            .stdin("canary");
        assert!(!format!("{command:?}").contains("canary"));
    }
}
