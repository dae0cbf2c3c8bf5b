//! The reporter behind its lock: order, counts and sinks.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::ErrorKind;
use std::time::{Duration, Instant};

use chrono::{SubsecRound as _, Utc};

use super::console::Screen;
use super::event::{Event, Level, Record, SCHEMA, StepId, Stream};
use super::mask::{Masker, StreamMask};
use super::scrub::Scrub;
use super::sink::LineSink;
use super::tally::Tally;
use super::text;
use super::wait::Waits;

/// Names the line that pieces belong to.
type Source = (String, Stream, u64, Option<StepId>);

/// So long may nothing be seen of a run before it says what it is doing.
const SILENCE: Duration = Duration::from_secs(60);

#[derive(Default)]
pub(super) struct State {
    seq: u64,
    tally: Tally,
    /// Very long lines whose end has not come yet.
    long_lines: HashMap<Source, StreamMask>,
    pub(super) screen: Option<Screen>,
    pub(super) sinks: Vec<Box<dyn LineSink>>,
    pub(super) waits: Waits,
    /// Lines may lie in buffers.
    unflushed: bool,
    last: Option<Instant>,
    /// The last event was shown.
    ended: bool,
}

impl State {
    pub(super) fn accept(&mut self, run: &str, masker: &Masker, mut event: Event) {
        if !self.join_pieces(masker, &mut event) {
            return;
        }
        split_color(&mut event, masker);
        event.scrub(masker);
        let ended = matches!(event, Event::RunFinished { .. });
        if ended {
            self.end_long_lines(run, masker);
        }
        self.show(run, event);
        self.ended |= ended;
        self.last = Some(Instant::now());
    }

    /// Takes what the program notes for itself. Nothing of it comes behind the last event, and it
    /// breaks no silence: hardly anybody sees it.
    pub(super) fn note(&mut self, run: &str, masker: &Masker, event: Event) {
        if self.ended {
            return;
        }
        let last = self.last;
        self.accept(run, masker, event);
        self.last = last;
    }

    /// Tells of results that could not be written, where that is not told yet.
    pub(super) fn tell_trouble(&mut self, run: &str, masker: &Masker) {
        if let Some(event) = self.trouble() {
            self.accept(run, masker, event);
        }
    }

    pub(super) fn tally(&self) -> &Tally {
        &self.tally
    }

    /// What is waited for: what was said so, else the innermost steps that are open.
    pub(super) fn waiting(&self) -> Vec<String> {
        let texts = self.waits.texts();
        match texts.is_empty() {
            true => self.tally.open_steps(),
            false => texts,
        }
    }

    pub(super) fn tick(&mut self, run: &str, masker: &Masker, now: Instant) {
        let mut bars = false;
        if let Some(screen) = &mut self.screen {
            screen.tick(self.waits.newest(), now);
            bars = screen.has_bars();
        }
        if self.unflushed {
            self.flush();
        }
        let silent = self
            .last
            .is_some_and(|last| now.saturating_duration_since(last) >= SILENCE);
        if silent && !bars {
            let what = self.waiting();
            if what.is_empty() {
                // Nothing is under way, so there is nothing to be anxious about.
                self.last = Some(now);
            } else {
                self.accept(run, masker, Event::Waiting { what, signal: None });
            }
        }
    }

    pub(super) fn flush(&mut self) {
        self.unflushed = false;
        // A sink that cannot be flushed fails at its next line, and is dealt with there.
        self.sinks.iter_mut().for_each(|sink| {
            let _ = sink.flush();
        });
    }

    /// Replaces the text of a piece by what can be shown of it; false when that is nothing yet.
    fn join_pieces(&mut self, masker: &Masker, event: &mut Event) -> bool {
        let Event::Output {
            host,
            stream,
            line,
            more,
            source,
            step,
            ..
        } = event
        else {
            return true;
        };
        if !*more && self.long_lines.is_empty() {
            return true;
        }
        let key = (host.clone(), *stream, *source, *step);
        if *more {
            let mask = self.long_lines.entry(key).or_default();
            *line = mask.push(masker, line);
            return !line.is_empty();
        }
        if let Some(mut mask) = self.long_lines.remove(&key) {
            let mut text = mask.push(masker, line);
            text.push_str(&mask.finish(masker));
            *line = text;
        }
        true
    }

    /// What is left of lines whose end never came.
    fn end_long_lines(&mut self, run: &str, masker: &Masker) {
        for ((host, stream, source, step), mut mask) in std::mem::take(&mut self.long_lines) {
            let line = mask.finish(masker);
            let mut event = Event::Output {
                host,
                stream,
                line: String::new(),
                more: false,
                source,
                asked: false,
                step,
            };
            event.scrub(masker);
            if let Event::Output { line: rest, .. } = &mut event {
                *rest = line;
            }
            self.show(run, event);
        }
    }

