//! The applying round trip: one script that changes what differs, in order, and what it carries.

use std::path::Path;

use futures_util::future::try_join_all;

use super::content::Content;
use super::error::{Error, last_lines};
use super::hash::Hashes;
use super::mode::Mode;
use super::pace::Compress;
use super::payload::{self, Carried, Progress};
use super::quote::quote_bytes;
use super::read::Snippet;
use super::record::{Record, Records};
use super::report::ItemReport;
use super::shell::{Channel, Class, Finished, Job, Launch, Shell, ShellError, Sudo, not_started};

const START: &str = include_str!("sh/start.sh");
const RECEIVE: &str = include_str!("sh/receive.sh");
const APPLY: &str = include_str!("sh/apply.sh");

/// Contents of this size and more have their hash remembered on the host.
const REMEMBERED: u64 = 1 << 20;

/// How programs say that a disk is full; tar says it in its own way.
const FULL: &[&str] = &[
    "No space left on device",
    "Disk quota exceeded",
    "Wrote only ",
];

/// Builds the applying script, item by item.
#[derive(Debug, Default)]
pub(super) struct Script {
    snippets: Vec<&'static Snippet>,
    body: Vec<u8>,
    contents: Vec<Carried>,
}

impl Script {
    /// Starts the part of the item at `index`.
    pub fn begin(&mut self, index: usize) {
        self.call("begin", &[&index.to_string()]);
    }

    /// Ends the part of the item at `index`.
    pub fn finish(&mut self, index: usize) {
        self.call("finish", &[&index.to_string()]);
    }

    /// Calls a function of `apply.sh` or of a snippet that was needed before.
    pub fn call(&mut self, function: &str, words: &[&str]) {
        let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
        self.call_bytes(function, &words);
    }

    /// As [`Script::call`], for words that need not be UTF-8.
    pub fn call_bytes(&mut self, function: &str, words: &[&[u8]]) {
        self.body.extend_from_slice(function.as_bytes());
        for word in words {
            self.body.push(b' ');
            self.body.extend(quote_bytes(word));
        }
        self.body.push(b'\n');
    }

    /// Makes the functions of `snippet` known.
    pub fn need(&mut self, snippet: &'static Snippet) {
        if !self.snippets.contains(&snippet) {
            self.snippets.push(snippet);
        }
    }

    /// Replaces the file at `path` by `content`.
    pub fn put(&mut self, path: &str, content: Content, owner: &str, mode: Mode) {
        let remembered = content.size() >= REMEMBERED;
        self.call("put", &[path, parent(path), owner, &mode.to_string()]);
        if remembered {
            self.call("keep_hash", &[path]);
        }
        self.contents.push(Carried {
            content,
            with_hash: remembered,
        });
    }

    /// Adds a content that a call takes from the payload, in the order of the calls.
    pub fn carry(&mut self, content: Content) {
        self.contents.push(Carried {
            content,
            with_hash: false,
        });
    }

    /// Adds all of `part` at the end.
    pub fn append(&mut self, part: Script) {
        for snippet in part.snippets {
            self.need(snippet);
        }
        self.body.extend_from_slice(&part.body);
        self.contents.extend(part.contents);
    }

    /// Downloads what the workstation has to carry, all of it at the same time.
    pub async fn fetch(&mut self, cache: &Path, hashes: &Hashes) -> Result<(), Error> {
        let fetched = self.contents.iter().map(|carried| async move {
            match &carried.content {
                Content::Fetch(fetch) => fetch.content(cache, hashes).await.map(Some),
                _ => Ok(None),
            }
        });
        let fetched = try_join_all(fetched).await?;
        for (carried, fetched) in self.contents.iter_mut().zip(fetched) {
            if let Some(fetched) = fetched {
                carried.content = fetched;
            }
        }
        Ok(())
    }

    pub fn is_empty(&self) -> bool {
        self.body.is_empty()
    }

    /// Bytes of the contents that it carries.
    pub fn size(&self) -> u64 {
        self.contents
            .iter()
            .map(|carried| carried.content.size())
            .sum()
    }

    fn text(&self, state_dir: &str) -> Vec<u8> {
        let mut text = format!("{START}{RECEIVE}{APPLY}").into_bytes();
        text.extend_from_slice(b"state_dir=");
        text.extend(quote_bytes(state_dir.as_bytes()));
        text.push(b'\n');
        for snippet in &self.snippets {
            text.extend_from_slice(snippet.text.as_bytes());
            text.push(b'\n');
        }
        text.extend_from_slice(&self.body);
        text.extend_from_slice(b"finish_all\n");
        text
    }
}

