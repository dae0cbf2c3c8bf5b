//! Fetching a host's file to the workstation.

use std::io::{self, Write};
use std::path::Path;

use bytes::Bytes;
use futures_util::StreamExt;
use tokio::sync::mpsc;

use super::Model;
use super::error::{Error, last_lines};
use super::mode::Mode;
use super::quote::{holds_nul, quote};
use super::record::{Record, Split};
use super::shell::{
    Channel, Class, Finished, Input, Job, Launch, Shell, Sudo, not_started, standin,
};

const START: &str = include_str!("sh/start.sh");
const SEND: &str = include_str!("sh/send.sh");

/// What is asked for at once.
const PIECE: u64 = 8 << 20;
/// Pieces that are asked for before the first has come: memory holds no more of them.
const AHEAD: u64 = 4;

/// How a download works.
#[derive(Debug, Clone, Default)]
pub struct DownloadOptions {
    /// Default: none.
    pub sudo: Sudo,
    /// Mode of the local file. Default: 0644.
    pub mode: Option<Mode>,
}

/// Fetches the file `remote` to `local` and returns its size.
///
/// The local file is replaced when all has come; a failure leaves the old one. Its name is the
/// caller's, whatever the host answers. `progress` hears bytes and total.
pub async fn download(
    shell: &dyn Shell,
    remote: &str,
    local: &Path,
    options: &DownloadOptions,
    progress: &mut (dyn FnMut(u64, u64) + Send),
) -> Result<u64, Error> {
    let dir = local
        .parent()
        .filter(|dir| !dir.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    if local.is_dir() {
        return Err(Error::LocalKind {
            path: local.to_owned(),
            problem: "is a directory; name the file that is to be written".to_owned(),
        });
    }
    let unwritten = |source| Error::local("write", local, source);
    if let Some(model) = standin(shell) {
        let bytes = content(&model, shell.host(), remote)?;
        std::fs::write(local, &bytes).map_err(unwritten)?;
        return Ok(bytes.len() as u64);
    }
    let mut temp = tempfile::NamedTempFile::new_in(dir).map_err(unwritten)?;
    let (ask, asked) = mpsc::unbounded_channel::<Bytes>();
    let launch = launch(
        remote,
        &options.sudo,
        &format!("send_pieces {}\n", quote(remote)),
    )?;
    let mut receiver = Receiver {
        split: Split::default(),
        ask: Some(ask),
        size: None,
        received: 0,
        requested: 0,
        problem: None,
        sink: temp.as_file_mut(),
        progress,
    };
    let mut job = Job::new(launch.command);
    job.class = Class::Bulk;
    job.input = requests(launch.head, asked);
    job.on_output = Some(Box::new(|channel, chunk| match channel {
        Channel::Stdout => receiver.take(chunk),
        Channel::Stderr => Ok(()),
    }));
    let ended = shell.run(job).await;
    let (size, received, problem) = (receiver.size, receiver.received, receiver.problem.take());
    if let Some(source) = problem {
        return Err(unwritten(source));
    }
    let finished = ended.map_err(|source| Error::Transport {
        host: shell.host().to_owned(),
        source,
    })?;
    let size = answered(
        shell.host(),
        remote,
        options,
        &receiver.split,
        size,
        &finished,
    )?;
    if received != size {
        return Err(Error::Lost {
            host: shell.host().to_owned(),
            during: format!("`{remote}` was read"),
            detail: format!(
                "{received} of {size} bytes came ({}){}",
                finished.status,
                why(&finished)
            ),
            source: None,
            applied: Vec::new(),
            pending: Vec::new(),
        });
    }
    if let (Some(model), Ok(bytes)) = (shell.model(), std::fs::read(temp.path())) {
        model.learn_content(remote, &bytes);
    }
    let mode = options.mode.unwrap_or(Mode::new(0o644));
    keep(temp, local, mode).map_err(unwritten)?;
    Ok(size)
}

/// What the model has at the path.
fn content(model: &Model, host: &str, remote: &str) -> Result<Bytes, Error> {
    model.content(remote).ok_or_else(|| Error::RemoteKind {
        host: host.to_owned(),
        path: remote.to_owned(),
        problem: match model.look(remote) {
            None => "is not there".to_owned(),
            Some((kind, ..)) => format!("is a {kind} whose content is not known"),
        },
    })
}

fn text_of(model: &Model, host: &str, remote: &str) -> Result<String, Error> {
    let bytes = content(model, host, remote)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn why(finished: &Finished) -> String {
    match last_lines(&finished.stderr).pop() {
        Some(line) => format!(": {line}"),
        None => String::new(),
    }
}

fn keep(temp: tempfile::NamedTempFile, local: &Path, mode: Mode) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let file = temp.as_file();
    file.set_permissions(std::fs::Permissions::from_mode(mode.bits()))?;
    file.sync_all()?;
    temp.persist(local).map_err(|error| error.error)?;
    Ok(())
}

/// The requests for pieces, after the script.
fn requests(head: Bytes, asked: mpsc::UnboundedReceiver<Bytes>) -> Input {
    let later = futures_util::stream::unfold(asked, |mut asked| async move {
        let request = asked.recv().await?;
        Some((Ok(request), asked))
    });
    let first = futures_util::stream::once(async move { Ok(head) });
    Input::Stream(first.chain(later).boxed())
}

/// Starts the sending script with `call` as its last line.
fn launch(remote: &str, sudo: &Sudo, call: &str) -> Result<Launch, Error> {
    if !remote.starts_with('/') || holds_nul(remote) {
        return Err(Error::Invalid {
            item: format!("`{}`", remote.escape_debug()),
            problem: "the remote path is not absolute".to_owned(),
            help: Some("begin it with `/`; there is no current directory on a host".to_owned()),
        });
    }
    Ok(Launch::new(sudo, format!("{START}{SEND}{call}").as_bytes()))
}

/// The size that the host announced, or why it did not.
fn answered(
    host: &str,
    remote: &str,
    options: &DownloadOptions,
    split: &Split,
    size: Option<u64>,
    finished: &Finished,
) -> Result<u64, Error> {
    if !split.greeted() {
        return Err(not_started(host, &options.sudo, finished));
    }
    let problem = match split.header() {
        Some(record) if record.tag == "not" => record.words.first().map(String::as_str),
        _ => None,
    };
    let kind = |problem: &str| Error::RemoteKind {
        host: host.to_owned(),
        path: remote.to_owned(),
        problem: problem.to_owned(),
    };
    match (problem, size) {
        (Some("there"), _) => Err(Error::NotFound {
            host: host.to_owned(),
            path: remote.to_owned(),
        }),
        (Some("directory"), _) => Err(kind("is a directory")),
        (Some("link"), _) => Err(kind("is a link that leads nowhere")),
        (Some("readable"), _) => Err(kind("may not be read by this user; sudo might help")),
        (Some(_), _) => Err(kind("is not a regular file")),
        (None, Some(size)) => Ok(size),
        (None, None) => Err(Error::Read {
            host: host.to_owned(),
            what: format!("`{remote}`"),
            detail: format!("the answer broke off ({})", finished.status),
            output: last_lines(&finished.stderr),
        }),
    }
}

/// Takes a file's bytes as they come and asks for more.
struct Receiver<'a> {
    split: Split,
    ask: Option<mpsc::UnboundedSender<Bytes>>,
    size: Option<u64>,
    received: u64,
    requested: u64,
    problem: Option<io::Error>,
    sink: &'a mut std::fs::File,
    progress: &'a mut (dyn FnMut(u64, u64) + Send),
}

