//! The command line of `e2bscript` itself, told apart from that of the script.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{
    ArgAction, ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum,
};

use super::help;
use super::settings::Kept;
use crate::engine::library::Found;
use crate::report::ColorChoice;

/// Deploy and operate a self-hosted E2B sandbox platform with editable scripts.
#[derive(Debug, Parser)]
#[command(
    name = "e2bscript",
    version,
    override_usage = "e2bscript [OPTIONS] SCRIPT [SCRIPT ARGUMENTS]\n       e2bscript [OPTIONS] -e CODE [SCRIPT ARGUMENTS]\n       e2bscript COMMAND",
    after_help = "Options may stand before or behind the script's name; what is none of the above is the script's.\n\
                  `e2bscript SCRIPT --help` shows the script's own arguments.\n\n\
                  Exit codes: 0 ok, 1 script failed, 2 usage or configuration, 3 check failed, 4 some hosts failed,\n\
                  5 unreachable, 6 lock held, 7 problems found, 10 changes pending, 70 internal error, 124 deadline,\n\
                  130 and 143 signals."
)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Option<Command>,

    #[command(flatten)]
    pub options: RunArgs,

    /// Script to run: a file, the name of one in `scripts/` or built in, or - for standard input.
    #[arg(value_name = "SCRIPT")]
    pub script: Option<String>,

    /// Run this code instead of a script from a file.
    #[arg(short = 'e', value_name = "CODE", allow_hyphen_values = true)]
    pub code: Option<String>,

    /// What belongs to the script; filled by [`split`], never by clap.
    #[arg(skip)]
    pub script_args: Vec<String>,
}

/// Options of a run.
#[derive(Args, Clone, Debug, Default)]
pub struct RunArgs {
    /// Show what would change as diffs; write nothing.
    #[arg(short = 'n', long, visible_alias = "dry-run")]
    pub plan: bool,

    /// With --plan: exit 10 when changes are pending.
    #[arg(long, requires = "plan")]
    pub detailed_exitcode: bool,

    /// Work on these hosts only: names or patterns, `!` excludes, separated by commas.
    #[arg(short, long, value_name = "HOSTS", env = "E2BSCRIPT_LIMIT")]
    pub limit: Vec<String>,

    /// Answer questions with yes.
    #[arg(short, long, env = "E2BSCRIPT_YES", value_parser = clap::builder::FalseyValueParser::new(), action = ArgAction::SetTrue)]
    pub yes: bool,

    /// Take standard modules from here first.
    #[arg(long = "std", value_name = "DIR")]
    pub std_dirs: Vec<PathBuf>,

    /// Give up after this long, for example `10m`.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub timeout: Option<Duration>,

    /// Print events as JSON lines on stdout.
    #[arg(long)]
    pub json: bool,

    /// Say more: items found as wanted and the output of commands; twice for debugging.
    #[arg(short, long, action = ArgAction::Count)]
    pub verbose: u8,

    /// Say less: failures and results only.
    #[arg(short, long, conflicts_with = "verbose")]
    pub quiet: bool,

    /// When to use colour.
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = Color::Auto)]
    pub color: Color,

    /// The same as --color=never.
    #[arg(long)]
    pub no_color: bool,

    /// Show connections, round trips and bytes at the end.
    #[arg(long)]
    pub stats: bool,

    /// Show the lines of the standard modules in error reports too.
    #[arg(long)]
    pub trace: bool,

    /// Stay, and check and plan again whenever a file that the script reads is saved.
    #[arg(short, long, conflicts_with = "timeout")]
    pub watch: bool,

    /// With --watch: make the changes that a plan shows, after asking.
    #[arg(long)]
    pub apply: bool,

    /// With --plan: save the plan for `e2bscript apply`.
    #[arg(long, value_name = "FILE", requires = "plan", conflicts_with = "watch")]
    pub out: Option<PathBuf>,

    /// Record unknown host keys instead of refusing them; changed keys are refused always.
    #[arg(long, env = "E2BSCRIPT_ACCEPT_NEW_HOST_KEYS", value_parser = clap::builder::FalseyValueParser::new(), action = ArgAction::SetTrue)]
    pub accept_new_host_keys: bool,

    /// SSH client configuration instead of `~/.ssh/config`; `none` for none.
    #[arg(short = 'F', long, value_name = "FILE", env = "E2BSCRIPT_SSH_CONFIG")]
    pub ssh_config: Option<PathBuf>,

    /// Run without checking the script first.
    #[arg(long)]
    pub no_check: bool,

    /// Keep no record of the run.
    #[arg(long)]
    pub no_journal: bool,

    /// The script itself, where it is no file.
    #[arg(skip)]
    pub given: Option<Found>,

    #[arg(skip)]
    pub kept: Kept,
}

