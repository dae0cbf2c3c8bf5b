//! The line editor: several lines while something is open, completion, history.

use ::std::borrow::Cow;
use ::std::path::PathBuf;

use rustyline::completion::{Completer, Pair};
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{CompletionType, Config, Context, Helper};

use super::complete::Names;
use super::{Desk, history};
use crate::cli::args::ReplArgs;
use crate::diag::Failure;
use crate::engine::interactive::is_incomplete;
use crate::run::Run;

/// What was typed.
pub enum Line {
    Text(String),
    /// Ctrl-C on a line.
    GivenUp,
    /// Ctrl-D.
    End,
}

pub struct Editor {
    inner: rustyline::Editor<Help, FileHistory>,
    history: Option<PathBuf>,
    prompt: &'static str,
}

impl Editor {
    pub fn new(args: &ReplArgs, run: &Run) -> Result<Editor, Failure> {
        let config = Config::builder()
            .auto_add_history(false)
            .completion_type(CompletionType::List)
            .max_history_size(10_000)
            .map_err(failed)?
            .build();
        let mut inner = rustyline::Editor::with_config(config).map_err(failed)?;
        inner.set_helper(Some(Help::default()));
        let history = match args.no_history {
            true => None,
            false => Some(history::file()?),
        };
        if let Some(file) = history.as_ref().filter(|file| file.exists())
            && let Err(error) = inner.load_history(file)
        {
            let message = format!("the history `{}` cannot be read: {error}", file.display());
            run.reporter().log(crate::report::Level::Warn, message);
        }
        Ok(Editor {
            inner,
            history,
            prompt: if args.plan { "plan> " } else { "> " },
        })
    }

    /// Waits for a line, or several that belong together.
    pub fn read(&mut self, desk: &Desk) -> Result<Line, Failure> {
        if let Some(help) = self.inner.helper_mut() {
            help.names.update(desk);
        }
        match self.inner.readline(self.prompt) {
            Ok(text) if text.trim().is_empty() => Ok(Line::GivenUp),
            Ok(text) => Ok(Line::Text(text)),
            Err(ReadlineError::Interrupted) => Ok(Line::GivenUp),
            Err(ReadlineError::Eof) => Ok(Line::End),
            Err(error) => Err(failed(error)),
        }
    }

    /// Keeps a line, unless a secret may be in it.
    pub fn remember(&mut self, text: &str, run: &Run) {
        if !history::may_keep(text, run.reporter()) {
            return;
        }
        let kept = self
            .inner
            .add_history_entry(text)
            .and_then(|_| match self.history.as_ref() {
                Some(file) => self.inner.append_history(file),
                None => Ok(()),
            });
        if let Err(error) = kept {
            // Told once: the next lines would fail alike.
            self.history = None;
            let message = format!("the history cannot be written: {error}");
            run.reporter().log(crate::report::Level::Warn, message);
        }
    }
}

fn failed(error: ReadlineError) -> Failure {
    Failure::usage("repl.failed", "the terminal cannot be read").cause(error.to_string())
}

/// What the editor asks while somebody types.
#[derive(Default)]
struct Help {
    names: Names,
}

impl Helper for Help {}

impl Hinter for Help {
    type Hint = String;
}

impl Highlighter for Help {
    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        Cow::Borrowed(hint)
    }
}

impl Validator for Help {
    fn validate(&self, context: &mut ValidationContext) -> rustyline::Result<ValidationResult> {
        let text = context.input();
        let command = text.trim_start().starts_with(':');
        // An empty line gives in to what seems open and is not.
        let enough = command || text.ends_with('\n') || !is_incomplete(text);
        Ok(match enough {
            true => ValidationResult::Valid(None),
            false => ValidationResult::Incomplete,
        })
    }
}

impl Completer for Help {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        pos: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let (start, words) = self.names.complete(line.get(..pos).unwrap_or_default());
        let pairs = words.into_iter().map(|word| Pair {
            display: word.clone(),
            replacement: word,
        });
        Ok((start, pairs.collect()))
    }
}
