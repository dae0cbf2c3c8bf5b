//! The HTTP mirror inside the lab: a Firecracker release and a kernel, with their checksums.

use std::collections::HashMap;
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

use crate::env_file::Checksums;
use crate::error::{At, Result};
use crate::faults::{self, Fault};
use crate::release::{self, FIRECRACKER, KERNEL, sha256};
use crate::report;

/// The longest request head that is read.
const HEAD_LIMIT: u64 = 16 * 1024;
/// How long a connection may stay silent.
const IDLE: Duration = Duration::from_secs(60);

/// Everything the mirror serves.
#[derive(Debug)]
pub struct Content {
    right: HashMap<String, Vec<u8>>,
    /// Under the same names, but not what the checksums say.
    wrong: HashMap<String, Vec<u8>>,
    /// What `deploy.env` must say.
    pub sums: Checksums,
}

impl Content {
    /// Makes the files; they are the same every time.
    pub fn make() -> io::Result<Content> {
        let archive_name = format!("firecracker-{FIRECRACKER}-x86_64.tgz");
        let archive_path = format!("/firecracker/{FIRECRACKER}/{archive_name}");
        let kernel_name = format!("vmlinux-{KERNEL}");
        let kernel_path = format!("/kernels/{kernel_name}");
        let (archive, kernel) = (release::firecracker(FIRECRACKER)?, release::kernel(1));
        let sums = Checksums {
            firecracker: sha256(&archive),
            kernel: sha256(&kernel),
        };
        let line = |sum: &str, name: &str| format!("{sum}  {name}\n").into_bytes();
        // whole and readable, so that nothing but the checksum can tell
        let wrong = HashMap::from([
            (
                archive_path.clone(),
                release::firecracker("v1.10.1-tampered")?,
            ),
            (kernel_path.clone(), release::kernel(3)),
        ]);
        let right = HashMap::from([
            (
                format!("{archive_path}.sha256.txt"),
                line(&sums.firecracker, &archive_name),
            ),
            (
                format!("{kernel_path}.sha256"),
                line(&sums.kernel, &kernel_name),
            ),
            (archive_path, archive),
            (kernel_path, kernel),
        ]);
        Ok(Content { right, wrong, sums })
    }

    fn find(&self, path: &str, faults: &[Fault]) -> Option<&Vec<u8>> {
        if faults.contains(&Fault::Mirror404) {
            return None;
        }
        let wrong = faults.contains(&Fault::MirrorWrongBytes);
        let wrong = self.wrong.get(path).filter(|_| wrong);
        wrong.or_else(|| self.right.get(path))
    }
}

/// Serves until killed. The faults in force are read anew for each request.
pub async fn serve(address: Ipv4Addr, faults: PathBuf) -> Result<()> {
    let content = Arc::new(Content::make().at("make the content of", "the mirror")?);
    let listener = TcpListener::bind((address, 80)).await;
    let listener = listener.at("listen on port 80 of", address.to_string())?;
    report::talk(format_args!("the mirror listens on {address}:80"));
    accept(listener, content, faults.into()).await
}

async fn accept(listener: TcpListener, content: Arc<Content>, faults: Arc<Path>) -> Result<()> {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let (content, faults) = (Arc::clone(&content), Arc::clone(&faults));
                // a node that goes away in the middle is the node's matter
                tokio::spawn(async move { converse(stream, &content, &faults).await });
            }
            // out of descriptors: give the others time to finish
            Err(_) => sleep(Duration::from_millis(50)).await,
        }
    }
}

/// Answers the requests of one connection until it closes.
async fn converse(stream: TcpStream, content: &Content, faults: &Path) -> io::Result<()> {
    let peer = stream.peer_addr()?.ip();
    let mut stream = BufReader::new(stream);
    while let Some(request) = timeout(IDLE, request_line(&mut stream)).await?? {
        let answer = answer(content, &faults::in_force(faults), &request);
        report::talk(format_args!("{peer} {} {}", request.trim(), answer.status));
        stream.write_all(answer.head.as_bytes()).await?;
        stream.write_all(answer.body).await?;
        stream.flush().await?;
    }
    Ok(())
}

