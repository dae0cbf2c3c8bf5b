//! What can stand where the cursor is: the answer to the shells' completion hooks.
//!
//! Nothing is connected and no script is run: options come from the definition of the command line,
//! a script's own from its text, hosts and jobs from `deploy.env` and the deployment tree.

use ::std::collections::BTreeSet;
use ::std::path::{Path, PathBuf};

use clap::CommandFactory;

use super::args::{Cli, Kind, kind_of};
use super::declared::declared;
use super::run::{env, library};
use super::runs::{command, history, outcome, when};
use super::settings::{ENV_FILE, Settings, key::Key};
use crate::args::{Argument, Declaration};
use crate::bindings::REGISTRY;
use crate::engine::library::{Library, SCRIPTS};
use crate::env_file;
use crate::manual;
use crate::run::past::{LAST, Past};

/// Stands for "files too", which the shells list themselves.
const FILES: &str = ":";

/// Candidates for the last of `words`, one a line, with what they mean behind a tab.
pub fn complete(words: &[String]) -> String {
    let Some((current, before)) = words.split_last() else {
        return String::new();
    };
    let mut scene = Scene::new(before);
    scene.look(before.get(1..).unwrap_or_default());
    let mut candidates = Candidates::default();
    scene.candidates(current, &mut candidates);
    candidates.text(current)
}

/// What fits, in the order of its kinds.
#[derive(Default)]
struct Candidates {
    found: Vec<(String, String)>,
    files: bool,
}

impl Candidates {
    fn add(&mut self, word: impl Into<String>, about: impl ToString) {
        let about = about.to_string();
        let about = about.lines().next().unwrap_or_default().replace('\t', " ");
        self.found.push((word.into(), about));
    }

    fn text(&self, current: &str) -> String {
        let mut said = BTreeSet::new();
        let fitting = self
            .found
            .iter()
            .filter(|(word, _)| word.starts_with(current));
        let lines = fitting
            .filter(|(word, _)| said.insert(word))
            .map(|(word, about)| format!("{word}\t{about}\n"));
        let mut text: String = lines.collect();
        if self.files {
            text.push_str(&format!("{FILES}\n"));
        }
        text
    }
}

/// What the words before the cursor have settled.
struct Scene<'a> {
    /// The command whose options and arguments can come.
    command: clap::Command,
    /// The option whose value must come.
    pending: Option<clap::Arg>,
    /// How many arguments without a name the command has got.
    given: usize,
    /// The script that was named, with its own words.
    script: Option<(&'a str, Vec<&'a str>)>,
    /// All words.
    words: &'a [String],
    library: Library,
}

