//! SSH hosts as the [`Shell`] that everything here stands on.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::sync::mpsc::unbounded_channel;

use super::Model;
use super::shell::{Channel, Class, Finished, Input, Job, Shell, ShellError, Status};
use crate::ssh::{self, Exec, OutputStream, Stdin};

impl Shell for ssh::Host {
    fn host(&self) -> &str {
        self.name()
    }

    fn run<'a>(&'a self, job: Job<'a>) -> BoxFuture<'a, Result<Finished, ShellError>> {
        Box::pin(run(self, job))
    }

    fn model(&self) -> Option<Arc<Model>> {
        let standin = self.answers()?.standin(self.name())?;
        standin.downcast().ok()
    }
}

async fn run(host: &ssh::Host, job: Job<'_>) -> Result<Finished, ShellError> {
    let mut exec = Exec::new(job.command)
        .stdin(match job.input {
            Input::None => Stdin::None,
            Input::Bytes(bytes) => Stdin::Bytes(bytes),
            Input::Stream(chunks) => Stdin::Chunks(chunks),
        })
        .class(match job.class {
            Class::Control => ssh::Class::Control,
            Class::Bulk => ssh::Class::Bulk,
        })
        .capture_limit(job.capture_limit);
    let Some(mut hear) = job.on_output else {
        return host.exec(exec).await.map(finished).map_err(failed);
    };
    // The connection's task delivers output; the listener lives here, on the caller's side.
    let (send, mut receive) = unbounded_channel::<(Channel, Bytes)>();
    exec = exec.on_output(move |stream, bytes| {
        let channel = match stream {
            OutputStream::Stdout => Channel::Stdout,
            OutputStream::Stderr => Channel::Stderr,
        };
        if send.send((channel, Bytes::copy_from_slice(bytes))).is_err() {
            tracing::debug!("output after its listener had gone");
        }
    });
    let mut running = std::pin::pin!(host.exec(exec));
    let mut done = None;
    loop {
        tokio::select! {
            biased;
            piece = receive.recv() => match piece {
                Some((channel, bytes)) => hear(channel, &bytes).map_err(stopped)?,
                None => break,
            },
            ended = &mut running, if done.is_none() => done = Some(ended),
        }
    }
    match done {
        Some(ended) => ended.map(finished).map_err(failed),
        None => running.await.map(finished).map_err(failed),
    }
}

fn finished(ended: ssh::Finished) -> Finished {
    Finished {
        status: match (ended.code, ended.signal) {
            (Some(code), _) => Status::Code(code),
            (None, Some(signal)) => Status::Signal(signal),
            (None, None) => Status::Lost,
        },
        stdout: ended.stdout,
        stderr: ended.stderr,
    }
}

fn failed(error: ssh::Error) -> ShellError {
    ShellError::new(error.kind(), error.help(), error)
}

fn stopped(error: io::Error) -> ShellError {
    ShellError::new("files.output", None, error)
}