/// `--color`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    #[default]
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a project: a configuration to fill in, a deployment with hooks, tests of them.
    Init(InitArgs),
    /// See the settings in force: of `e2bscript.toml`, the environment and the command line.
    Config(ConfigArgs),
    /// Check and plan a script again whenever a file that it reads is saved.
    Watch(WatchArgs),
    /// Run a script as a saved plan shows it.
    Apply(ApplyArgs),
    /// Find mistakes in scripts without running them.
    Check(CheckArgs),
    /// Run the tests of scripts: files `*.test.rhai`.
    Test(TestArgs),
    /// Lay scripts out: indentation, blanks, empty lines; comments and line breaks stay.
    Fmt(FmtArgs),
    /// See, take over and compare standard modules.
    Std(StdArgs),
    /// Read the reference manual: modules, functions, options, kinds of failure.
    Docs(DocsArgs),
    /// Say what a kind of failure means, what usually causes it, and what to do.
    Explain(ExplainArgs),
    /// Try out the script language on a cluster, line by line.
    Repl(ReplArgs),
    /// List the runs that are kept, or show one again.
    Runs(RunsArgs),
    /// Write the script API as `.d.rhai` files, for editors.
    Definitions(DirectoryArgs),
    /// Write pages for `man`.
    Man(DirectoryArgs),
    /// Print a completion script for a shell.
    Completions { shell: Shell },
    /// Candidates for the shells' completion scripts.
    #[command(name = "__complete", hide = true)]
    Complete(CompleteArgs),
}

/// Shells that words can be completed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    Bash,
    Zsh,
    Fish,
}

#[derive(Args, Debug)]
pub struct CompleteArgs {
    /// The words so far, the program's name first, the word to complete last.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub words: Vec<String>,
}

#[derive(Args, Debug)]
pub struct InitArgs {
    /// Where; it is made if it is not there.
    #[arg(default_value = ".")]
    pub directory: PathBuf,
}

#[derive(Args, Debug)]
pub struct ConfigArgs {
    #[command(subcommand)]
    pub command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print every setting with the value that holds.
    Show(Box<ConfigShowArgs>),
}

#[derive(Args, Debug)]
pub struct ConfigShowArgs {
    /// Say where each value came from.
    #[arg(long)]
    pub origin: bool,
    #[command(flatten)]
    pub options: RunArgs,
}

#[derive(Args, Debug)]
pub struct ExplainArgs {
    /// The kind, such as `ssh.auth`, or its area, such as `ssh`; all kinds are listed when it is left out.
    pub kind: Option<String>,
}

#[derive(Args, Debug)]
pub struct DirectoryArgs {
    /// Where to; it is made if it is not there.
    pub directory: PathBuf,
}

