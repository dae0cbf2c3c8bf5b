//! Watching directories: events while a stream is open, or kept until somebody asks.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use serde_json::{Value, json};
use tokio::net::unix::pipe::Receiver as Pipe;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::filesystem::path;
use super::message as m;
use super::path::words;
use super::process::start::keepalive;
use super::rpc::Call;
use super::state::held;
use super::user::User;
use crate::connect::{Result, envelope, error};
use crate::http::{self, Reply};

/// The most events that wait for a slow reader; later ones wait in the kernel.
const WAITING: usize = 256;

/// The watchers that were created to be asked later.
#[derive(Default)]
pub struct Watchers {
    known: Mutex<HashMap<String, Watcher>>,
}

struct Watcher {
    events: Arc<Mutex<Vec<Value>>>,
    task: JoinHandle<()>,
}

impl Watchers {
    /// `CreateWatcher`.
    pub fn create(&self, user: &User, message: &Value) -> Result<Value> {
        let mut changes = watch(user, message)?;
        let events = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&events);
        let task = tokio::spawn(async move {
            while let Some(event) = changes.recv().await {
                held(&kept).push(event);
            }
        });
        let id = format!("w{:016x}", rand());
        held(&self.known).insert(id.clone(), Watcher { events, task });
        Ok(json!({ "watcherId": id }))
    }

    /// `GetWatcherEvents`: those since the last time.
    pub fn events(&self, message: &Value) -> Result<Value> {
        let known = held(&self.known);
        let id = message["watcherId"].as_str().unwrap_or_default();
        let watcher = known.get(id).ok_or_else(|| unknown(id))?;
        let events = std::mem::take(&mut *held(&watcher.events));
        if events.is_empty() {
            return Ok(json!({}));
        }
        Ok(json!({ "events": events }))
    }

    /// `RemoveWatcher`.
    pub fn remove(&self, message: &Value) -> Result<Value> {
        let id = message["watcherId"].as_str().unwrap_or_default();
        let watcher = held(&self.known).remove(id).ok_or_else(|| unknown(id))?;
        watcher.task.abort();
        Ok(json!({}))
    }
}

fn unknown(id: &str) -> crate::connect::Error {
    error("not_found", format!("watcher with id {id} not found"))
}

fn rand() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0)
}

/// `WatchDir`: a stream of events that ends when the client goes.
pub fn stream(call: &Call, message: &[u8]) -> Result<Reply> {
    let message = call.codec.read(&m::WATCH_DIR, message)?;
    let mut changes = watch(call.user()?, &message)?;
    let (codec, every) = (call.codec, keepalive(&call.headers));
    let (writer, body) = http::live();
    tokio::spawn(async move {
        let mut next = json!({"start": {}});
        loop {
            let message = codec.write(&m::WATCHED, &next);
            if writer.send(envelope::write(0, &message)).await.is_err() {
                return;
            }
            next = tokio::select! {
                change = changes.recv() => match change {
                    Some(event) => json!({ "filesystem": event }),
                    None => return,
                },
                () = tokio::time::sleep(every) => json!({"keepalive": {}}),
                () = writer.closed() => return,
            };
        }
    });
    Ok(body)
}

/// Watches the directory that a message names.
fn watch(user: &User, message: &Value) -> Result<mpsc::Receiver<Value>> {
    let path = path(user, message, "path")?;
    match fs::metadata(&path) {
        Err(why) if why.kind() == io::ErrorKind::NotFound => {
            let why = format!("path {path} not found: stat {path}: {}", words(&why));
            return Err(error("not_found", why));
        }
        Err(why) => {
            let why = format!("error statting path {path}: {}", words(&why));
            return Err(error("internal", why));
        }
        Ok(found) if !found.is_dir() => {
            let why = format!("path {path} not a directory: %!w(<nil>)");
            return Err(error("invalid_argument", why));
        }
        Ok(_) => {}
    }
    let recursive = message["recursive"].as_bool().unwrap_or_default();
    let tree = Tree::open(&path, recursive);
    let tree = tree.map_err(|why| {
        error(
            "internal",
            format!("error adding path {path} to watcher: {why}"),
        )
    })?;
    let (writer, reader) = mpsc::channel(WAITING);
    tokio::spawn(tree.tell(writer));
    Ok(reader)
}

/// A directory that the kernel watches, and what is below it when asked.
struct Tree {
    /// No pipe, but read like one.
    file: Pipe,
    root: String,
    recursive: bool,
    /// Which directory a watch is of.
    watched: HashMap<i32, String>,
}

