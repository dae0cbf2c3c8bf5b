//! A stream that counts its bytes and fails when the peer stops taking them.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// Bytes that went over a stream.
#[derive(Debug, Default)]
pub struct Meter {
    read: AtomicU64,
    written: AtomicU64,
    head: Mutex<Vec<u8>>,
}

/// How much of the beginning is kept: enough for an SSH server's first line.
const HEAD: u64 = 256;

impl Meter {
    /// Bytes received.
    pub fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// Bytes sent.
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// The first bytes received, which tell what a peer said before it hung up.
    pub fn head(&self) -> Vec<u8> {
        let head = self.head.lock().unwrap_or_else(PoisonError::into_inner);
        head.clone()
    }

    fn add_read(&self, data: &[u8]) {
        if self.read.fetch_add(data.len() as u64, Ordering::Relaxed) < HEAD {
            let mut head = self.head.lock().unwrap_or_else(PoisonError::into_inner);
            let room = (HEAD as usize).saturating_sub(head.len());
            head.extend(data.iter().take(room));
        }
    }
}

/// A stream with a [`Meter`] and a limit on how long a write may make no progress at all.
///
/// An SSH session does nothing else while it writes, its own keepalives included, so a peer that
/// vanished in the middle of an upload is found here or not at all.
pub struct Watched<S> {
    inner: S,
    meter: Arc<Meter>,
    limit: Option<Duration>,
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<S> Watched<S> {
    /// Fails a write with [`io::ErrorKind::TimedOut`] once it has made no progress for `limit`.
    pub fn new(inner: S, meter: Arc<Meter>, limit: Option<Duration>) -> Self {
        Self {
            inner,
            meter,
            limit,
            stalled: None,
        }
    }

    fn check_stall(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let Some(limit) = self.limit else {
            return Poll::Pending;
        };
        let sleep = self
            .stalled
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        match sleep.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("the peer took no data for {} s", limit.as_secs()),
            ))),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let done = Pin::new(&mut self.inner).poll_read(cx, buf);
        self.meter
            .add_read(buf.filled().get(before..).unwrap_or_default());
        done
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.inner).poll_write(cx, buf) {
            Poll::Ready(done) => {
                self.stalled = None;
                if let Ok(count) = &done {
                    self.meter
                        .written
                        .fetch_add(*count as u64, Ordering::Relaxed);
                }
                Poll::Ready(done)
            }
            Poll::Pending => self.check_stall(cx),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn a_write_that_nobody_takes_fails_after_the_limit() {
        let (near, _far) = tokio::io::duplex(16);
        let mut stream = Watched::new(near, Arc::default(), Some(Duration::from_millis(300)));
        let error = stream.write_all(&[0; 64]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn slow_progress_is_progress() {
        let (near, mut far) = tokio::io::duplex(16);
        let meter = Arc::new(Meter::default());
        let mut stream = Watched::new(near, meter.clone(), Some(Duration::from_millis(300)));
        let reader = tokio::spawn(async move {
            for _ in 0..8 {
                tokio::time::sleep(Duration::from_millis(60)).await;
                far.read_exact(&mut [0; 16]).await.unwrap();
            }
        });
        stream.write_all(&[0; 128]).await.unwrap();
        reader.await.unwrap();
        assert_eq!((meter.written(), meter.read()), (128, 0));
    }
}
