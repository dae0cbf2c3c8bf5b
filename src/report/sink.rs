//! Where the lines of JSON go: a pipe, or the journal's file.

use std::io::{self, BufWriter, Write};

use super::event::{Event, Record};

/// Takes every record as its line of JSON (without line end).
pub trait LineSink: Send {
    /// What it is, for the one warning when it fails.
    fn name(&self) -> String;
    fn write(&mut self, record: &Record, line: &str) -> io::Result<()>;
    fn flush(&mut self) -> io::Result<()>;
}

/// `--json`: the lines on stdout.
pub struct JsonLines {
    out: BufWriter<Box<dyn Write + Send>>,
}

impl JsonLines {
    pub fn new(out: Box<dyn Write + Send>) -> Self {
        JsonLines {
            out: BufWriter::with_capacity(64 * 1024, out),
        }
    }
}

impl LineSink for JsonLines {
    fn name(&self) -> String {
        "the JSON stream".to_owned()
    }

    fn write(&mut self, record: &Record, line: &str) -> io::Result<()> {
        self.out.write_all(line.as_bytes())?;
        self.out.write_all(b"\n")?;
        // Output comes in thousands of lines; the reporter's clock flushes them.
        match record.event {
            Event::Output { .. } => Ok(()),
            _ => self.out.flush(),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
