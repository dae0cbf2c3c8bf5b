//! What a command in a sandbox prints: shown, handed to a closure, and its end kept.

use rhai::FnPtr;

use crate::engine::Call;
use crate::engine::context::Context;
use crate::engine::raise::Raise;
use crate::report::{HostOutput, LineSplitter, Stream};

/// So much of each stream is kept for the result, from its end.
const KEPT: usize = 4 << 20;

/// Where the output goes.
pub enum Show {
    /// Shown with `-v` only.
    Quiet,
    Live,
    To(FnPtr),
}

/// Both streams of one command.
pub struct Output {
    sink: Sink,
    pub stdout: Tail,
    pub stderr: Tail,
}

enum Sink {
    Screen {
        out: HostOutput,
        err: HostOutput,
    },
    Script {
        out: LineSplitter,
        err: LineSplitter,
        callback: FnPtr,
    },
}

impl Output {
    /// `label` is what the run's output calls the sandbox.
    pub fn new(call: &Call, label: &str, show: Show) -> Output {
        let sink = match show {
            Show::To(callback) => Sink::Script {
                out: LineSplitter::default(),
                err: LineSplitter::default(),
                callback,
            },
            Show::Quiet | Show::Live => {
                let asked = matches!(show, Show::Live);
                let reporter = call.session.run.reporter();
                let end = |stream| {
                    reporter
                        .output(label, stream)
                        .asked(asked)
                        .step(Context::step())
                };
                Sink::Screen {
                    out: end(Stream::Stdout),
                    err: end(Stream::Stderr),
                }
            }
        };
        Output {
            sink,
            stdout: Tail::default(),
            stderr: Tail::default(),
        }
    }

    /// Takes bytes as they arrive; a closure gets the lines that they complete.
    pub fn take(&mut self, call: &Call, stream: Stream, bytes: &[u8]) -> Result<(), Raise> {
        let (tail, is_out) = match stream {
            Stream::Stdout => (&mut self.stdout, true),
            Stream::Stderr => (&mut self.stderr, false),
        };
        tail.push(bytes);
        match &mut self.sink {
            Sink::Screen { out, err } => {
                let end = if is_out { out } else { err };
                end.write(bytes);
            }
            Sink::Script { out, err, callback } => {
                let mut lines = Vec::new();
                let splitter = if is_out { out } else { err };
                splitter.push(bytes, |line| lines.push(line.text));
                hand_over(call, callback, lines)?;
            }
        }
        Ok(())
    }

    /// Both streams are at their end.
    pub fn finish(&mut self, call: &Call) -> Result<(), Raise> {
        match &mut self.sink {
            Sink::Screen { out, err } => {
                out.finish();
                err.finish();
            }
            Sink::Script { out, err, callback } => {
                let mut lines = Vec::new();
                out.finish(|line| lines.push(line.text));
                err.finish(|line| lines.push(line.text));
                hand_over(call, callback, lines)?;
            }
        }
        Ok(())
    }
}

fn hand_over(call: &Call, callback: &FnPtr, lines: Vec<String>) -> Result<(), Raise> {
    for line in lines {
        let _what_it_returns = call.invoke(callback, (line,))?;
    }
    Ok(())
}

/// The end of a stream, however long that is.
#[derive(Default)]
pub struct Tail(Vec<u8>);

impl Tail {
    fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
        // cut seldom, so that a long stream is not moved at every piece
        if self.0.len() > 2 * KEPT {
            self.0.drain(..self.0.len() - KEPT);
        }
    }

    pub fn text(&self) -> String {
        let from = self.0.len().saturating_sub(KEPT);
        String::from_utf8_lossy(self.0.get(from..).unwrap_or_default()).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_kept_and_memory_is_bounded() {
        let mut tail = Tail::default();
        for number in 0..300_u32 {
            tail.push(&vec![b'a' + u8::try_from(number % 26).unwrap(); 64 << 10]);
            assert!(tail.0.len() <= 2 * KEPT + (64 << 10));
        }
        let text = tail.text();
        assert_eq!(text.len(), KEPT);
        assert!(text.ends_with('n'), "{:?}", text.chars().last());
    }
}
