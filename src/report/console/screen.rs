//! The two ends of the console, and the only writer to them.

use std::io::{self, ErrorKind, Write};
use std::time::Instant;

use super::{Console, Text};
use crate::report::bars::Bars;
use crate::report::event::{Event, Record};
use crate::report::options::ConsoleOptions;

/// So much text waits for the end of a pause; what comes then is written in spite of it.
const MAX_HELD: usize = 1024 * 1024;

type End = Option<Box<dyn Write + Send>>;

/// Writes what the console says.
pub struct Screen {
    console: Console,
    bars: Option<Bars>,
    /// `None` once the reader went away.
    results: End,
    talk: End,
    /// Somebody else uses the terminal.
    pauses: usize,
    held: Vec<Text>,
    held_bytes: usize,
    /// Why results cannot be written, until it is told.
    trouble: Option<String>,
}

impl Screen {
    pub fn new(
        options: ConsoleOptions,
        results: Box<dyn Write + Send>,
        talk: Box<dyn Write + Send>,
    ) -> Self {
        Screen {
            console: Console::new(options),
            bars: None,
            results: Some(results),
            talk: Some(talk),
            pauses: 0,
            held: Vec::new(),
            held_bytes: 0,
            trouble: None,
        }
    }

    pub(in crate::report) fn take_trouble(&mut self) -> Option<String> {
        self.trouble.take()
    }

    /// Writes a line that no event stands for.
    pub(in crate::report) fn say(&mut self, line: &str) {
        put(&mut self.talk, line);
    }

    pub(in crate::report) fn set_bars(&mut self, bars: Option<Bars>) {
        self.bars = bars;
    }

    pub(in crate::report) fn has_bars(&self) -> bool {
        self.bars.is_some()
    }

    pub(in crate::report) fn show(&mut self, record: &Record) {
        let text = self.console.show(record);
        if let Some(bars) = &mut self.bars {
            bars.show(record);
        }
        if self.pauses == 0 {
            self.write(&[text]);
            return;
        }
        self.held_bytes += text.talk.len() + text.results.len();
        self.held.push(text);
        // Who pressed Ctrl-C at a prompt must see that it was heard.
        let urgent = matches!(
            &record.event,
            Event::Waiting {
                signal: Some(_),
                ..
            }
        );
        if urgent || self.held_bytes > MAX_HELD {
            self.write_held();
        }
    }

    pub(in crate::report) fn tick(&mut self, wait: Option<&str>, now: Instant) {
        if self.pauses == 0
            && let Some(bars) = &mut self.bars
        {
            bars.tick(wait, now);
        }
    }

    pub(in crate::report) fn pause(&mut self) {
        self.pauses += 1;
        if let Some(bars) = &self.bars {
            bars.hide();
        }
    }

    pub(in crate::report) fn resume(&mut self) {
        self.pauses = self.pauses.saturating_sub(1);
        if self.pauses == 0 {
            self.write_held();
            if let Some(bars) = &self.bars {
                bars.unhide();
            }
        }
    }

    /// Writes what is held back and takes the bars off: the program is about to end.
    pub(in crate::report) fn close(&mut self) {
        self.write_held();
        if let Some(bars) = &mut self.bars {
            bars.clear();
        }
    }

    fn write_held(&mut self) {
        let held = std::mem::take(&mut self.held);
        self.held_bytes = 0;
        self.write(&held);
    }

    fn write(&mut self, texts: &[Text]) {
        if texts
            .iter()
            .all(|text| text.talk.is_empty() && text.results.is_empty())
        {
            return;
        }
        let (results, talk, trouble) = (&mut self.results, &mut self.talk, &mut self.trouble);
        let mut write = || {
            for text in texts {
                if let Some(error) = put(results, &text.results) {
                    *trouble = Some(format!("results cannot be written: {error}"));
                }
                put(talk, &text.talk);
            }
        };
        match &self.bars {
            Some(bars) => bars.suspend(write),
            None => write(),
        }
    }
}

/// Writes text. An end that cannot be written is given up: quietly where its reader went away; else
/// the trouble is returned.
fn put(end: &mut End, text: &str) -> Option<io::Error> {
    let writer = end.as_mut()?;
    if text.is_empty() {
        return None;
    }
    let written = writer
        .write_all(text.as_bytes())
        .and_then(|()| writer.flush());
    let error = written.err()?;
    *end = None;
    (error.kind() != ErrorKind::BrokenPipe).then_some(error)
}