impl<'a> Scene<'a> {
    fn new(words: &'a [String]) -> Scene<'a> {
        let mut command = Cli::command();
        command.build();
        Scene {
            command,
            pending: None,
            given: 0,
            script: None,
            words,
            library: library(&[]),
        }
    }

    fn look(&mut self, words: &'a [String]) {
        for word in words {
            if let Some(option) = self.pending.take() {
                // The words behind it are the script's.
                if option.get_id() == "code" {
                    self.script = Some((word, Vec::new()));
                }
                continue;
            }
            if let Some((_, own)) = &mut self.script {
                let with_value = matches!(kind_of(&self.command, word, true), Kind::OwnWithValue);
                match kind_of(&self.command, word, true) {
                    Kind::Own | Kind::OwnWithValue => {}
                    _ => own.push(word),
                }
                self.pending = with_value.then(|| option(&self.command, word)).flatten();
                continue;
            }
            if word.starts_with('-') {
                let takes = option(&self.command, word);
                self.pending =
                    takes.filter(|arg| arg.get_action().takes_values() && !word.contains('='));
            } else if let Some(below) = self.command.find_subcommand(word) {
                self.command = below.clone();
                self.given = 0;
            } else if self.command.get_name() == "e2bscript" {
                self.script = Some((word, Vec::new()));
            } else {
                self.given += 1;
            }
        }
    }

    fn candidates(&self, current: &str, to: &mut Candidates) {
        if let Some(option) = &self.pending {
            self.values(option, "", current, to);
            return;
        }
        let declared = self
            .script
            .as_ref()
            .map(|(name, own)| (self.declared(name), own));
        if let Some((Some(declaration), own)) = &declared {
            let last = own
                .last()
                .filter(|_| self.words.last().map(String::as_str) == own.last().copied());
            let open = last.and_then(|word| named(declaration, word));
            if let Some(argument) = open.filter(|argument| !argument.flag) {
                self.argument(argument, to);
                return;
            }
        }
        if let Some((name, value)) = current.split_once('=')
            && let Some(option) = option(&self.command, name)
        {
            self.values(&option, &format!("{name}="), value, to);
            return;
        }
        if current.starts_with('-') {
            if let Some((Some(declaration), _)) = &declared {
                for argument in declaration.options() {
                    to.add(argument.option(), &argument.help);
                }
            }
            let options = self
                .command
                .get_arguments()
                .filter(|arg| !arg.is_hide_set());
            for option in options {
                if let Some(long) = option.get_long() {
                    to.add(
                        format!("--{long}"),
                        option.get_help().cloned().unwrap_or_default(),
                    );
                }
            }
            return;
        }
        match declared {
            Some((Some(declaration), own)) => self.positional(&declaration, own, to),
            Some((None, _)) => to.files = true,
            None => self.command_argument(to),
        }
    }

    /// Commands, scripts and arguments of a command.
    fn command_argument(&self, to: &mut Candidates) {
        for command in self
            .command
            .get_subcommands()
            .filter(|command| !command.is_hide_set())
        {
            to.add(
                command.get_name(),
                command.get_about().cloned().unwrap_or_default(),
            );
        }
        if self.command.get_name() == "e2bscript" {
            self.scripts(to);
            to.files = true;
            return;
        }
        let positionals: Vec<&clap::Arg> = self.command.get_positionals().collect();
        let last = positionals
            .last()
            .filter(|arg| arg.get_num_args().is_some_and(|n| n.max_values() > 1));
        if let Some(argument) = positionals.get(self.given).or(last) {
            self.values(argument, "", "", to);
        }
    }

    /// Values of an option or argument of the program itself; `prefix` stands before all of them.
    fn values(&self, argument: &clap::Arg, prefix: &str, current: &str, to: &mut Candidates) {
        let possible = argument.get_possible_values();
        for value in &possible {
            to.add(
                format!("{prefix}{}", value.get_name()),
                value.get_help().cloned().unwrap_or_default(),
            );
        }
        if !possible.is_empty() {
            return;
        }
        match argument.get_id().as_str() {
            "limit" => {
                // Several stand between commas, those to leave out behind `!`.
                let start = current.rfind([',', '!']).map_or(0, |at| at + 1);
                let before = current.get(..start).unwrap_or_default();
                for host in self.hosts() {
                    to.add(format!("{prefix}{before}{host}"), "");
                }
            }
            "module" => {
                for name in self.library.std_names() {
                    to.add(name.clone(), self.about_module(&name));
                }
            }
            "kind" => {
                for kind in manual::errors::kinds() {
                    to.add(kind.name, kind.meaning);
                }
            }
            "name" => {
                for page in manual::pages(REGISTRY, self.library.built_in.modules) {
                    to.add(page.title, page.about);
                }
                for handle in REGISTRY.types() {
                    to.add(handle.name, handle.doc);
                }
            }
            "files" | "script" => {
                self.scripts(to);
                to.files = true;
            }
            "run" => {
                to.add(LAST, "the newest");
                for past in past_runs() {
                    let about = format!("{} {} {}", when(&past), outcome(&past), command(&past));
                    to.add(past.file.id.as_str(), about);
                }
            }
            "timeout" | "last" | "code" => {}
            _ => to.files = true,
        }
    }

    fn positional(&self, declaration: &Declaration, own: &[&str], to: &mut Candidates) {
        let mut given = 0;
        let mut words = own.iter();
        while let Some(word) = words.next() {
            match named(declaration, word) {
                Some(argument) if !argument.flag => {
                    words.next();
                }
                Some(_) => {}
                None if word.starts_with('-') => {}
                None => given += 1,
            }
        }
        let places: Vec<&Argument> = declaration.positionals().collect();
        let last = places.last().filter(|argument| argument.many);
        match places.get(given).or(last) {
            Some(argument) => self.argument(argument, to),
            None => to.files = places.is_empty(),
        }
    }

    /// Values of a script's argument.
    fn argument(&self, argument: &Argument, to: &mut Candidates) {
        if !argument.choices.is_empty() {
            for choice in argument.choices.iter().filter(|choice| !choice.is_empty()) {
                to.add(choice.clone(), "");
            }
        } else if argument.name == "service" || argument.help.contains("service") {
            for job in self.jobs() {
                to.add(job, "");
            }
        } else {
            to.files = true;
        }
    }

    fn scripts(&self, to: &mut Candidates) {
        for script in SCRIPTS {
            to.add(
                format!("{}.rhai", script.name),
                crate::args::about(script.text),
            );
        }
        let own = self
            .library
            .project
            .iter()
            .map(|project| project.join("scripts"));
        for name in own.flat_map(|folder| stems(&folder, "rhai")) {
            to.add(format!("{name}.rhai"), "");
        }
    }

    fn declared(&self, script: &str) -> Option<Declaration> {
        let found = self.library.find_script(script).ok()?;
        declared(&found.text)
    }

    fn about_module(&self, name: &str) -> String {
        let text = self.library.built_in(name).map(|module| module.text);
        let first = text
            .and_then(|text| text.lines().next())
            .unwrap_or_default();
        let about = first.split_once(": ").map_or("", |(_, about)| about);
        about.to_owned()
    }

    /// A value of the configuration that the words or the environment name.
    fn configured(&self, name: &str) -> Option<String> {
        let file = self.env_file();
        let text = ::std::fs::read_to_string(file).ok()?;
        let entries = env_file::parse(&text).entries;
        let entry = entries.into_iter().rfind(|entry| entry.name == name);
        entry
            .map(|entry| entry.value)
            .filter(|value| !value.is_empty())
    }

    fn env_file(&self) -> PathBuf {
        let mut words = self.words.iter();
        while let Some(word) = words.next() {
            if let Some(value) = word.strip_prefix("--env-file") {
                match value.strip_prefix('=') {
                    Some(value) => return PathBuf::from(value),
                    None => return words.next().map(PathBuf::from).unwrap_or_default(),
                }
            }
        }
        let settings = Settings::read().unwrap_or_default();
        let configured = || settings.text(Key::EnvFile).map(str::to_owned);
        let file = env(ENV_FILE)
            .filter(|file| !file.is_empty())
            .or_else(configured);
        file.map_or_else(|| PathBuf::from("deploy.env"), PathBuf::from)
    }

    /// The names that `std/cluster` gives the hosts.
    fn hosts(&self) -> Vec<String> {
        let mut hosts = Vec::new();
        for role in ["server", "api", "client"] {
            let pool = format!("{}_POOL", role.to_uppercase());
            let addresses = self
                .configured(&format!("{pool}_PRIVATE"))
                .or_else(|| self.configured(&format!("{pool}_PUBLIC")));
            let count = addresses.map_or(0, |list| {
                list.split(',')
                    .filter(|address| !address.trim().is_empty())
                    .count()
            });
            hosts.extend((1..=count).map(|number| format!("{role}-{number}")));
        }
        hosts
    }

    /// The jobs of the deployment tree.
    fn jobs(&self) -> Vec<String> {
        let tree = self
            .configured("DEPLOY_TREE")
            .unwrap_or_else(|| ".".to_owned());
        stems(&Path::new(&tree).join("nomad"), "hcl")
    }
}

/// The runs that are kept, newest first.
fn past_runs() -> Vec<Past> {
    let all = history().ok().and_then(|history| history.all().ok());
    all.map_or_else(Vec::new, |(runs, _)| runs)
}

/// The option of `command` that `word` is, whether a value stands behind `=` or not.
fn option(command: &clap::Command, word: &str) -> Option<clap::Arg> {
    let name = word.split('=').next().unwrap_or_default();
    let mut arguments = command.get_arguments();
    let found = arguments.find(|arg| match name.strip_prefix("--") {
        Some(long) => arg.get_long() == Some(long),
        None => {
            let mut flags = name.strip_prefix('-').unwrap_or_default().chars();
            arg.get_short().is_some() && flags.next_back() == arg.get_short()
        }
    });
    found.cloned()
}

/// The argument of a script that `word` names.
fn named<'d>(declaration: &'d Declaration, word: &str) -> Option<&'d Argument> {
    declaration
        .options()
        .find(|argument| argument.option() == word)
}

/// The names in a directory that end so, without the ending, sorted.
fn stems(folder: &Path, ending: &str) -> Vec<String> {
    let entries = ::std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|found| found == ending))
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    names
}
