//! Byte streams to a host and port, however they get there.
//!
//! Everything that talks to a peer (nested SSH, HTTP, WebSocket, PostgreSQL, local listeners) stands
//! on one [`Dialer`]: over TCP from this machine, or through an SSH connection from another one.

mod error;
mod prompt;
mod tcp;
mod watch;

pub use error::DialError;
pub use futures_util::future::BoxFuture;
pub use prompt::Prompt;
pub use tcp::{AddressFamily, Tcp};
pub use watch::{Meter, Watched};

use tokio::io::{AsyncRead, AsyncWrite};

/// Anything bytes can be read from and written to.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A stream whose kind no longer matters.
pub type BoxStream = Box<dyn Stream>;

/// A way to reach hosts: from this machine, or from the far end of an SSH connection.
pub trait Dialer: Send + Sync {
    /// Opens a stream to `host`, which is resolved where the connection starts, not here.
    ///
    /// Dropping the future abandons the attempt and leaves nothing open behind it.
    fn dial<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, Result<BoxStream, DialError>>;
}
