//! The payload stream: contents as frames that a shell can take apart.
//!
//! A frame is a line `r SIZE` (raw) or `z SIZE` (gzip) and that many bytes; `e` ends a content and
//! `x` says that it must not be used. Files are read as the connection takes them, a few blocks ahead.

use std::fs::File;
use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use futures_util::stream;
use tokio::sync::mpsc;

use super::content::{Content, LocalFile};
use super::error::Error;
use super::hash::Stamp;
use super::pace::{Compress, Pace, gzip, is_worth};
use super::shell::Input;
use super::sync::Tree;

/// Unit of reading and sending.
const CHUNK: usize = 1 << 20;
/// Chunks that wait for the connection.
const AHEAD: usize = 4;
/// Unit of compression.
const BLOCK: usize = 4 << 20;
/// Contents below this are not worth a compressor.
const WORTH_SIZE: u64 = 1 << 20;
/// How much of a content is tried to see whether it compresses.
const PROBE: usize = 256 << 10;

/// A content on its way.
#[derive(Debug)]
pub(super) struct Carried {
    pub content: Content,
    /// The far end reads a line with its hash after it.
    pub with_hash: bool,
}

/// What became of a payload, seen from both ends.
#[derive(Debug, Clone, Default)]
pub(super) struct Progress {
    sent: Arc<AtomicU64>,
    content: Arc<AtomicU64>,
    failure: Arc<Mutex<Option<Error>>>,
}

impl Progress {
    /// Bytes that the connection has taken.
    pub(super) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Bytes of the contents, uncompressed, that are on their way.
    pub(super) fn content(&self) -> u64 {
        self.content.load(Ordering::Relaxed)
    }