/// Reads one request head and returns its first line; `None` when the peer is done.
async fn request_line(stream: &mut BufReader<TcpStream>) -> io::Result<Option<String>> {
    let mut head = stream.take(HEAD_LIMIT);
    let mut first = String::new();
    if head.read_line(&mut first).await? == 0 {
        return Ok(None);
    }
    let mut line = String::new();
    loop {
        line.clear();
        if head.read_line(&mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if line.trim_end().is_empty() {
            return Ok(Some(first));
        }
    }
}

struct Answer<'a> {
    status: &'static str,
    head: String,
    body: &'a [u8],
}

fn answer<'a>(content: &'a Content, faults: &[Fault], request: &str) -> Answer<'a> {
    let mut words = request.split_whitespace();
    let method = words.next().unwrap_or_default();
    let path = words.next().unwrap_or_default();
    let found = content.find(path.split('?').next().unwrap_or_default(), faults);
    let (status, body): (_, &[u8]) = match (method, found) {
        ("GET" | "HEAD", Some(body)) => ("200 OK", body),
        ("GET" | "HEAD", None) => ("404 Not Found", b"not found\n"),
        _ => ("405 Method Not Allowed", b"method not allowed\n"),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/octet-stream\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    Answer {
        status,
        head,
        body: if method == "HEAD" { b"" } else { body },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARCHIVE: &str = "/firecracker/v1.10.1/firecracker-v1.10.1-x86_64.tgz";

    fn get<'a>(content: &'a Content, path: &str, faults: &[Fault]) -> Answer<'a> {
        answer(content, faults, &format!("GET {path} HTTP/1.1\r\n"))
    }

    #[test]
    fn what_is_served_has_the_published_checksum() {
        let content = Content::make().unwrap();
        let archive = get(&content, ARCHIVE, &[]);
        assert_eq!(archive.status, "200 OK");
        let sum = sha256(archive.body);
        assert_eq!(sum, content.sums.firecracker);
        let published = get(&content, &format!("{ARCHIVE}.sha256.txt"), &[]);
        assert_eq!(
            published.body,
            format!("{sum}  firecracker-v1.10.1-x86_64.tgz\n").as_bytes()
        );

        let kernel = get(&content, "/kernels/vmlinux-6.1.102", &[]);
        assert_eq!(sha256(kernel.body), content.sums.kernel);
        let published = get(&content, "/kernels/vmlinux-6.1.102.sha256", &[]);
        assert!(published.body.starts_with(content.sums.kernel.as_bytes()));
    }

    #[test]
    fn faults_hide_or_change_the_files_but_not_the_checksums() {
        let content = Content::make().unwrap();
        assert_eq!(
            get(&content, ARCHIVE, &[Fault::Mirror404]).status,
            "404 Not Found"
        );

        let wrong = get(&content, ARCHIVE, &[Fault::MirrorWrongBytes]);
        assert_eq!(wrong.status, "200 OK");
        assert_ne!(sha256(wrong.body), content.sums.firecracker);
        let sum = format!("{ARCHIVE}.sha256.txt");
        let published = get(&content, &sum, &[Fault::MirrorWrongBytes]);
        assert!(
            published
                .body
                .starts_with(content.sums.firecracker.as_bytes())
        );
    }

    #[test]
    fn other_paths_and_methods_are_refused() {
        let content = Content::make().unwrap();
        assert_eq!(get(&content, "/", &[]).status, "404 Not Found");
        assert_eq!(
            answer(&content, &[], "PUT / HTTP/1.1").status,
            "405 Method Not Allowed"
        );
        let head = answer(&content, &[], &format!("HEAD {ARCHIVE} HTTP/1.1"));
        assert_eq!((head.status, head.body.len()), ("200 OK", 0));
    }

    #[tokio::test]
    async fn one_connection_carries_two_requests() {
        let content = Arc::new(Content::make().unwrap());
        let length = get(&content, "/nothing", &[]).head.len() + "not found\n".len();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let none: Arc<Path> = Arc::from(Path::new("/nonexistent/faults.json"));
        tokio::spawn(accept(listener, content, none));
        let mut stream = TcpStream::connect(address).await.unwrap();
        for _ in 0..2 {
            stream
                .write_all(b"GET /nothing HTTP/1.1\r\nhost: x\r\n\r\n")
                .await
                .unwrap();
            let mut answer = vec![0; length];
            stream.read_exact(&mut answer).await.unwrap();
            assert!(answer.starts_with(b"HTTP/1.1 404 "));
        }
    }
}
