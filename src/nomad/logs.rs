//! What tasks print.

use super::{Nomad, path};
use crate::hashi::Error as ApiError;
use crate::http::Method;

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