    fn add_content(&self, bytes: usize) {
        self.content.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Why a content was given up, if one was.
    pub(super) fn take_failure(&self) -> Option<Error> {
        self.failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    fn fail(&self, error: Error) {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.get_or_insert(error);
    }
}

/// The connection went away; its own error tells why.
struct Gone;

struct Frames {
    to: mpsc::Sender<Bytes>,
    compress: Compress,
    progress: Progress,
}

/// `head` and then every content in frames. Needs a runtime; dropping the input ends the work.
pub(super) fn stream(
    head: Bytes,
    contents: Vec<Carried>,
    compress: Compress,
    progress: &Progress,
) -> Input {
    let (to, from) = mpsc::channel(AHEAD);
    let frames = Frames {
        to,
        compress,
        progress: progress.clone(),
    };
    tokio::spawn(async move {
        // A connection that is gone has nobody left to tell.
        let _ = frames.send_all(head, contents).await;
    });
    let sent = Arc::clone(&progress.sent);
    let chunks = stream::unfold(from, |mut from| async move {
        let chunk = from.recv().await?;
        Some((chunk, from))
    });
    let counted = chunks.map(move |chunk: Bytes| {
        sent.fetch_add(chunk.len() as u64, Ordering::Relaxed);
        Ok(chunk)
    });
    Input::Stream(counted.boxed())
}

impl Frames {
    async fn send(&self, chunk: impl Into<Bytes>) -> Result<(), Gone> {
        self.to.send(chunk.into()).await.map_err(|_| Gone)
    }

    async fn send_all(&self, head: Bytes, contents: Vec<Carried>) -> Result<(), Gone> {
        self.send(head).await?;
        let mut remembered = Vec::new();
        for Carried { content, with_hash } in contents {
            match &content {
                Content::Bytes { bytes, .. } => self.send_bytes(bytes.clone()).await?,
                Content::Local(file) => self.send_file(file).await?,
                Content::Tree(tree) => self.send_tree(tree).await?,
                // Fetched before anything is sent; an unfetched one must not be used.
                Content::Fetch(_) => self.send(&b"x\n"[..]).await?,
            }
            if with_hash {
                remembered.push(content);
            }
        }
        // Last, for they may still be computed while the contents go out.
        for content in remembered {
            self.send_hash(&content).await?;
        }
        Ok(())
    }

    async fn send_hash(&self, content: &Content) -> Result<(), Gone> {
        let sha = match content {
            // Of what was sent, not of what may be there by now.
            Content::Local(file) => match file.hashes.sha256(&file.path, &file.stamp).await {
                Ok(sha) => unchanged(file).await.is_ok().then_some(sha),
                Err(_) => None,
            },
            other => other.sha256().map(str::to_owned),
        };
        // Without one there is nothing to remember, which is no failure.
        self.send(format!("s {}\n", sha.unwrap_or_default())).await
    }

    async fn send_bytes(&self, bytes: Bytes) -> Result<(), Gone> {
        let mut framed = BytesMut::with_capacity(bytes.len() + 24);
        if !bytes.is_empty() {
            framed.extend_from_slice(format!("r {}\n", bytes.len()).as_bytes());
            framed.extend_from_slice(&bytes);
        }
        framed.extend_from_slice(b"e\n");
        self.send(framed.freeze()).await?;
        self.progress.add_content(bytes.len());
        Ok(())
    }

    /// Sends a file; if it cannot be read or is no longer what was hashed, the far end is told not
    /// to use it.
    async fn send_file(&self, local: &LocalFile) -> Result<(), Gone> {
        let result = match self.open(local).await {
            Ok((file, true)) => self.send_blocks(Source::File(file)).await?,
            Ok((file, false)) => self.send_raw(file, local.stamp.size).await?,
            Err(error) => Err(error),
        };
        let result = match result {
            Ok(()) => unchanged(local).await,
            Err(source) => Err(Error::local("read", &local.path, source)),
        };
        match result {
            Ok(()) => self.send(&b"e\n"[..]).await,
            Err(error) => {
                self.progress.fail(error);
                self.send(&b"x\n"[..]).await
            }
        }
    }

    /// The open file, and whether it goes in blocks that may be compressed.
    async fn open(&self, local: &LocalFile) -> io::Result<(Arc<File>, bool)> {
        use std::io::Seek;
        let path = local.path.clone();
        let file = Arc::new(off_thread(move || File::open(path)).await?);
        let blocks = match self.compress {
            Compress::Off => false,
            Compress::On => true,
            Compress::Auto if local.stamp.size < WORTH_SIZE => false,
            Compress::Auto => {
                let probe = read_block(&file, PROBE).await?;
                (&*file).rewind()?;
                let size = probe.len();
                let packed = off_thread(move || gzip(&probe)).await?;
                is_worth(packed.len(), size)
            }
        };
        Ok((file, blocks))
    }

    /// One frame of the promised size, filled up with zeros should the file have shrunk.
    async fn send_raw(&self, file: Arc<File>, size: u64) -> Result<io::Result<()>, Gone> {
        self.send(format!("r {size}\n")).await?;
        let mut rest = size;
        let mut read = Ok(());
        while rest > 0 {
            let want = usize::try_from(rest).unwrap_or(CHUNK).min(CHUNK);
            let chunk = match read {
                Ok(()) => read_block(&file, want).await,
                Err(_) => Ok(Bytes::new()),
            };
            let mut chunk = chunk.unwrap_or_else(|error| {
                read = Err(error);
                Bytes::new()
            });
            if chunk.len() < want {
                if read.is_ok() {
                    read = Err(io::Error::other("it became shorter while it was sent"));
                }
                chunk = Bytes::from(vec![0; want]);
            }
            rest -= want as u64;
            self.send(chunk).await?;
            self.progress.add_content(want);
        }
        Ok(read)
    }

    /// Sends a tree as one archive; the far end counts on its end mark.
    async fn send_tree(&self, tree: &Arc<Tree>) -> Result<(), Gone> {
        let (to, blocks) = mpsc::channel(2);
        let packing = {
            let tree = Arc::clone(tree);
            tokio::task::spawn_blocking(move || tree.pack(BLOCK, &to))
        };
        let sent = self.send_blocks(Source::Blocks(blocks)).await?;
        let packed = match packing.await {
            Ok(packed) => packed,
            Err(stopped) => Err(Error::local("read", &tree.root, io::Error::other(stopped))),
        };
        let sent = sent.map_err(|source| Error::local("read", &tree.root, source));
        match packed.and(sent) {
            Ok(()) => self.send(&b"e\n"[..]).await,
            Err(error) => {
                self.progress.fail(error);
                self.send(&b"x\n"[..]).await
            }
        }
    }

    /// Blocks, compressed as long as the connection is what is waited for.
    async fn send_blocks(&self, mut source: Source) -> Result<io::Result<()>, Gone> {
        let mut pace = Pace::new(self.compress);
        loop {
            let block = match source.next().await {
                Ok(block) if block.is_empty() => return Ok(Ok(())),
                Ok(block) => block,
                Err(error) => return Ok(Err(error)),
            };
            let size = block.len();
            if pace.compress_next() {
                let packed = match off_thread(move || gzip(&block)).await {
                    Ok(packed) => packed,
                    Err(error) => return Ok(Err(error)),
                };
                // Nothing waits: the connection was faster than the compressor.
                let starved = self.to.capacity() == self.to.max_capacity();
                pace.compressed(starved || !is_worth(packed.len(), size));
                self.send_frame('z', packed).await?;
            } else {
                self.send_frame('r', block).await?;
            }
            self.progress.add_content(size);
        }
    }

    async fn send_frame(&self, kind: char, mut block: Bytes) -> Result<(), Gone> {
        self.send(format!("{kind} {}\n", block.len())).await?;
        while !block.is_empty() {
            let chunk = block.split_to(block.len().min(CHUNK));
            self.send(chunk).await?;
        }
        Ok(())
    }
}

/// Where blocks come from.
enum Source {
    File(Arc<File>),
    Blocks(mpsc::Receiver<Bytes>),
}

impl Source {
    /// The next block; an empty one is the end.
    async fn next(&mut self) -> io::Result<Bytes> {
        match self {
            Source::File(file) => read_block(file, BLOCK).await,
            Source::Blocks(blocks) => Ok(blocks.recv().await.unwrap_or_default()),
        }
    }
}

async fn unchanged(local: &LocalFile) -> Result<(), Error> {
    let now = tokio::fs::metadata(&local.path)
        .await
        .map_err(|source| Error::local("read", &local.path, source))?;
    if Stamp::of(&now) == local.stamp {
        return Ok(());
    }
    Err(Error::LocalKind {
        path: local.path.clone(),
        problem: "changed while it was sent".to_owned(),
    })
}

/// Up to `size` bytes; fewer only at the end of the file. They are read right to where they are sent
/// from: tokio's own files would copy them once more.
async fn read_block(file: &Arc<File>, size: usize) -> io::Result<Bytes> {
    let file = Arc::clone(file);
    off_thread(move || {
        let mut block = Vec::with_capacity(size);
        (&*file).take(size as u64).read_to_end(&mut block)?;
        Ok(Bytes::from(block))
    })
    .await
}

async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(io::Error::other)?
}

#[cfg(test)]
mod tests {
    use super::super::hash::Hashes;
    use super::*;

