//! Many rows at once, in and out.

use std::path::PathBuf;

use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt, StreamExt, pin_mut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_postgres::types::Type;

use super::param::hex;
use super::{Error, Lease, Param};

/// How much is handed to the wire at once.
const PIECE: usize = 128 << 10;

/// What `COPY … FROM STDIN` reads.
#[derive(Debug)]
pub enum Source {
    /// Bytes in the format that the statement names.
    Bytes(Vec<u8>),
    /// A file of them.
    File(PathBuf),
    /// Rows, for a statement with the default text format.
    Rows(Vec<Vec<Param>>),
}

impl Lease {
    /// Feeds `COPY … FROM STDIN`; returns how many rows were taken. Either all are, or none.
    pub async fn copy_in(&self, sql: &str, source: Source) -> Result<u64, Error> {
        if let Some(said) = self.answer(sql, &[]) {
            return said.map(|said| said.count);
        }
        let connection = self.connection()?;
        let work = connection.begin();
        let done = self.feed(sql, source).await;
        work.done();
        done
    }

    async fn feed(&self, sql: &str, source: Source) -> Result<u64, Error> {
        let connection = self.connection()?;
        let failed = |error: tokio_postgres::Error| connection.sort(&error, sql);
        // opened first: nothing is begun for a file that is not there
        let file = match &source {
            Source::File(path) => Some((path.clone(), open(path).await?)),
            _ => None,
        };
        let sink = connection
            .client
            .copy_in::<_, Bytes>(sql)
            .await
            .map_err(failed)?;
        pin_mut!(sink);
        match source {
            Source::Bytes(bytes) => {
                let mut left = Bytes::from(bytes);
                while !left.is_empty() {
                    let piece = left.split_to(PIECE.min(left.len()));
                    sink.send(piece).await.map_err(failed)?;
                }
            }
            Source::Rows(rows) => {
                let mut piece = BytesMut::with_capacity(PIECE + 1024);
                for row in &rows {
                    line(row, &mut piece);
                    if piece.len() >= PIECE {
                        sink.send(piece.split().freeze()).await.map_err(failed)?;
                    }
                }
                sink.send(piece.freeze()).await.map_err(failed)?;
            }
            Source::File(_) => {
                if let Some((path, mut file)) = file {
                    loop {
                        let mut piece = BytesMut::with_capacity(PIECE);
                        let count = file.read_buf(&mut piece).await;
                        // the sink is dropped without its end, which undoes all of it
                        if count.map_err(|error| unreadable(path.clone(), &error))? == 0 {
                            break;
                        }
                        sink.send(piece.freeze()).await.map_err(failed)?;
                    }
                }
            }
        }
        sink.finish().await.map_err(failed)
    }

    /// Takes what `COPY … TO STDOUT` writes, piece by piece; returns how many bytes that were.
    pub async fn copy_out<W: tokio::io::AsyncWrite + Unpin>(
        &self,
        sql: &str,
        target: &mut W,
    ) -> Result<u64, Error> {
        if let Some(said) = self.answer(sql, &[]) {
            let text = said?.copied();
            let written = target.write_all(text.as_bytes()).await;
            written.map_err(|error| unreadable(PathBuf::from("the target"), &error))?;
            return Ok(text.len() as u64);
        }
        let connection = self.connection()?;
        let work = connection.begin();
        let failed = |error: tokio_postgres::Error| connection.sort(&error, sql);
        let copied = async {
            let stream = connection.client.copy_out(sql).await.map_err(failed)?;
            pin_mut!(stream);
            let mut total = 0;
            while let Some(piece) = stream.next().await {
                let piece = piece.map_err(failed)?;
                total += piece.len() as u64;
                let written = target.write_all(&piece).await;
                written.map_err(|error| unreadable(PathBuf::from("the target"), &error))?;
            }
            let flushed = target.flush().await;
            flushed.map_err(|error| unreadable(PathBuf::from("the target"), &error))?;
            Ok(total)
        };
        let done = copied.await;
        // a copy that ended early is still being sent: the connection is of no use then
        if done.is_ok() || matches!(done, Err(Error::Sql { .. })) {
            work.done();
        }
        done
    }
}

async fn open(path: &std::path::Path) -> Result<tokio::fs::File, Error> {
    let file = tokio::fs::File::open(path).await;
    file.map_err(|error| unreadable(path.to_owned(), &error))
}

fn unreadable(path: PathBuf, error: &std::io::Error) -> Error {
    Error::File {
        path,
        why: error.to_string(),
    }
}

/// One line of the text format: columns between tabs, `\N` for null.
fn line(row: &[Param], out: &mut BytesMut) {
    for (index, cell) in row.iter().enumerate() {
        if index > 0 {
            out.extend_from_slice(b"\t");
        }
        match cell {
            Param::Int(number) => out.extend_from_slice(number.to_string().as_bytes()),
            Param::Bytes(bytes) => escaped(&hex(bytes), out),
            cell => match cell.text(&Type::TEXT) {
                Some(text) => escaped(&text, out),
                None => out.extend_from_slice(b"\\N"),
            },
        }
    }
    out.extend_from_slice(b"\n");
}

fn escaped(text: &str, out: &mut BytesMut) {
    let mut start = 0;
    for (at, byte) in text.bytes().enumerate() {
        let letter = match byte {
            b'\\' => b'\\',
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            _ => continue,
        };
        out.extend_from_slice(text.as_bytes().get(start..at).unwrap_or_default());
        out.extend_from_slice(&[b'\\', letter]);
        start = at + 1;
    }
    out.extend_from_slice(text.as_bytes().get(start..).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_cannot_leave_their_column() {
        let mut out = BytesMut::new();
        line(
            &[
                Param::Int(-3),
                Param::Null,
                Param::Text("a\tb\\N\nc".into()),
                Param::Bytes(vec![1]),
            ],
            &mut out,
        );
        assert_eq!(&out[..], b"-3\t\\N\ta\\tb\\\\N\\nc\t\\\\x01\n");
    }
}