#[derive(Args, Debug)]
pub struct ReplArgs {
    /// The cluster that `c` stands for.
    #[arg(
        long,
        value_name = "FILE",
        env = "E2BSCRIPT_ENV_FILE",
        default_value = "deploy.env"
    )]
    pub env_file: PathBuf,
    /// Write nothing: changes are shown as diffs.
    #[arg(short = 'n', long, visible_alias = "dry-run")]
    pub plan: bool,
    /// Work on these hosts only: names or patterns, `!` excludes, separated by commas.
    #[arg(short, long, value_name = "HOSTS", env = "E2BSCRIPT_LIMIT")]
    pub limit: Vec<String>,
    /// Take standard modules from here first.
    #[arg(long = "std", value_name = "DIR")]
    pub std_dirs: Vec<PathBuf>,
    /// Say more: items found as wanted and the output of commands; twice for debugging.
    #[arg(short, long, action = ArgAction::Count)]
    pub verbose: u8,
    /// When to use colour.
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = Color::Auto)]
    pub color: Color,
    /// Record unknown host keys instead of refusing them; changed keys are refused always.
    #[arg(long, env = "E2BSCRIPT_ACCEPT_NEW_HOST_KEYS", value_parser = clap::builder::FalseyValueParser::new(), action = ArgAction::SetTrue)]
    pub accept_new_host_keys: bool,
    /// SSH client configuration instead of `~/.ssh/config`; `none` for none.
    #[arg(short = 'F', long, value_name = "FILE", env = "E2BSCRIPT_SSH_CONFIG")]
    pub ssh_config: Option<PathBuf>,
    /// Keep no history of what is typed, and no record of the run.
    #[arg(long)]
    pub no_history: bool,
    #[arg(skip)]
    pub kept: Kept,
}

#[derive(Args, Debug)]
#[command(override_usage = "e2bscript watch [OPTIONS] SCRIPT [SCRIPT ARGUMENTS]")]
pub struct WatchArgs {
    #[command(flatten)]
    pub options: RunArgs,
    /// Script to watch: a file, or the name of one in `scripts/` or built in.
    #[arg(value_name = "SCRIPT")]
    pub script: String,
}

#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub struct RunsArgs {
    #[command(subcommand)]
    pub command: Option<RunsCommand>,
    /// List so many, the newest.
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub last: usize,
    /// List the runs of this script only.
    #[arg(long, value_name = "SCRIPT")]
    pub script: Option<String>,
    /// Print one line of JSON for each run.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
pub enum RunsCommand {
    /// Show a run again, as its console showed it.
    Show(RunsShowArgs),
}

#[derive(Args, Debug)]
pub struct RunsShowArgs {
    /// The run's id, the beginning of it or its last four characters; `last` for the newest.
    #[arg(value_name = "RUN")]
    pub run: String,
    /// Print the run's log: all there is, with the time on every line.
    #[arg(long, conflicts_with_all = ["json", "verbose", "quiet"])]
    pub log: bool,
    /// Print the stored events as JSON lines.
    #[arg(long, conflicts_with_all = ["verbose", "quiet"])]
    pub json: bool,
    /// Say more than the run did: items found as wanted and the output of commands; twice for debugging.
    #[arg(short, long, action = ArgAction::Count)]
    pub verbose: u8,
    /// Say less: failures and results only.
    #[arg(short, long, conflicts_with = "verbose")]
    pub quiet: bool,
    /// When to use colour; as the run did where this is left out and the console is of the same kind.
    #[arg(long, value_enum, value_name = "WHEN")]
    pub color: Option<Color>,
    /// The same as --color=never.
    #[arg(long)]
    pub no_color: bool,
}

#[derive(Args, Debug)]
pub struct ApplyArgs {
    /// What `--plan --out FILE` wrote.
    pub file: PathBuf,
    /// Print events as JSON lines on stdout.
    #[arg(long)]
    pub json: bool,
    /// Say more: items found as wanted and the output of commands; twice for debugging.
    #[arg(short, long, action = ArgAction::Count)]
    pub verbose: u8,
    /// Say less: failures and results only.
    #[arg(short, long, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Answer questions with yes.
    #[arg(short, long, env = "E2BSCRIPT_YES", value_parser = clap::builder::FalseyValueParser::new(), action = ArgAction::SetTrue)]
    pub yes: bool,
    /// When to use colour.
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = Color::Auto)]
    pub color: Color,
    /// Show connections, round trips and bytes at the end.
    #[arg(long)]
    pub stats: bool,
    /// Keep no record of the run.
    #[arg(long)]
    pub no_journal: bool,
    #[arg(skip)]
    pub kept: Kept,
}

