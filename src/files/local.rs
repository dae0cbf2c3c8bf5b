//! This machine's own `sh`, as a host.

use std::io;
use std::process::Stdio;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::process::{Child, Command};

use super::shell::{Channel, Finished, Input, Job, OnOutput, Shell, ShellError, Status};

/// How long output is waited for once the command has ended: a child of it may hold the pipe.
const DRAIN: Duration = Duration::from_millis(500);

/// Runs jobs on this machine.
#[derive(Debug, Clone)]
pub struct LocalShell {
    name: String,
    program: Vec<String>,
}

impl LocalShell {
    /// The system's `sh`.
    pub fn new() -> Self {
        LocalShell {
            name: "localhost".to_owned(),
            program: vec!["sh".to_owned()],
        }
    }

    /// Another program in place of `sh`, which gets `-c COMMAND`.
    pub fn with_program<S: Into<String>>(program: impl IntoIterator<Item = S>) -> Self {
        LocalShell {
            name: "localhost".to_owned(),
            program: program.into_iter().map(Into::into).collect(),
        }
    }
}

impl Default for LocalShell {
    fn default() -> Self {
        Self::new()
    }
}

impl Shell for LocalShell {
    fn host(&self) -> &str {
        &self.name
    }

    fn run<'a>(&'a self, job: Job<'a>) -> BoxFuture<'a, Result<Finished, ShellError>> {
        Box::pin(async move {
            run(&self.program, job)
                .await
                .map_err(|source| ShellError::new("files.local_shell", None, source))
        })
    }
}

async fn run(program: &[String], job: Job<'_>) -> io::Result<Finished> {
    let (first, rest) = program
        .split_first()
        .ok_or_else(|| io::Error::other("no shell was named"))?;
    let mut child = Command::new(first)
        .args(rest)
        .arg("-c")
        .arg(&job.command)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let stdin = child.stdin.take();
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let limit = job.capture_limit;
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let status = {
        let feed = feed(stdin, job.input);
        let heard = Mutex::new(job.on_output);
        let out = listen(stdout, Channel::Stdout, &heard, limit, &mut out);
        let err = listen(stderr, Channel::Stderr, &heard, limit, &mut err);
        let hear = async { tokio::try_join!(out, err).map(|_| ()) };
        supervise(&mut child, feed, hear).await?
    };
    Ok(Finished {
        status,
        stdout: out,
        stderr: err,
    })
}

/// Feeds and hears the child until it ends, then hears what is left for a moment.
async fn supervise(
    child: &mut Child,
    feed: impl Future<Output = io::Result<()>>,
    hear: impl Future<Output = io::Result<()>>,
) -> io::Result<Status> {
    tokio::pin!(feed, hear);
    let (mut fed, mut heard) = (false, false);
    let ended = loop {
        tokio::select! {
            ended = child.wait() => break ended?,
            done = &mut feed, if !fed => {
                done?;
                fed = true;
            }
            done = &mut hear, if !heard => {
                done?;
                heard = true;
            }
        }
    };
    if !heard && let Ok(done) = tokio::time::timeout(DRAIN, hear).await {
        done?;
    }
    Ok(status_of(ended))
}

fn status_of(ended: std::process::ExitStatus) -> Status {
    use std::os::unix::process::ExitStatusExt;
    match (ended.code(), ended.signal()) {
        (Some(code), _) => Status::Code(code),
        (None, Some(signal)) => Status::Signal(signal.to_string()),
        (None, None) => Status::Lost,
    }
}

async fn feed(stdin: Option<impl AsyncWrite + Unpin>, input: Input) -> io::Result<()> {
    let Some(mut stdin) = stdin else {
        return Ok(());
    };
    let mut fed = Ok(());
    match input {
        Input::None => {}
        Input::Bytes(bytes) => fed = stdin.write_all(&bytes).await,
        Input::Stream(mut stream) => {
            while let Some(chunk) = stream.next().await {
                fed = stdin.write_all(&chunk?).await;
                if fed.is_err() {
                    break;
                }
            }
        }
    }
    match fed {
        // The command has its reasons to stop reading; its status tells them.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

async fn listen(
    stream: Option<impl AsyncRead + Unpin>,
    channel: Channel,
    on_output: &Mutex<Option<OnOutput<'_>>>,
    limit: usize,
    kept: &mut Vec<u8>,
) -> io::Result<()> {
    let Some(mut stream) = stream else {
        return Ok(());
    };
    let mut buffer = vec![0; 64 << 10];
    loop {
        let count = stream.read(&mut buffer).await?;
        let Some(chunk) = buffer.get(..count).filter(|chunk| !chunk.is_empty()) else {
            return Ok(());
        };
        let heard = {
            let mut on_output = on_output.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(on_output) = on_output.as_mut() {
                on_output(channel, chunk)?;
            }
            on_output.is_some()
        };
        if channel == Channel::Stderr {
            kept.extend_from_slice(chunk);
            let excess = kept.len().saturating_sub(limit);
            kept.drain(..excess);
        } else if !heard {
            let room = limit.saturating_sub(kept.len());
            kept.extend_from_slice(chunk.get(..room.min(count)).unwrap_or(chunk));
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    async fn sh(command: &str, input: Input) -> Finished {
        let mut job = Job::new(command);
        job.input = input;
        LocalShell::new().run(job).await.unwrap()
    }

    #[tokio::test]
    async fn streams_status_and_signal_come_back() {
        let done = sh(
            "cat; echo no >&2; exit 3",
            Input::Bytes(Bytes::from_static(b"hi")),
        )
        .await;
        assert_eq!(done.stdout, b"hi");
        assert_eq!(done.stderr, b"no\n");
        assert_eq!(done.status, Status::Code(3));
        let done = sh("kill -9 $$", Input::None).await;
        assert_eq!(done.status, Status::Signal("9".into()));
    }

    #[tokio::test]
    async fn a_command_that_does_not_read_is_no_error() {
        let big = Bytes::from(vec![7; 4 << 20]);
        assert!(sh("exit 0", Input::Bytes(big)).await.status.is_success());
    }

    #[tokio::test]
    async fn a_child_that_holds_the_pipe_does_not_hold_the_job() {
        let started = std::time::Instant::now();
        let done = sh("sleep 5 & echo ok", Input::None).await;
        assert_eq!(done.stdout, b"ok\n");
        assert!(started.elapsed() < Duration::from_secs(4));
    }
}
