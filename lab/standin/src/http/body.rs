//! The body of an answer: whole, written while it is sent, or passed along from elsewhere.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::sync::mpsc;

/// How many pieces wait to be sent; who writes more waits.
const WAITING: usize = 4;

/// An answer's body.
#[derive(Debug)]
pub enum Reply {
    /// All there is.
    Whole(Option<Bytes>),
    /// What somebody still writes; it ends when they let go.
    Live(mpsc::Receiver<Bytes>),
    /// What another server sends.
    Passed(Incoming),
}

impl From<Bytes> for Reply {
    fn from(bytes: Bytes) -> Reply {
        Reply::Whole(Some(bytes).filter(|bytes| !bytes.is_empty()))
    }
}

/// A body and the end that it is written to.
#[must_use]
pub fn live() -> (mpsc::Sender<Bytes>, Reply) {
    let (writer, reader) = mpsc::channel(WAITING);
    (writer, Reply::Live(reader))
}

impl Body for Reply {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match self.get_mut() {
            Reply::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Reply::Live(reader) => reader
                .poll_recv(context)
                .map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes)))),
            Reply::Passed(body) => Pin::new(body)
                .poll_frame(context)
                .map(|frame| frame.map(|frame| frame.map_err(Into::into))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Reply::Whole(bytes) => bytes.is_none(),
            Reply::Live(_) => false,
            Reply::Passed(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Reply::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Reply::Live(_) => SizeHint::default(),
            Reply::Passed(body) => body.size_hint(),
        }
    }
}
