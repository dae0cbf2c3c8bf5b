//! A command's standard output as a stream that slows the sender down.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::sync::mpsc;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use super::Error;
use super::exec::{Exec, Finished, Running, Sink};

/// Packets on their way to the reader; with 32 KiB each, 1 MiB.
const QUEUE: usize = 32;

/// The output of a running command. Dropping it stops the command.
pub struct Output {
    pieces: mpsc::Receiver<Bytes>,
    current: Bytes,
    task: AbortOnDropHandle<Result<Finished, Error>>,
    broke_off: Error,
}

impl Output {
    pub(super) fn new(
        running: Running,
        exec: Exec,
        tracker: &TaskTracker,
        broke_off: Error,
    ) -> Self {
        let (sink, pieces) = mpsc::channel(QUEUE);
        let task = tracker.spawn(running.finish(exec, Some(Sink::Stdout(sink))));
        Self {
            pieces,
            current: Bytes::new(),
            task: AbortOnDropHandle::new(task),
            broke_off,
        }
    }

    /// The next piece, as it came; `None` at the end of the output, however that came about.
    pub async fn next(&mut self) -> Option<Bytes> {
        if !self.current.is_empty() {
            return Some(std::mem::take(&mut self.current));
        }
        self.pieces.recv().await
    }

    /// Skips what was not read and tells how the command ended. The output is whole only when this
    /// returns a command that succeeded: a reader sees a lost connection as an end like any other.
    pub async fn finish(mut self) -> Result<Finished, Error> {
        self.pieces.close();
        while self.pieces.recv().await.is_some() {}
        self.task.await.unwrap_or(Err(self.broke_off))
    }
}

impl AsyncRead for Output {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.current.is_empty() {
            match ready!(self.pieces.poll_recv(cx)) {
                Some(piece) => self.current = piece,
                None => return Poll::Ready(Ok(())),
            }
        }
        let count = self.current.len().min(buf.remaining());
        buf.put_slice(self.current.get(..count).unwrap_or_default());
        self.current.advance(count);
        Poll::Ready(Ok(()))
    }
}