    fn show(&mut self, run: &str, event: Event) {
        let mut next = Some(event);
        while let Some(event) = next.take() {
            self.tally.count(&event);
            self.seq += 1;
            let record = Record {
                schema: SCHEMA,
                seq: self.seq,
                // No finer than it is written, so that what is worked out from it is the same later.
                time: Utc::now().trunc_subsecs(3),
                run: run.to_owned(),
                event,
            };
            next = self.write_lines(&record);
            if let Some(screen) = &mut self.screen {
                screen.show(&record);
            }
            next = next.or_else(|| self.trouble());
        }
    }

    fn trouble(&mut self) -> Option<Event> {
        let screen = self.screen.as_mut()?;
        let message = screen.take_trouble()?;
        if self.ended {
            // No event comes behind the last one.
            screen.say(&format!("error: {message}\n"));
            return None;
        }
        Some(Event::log(Level::Error, message))
    }

    /// Hands the record to the sinks; returns what there is to say when one of them fails.
    fn write_lines(&mut self, record: &Record) -> Option<Event> {
        if self.sinks.is_empty() {
            return None;
        }
        let line = match serde_json::to_string(record) {
            Ok(line) => line,
            Err(error) => {
                let message = format!("an event could not be written as JSON: {error}");
                return Some(Event::log(Level::Error, message));
            }
        };
        let mut trouble = None;
        self.sinks
            .retain_mut(|sink| match sink.write(record, &line) {
                Ok(()) => true,
                Err(error) if error.kind() == ErrorKind::BrokenPipe => false,
                Err(error) => {
                    let message = format!(
                        "{} cannot be written any more, the run goes on without it: {error}",
                        sink.name()
                    );
                    trouble = Some(Event::log(Level::Warn, message));
                    false
                }
            });
        self.unflushed = true;
        trouble
    }
}

/// Keeps the report with colours apart from the plain one.
///
/// A colour can stand in the middle of a secret and hide it from the mask; such a report stays
/// plain for all.
fn split_color(event: &mut Event, masker: &Masker) {
    let Event::Failure {
        report: Some(report),
        colored,
        ..
    } = event
    else {
        return;
    };
    if let Cow::Owned(plain) = text::without_color(report) {
        *colored = Some(std::mem::replace(report, plain));
    }
    colored.take_if(|colored| {
        let masked = masker.mask(colored);
        text::without_color(&masked) != masker.mask(&text::without_color(colored))
    });
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<String>>>);

    impl LineSink for Lines {
        fn name(&self) -> String {
            "a test".to_owned()
        }

        fn write(&mut self, _: &Record, line: &str) -> std::io::Result<()> {
            self.0.lock().unwrap().push(line.to_owned());
            Ok(())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_long_silence_is_broken_while_something_is_under_way() {
        let (lines, masker) = (Lines::default(), Masker::default());
        let mut state = State::default();
        state.sinks.push(Box::new(lines.clone()));
        let count = || lines.0.lock().unwrap().len();

        state.accept("run", &masker, Event::log(Level::Info, "x"));
        let later = |seconds| Instant::now() + Duration::from_secs(seconds);
        state.tick("run", &masker, later(70));
        assert_eq!(count(), 1, "nothing is under way");

        let wait = state.waits.add("job api".to_owned());
        state.accept("run", &masker, Event::log(Level::Info, "x"));
        state.tick("run", &masker, later(50));
        assert_eq!(count(), 2, "it was not silent for long");
        state.tick("run", &masker, later(61));
        assert_eq!(count(), 3);
        let last = lines.0.lock().unwrap().last().cloned().unwrap();
        assert!(
            last.ends_with(r#""type":"waiting","what":["job api"]}"#),
            "{last}"
        );

        state.waits.remove(wait);
        state.tick("run", &masker, later(200));
        assert_eq!(count(), 3);
    }

    #[test]
    fn the_rest_of_a_line_whose_end_never_came_is_shown_before_the_run_ends() {
        let lines = Lines::default();
        let mut masker = Masker::default();
        masker.add("hunter2");
        let mut state = State::default();
        state.sinks.push(Box::new(lines.clone()));
        let piece = Event::Output {
            host: "api-1".to_owned(),
            stream: Stream::Stdout,
            line: "it is hunter2".to_owned(),
            more: true,
            source: 1,
            asked: false,
            step: None,
        };
        state.accept("run", &masker, piece);
        let end = Event::RunFinished {
            outcome: crate::report::Outcome::Cancelled,
            exit_code: 130,
            seconds: 0.0,
            changed: 0,
            ok: 0,
            failed: 0,
            hosts: Vec::new(),
            stats: None,
        };
        state.accept("run", &masker, end);
        let all = lines.0.lock().unwrap().join("\n");
        assert!(all.contains("***") && !all.contains("hunter2"), "{all}");
        assert!(all.find("***") < all.find("run_finished"), "{all}");
    }
}
