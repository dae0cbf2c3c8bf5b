//! What tasks print.

use std::time::Duration;

use super::allocation::TaskState;
use super::{Nomad, PRODUCT, path};
use crate::hashi::Error as ApiError;
use crate::http::{self, Method};

/// Which of a task's outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    Stdout,
    Stderr,
}

impl Stream {
    pub fn word(self) -> &'static str {
        match self {
            Stream::Stdout => "stdout",
            Stream::Stderr => "stderr",
        }
    }
}

/// What to read of a task's output.
#[derive(Clone, Debug)]
pub struct LogOptions {
    pub task: String,
    pub stream: Stream,
    /// At most so many bytes from the end.
    pub tail: u64,
}

impl Nomad {
    /// The end of what a task printed; empty when it has printed nothing, or nothing is kept.
    pub async fn logs(&self, allocation: &str, options: &LogOptions) -> Result<String, ApiError> {
        let tail = options.tail.to_string();
        let query = [
            ("task", options.task.as_str()),
            ("type", options.stream.word()),
            ("origin", "end"),
            ("offset", tail.as_str()),
            ("plain", "true"),
        ];
        let path = path(&["client", "fs", "logs", allocation]);
        match self.call(Method::GET, &path, &query).await {
            Ok(answer) => Ok(String::from_utf8_lossy(&answer.body).into_owned()),
            // a task that never started has no log
            Err(ApiError::NotFound { .. }) => Ok(String::new()),
            Err(error) => Err(error),
        }
    }

    /// Hands out what a task prints, line by line, from the last `tail` bytes on; ends with the
    /// task.
    pub async fn follow_logs(
        &self,
        allocation: &str,
        options: &LogOptions,
        line: &mut (dyn FnMut(String) + Send),
    ) -> Result<(), ApiError> {
        let tail = options.tail.to_string();
        let query = [
            ("task", options.task.as_str()),
            ("type", options.stream.word()),
            ("origin", "end"),
            ("offset", tail.as_str()),
            ("plain", "true"),
            ("follow", "true"),
        ];
        let path = path(&["client", "fs", "logs", allocation]);
        let mut answer = match self.api.open(&path, &query).await {
            Ok(answer) => answer.inner,
            // a task that never started has no log
            Err(ApiError::NotFound { .. }) => return Ok(()),
            Err(error) => return Err(error),
        };
        let mut lines = Lines::default();
        // Nomad holds the answer open for ever: the allocation says when there is nothing more
        let over = self.wait_until_over(allocation, &options.task);
        tokio::pin!(over);
        let mut rest = false;
        loop {
            let chunk = tokio::select! {
                biased;
                chunk = answer.chunk() => chunk,
                ended = &mut over, if !rest => {
                    ended?;
                    rest = true;
                    continue;
                }
                () = tokio::time::sleep(REST), if rest => break,
            };
            match chunk {
                Ok(Some(chunk)) => lines.take(&chunk, line),
                Ok(None) => break,
                Err(error) => {
                    return Err(ApiError::Http {
                        product: &PRODUCT,
                        source: http::Error::Broken {
                            request: format!("GET {path}"),
                            why: error.without_url().to_string(),
                        },
                    });
                }
            }
        }
        lines.end(line);
        Ok(())
    }

    /// Waits by blocking queries until a task will not print any more.
    async fn wait_until_over(&self, allocation: &str, task: &str) -> Result<(), ApiError> {
        let job = self.get_allocation(allocation).await?.job;
        let mut watch = self.watch_allocations(&job);
        loop {
            let list = watch.next().await?;
            let Some(mine) = list.iter().find(|one| one.id == allocation) else {
                return Ok(());
            };
            let dead = |state: &TaskState| state.state == "dead";
            let over = matches!(mine.status.as_str(), "complete" | "failed" | "lost");
            if over || mine.task_states.get(task).is_some_and(dead) {
                return Ok(());
            }
        }
    }

    /// The last lines that a task printed, from stderr, else from stdout.
    pub(super) async fn last_lines(
        &self,
        allocation: &str,
        task: &str,
        count: usize,
    ) -> Vec<String> {
        for stream in [Stream::Stderr, Stream::Stdout] {
            let options = LogOptions {
                task: task.to_owned(),
                stream,
                tail: 4 << 10,
            };
            // the verdict stands without them: a node that is gone cannot be asked
            let text = self.logs(allocation, &options).await.unwrap_or_default();
            let lines: Vec<&str> = text
                .lines()
                .filter(|line| !line.trim().is_empty())
                .collect();
            if !lines.is_empty() {
                let first = lines.len().saturating_sub(count);
                let last = lines.get(first..).unwrap_or_default();
                return last.iter().map(|line| (*line).to_owned()).collect();
            }
        }
        Vec::new()
    }
}

/// How long nothing may come after the end of a task before it is believed that nothing will.
const REST: Duration = Duration::from_millis(500);
/// A line that never ends is handed out in pieces of this size.
const LONGEST: usize = 64 << 10;

/// Pieces of output put together to lines.
#[derive(Default)]
struct Lines {
    rest: Vec<u8>,
}

impl Lines {
    fn take(&mut self, chunk: &[u8], line: &mut (dyn FnMut(String) + Send)) {
        for byte in chunk {
            match byte {
                b'\n' => self.hand_out(line),
                byte => self.rest.push(*byte),
            }
            if self.rest.len() >= LONGEST {
                self.hand_out(line);
            }
        }
    }

    fn end(&mut self, line: &mut (dyn FnMut(String) + Send)) {
        if !self.rest.is_empty() {
            self.hand_out(line);
        }
    }

    fn hand_out(&mut self, line: &mut (dyn FnMut(String) + Send)) {
        let bytes = std::mem::take(&mut self.rest);
        let text = String::from_utf8_lossy(&bytes);
        line(text.trim_end_matches('\r').to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_whole_whatever_the_pieces() {
        let mut found = Vec::new();
        let mut keep = |line| found.push(line);
        let mut lines = Lines::default();
        for piece in ["one\ntw", "o\r\n", "\nthr", "ee"] {
            lines.take(piece.as_bytes(), &mut keep);
        }
        lines.end(&mut keep);
        lines.end(&mut keep);
        assert_eq!(found, ["one", "two", "", "three"]);
    }
}
