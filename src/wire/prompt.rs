//! A TCP stream whose peer does not wait for acknowledgements.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A TCP stream that acknowledges what it has read at once.
///
/// Linux holds an acknowledgement back for some 40 ms in case something goes the other way (delayed
/// ACK, RFC 1122 4.2.3.2), and a peer holds a small packet back until its last one is acknowledged
/// (Nagle, 4.2.3.4): together, the last of several short answers comes 40 ms late. `TCP_QUICKACK`
/// has to be asked for again after each read (tcp(7)); other systems do not have it.
pub struct Prompt(TcpStream);

impl Prompt {
    /// Over a connected stream.
    pub fn new(stream: TcpStream) -> Self {
        let prompt = Self(stream);
        prompt.acknowledge();
        prompt
    }

    fn acknowledge(&self) {
        // Without it everything works as well, if later.
        #[cfg(target_os = "linux")]
        let _ = rustix::net::sockopt::set_tcp_quickack(&self.0, true);
    }
}

impl AsyncRead for Prompt {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let done = Pin::new(&mut self.0).poll_read(cx, buf);
        if matches!(done, Poll::Ready(Ok(()))) {
            self.acknowledge();
        }
        done
    }
}

impl AsyncWrite for Prompt {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
