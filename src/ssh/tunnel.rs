//! A byte stream over a `direct-tcpip` channel that never holds up its connection.
//!
//! russh awaits each channel's queue in its only loop, and does not read while it writes. Two
//! parties that both wait for room then wait for ever: a nested session under two-way bulk traffic
//! does. So a task always takes what comes, into a queue without a bound, and the reader takes it
//! from there. What the peer may send is bounded by the window of whoever reads (a nested session
//! holds its own window shut).
//!
//! Streams that are no sessions have no such window. While their reader is slow, nothing more is taken
//! for it: that slows the connection down, which is all that can be done to slow the sender down. A
//! reader that stops altogether may wait for something on the same connection: it is waited for a
//! moment only, and costs its own channel in the end.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::{Buf, Bytes};
use russh::client::Msg;
use russh::{Channel, ChannelMsg, ChannelReadHalf, ChannelWriteHalf};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use super::connection::Connection;
use super::stats::Traffic;

/// What an unread stream may hold before its channel is given up.
const MOST_QUEUED: usize = 64 << 20;
/// From so much on a slow reader is waited for.
const ENOUGH: usize = 4 << 20;
/// A reader that takes nothing for so long has stopped.
const STOPPED: Duration = Duration::from_secs(2);

/// Who reads.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reader {
    /// A nested session: what comes is always taken.
    Session,
    /// Anybody else, who waits for small pieces too: see [`Connection::nudge`].
    Other,
}

/// After a smaller piece, the server may hold the next one back.
const SMALL: usize = 8 << 10;

/// The stream. Dropping it closes the channel.
pub(super) struct Tunnel {
    shared: Arc<Shared>,
    /// What was taken from the queue and not read yet.
    current: Bytes,
    writer: Pin<Box<dyn AsyncWrite + Send>>,
    write: Option<ChannelWriteHalf<Msg>>,
    traffic: Vec<Arc<Traffic>>,
    tracker: TaskTracker,
    runtime: Handle,
    connection: Arc<Connection>,
    reader: Reader,
    _drain: AbortOnDropHandle<()>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    taken: Notify,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Bytes>,
    queued: usize,
    /// How often something was read.
    reads: u64,
    end: Option<End>,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

#[derive(Clone, Copy, PartialEq)]
enum End {
    /// The peer sends no more, and may still read.
    Eof,
    /// The channel is closed on both sides.
    Closed,
    /// The reader stopped reading.
    Flooded,
    /// The connection died.
    Lost,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, data: Bytes) -> bool {
        let mut state = self.lock();
        state.queued = state.queued.saturating_add(data.len());
        state.queue.push_back(data);
        let flooded = state.queued > MOST_QUEUED;
        if flooded {
            state.queue.clear();
            state.queued = 0;
            state.end = Some(End::Flooded);
        }
        let waker = state.reader.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        !flooded
    }

    /// Waits while the reader has enough, unless it has stopped, which `stopped_at` remembers.
    async fn room(&self, stopped_at: &mut Option<u64>) {
        loop {
            let reads = {
                let state = self.lock();
                if state.queued <= ENOUGH || *stopped_at == Some(state.reads) {
                    return;
                }
                state.reads
            };
            let taken = tokio::time::timeout(STOPPED, self.taken.notified()).await;
            if taken.is_err() {
                *stopped_at = Some(reads);
            }
        }
    }

    fn finish(&self, end: End) {
        let mut state = self.lock();
        if state.end.is_none() || state.end == Some(End::Eof) {
            state.end = Some(end);
        }
        let wakers = (state.reader.take(), state.writer.take());
        drop(state);
        for waker in [wakers.0, wakers.1].into_iter().flatten() {
            waker.wake();
        }
    }
}

