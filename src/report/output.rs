//! A command's output on its way into the report.

use super::event::{Event, StepId, Stream};
use super::lines::{Line, LineSplitter};
use super::{Reporter, event};

/// Takes the bytes that a command writes to one stream and emits them as lines.
///
/// The last line, where it has no line end, is emitted on [`HostOutput::finish`] or on drop.
pub struct HostOutput {
    reporter: Reporter,
    host: String,
    stream: event::Stream,
    source: u64,
    asked: bool,
    step: Option<StepId>,
    splitter: LineSplitter,
}

impl HostOutput {
    pub(super) fn new(reporter: Reporter, host: String, stream: Stream) -> Self {
        HostOutput {
            source: reporter.next_source(),
            reporter,
            host,
            stream,
            asked: false,
            step: None,
            splitter: LineSplitter::default(),
        }
    }

    /// The script asked to see this output, so it shows without `-v`.
    #[must_use]
    pub fn asked(mut self, asked: bool) -> Self {
        self.asked = asked;
        self
    }

    /// The step in which the command runs.
    #[must_use]
    pub fn step(mut self, step: Option<StepId>) -> Self {
        self.step = step;
        self
    }

    /// Takes bytes as they arrive.
    pub fn write(&mut self, bytes: &[u8]) {
        let mut splitter = std::mem::take(&mut self.splitter);
        splitter.push(bytes, |line| self.emit(line));
        self.splitter = splitter;
    }

    /// The stream is at its end.
    pub fn finish(&mut self) {
        let mut splitter = std::mem::take(&mut self.splitter);
        splitter.finish(|line| self.emit(line));
    }

    fn emit(&self, line: Line) {
        self.reporter.emit(Event::Output {
            host: self.host.clone(),
            stream: self.stream,
            line: line.text,
            more: line.more,
            source: self.source,
            asked: self.asked,
            step: self.step,
        });
    }
}

impl Drop for HostOutput {
    fn drop(&mut self) {
        self.finish();
    }
}