/// The directory that holds `path`, which is absolute and not the root.
pub(super) fn parent(path: &str) -> &str {
    match path.rsplit_once('/') {
        Some(("", _)) | None => "/",
        Some((parent, _)) => parent,
    }
}

/// What is heard while a script applies.
pub(super) enum Heard<'a> {
    Begin(usize),
    Done(usize),
    /// A conditional item turned out to be as it should be.
    Skipped(usize),
    /// Output of the item that is being applied.
    Output(usize, &'a [u8]),
}

/// How the applying round trip is made.
pub(super) struct Transfer<'a> {
    pub shell: &'a dyn Shell,
    pub sudo: &'a Sudo,
    pub state_dir: &'a str,
    pub compress: Compress,
    pub class: Class,
    pub progress: Progress,
}

/// Why an applying round trip failed, before items have names.
pub(super) struct Failed {
    /// The item that failed, where one did.
    pub item: Option<usize>,
    pub cause: Cause,
}

pub(super) enum Cause {
    Error(Error),
    Command {
        code: i32,
        command: String,
        because: Option<String>,
        output: Vec<String>,
    },
    DiskFull {
        path: String,
        free: Option<u64>,
    },
    Lost(String, Option<ShellError>),
}

impl Failed {
    /// The error that the caller sees.
    pub fn into_error(
        self,
        host: &str,
        item: String,
        applied: Vec<ItemReport>,
        pending: Vec<String>,
    ) -> Error {
        let host = host.to_owned();
        match self.cause {
            Cause::Error(error) => error,
            Cause::DiskFull { path, free } => Error::DiskFull {
                host,
                item,
                path,
                free,
                applied,
                pending,
            },
            Cause::Lost(detail, source) => Error::Lost {
                host,
                during: format!("{item} was applied"),
                detail,
                source,
                applied,
                pending,
            },
            Cause::Command {
                code,
                command,
                because,
                output,
            } => Error::Apply {
                host,
                item,
                detail: because
                    .or_else(|| output.last().cloned())
                    .unwrap_or_else(|| format!("`{command}` ended with exit code {code}")),
                command: Some(command),
                code: Some(code),
                output,
                applied,
                pending,
            },
        }
    }
}

/// State of a running script, as its two output streams tell it.
struct Listener<'a> {
    records: Records,
    markers: Markers,
    heard: &'a mut (dyn FnMut(Heard<'_>) + Send),
    failed: Option<(Option<usize>, i32, String)>,
    because: Option<String>,
    space: Option<(String, Option<u64>)>,
    done: bool,
}

impl Listener<'_> {
    fn answered(&mut self, chunk: &[u8]) {
        self.records.feed(chunk);
        while let Some(record) = self.records.next() {
            self.record(&record);
        }
    }

    fn talked(&mut self, chunk: &[u8]) {
        let heard = &mut self.heard;
        self.markers.feed(chunk, |item, output| {
            heard(Heard::Output(item, output));
        });
    }

    fn record(&mut self, record: &Record) {
        match (record.tag.as_str(), record.number(0)) {
            ("begin", Some(item)) => (self.heard)(Heard::Begin(item)),
            ("done", Some(item)) => (self.heard)(Heard::Done(item)),
            ("skip", Some(item)) => (self.heard)(Heard::Skipped(item)),
            ("fail", item) => {
                let code = record.words.get(1).and_then(|code| code.parse().ok());
                self.failed = Some((item, code.unwrap_or(1), record.text()));
            }
            ("because", _) => self.because = Some(record.text()),
            ("space", _) => {
                let path = record.words.join(" ");
                self.space = Some((path, free_bytes(&record.text())));
            }
            ("end", _) => self.done = true,
            _ => {}
        }
    }
}

/// The available bytes of `df -Pk`.
fn free_bytes(df: &str) -> Option<u64> {
    let kib: u64 = df.lines().nth(1)?.split_whitespace().nth(3)?.parse().ok()?;
    Some(kib * 1024)
}

/// Splits standard error by the markers that `begin` writes into it.
#[derive(Default)]
struct Markers {
    item: usize,
    marker: Option<Vec<u8>>,
}

impl Markers {
    fn feed(&mut self, chunk: &[u8], mut output: impl FnMut(usize, &[u8])) {
        for (at, part) in chunk.split(|byte| *byte == 0).enumerate() {
            if at > 0 {
                match self.marker.take() {
                    Some(number) => {
                        let number = String::from_utf8_lossy(&number).parse();
                        self.item = number.unwrap_or(self.item);
                    }
                    None => self.marker = Some(Vec::new()),
                }
            }
            match self.marker.as_mut() {
                Some(marker) => marker.extend_from_slice(part),
                None if !part.is_empty() => output(self.item, part),
                None => {}
            }
        }
    }
}