impl Tunnel {
    pub fn new(
        channel: Channel<Msg>,
        connection: Arc<Connection>,
        traffic: Vec<Arc<Traffic>>,
        tracker: TaskTracker,
        reader: Reader,
    ) -> Self {
        let (read, write) = channel.split();
        let shared = Arc::new(Shared::default());
        let drain = tokio::spawn(drain(read, shared.clone(), reader));
        Self {
            shared,
            current: Bytes::new(),
            writer: Box::pin(write.make_writer()),
            write: Some(write),
            traffic,
            tracker,
            runtime: Handle::current(),
            connection,
            reader,
            _drain: AbortOnDropHandle::new(drain),
        }
    }

    fn ended(&self, end: End) -> io::Error {
        match end {
            End::Eof | End::Closed => {
                io::Error::new(io::ErrorKind::BrokenPipe, "the far end closed the stream")
            }
            End::Flooded => io::Error::other(format!(
                "more than {} MiB came in that nobody read",
                MOST_QUEUED >> 20
            )),
            End::Lost => io::Error::new(
                io::ErrorKind::ConnectionReset,
                self.connection.lost(false).to_string(),
            ),
        }
    }
}

async fn drain(mut read: ChannelReadHalf, shared: Arc<Shared>, reader: Reader) {
    let mut stopped_at = None;
    loop {
        match read.wait().await {
            Some(ChannelMsg::Data { data }) => {
                if !shared.push(data) {
                    return;
                }
                if reader == Reader::Other {
                    shared.room(&mut stopped_at).await;
                }
            }
            Some(ChannelMsg::Eof) => shared.finish(End::Eof),
            Some(ChannelMsg::Close) => return shared.finish(End::Closed),
            None => return shared.finish(End::Lost),
            Some(_) => {}
        }
    }
}

impl AsyncRead for Tunnel {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.current.is_empty() {
            let mut state = self.shared.lock();
            match state.queue.pop_front() {
                Some(next) => {
                    state.queued = state.queued.saturating_sub(next.len());
                    let was_last = state.queue.is_empty() && state.end.is_none();
                    state.reads += 1;
                    drop(state);
                    self.shared.taken.notify_one();
                    if self.reader == Reader::Other && was_last && next.len() < SMALL {
                        self.connection.nudge();
                    }
                    self.current = next;
                }
                None => match state.end {
                    None => {
                        state.reader = Some(cx.waker().clone());
                        return Poll::Pending;
                    }
                    Some(End::Eof | End::Closed) => return Poll::Ready(Ok(())),
                    Some(end) => {
                        drop(state);
                        return Poll::Ready(Err(self.ended(end)));
                    }
                },
            }
        }
        let count = self.current.len().min(buf.remaining());
        buf.put_slice(self.current.get(..count).unwrap_or_default());
        self.current.advance(count);
        for traffic in &self.traffic {
            traffic.down.fetch_add(count as u64, Ordering::Relaxed);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Tunnel {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        {
            // russh's writer waits for the window for ever when the connection dies meanwhile.
            let mut state = self.shared.lock();
            match state.end {
                None | Some(End::Eof) => state.writer = Some(cx.waker().clone()),
                Some(end) => {
                    drop(state);
                    return Poll::Ready(Err(self.ended(end)));
                }
            }
        }
        let done = self.writer.as_mut().poll_write(cx, buf);
        if let Poll::Ready(Ok(count)) = &done {
            for traffic in &self.traffic {
                traffic.up.fetch_add(*count as u64, Ordering::Relaxed);
            }
        }
        done
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        {
            let mut state = self.shared.lock();
            match state.end {
                None | Some(End::Eof) => state.writer = Some(cx.waker().clone()),
                // Nobody is left to be told.
                Some(_) => return Poll::Ready(Ok(())),
            }
        }
        self.writer.as_mut().poll_shutdown(cx)
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        let closed = matches!(self.shared.lock().end, Some(End::Closed | End::Lost));
        if let Some(write) = self.write.take().filter(|_| !closed) {
            let connection = self.connection.clone();
            let close = async move {
                let _ = write.close().await;
                drop(connection);
            };
            self.tracker.spawn_on(close, &self.runtime);
        }
    }
}
