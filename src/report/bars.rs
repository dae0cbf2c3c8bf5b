//! What moves on a terminal: a bar for each transfer, and a line that tells what is waited for.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::event::{Direction, Event, Record, StepId};
use super::text::{duration, visible};

/// A step or wait shorter than this does not flicker by.
const PATIENCE: Duration = Duration::from_millis(300);

/// Draws below the text that the console writes.
pub(super) struct Bars {
    multi: MultiProgress,
    target: Box<dyn Fn() -> ProgressDrawTarget + Send>,
    transfers: HashMap<u64, ProgressBar>,
    steps: Vec<Open>,
    line: Option<ProgressBar>,
    /// What the line tells, and since when.
    subject: (String, Instant),
}

struct Open {
    id: StepId,
    name: String,
}

impl Bars {
    pub(super) fn on_stderr() -> Bars {
        Bars::on(|| ProgressDrawTarget::stderr_with_hz(10))
    }

    pub(super) fn on(target: impl Fn() -> ProgressDrawTarget + Send + 'static) -> Bars {
        Bars {
            multi: MultiProgress::with_draw_target(target()),
            target: Box::new(target),
            transfers: HashMap::new(),
            steps: Vec::new(),
            line: None,
            subject: (String::new(), Instant::now()),
        }
    }

    /// Runs what writes to the terminal, with the bars out of its way.
    pub(super) fn suspend<T>(&self, write: impl FnOnce() -> T) -> T {
        self.multi.suspend(write)
    }

    pub(super) fn show(&mut self, record: &Record) {
        match &record.event {
            Event::StepStarted { step, name, .. } => self.steps.push(Open {
                id: *step,
                name: visible(name).into_owned(),
            }),
            Event::StepFinished { step, .. } => self.steps.retain(|open| open.id != *step),
            Event::Transfer {
                id, finished: true, ..
            } => {
                if let Some(bar) = self.transfers.remove(id) {
                    bar.finish_and_clear();
                    self.multi.remove(&bar);
                }
            }
            Event::Transfer {
                id,
                host,
                path,
                direction,
                done,
                total,
                ..
            } => {
                let bar = match self.transfers.get(id) {
                    Some(bar) => bar,
                    None => {
                        let bar = self.multi.add(transfer(host, path, *direction, *total));
                        self.transfers.entry(*id).or_insert(bar)
                    }
                };
                bar.set_position(*done);
            }
            Event::RunFinished { .. } => self.clear(),
            _ => {}
        }
    }

    /// Moves the spinner. `wait` is what the run waits for, where somebody said so.
    pub(super) fn tick(&mut self, wait: Option<&str>, now: Instant) {
        let step = self.steps.last().map(|open| open.name.as_str());
        let subject = match (step, wait) {
            (Some(step), Some(wait)) => format!("{step}: {}", visible(wait)),
            (Some(step), None) => step.to_owned(),
            (None, Some(wait)) => visible(wait).into_owned(),
            (None, None) => String::new(),
        };
        if subject != self.subject.0 {
            self.subject = (subject, now);
        }
        let age = now.saturating_duration_since(self.subject.1);
        if self.subject.0.is_empty() {
            if let Some(line) = self.line.take() {
                line.finish_and_clear();
                self.multi.remove(&line);
            }
        } else if age >= PATIENCE || self.line.is_some() {
            let line = self.line.get_or_insert_with(|| {
                let style = ProgressStyle::with_template("{spinner} {msg}");
                let bar = ProgressBar::new_spinner();
                let bar = self.multi.insert(0, bar);
                if let Ok(style) = style {
                    bar.set_style(style.tick_chars("-\\|/ "));
                }
                bar
            });
            let time = duration(age.as_secs_f64().floor()).replace(".0", "");
            line.set_message(format!("{} ({time})", self.subject.0));
            line.tick();
        }
    }

    /// Leaves the terminal to somebody else; events are still followed.
    pub(super) fn hide(&self) {
        // A terminal that cannot be cleared is one that nobody looks at.
        let _ = self.multi.clear();
        self.multi.set_draw_target(ProgressDrawTarget::hidden());
    }

    pub(super) fn unhide(&self) {
        self.multi.set_draw_target((self.target)());
    }

    /// Takes everything off the terminal, for good.
    pub(super) fn clear(&mut self) {
        for (_, bar) in self.transfers.drain() {
            bar.finish_and_clear();
        }
        if let Some(line) = self.line.take() {
            line.finish_and_clear();
        }
        self.steps.clear();
        let _ = self.multi.clear();
    }
}

