//! `--apply`: what a plan showed is done, after a question.

use super::super::run::{perform, prepare, refuse};
use super::{Interrupted, Watch, saves};
use crate::diag::Failure;
use crate::report::{Level, Mode};
use crate::run::Inputs;
use crate::workstation::{Terminal, TerminalError};

impl Watch<'_> {
    /// Asks, and runs the script if the answer is yes. A save takes the question back. The error is the
    /// exit code of the watch.
    pub fn apply(
        &mut self,
        count: usize,
        production: Option<&str>,
        inputs: &Inputs,
    ) -> Result<Option<Interrupted>, u8> {
        let args = self.bench.args;
        if let Some(what) = production.filter(|_| !args.yes) {
            let failure = Failure::usage(
                "watch.production",
                format!(
                    "{what} marks the configuration as production, where a save must not change anything"
                ),
            );
            let failure = failure.help(
                "watch without `--apply`; or say `--yes`, and every plan is carried out as it comes",
            );
            return Err(refuse(&self.bench.talk, &failure));
        }
        if count == 0 {
            return Ok(None);
        }
        if !args.yes {
            match self.ask(count, inputs) {
                Ok(Answer::Yes) => {}
                Ok(Answer::No) => return Ok(None),
                Ok(Answer::TakenBack(interrupted)) => return Ok(Some(interrupted)),
                Err(error) => {
                    let failure = Failure::from_error("watch.terminal", &error);
                    return Err(refuse(&self.bench.talk, &failure));
                }
            }
        }
        // Between the question and the answer nothing was read again: a plan of old files is no plan.
        if !inputs.moved().is_empty() {
            return Ok(Some(Interrupted::Saved));
        }
        let started = self.start(Mode::Apply)?;
        let (result, interrupted) = self.follow(&started, false, |bench, session| {
            let (host, found) = prepare(bench.args, session)?;
            perform(bench.args, &host, &found)
        });
        let code = started.finish(&result);
        self.bench.talk.mask_as(started.run.reporter());
        // Whatever came of it, what the plan showed is no longer what there is to do.
        self.before = None;
        match interrupted {
            Some(Interrupted::Stopped) => Err(code),
            _ => Ok(None),
        }
    }

    fn ask(&mut self, count: usize, inputs: &Inputs) -> Result<Answer, TerminalError> {
        let question = match count {
            1 => "make this change? [y/N] ".to_owned(),
            more => format!("make these {more} changes? [y/N] "),
        };
        let terminal = Terminal::open()?;
        let (saves, stops) = (&mut self.saves, &mut self.stops);
        let answer = self.bench.runtime.block_on(async {
            tokio::select! {
                answer = terminal.ask(&question, true) => answer.map(|answer| {
                    match answer.trim().to_lowercase().as_str() {
                        "y" | "yes" => Answer::Yes,
                        _ => Answer::No,
                    }
                }),
                () = saves.moved(inputs, saves::LOOK) => Ok(Answer::TakenBack(Interrupted::Saved)),
                () = stops.next() => Ok(Answer::TakenBack(Interrupted::Stopped)),
            }
        })?;
        if matches!(answer, Answer::TakenBack(_)) {
            terminal.say("\n")?;
        }
        if matches!(answer, Answer::No) {
            self.bench.talk.log(Level::Info, "nothing was changed");
        }
        Ok(answer)
    }
}

enum Answer {
    Yes,
    No,
    TakenBack(Interrupted),
}
