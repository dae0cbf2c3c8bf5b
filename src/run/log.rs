//! The log of a run: everything that happened, as text with the time on every line.
//!
//! It is the console at its most talkative, without colour and of no width, so what is masked there is
//! masked here. It is for people and their reports of bugs; programs read `events.jsonl`.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use chrono::{DateTime, SecondsFormat, Utc};

use crate::report::console::Console;
use crate::report::{ConsoleOptions, Event, Level, LineSink, Record, Verbosity};

/// So long does a log become in bytes; behind that only what went wrong is kept.
pub const LIMIT: u64 = 16 << 20;
/// What went wrong may take so much more.
const REST: u64 = 1 << 20;

/// `log.txt`, opened for appending.
pub struct LogFile {
    path: PathBuf,
    file: BufWriter<File>,
    console: Console,
    limit: u64,
    written: u64,
    cut: bool,
}

impl LogFile {
    pub(super) fn create(path: PathBuf) -> io::Result<LogFile> {
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&path)?;
        Ok(LogFile {
            path,
            file: BufWriter::with_capacity(64 * 1024, file),
            console: Console::new(ConsoleOptions {
                verbosity: Verbosity::Debug,
                ..ConsoleOptions::default()
            }),
            limit: LIMIT,
            written: 0,
            cut: false,
        })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    fn lines(&mut self, time: DateTime<Utc>, text: &str) -> io::Result<()> {
        let time = time.to_rfc3339_opts(SecondsFormat::Millis, true);
        for line in text.lines() {
            let line = match line {
                "" => format!("{time}\n"),
                line => format!("{time} {line}\n"),
            };
            self.file.write_all(line.as_bytes())?;
            self.written += line.len() as u64;
        }
        Ok(())
    }
}

impl LineSink for LogFile {
    fn name(&self) -> String {
        format!("the run's log `{}`", self.path.display())
    }

    fn write(&mut self, record: &Record, _: &str) -> io::Result<()> {
        // It must see all events, whether their text is kept or not.
        let text = self.console.show(record);
        if let Event::RunStarted { version, .. } = &record.event {
            let process = std::process::id();
            self.lines(
                record.time,
                &format!("e2bscript {version}, process {process}"),
            )?;
        }
        let room = match self.cut {
            false => self.limit,
            true if is_grave(&record.event) => self.limit + REST,
            true => 0,
        };
        if self.written < room {
            self.lines(record.time, &text.results)?;
            self.lines(record.time, &text.talk)?;
        }
        if !self.cut && self.written >= self.limit {
            self.cut = true;
            let size = crate::report::text::size(self.limit);
            let line = format!(
                "the log is cut here, at {size}: from now on it has warnings and failures alone; all of it is in events.jsonl"
            );
            self.lines(record.time, &line)?;
        }
        // As with the events: output comes in thousands of lines, the reporter's clock flushes it.
        match record.event {
            Event::Output { .. } => Ok(()),
            _ => self.file.flush(),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// What is kept of a run that says too much.
fn is_grave(event: &Event) -> bool {
    match event {
        Event::Log { level, .. } => *level >= Level::Warn,
        event => matches!(
            event,
            Event::Failure { .. } | Event::Waiting { .. } | Event::RunFinished { .. }
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::report::{Reporter, Stream};

    fn log(limit: u64, tell: impl FnOnce(&Reporter)) -> String {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("log.txt");
        let log = LogFile {
            limit,
            ..LogFile::create(path.clone()).unwrap()
        };
        let reporter = Reporter::builder("run").sink(Box::new(log)).build();
        reporter.mask("hunter2");
        tell(&reporter);
        reporter.flush();
        fs::read_to_string(path).unwrap()
    }

    #[test]
    fn every_line_has_its_time_and_no_secret() {
        let text = log(LIMIT, |reporter| {
            reporter.log(Level::Trace, "a note of hunter2");
            reporter
                .output("api-1", Stream::Stdout)
                .write(b"one\ntwo\n");
        });
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines.len() >= 3, "{text}");
        for line in &lines {
            let (time, _) = line.split_once(' ').unwrap();
            assert!(DateTime::parse_from_rfc3339(time).is_ok(), "{line}");
        }
        assert!(lines[0].ends_with(" trace: a note of ***"), "{text}");
        assert!(text.ends_with("api-1     | two\n"), "{text}");
    }

    #[test]
    fn a_log_that_grows_too_long_is_cut_and_says_so() {
        let text = log(2000, |reporter| {
            for number in 0..1000 {
                reporter.log(Level::Info, format!("line {number}"));
            }
            reporter.log(Level::Error, "what matters");
        });
        assert!(text.len() < 3000, "{}", text.len());
        assert_eq!(text.matches("the log is cut here, at 2.0 KiB").count(), 1);
        assert!(text.ends_with(" error: what matters\n"), "{text}");
    }
}