#[derive(Args, Debug)]
pub struct CheckArgs {
    /// Scripts to check; all standard modules and built-in scripts when there are none.
    pub files: Vec<String>,
    /// Take standard modules from here first.
    #[arg(long = "std", value_name = "DIR")]
    pub std_dirs: Vec<PathBuf>,
    /// How findings are printed on stdout: as a report for people, or as one line of JSON each.
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = MessageFormat::Human)]
    pub message_format: MessageFormat,
    /// The same as --message-format=json.
    #[arg(long)]
    pub json: bool,
    /// When to use colour.
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = Color::Auto)]
    pub color: Color,
}

/// `--message-format`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum MessageFormat {
    #[default]
    Human,
    Json,
}

#[derive(Args, Debug)]
pub struct FmtArgs {
    /// Scripts, directories with scripts, or - for standard input; all scripts of the project when there are none.
    pub files: Vec<String>,
    /// Write nothing: name what is not laid out, and exit with 3 if anything is.
    #[arg(long)]
    pub check: bool,
    /// Write nothing: show what would change.
    #[arg(long)]
    pub diff: bool,
}

#[derive(Args, Debug)]
pub struct TestArgs {
    /// Files of tests, or directories; those of the project's `scripts/`, `stdlib/` and `tests/` when there are none.
    pub files: Vec<PathBuf>,
    /// Run only tests whose file or name has this in it.
    #[arg(long, value_name = "TEXT")]
    pub filter: Option<String>,
    /// How many tests run at once; as many as there are processors when not given.
    #[arg(short, long, value_name = "N")]
    pub jobs: Option<usize>,
    /// How long each test may take [default: 1m].
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub timeout: Option<Duration>,
    /// List the tests, run none.
    #[arg(long)]
    pub list: bool,
    /// Write golden texts that differ anew.
    #[arg(long)]
    pub update: bool,
    /// Ask the hosts and services of `deploy.env`, and record what they answer.
    #[arg(long)]
    pub record: bool,
    /// Print outcomes as JSON lines on stdout.
    #[arg(long)]
    pub json: bool,
    /// Write outcomes as JUnit XML too.
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Take standard modules from here first.
    #[arg(long = "std", value_name = "DIR")]
    pub std_dirs: Vec<PathBuf>,
    /// When to use colour.
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = Color::Auto)]
    pub color: Color,
    #[arg(skip)]
    pub kept: Kept,
}