fn transfer(host: &str, path: &str, direction: Direction, total: Option<u64>) -> ProgressBar {
    let (bar, template) = match total {
        Some(total) => (
            ProgressBar::new(total),
            "{prefix} [{bar:20}] {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec}, {eta} left",
        ),
        None => (
            ProgressBar::no_length(),
            "{prefix} {binary_bytes} {binary_bytes_per_sec}",
        ),
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
    let arrow = match direction {
        Direction::Upload => "to",
        Direction::Download => "from",
    };
    let name = path.rsplit('/').next().unwrap_or(path);
    bar.set_prefix(format!("{} {arrow} {}", visible(name), visible(host)));
    bar
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use chrono::Utc;
    use indicatif::TermLike;

    use super::*;

    /// A terminal of which only the lines are kept: what is on it, and where the cursor stands.
    #[derive(Clone, Debug, Default)]
    struct Terminal(Arc<Mutex<(Vec<String>, usize)>>);

    impl Terminal {
        fn lines(&self) -> Vec<String> {
            let (lines, _) = &*self.0.lock().unwrap();
            lines
                .iter()
                .map(|line| line.trim_end().to_owned())
                .filter(|line| !line.is_empty())
                .collect()
        }

        /// A full line wraps when the next character comes, as on a real terminal.
        fn write(&self, text: &str) {
            let (lines, at) = &mut *self.0.lock().unwrap();
            for char in text.chars().filter(|char| *char != '\r') {
                lines.resize(lines.len().max(*at + 1), String::new());
                let full = lines[*at].chars().count() >= 100;
                *at += usize::from(full || char == '\n');
                lines.resize(lines.len().max(*at + 1), String::new());
                if char != '\n' {
                    lines[*at].push(char);
                }
            }
        }
    }

    impl TermLike for Terminal {
        fn width(&self) -> u16 {
            100
        }

        fn move_cursor_up(&self, n: usize) -> io::Result<()> {
            let at = &mut self.0.lock().unwrap().1;
            *at = at.saturating_sub(n);
            Ok(())
        }

        fn move_cursor_down(&self, n: usize) -> io::Result<()> {
            self.0.lock().unwrap().1 += n;
            Ok(())
        }

        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn write_line(&self, text: &str) -> io::Result<()> {
            self.write(&format!("{text}\n"));
            Ok(())
        }

        fn write_str(&self, text: &str) -> io::Result<()> {
            self.write(text);
            Ok(())
        }

        fn clear_line(&self) -> io::Result<()> {
            let (lines, at) = &mut *self.0.lock().unwrap();
            if let Some(line) = lines.get_mut(*at) {
                line.clear();
            }
            Ok(())
        }

        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    fn bars() -> (Bars, Terminal) {
        let terminal = Terminal::default();
        let shared = terminal.clone();
        let bars =
            Bars::on(move || ProgressDrawTarget::term_like_with_hz(Box::new(shared.clone()), 255));
        (bars, terminal)
    }

    fn show(bars: &mut Bars, event: Event) {
        bars.show(&Record {
            schema: 1,
            seq: 1,
            time: Utc::now(),
            run: "run".to_owned(),
            event,
        });
        // The target draws so many times a second, and not more.
        std::thread::sleep(Duration::from_millis(20));
    }

    fn transfer(id: u64, host: &str, done: u64, finished: bool) -> Event {
        Event::Transfer {
            id,
            host: host.to_owned(),
            path: "/opt/e2b/envd\u{1b}[2J".to_owned(),
            direction: Direction::Upload,
            done,
            total: Some(4096),
            finished,
        }
    }

    #[test]
    fn text_is_written_above_the_bars_and_never_into_them() {
        let (mut bars, terminal) = bars();
        show(&mut bars, transfer(1, "api-1", 0, false));
        show(&mut bars, transfer(2, "client-1", 1024, false));
        show(&mut bars, transfer(1, "api-1", 2048, false));
        let lines = terminal.lines();
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(
            lines[0].starts_with("envd^[[2J to api-1 [=====")
                && lines[0].contains("2.00 KiB/4.00 KiB"),
            "{lines:?}"
        );
        bars.suspend(|| terminal.write("a line\n"));
        show(&mut bars, transfer(2, "client-1", 4096, true));
        let lines = terminal.lines();
        assert_eq!(lines[0], "a line");
        assert_eq!(lines.len(), 2, "{lines:?}");
        show(&mut bars, transfer(1, "api-1", 4096, true));
        assert_eq!(terminal.lines(), ["a line"]);
    }

    #[test]
    fn the_line_tells_what_is_waited_for_once_it_takes_long() {
        let (mut bars, terminal) = bars();
        let step = StepId(1);
        show(
            &mut bars,
            Event::StepStarted {
                step,
                parent: None,
                name: "services".to_owned(),
            },
        );
        let now = Instant::now();
        bars.tick(None, now);
        assert_eq!(terminal.lines(), [""; 0]);
        bars.tick(None, now + Duration::from_secs(2));
        assert_eq!(terminal.lines()[0][2..], *"services (2 s)");
        std::thread::sleep(Duration::from_millis(20));
        bars.tick(Some("job api"), now + Duration::from_secs(3));
        std::thread::sleep(Duration::from_millis(20));
        bars.tick(Some("job api"), now + Duration::from_secs(9));
        assert_eq!(terminal.lines()[0][2..], *"services: job api (6 s)");
        bars.hide();
        assert_eq!(terminal.lines(), [""; 0]);
        bars.tick(Some("job api"), now + Duration::from_secs(9));
        assert_eq!(terminal.lines(), [""; 0]);
        bars.unhide();
        bars.tick(Some("job api"), now + Duration::from_secs(10));
        assert_eq!(terminal.lines()[0][2..], *"services: job api (7 s)");
        bars.clear();
        assert_eq!(terminal.lines(), [""; 0]);
    }
}