impl Receiver<'_> {
    fn take(&mut self, chunk: &[u8]) -> io::Result<()> {
        let bytes = self.split.feed(chunk);
        if self.size.is_none()
            && let Some(record) = self.split.header()
            && record.tag == "file"
        {
            self.size = record.words.first().and_then(|size| size.parse().ok());
        }
        let Some(size) = self.size else {
            // An answer that is no file ends the conversation.
            if self.split.header().is_some() {
                self.ask = None;
            }
            return Ok(());
        };
        // A host that sends more than it announced is not listened to.
        let room = usize::try_from(size - self.received).unwrap_or(usize::MAX);
        let bytes = bytes.get(..bytes.len().min(room)).unwrap_or_default();
        if let Err(error) = self.sink.write_all(bytes) {
            self.problem = Some(error);
            return Err(io::Error::other("the local file cannot be written"));
        }
        self.received += bytes.len() as u64;
        (self.progress)(self.received, size);
        self.request(size);
        Ok(())
    }

    fn request(&mut self, size: u64) {
        while self.requested < size && self.requested < self.received + PIECE * AHEAD {
            let piece = PIECE.min(size - self.requested);
            self.requested += piece;
            if let Some(ask) = &self.ask {
                // The far end may be gone; then its status tells.
                let _ = ask.send(Bytes::from(format!("{piece}\n")));
            }
        }
        if self.requested >= size {
            self.ask = None;
        }
    }
}

/// Reads the text file `remote`, of up to `limit` bytes.
pub async fn read_text(
    shell: &dyn Shell,
    remote: &str,
    sudo: &Sudo,
    limit: u64,
) -> Result<String, Error> {
    if let Some(model) = standin(shell) {
        return text_of(&model, shell.host(), remote);
    }
    let more = limit.saturating_add(1);
    let launch = launch(
        remote,
        sudo,
        &format!("send_start {} {more}\n", quote(remote)),
    )?;
    let mut split = Split::default();
    let mut bytes = Vec::new();
    let mut job = Job::new(launch.command);
    job.input = Input::Bytes(launch.head);
    job.on_output = Some(Box::new(|channel, chunk| {
        if channel == Channel::Stdout {
            let room = usize::try_from(more).unwrap_or(usize::MAX) - bytes.len();
            let new = split.feed(chunk);
            bytes.extend_from_slice(new.get(..new.len().min(room)).unwrap_or_default());
        }
        Ok(())
    }));
    let finished = shell.run(job).await.map_err(|source| Error::Transport {
        host: shell.host().to_owned(),
        source,
    })?;
    let there = split.header().filter(|record| record.tag == "file");
    let size = there.map(|_: &Record| bytes.len() as u64);
    let options = DownloadOptions {
        sudo: sudo.clone(),
        mode: None,
    };
    answered(shell.host(), remote, &options, &split, size, &finished)?;
    if !finished.status.is_success() {
        return Err(Error::Read {
            host: shell.host().to_owned(),
            what: format!("`{remote}`"),
            detail: format!("{}{}", finished.status, why(&finished)),
            output: last_lines(&finished.stderr),
        });
    }
    if let Some(model) = shell.model() {
        model.learn_content(remote, &bytes);
    }
    if bytes.len() as u64 > limit {
        return Err(Error::TooLarge {
            host: shell.host().to_owned(),
            path: remote.to_owned(),
            limit,
        });
    }
    String::from_utf8(bytes).map_err(|error| Error::NotUtf8 {
        host: shell.host().to_owned(),
        path: remote.to_owned(),
        offset: error.utf8_error().valid_up_to(),
    })
}