#[derive(Args, Debug)]
pub struct DocsArgs {
    /// What to read about: `ssh`, `Host.run`, `fs::glob`, `std/stage`; all modules are listed when it is left out.
    pub name: Option<String>,
    /// Write all pages as Markdown files into this directory; other pages in it are removed.
    #[arg(long, value_name = "DIR", conflicts_with = "name")]
    pub write: Option<PathBuf>,
    /// Say whether the pages in this directory are what this program would write.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["name", "write"])]
    pub check: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub struct StdArgs {
    #[command(subcommand)]
    pub command: StdCommand,
    /// Take standard modules from here first.
    #[arg(long = "std", value_name = "DIR", global = true)]
    pub std_dirs: Vec<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub enum StdCommand {
    /// List standard modules, and where each comes from.
    List,
    /// Print a standard module as it is in force.
    Show {
        module: String,
        /// Print the built-in module, also where a copy is in force.
        #[arg(long)]
        built_in: bool,
    },
    /// Copy a standard module into the project's `stdlib/`, to be changed there.
    ///
    /// The text it came from is kept in `stdlib/.base/`, for later comparisons and updates: commit both.
    Eject {
        module: String,
        /// Replace a copy that is there already.
        #[arg(long)]
        force: bool,
    },
    /// Show how copies differ from the built-in modules.
    Diff {
        /// The module; all copies in force when it is left out.
        module: Option<String>,
        /// Show what you changed since you took it over.
        #[arg(long)]
        mine: bool,
        /// Show what the program changed since you took it over.
        #[arg(long, conflicts_with = "mine")]
        built_in: bool,
    },
    /// Show how every copy stands to the built-in module, and what comes next.
    Status,
    /// Bring what the program changed since into your copies.
    ///
    /// A three-way merge. Where you and the program changed the same lines both versions stay, between marks, for you
    /// to decide (exit code 7), and your text as it was is kept in `stdlib/.base/`.
    Update {
        /// The module; all copies that the program has changed since when it is left out.
        module: Option<String>,
        /// The text that the copy came from, where `stdlib/.base/` does not have it.
        #[arg(long, value_name = "FILE", requires = "module")]
        base: Option<PathBuf>,
        /// Show what would change; write nothing.
        #[arg(short = 'n', long)]
        plan: bool,
    },
}

impl RunArgs {
    pub fn color_choice(&self) -> ColorChoice {
        if self.no_color {
            ColorChoice::Never
        } else {
            self.color.into()
        }
    }
}

impl From<Color> for ColorChoice {
    fn from(color: Color) -> ColorChoice {
        match color {
            Color::Auto => ColorChoice::Auto,
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
        }
    }
}

/// A command line that was understood.
#[derive(Debug)]
pub struct Line {
    /// Those words that are not the script's.
    pub words: Vec<OsString>,
    pub matches: ArgMatches,
    pub cli: Cli,
}

impl Line {
    /// Understands words as `command` defines them.
    pub fn of(
        mut command: clap::Command,
        words: Vec<OsString>,
        script_args: Vec<String>,
    ) -> Result<Line, clap::Error> {
        let matches = command.try_get_matches_from_mut(&words)?;
        let mut cli =
            Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))?;
        cli.script_args = script_args;
        Ok(Line {
            words,
            matches,
            cli,
        })
    }
}

/// The definition of the command line.
pub fn define() -> clap::Command {
    let command = Cli::command();
    let screen = help::screen(&command);
    command.override_help(screen)
}

/// Parses the command line. Options of `e2bscript` may stand anywhere before `--`; the first word
/// that is none names the script, and all that is left is the script's.
pub fn parse(argv: impl IntoIterator<Item = OsString>) -> Result<Line, clap::Error> {
    let (own, script_args) = split(argv.into_iter().collect());
    Line::of(define(), own, script_args)
}

fn split(argv: Vec<OsString>) -> (Vec<OsString>, Vec<String>) {
    let command = Cli::command();
    let mut own: Vec<OsString> = Vec::new();
    let mut rest: Vec<String> = Vec::new();
    let mut words = argv.into_iter();
    own.extend(words.next());
    let mut script_seen = false;
    while let Some(word) = words.next() {
        let text = word.to_string_lossy().into_owned();
        if text == "--" {
            rest.push(text);
            rest.extend(words.map(|word| word.to_string_lossy().into_owned()));
            break;
        }
        match kind_of(&command, &text, script_seen) {
            Kind::Own => own.push(word),
            Kind::OwnWithValue => {
                own.push(word);
                own.extend(words.next());
            }
            Kind::Code => {
                script_seen = true;
                own.push(word);
                if text == "-e" {
                    own.extend(words.next());
                }
            }
            // Its command line is that of a run.
            Kind::Command if text == "watch" => own.insert(1, word),
            Kind::Command => {
                own.push(word);
                own.extend(words);
                break;
            }
            Kind::Script => {
                script_seen = true;
                own.push(word);
            }
            Kind::Rest => rest.push(text),
        }
    }
    (own, rest)
}

/// What a word of the command line is.
pub(super) enum Kind {
    Own,
    OwnWithValue,
    /// `-e`, which stands for the script's name.
    Code,
    Command,
    Script,
    Rest,
}