    async fn collect(input: Input) -> Vec<u8> {
        let Input::Stream(mut stream) = input else {
            panic!("no stream")
        };
        let mut all = Vec::new();
        while let Some(chunk) = stream.next().await {
            all.extend_from_slice(&chunk.unwrap());
        }
        all
    }

    fn carried(content: Content) -> Carried {
        Carried {
            content,
            with_hash: false,
        }
    }

    fn local(path: &std::path::Path) -> LocalFile {
        LocalFile {
            path: path.to_owned(),
            stamp: Stamp::of(&path.metadata().unwrap()),
            sha256: None,
            hashes: Hashes::default(),
        }
    }

    #[tokio::test]
    async fn small_contents_are_raw_frames() {
        let progress = Progress::default();
        let mut contents = vec![
            carried(Content::bytes(&b"abc"[..])),
            carried(Content::bytes(Bytes::new())),
        ];
        contents
            .iter_mut()
            .for_each(|carried| carried.with_hash = true);
        let input = stream(
            Bytes::from_static(b"head\n"),
            contents,
            Compress::Auto,
            &progress,
        );
        // The hashes come last of all, in the order of the contents.
        let [abc, empty] = [&b"abc"[..], b""].map(super::super::hash::sha256);
        let expected = format!("head\nr 3\nabce\ne\ns {abc}\ns {empty}\n");
        assert_eq!(collect(input).await, expected.as_bytes());
        assert_eq!(progress.sent(), expected.len() as u64);
    }

    #[tokio::test]
    async fn a_file_that_changed_meanwhile_is_not_to_be_used() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        std::fs::write(&path, vec![1; 100]).unwrap();
        let file = local(&path);
        std::fs::write(&path, vec![2; 40]).unwrap();
        let progress = Progress::default();
        let input = stream(
            Bytes::new(),
            vec![carried(Content::Local(file))],
            Compress::Off,
            &progress,
        );
        let sent = collect(input).await;
        assert!(sent.starts_with(b"r 100\n"));
        assert!(sent.ends_with(b"\0x\n"));
        assert_eq!(sent.len(), 6 + 100 + 2);
        assert!(matches!(progress.take_failure(), Some(Error::Local { .. })));
    }

    #[tokio::test]
    async fn compressible_files_shrink_and_others_do_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        std::fs::write(&path, vec![7; 3 << 20]).unwrap();
        for (compress, smaller) in [
            (Compress::Auto, true),
            (Compress::On, true),
            (Compress::Off, false),
        ] {
            let progress = Progress::default();
            let input = stream(
                Bytes::new(),
                vec![carried(Content::Local(local(&path)))],
                compress,
                &progress,
            );
            assert_eq!(
                collect(input).await.len() < 1 << 20,
                smaller,
                "{compress:?}"
            );
        }
    }
}
