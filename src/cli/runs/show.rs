//! A run again: its console, made of the events that were stored, or its log.

use ::std::fs::File;
use ::std::io::{self, ErrorKind, Write};

use super::super::args::RunsShowArgs;
use super::{not_found, note, unshown};
use crate::diag::{Class, Failure};
use crate::report::console::Console;
use crate::report::text::count;
use crate::report::{Appearance, ConsoleOptions, Event, Level, Reporter, Verbosity};
use crate::run::journal::{EVENTS, LOG};
use crate::run::past::{Events, History, Life, Past, Stored};

pub fn show(
    args: &RunsShowArgs,
    history: &History,
    here: ConsoleOptions,
    talk: &Reporter,
) -> Result<(), Failure> {
    let id = history.find(&args.run).map_err(not_found)?;
    let directory = history.directory(&id);
    if args.log || args.json {
        let name = if args.log { LOG } else { EVENTS };
        let path = directory.join(name);
        let copied = File::open(&path).and_then(|mut file| io::copy(&mut file, &mut io::stdout()));
        return match copied {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let message = format!("run {id} has no `{name}`");
                Err(Failure::new("run.journal", message).help(format!(
                    "`{}` has what is kept of it; `e2bscript runs show {id}` shows its console",
                    directory.display()
                )))
            }
            Err(error) => Err(Failure::from_error("run.journal", &error)),
            Ok(_) => Ok(()),
        };
    }
    let events = Events::open(&directory).map_err(|error| super::unreadable(&error))?;
    let mut replay = Replay::new(args, here);
    for stored in events {
        if !replay.take(stored.map_err(unshown)?, talk)? {
            return Ok(());
        }
    }
    replay.end(talk, Past::read(&directory).ok());
    Ok(())
}

struct Replay<'a> {
    args: &'a RunsShowArgs,
    here: ConsoleOptions,
    /// Made at the first event, which says how the console looked.
    console: Option<Console>,
    /// Events that this version cannot show.
    unknown: u64,
    damaged: Vec<u64>,
    finished: bool,
}

impl<'a> Replay<'a> {
    fn new(args: &'a RunsShowArgs, here: ConsoleOptions) -> Replay<'a> {
        Replay {
            args,
            here,
            console: None,
            unknown: 0,
            damaged: Vec::new(),
            finished: false,
        }
    }

    /// Shows what is stored; false when nobody reads any more.
    fn take(&mut self, stored: Stored, talk: &Reporter) -> Result<bool, Failure> {
        let record = match stored {
            Stored::Record(record) => record,
            Stored::Unknown(_) => {
                self.unknown += 1;
                return Ok(true);
            }
            Stored::Damaged(line) => {
                self.damaged.push(line);
                return Ok(true);
            }
            // The end tells of it.
            Stored::CutOff => return Ok(true),
        };
        self.finished |= matches!(record.event, Event::RunFinished { .. });
        let console = match &mut self.console {
            Some(console) => console,
            None => {
                let was = match &record.event {
                    Event::RunStarted { console, .. } => *console,
                    _ => None,
                };
                if was.is_none() {
                    note(
                        talk,
                        "the run had no console (`--json`), or its version did not store how it looked: this is how it would look here",
                    );
                }
                let look = look(self.args, self.here.clone(), was);
                self.console.insert(Console::new(look))
            }
        };
        let text = console.show(&record);
        let written =
            write(io::stdout(), &text.results).and_then(|()| write(io::stderr(), &text.talk));
        match written {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
            Err(error) => Err(Failure::from_error("cli.output", &error).class(Class::Failed)),
        }
    }

    /// Says what of the run could not be shown.
    fn end(&self, talk: &Reporter, past: Option<Past>) {
        if let [first, rest @ ..] = self.damaged.as_slice() {
            let more = match rest.len() {
                0 => String::new(),
                number => format!(" and {}", count(number as u64, "further line")),
            };
            talk.log(
                Level::Warn,
                format!("line {first}{more} of the stored events cannot be read: what it told is missing above"),
            );
        }
        if self.unknown > 0 {
            let events = count(self.unknown, "event");
            note(
                talk,
                format!("{events} of a kind that this version does not know: left out"),
            );
        }
        match past.map(|past| past.life) {
            Some(Life::Running) => note(talk, "the run goes on: this is what it said so far"),
            Some(Life::Killed) => note(
                talk,
                "the run has no end: its process was killed, or its machine stopped",
            ),
            _ if !self.finished => talk.log(
                Level::Warn,
                "the end of the stored events is missing: the file was cut, or there was no room for it",
            ),
            _ => {}
        }
    }
}

/// How the run is shown: as it was, where this console is of the same kind, and as was asked for.
fn look(args: &RunsShowArgs, here: ConsoleOptions, was: Option<Appearance>) -> ConsoleOptions {
    let mut look = match was {
        Some(was) => here.clone().like(was),
        None => here.clone(),
    };
    if args.color.is_some() || args.no_color {
        (look.color, look.color_results) = match args.no_color {
            true => (false, false),
            false => (here.color, here.color_results),
        };
    }
    if args.quiet || args.verbose > 0 {
        look.verbosity = Verbosity::from_flags(args.quiet, args.verbose);
    }
    look
}

fn write(mut end: impl Write, text: &str) -> io::Result<()> {
    if text.is_empty() {
        return Ok(());
    }
    end.write_all(text.as_bytes())?;
    end.flush()
}