pub(super) fn kind_of(command: &clap::Command, word: &str, script_seen: bool) -> Kind {
    if !word.starts_with('-') || word == "-" {
        return match script_seen {
            true => Kind::Rest,
            false if command.find_subcommand(word).is_some() || word == "help" => Kind::Command,
            false => Kind::Script,
        };
    }
    if script_seen && matches!(word, "-h" | "--help" | "-V" | "--version") {
        return Kind::Rest;
    }
    if word.starts_with("-e") {
        return if script_seen { Kind::Rest } else { Kind::Code };
    }
    let (name, has_value) = match word.split_once('=') {
        Some((name, _)) => (name, true),
        None => (word, false),
    };
    let found = command
        .get_arguments()
        .find(|arg| match name.strip_prefix("--") {
            Some(long) => {
                arg.get_long() == Some(long)
                    || arg
                        .get_visible_aliases()
                        .unwrap_or_default()
                        .contains(&long)
            }
            None => arg.get_short().is_some_and(|short| {
                name.strip_prefix('-')
                    .is_some_and(|flags| flags.starts_with(short))
            }),
        });
    match found {
        // `-nv`, `-lapi-1`: clap knows what to make of a cluster.
        Some(arg) if arg.get_action().takes_values() && !has_value && is_bare(name) => {
            Kind::OwnWithValue
        }
        Some(_) => Kind::Own,
        // What is unknown before the script's name is a mistake that clap explains.
        None if !script_seen => Kind::Own,
        None => Kind::Rest,
    }
}

/// `--name`, or `-n` alone.
fn is_bare(name: &str) -> bool {
    name.starts_with("--") || name.chars().count() == 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Cli {
        parse(line.split(' ').map(OsString::from)).unwrap().cli
    }

    #[test]
    fn options_stand_on_either_side_of_the_script() {
        let cli = parsed("e2bscript --std x deploy.rhai --plan --only api --limit server-1,api-*");
        assert!(cli.options.plan);
        assert_eq!(cli.script.as_deref(), Some("deploy.rhai"));
        assert_eq!(cli.options.limit, ["server-1,api-*"]);
        assert_eq!(cli.script_args, ["--only", "api"]);
    }

    #[test]
    fn help_behind_the_script_is_the_scripts() {
        assert_eq!(
            parsed("e2bscript deploy.rhai --help").script_args,
            ["--help"]
        );
        assert!(parse(["e2bscript", "--help"].map(OsString::from)).is_err());
    }

    #[test]
    fn everything_behind_two_dashes_is_the_scripts() {
        let cli = parsed("e2bscript x -- --plan");
        assert!(!cli.options.plan);
        assert_eq!(cli.script_args, ["--", "--plan"]);
    }

    #[test]
    fn a_watched_script_has_the_options_and_arguments_of_a_run() {
        let cli = parsed("e2bscript --limit api-1 watch -v deploy.rhai --apply --only api");
        let Some(Command::Watch(watch)) = cli.command else {
            panic!("{cli:?}");
        };
        assert_eq!(watch.script, "deploy.rhai");
        assert!(watch.options.apply && watch.options.verbose == 1);
        assert_eq!(watch.options.limit, ["api-1"]);
        assert_eq!(cli.script_args, ["--only", "api"]);
        assert!(parsed("e2bscript deploy.rhai --watch").options.watch);
    }

    #[test]
    fn code_stands_for_the_script() {
        let words = [
            "e2bscript",
            "-n",
            "-e",
            "-1",
            "check",
            "--limit",
            "api-1",
            "-e",
        ];
        let cli = parse(words.map(OsString::from)).unwrap().cli;
        assert_eq!(cli.code.as_deref(), Some("-1"));
        assert!(cli.options.plan && cli.script.is_none());
        assert_eq!(cli.options.limit, ["api-1"]);
        assert_eq!(cli.script_args, ["check", "-e"]);
        assert_eq!(
            parsed("e2bscript -eprint(1)").code.as_deref(),
            Some("print(1)")
        );
        assert_eq!(parsed("e2bscript x -e").script_args, ["-e"]);
        assert!(parse(["e2bscript", "-e"].map(OsString::from)).is_err());
    }

    #[test]
    fn commands_are_told_from_scripts() {
        assert!(matches!(
            parsed("e2bscript check a.rhai").command,
            Some(Command::Check(_))
        ));
        assert!(parsed("e2bscript checks.rhai").command.is_none());
    }

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }
}