impl Tree {
    fn open(root: &str, recursive: bool) -> io::Result<Tree> {
        let file = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
        let mut tree = Tree {
            file: Pipe::from_owned_fd_unchecked(file)?,
            root: root.to_owned(),
            recursive,
            watched: HashMap::new(),
        };
        tree.add(root)?;
        Ok(tree)
    }

    fn add(&mut self, directory: &str) -> io::Result<()> {
        let flags = WatchFlags::CREATE
            | WatchFlags::MODIFY
            | WatchFlags::DELETE
            | WatchFlags::MOVED_FROM
            | WatchFlags::MOVED_TO
            | WatchFlags::ATTRIB;
        let watch = inotify::add_watch(&self.file, directory, flags)?;
        self.watched.insert(watch, directory.to_owned());
        if !self.recursive {
            return Ok(());
        }
        for item in fs::read_dir(directory)?.flatten() {
            if item.file_type().is_ok_and(|kind| kind.is_dir()) {
                // one that is gone again is not to be watched
                let _ = self.add(&format!(
                    "{directory}/{}",
                    item.file_name().to_string_lossy()
                ));
            }
        }
        Ok(())
    }

    /// Tells of changes until nobody listens.
    async fn tell(mut self, writer: mpsc::Sender<Value>) {
        loop {
            let changes = tokio::select! {
                changes = self.changes() => changes,
                () = writer.closed() => return,
            };
            let Ok(changes) = changes else { return };
            for (watch, flags, name) in changes {
                for event in self.events(watch, flags, &name) {
                    if writer.send(event).await.is_err() {
                        return;
                    }
                }
            }
        }
    }

    async fn changes(&self) -> io::Result<Vec<(i32, ReadFlags, String)>> {
        loop {
            self.file.readable().await?;
            let mut buffer = [0; 4096];
            match self.file.try_read(&mut buffer) {
                Ok(read) => return Ok(parse(buffer.get(..read).unwrap_or_default())),
                Err(why) if why.kind() == io::ErrorKind::WouldBlock => {}
                Err(why) => return Err(why),
            }
        }
    }

    /// What clients are told of one change.
    fn events(&mut self, watch: i32, flags: ReadFlags, name: &str) -> Vec<Value> {
        let Some(directory) = self.watched.get(&watch).filter(|_| !name.is_empty()) else {
            return Vec::new();
        };
        let whole = format!("{directory}/{name}");
        if self.recursive
            && flags.contains(ReadFlags::ISDIR)
            && flags.intersects(ReadFlags::CREATE | ReadFlags::MOVED_TO)
        {
            let _ = self.add(&whole);
        }
        let below = Path::new(&whole).strip_prefix(&self.root);
        let shown = below
            .map_or(name.into(), Path::to_string_lossy)
            .into_owned();
        let kinds = [
            (ReadFlags::CREATE | ReadFlags::MOVED_TO, "CREATE"),
            (ReadFlags::MODIFY, "WRITE"),
            (ReadFlags::DELETE, "REMOVE"),
            (ReadFlags::MOVED_FROM, "RENAME"),
            (ReadFlags::ATTRIB, "CHMOD"),
        ];
        let told = kinds.iter().filter(|(of, _)| flags.intersects(*of));
        told.map(|(_, word)| json!({"name": shown, "type": format!("EVENT_TYPE_{word}")}))
            .collect()
    }
}

/// The kernel's events: a watch, what happened, a cookie, the length of the name, the name with zeros behind it.
fn parse(mut bytes: &[u8]) -> Vec<(i32, ReadFlags, String)> {
    let mut changes = Vec::new();
    while let Some((head, rest)) = bytes.split_first_chunk::<16>() {
        let [watch, flags, _, length] = split(*head);
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let name = rest.get(..length).unwrap_or_default();
        let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
        let name = String::from_utf8_lossy(name).into_owned();
        let flags = ReadFlags::from_bits_retain(flags);
        changes.push((watch.cast_signed(), flags, name));
        bytes = rest.get(length..).unwrap_or_default();
    }
    changes
}

fn split(head: [u8; 16]) -> [u32; 4] {
    let number = u128::from_ne_bytes(head);
    // in the machine's order, which is the same for all four
    let part = |at: u32| {
        let bits = if cfg!(target_endian = "little") {
            number >> (32 * at)
        } else {
            number >> (96 - 32 * at)
        };
        u32::try_from(bits & u128::from(u32::MAX)).unwrap_or_default()
    };
    [part(0), part(1), part(2), part(3)]
}

/// How long nothing is said before the stream says that it lives.
pub const QUIET: Duration = Duration::from_secs(90);