impl Transfer<'_> {
    /// Sends the script and its contents and listens until it ends.
    pub async fn run(
        &self,
        script: Script,
        heard: &mut (dyn FnMut(Heard<'_>) + Send),
    ) -> Result<(), Failed> {
        let launch = Launch::new(self.sudo, &script.text(self.state_dir));
        let mut listener = Listener {
            records: Records::default(),
            markers: Markers::default(),
            heard,
            failed: None,
            because: None,
            space: None,
            done: false,
        };
        let mut job = Job::new(launch.command);
        job.class = self.class;
        job.input = payload::stream(launch.head, script.contents, self.compress, &self.progress);
        job.on_output = Some(Box::new(|channel, chunk| {
            match channel {
                Channel::Stdout => listener.answered(chunk),
                Channel::Stderr => listener.talked(chunk),
            }
            Ok(())
        }));
        let finished = self.shell.run(job).await;
        let host = self.shell.host();
        let fatal = |error| Failed {
            item: None,
            cause: Cause::Error(error),
        };
        if listener.done && finished.is_err() {
            // All of it was done and said; only the farewell is missing.
            return Ok(());
        }
        let greeted = listener.records.greeted();
        let finished = finished.map_err(|source| match self.progress.take_failure() {
            Some(error) => fatal(error),
            None if greeted => Failed {
                item: None,
                cause: Cause::Lost(source.to_string(), Some(source)),
            },
            None => fatal(Error::Transport {
                host: host.to_owned(),
                source,
            }),
        })?;
        if !listener.records.greeted() {
            return Err(fatal(not_started(host, self.sudo, &finished)));
        }
        if let Some(error) = self.progress.take_failure() {
            return Err(fatal(error));
        }
        verdict(&listener, &finished)
    }
}

fn verdict(listener: &Listener<'_>, finished: &Finished) -> Result<(), Failed> {
    if let Some((item, code, command)) = &listener.failed {
        let output = last_lines(own_output(&finished.stderr));
        let full = output
            .iter()
            .any(|line| FULL.iter().any(|sign| line.contains(sign)));
        let cause = match (&listener.space, full) {
            (Some((path, free)), true) => Cause::DiskFull {
                path: path.clone(),
                free: *free,
            },
            _ => Cause::Command {
                code: *code,
                command: command.clone(),
                because: listener.because.clone(),
                output,
            },
        };
        return Err(Failed { item: *item, cause });
    }
    if listener.done && finished.status.is_success() {
        return Ok(());
    }
    let mut detail = finished.status.to_string();
    if let Some(line) = last_lines(own_output(&finished.stderr)).pop() {
        detail = format!("{line} ({detail})");
    }
    Err(Failed {
        item: None,
        cause: Cause::Lost(detail, None),
    })
}

/// What the last item wrote: the part after the last marker.
fn own_output(stderr: &[u8]) -> &[u8] {
    let last = stderr.iter().rposition(|byte| *byte == 0);
    last.and_then(|at| stderr.get(at + 1..)).unwrap_or(stderr)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parents_of_absolute_paths() {
        assert_eq!(parent("/a"), "/");
        assert_eq!(parent("/a/b c/d"), "/a/b c");
    }

    #[test]
    fn markers_split_output_wherever_chunks_end() {
        let whole = b"early\n\x003\x00three\n\x004\x00four\n\x005\x00";
        for cut in 0..whole.len() {
            let mut markers = Markers::default();
            let mut heard: Vec<(usize, Vec<u8>)> = Vec::new();
            for chunk in [&whole[..cut], &whole[cut..]] {
                markers.feed(chunk, |item, text| match heard.last_mut() {
                    Some((last, known)) if *last == item => known.extend_from_slice(text),
                    _ => heard.push((item, text.to_vec())),
                });
            }
            assert_eq!(
                heard,
                [
                    (0, b"early\n".to_vec()),
                    (3, b"three\n".to_vec()),
                    (4, b"four\n".to_vec())
                ]
            );
        }
        assert_eq!(own_output(b"a\x003\x00mine"), b"mine");
        assert_eq!(own_output(b"mine"), b"mine");
    }

    #[test]
    fn free_space_is_read_from_df() {
        let df =
            "Filesystem 1024-blocks Used Available Capacity Mounted on\ntmpfs 100 90 10 90% /x";
        assert_eq!(free_bytes(df), Some(10240));
        assert_eq!(free_bytes(""), None);
    }
}
