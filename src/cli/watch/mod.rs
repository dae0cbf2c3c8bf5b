//! `e2bscript watch SCRIPT`: on every save what is wrong with the script, or what it would change.
//!
//! The process stays, and with it the connections and what is known of tests that passed; all else is made
//! anew for each round, so that nothing of a round can be wrong in the next.

mod apply;
mod matching;
mod round;
mod saves;

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use tokio::runtime::Runtime;

use super::args::RunArgs;
use super::run::{console, refuse, runtime};
use crate::bindings::host;
use crate::diag::{Class, Failure};
use crate::engine::Clients;
use crate::report::{ConsoleOptions, Level, Reporter, Shown};
use crate::run::Inputs;
use crate::workstation::Terminal;

use matching::Passed;
use round::Round;
use saves::{Saves, Stops};

/// A watch in progress.
struct Watch<'a> {
    bench: Bench<'a>,
    saves: Saves,
    stops: Stops,
    /// What the last plan that came to its end showed.
    before: Option<Arc<Vec<Shown>>>,
    passed: Passed,
}

/// What the rounds of a watch share.
struct Bench<'a> {
    args: &'a RunArgs,
    script: &'a str,
    script_args: &'a [String],
    console: ConsoleOptions,
    /// What the watch itself says.
    talk: Reporter,
    runtime: Runtime,
    lasting: Clients,
}

/// Why something came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Interrupted {
    /// A file was saved.
    Saved,
    /// By a signal.
    Stopped,
}

/// Watches until it is stopped; the exit code.
pub fn watch(args: &RunArgs, script: &str, script_args: &[String]) -> u8 {
    let console = console(args);
    let talk = Reporter::builder("watch");
    let talk = match args.json {
        true => talk.json().build(),
        // Bars belong to the runs: two that draw on one terminal draw over each other.
        false => talk
            .console(ConsoleOptions {
                progress: false,
                ..console.clone()
            })
            .build(),
    };
    match begin(args, script, script_args, console, talk.clone()) {
        Ok(watch) => watch.keep_on(),
        Err(failure) => refuse(&talk, &failure),
    }
}

fn begin<'a>(
    args: &'a RunArgs,
    script: &'a str,
    script_args: &'a [String],
    console: ConsoleOptions,
    talk: Reporter,
) -> Result<Watch<'a>, Failure> {
    if args.apply && !args.yes && Terminal::open().is_err() {
        return Err(Failure::usage(
            "watch.terminal",
            "there is no terminal to ask on before changes are made",
        )
        .help("leave `--apply` out, or answer beforehand with `--yes`"));
    }
    let runtime = runtime()?;
    let stops = {
        let _inside = runtime.enter();
        Stops::new()
            .map_err(|error| Failure::from_error("internal", &error).class(Class::Internal))?
    };
    let saves = Saves::new().unwrap_or_else(|error| {
        let message =
            format!("saves are noticed a moment late, the system does not tell of them: {error}");
        talk.log(Level::Warn, message);
        Saves::without_events()
    });
    Ok(Watch {
        bench: Bench {
            args,
            script,
            script_args,
            console,
            talk,
            runtime,
            lasting: Clients::default(),
        },
        saves,
        stops,
        before: None,
        passed: Passed::default(),
    })
}

impl Watch<'_> {
    fn keep_on(mut self) -> u8 {
        let mut saved = Instant::now();
        let code = loop {
            let followed = self.round(saved).and_then(|round| {
                let inputs = round.inputs.clone();
                self.saves.look_at(&inputs.places());
                Ok((self.follow_up(round)?, inputs))
            });
            let (interrupted, inputs) = match followed {
                Ok(followed) => followed,
                Err(code) => break code,
            };
            let interrupted = interrupted.unwrap_or_else(|| self.wait(&inputs));
            if interrupted == Interrupted::Stopped {
                break 0;
            }
            saved = self.settle(&inputs);
        };
        let Bench {
            lasting,
            runtime,
            talk,
            ..
        } = self.bench;
        host::close(&lasting, runtime.handle());
        talk.close();
        runtime.shutdown_background();
        code
    }

    /// What a round leads to: nothing more, or a question and a run. The error is the exit code.
    fn follow_up(&mut self, round: Round) -> Result<Option<Interrupted>, u8> {
        if round.unreachable {
            // What is known of keys and hosts may be mended before the next round.
            host::close(&self.bench.lasting, self.bench.runtime.handle());
        }
        let changes = match (round.interrupted, round.changes) {
            (None, Some(changes)) => changes,
            (interrupted, _) => return Ok(interrupted),
        };
        let count = changes.len();
        self.before = Some(Arc::new(changes));
        match self.bench.args.apply {
            true => self.apply(count, round.production.as_deref(), &round.inputs),
            false => Ok(None),
        }
    }

    /// Waits for a save or a stop.
    fn wait(&mut self, inputs: &Inputs) -> Interrupted {
        let count = inputs.files().len();
        self.bench
            .say(format!("watching {count} files; Ctrl-C ends this"));
        let (saves, stops) = (&mut self.saves, &mut self.stops);
        self.bench.runtime.block_on(async {
            tokio::select! {
                () = saves.moved(inputs, saves::LOOK) => Interrupted::Saved,
                () = stops.next() => Interrupted::Stopped,
            }
        })
    }

    /// Waits until who saves has done so, and says what was saved. Returns when that was noticed.
    fn settle(&mut self, inputs: &Inputs) -> Instant {
        let noticed = Instant::now();
        self.bench.runtime.block_on(self.saves.quiet(inputs));
        let moved = inputs.moved();
        self.bench.say(match moved.as_slice() {
            [] => "all is as it was again".to_owned(),
            [one] => format!("{} has changed", shown(one)),
            [one, rest @ ..] => format!("{} and {} more have changed", shown(one), rest.len()),
        });
        noticed
    }
}

impl Bench<'_> {
    fn say(&self, message: String) {
        self.talk.log(Level::Info, message);
        self.talk.flush();
    }
}

fn shown(path: &Path) -> String {
    let here = std::env::current_dir().ok();
    let short = here.as_ref().and_then(|here| path.strip_prefix(here).ok());
    format!("`{}`", short.unwrap_or(path).display())
}
