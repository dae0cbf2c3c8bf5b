//! Reading what a process says, no faster than its slowest listener hears it.

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt};

use super::program::Output;
use super::{Event, Process};

/// How much is read at once.
const PIECE: usize = 16 << 10;

/// Tells listeners all output, until there is no more.
pub async fn tell_all(process: &Process, output: Output) {
    match output {
        Output::Pipes(stdout, stderr) => {
            tokio::join!(
                pump(process, stdout, Event::Stdout),
                pump(process, stderr, Event::Stderr)
            );
        }
        Output::Terminal(terminal) => pump(process, terminal, Event::Pty).await,
    }
}

async fn pump(process: &Process, mut from: impl AsyncRead + Unpin, event: fn(Bytes) -> Event) {
    let mut buffer = vec![0; PIECE];
    // a terminal whose other end is closed gives an error
    while let Ok(read) = from.read(&mut buffer).await {
        if read == 0 {
            return;
        }
        let piece = Bytes::copy_from_slice(buffer.get(..read).unwrap_or_default());
        process.tell(event(piece)).await;
    }
}
