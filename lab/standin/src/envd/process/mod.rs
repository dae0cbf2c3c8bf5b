//! `process.Process`: what runs in the sandbox, who hears of it, and how it ends.

pub mod input;
mod output;
mod program;
pub mod start;
mod status;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use serde_json::{Map, Value, json};
use tokio::process::ChildStdin;
use tokio::sync::{Mutex as Turn, mpsc};

use super::state::held;
use crate::connect::{Result, error};

/// How much output waits for one that listens; the process waits for it, too.
const WAITING: usize = 8;

/// What listeners are told.
#[derive(Debug, Clone)]
pub enum Event {
    Stdout(Bytes),
    Stderr(Bytes),
    Pty(Bytes),
    /// It has ended, and how.
    End(Value),
}

/// Where input goes.
pub enum Input {
    Pipe(ChildStdin),
    Terminal(pty_process::OwnedWritePty),
    Closed,
}

/// A running process.
pub struct Process {
    pub pid: u32,
    /// As the client gave it.
    config: Value,
    tag: Option<String>,
    /// Whoever writes waits for their turn.
    pub input: Turn<Input>,
    listeners: Mutex<Vec<mpsc::Sender<Event>>>,
}

impl Process {
    pub fn new(pid: u32, config: Value, tag: Option<String>, input: Input) -> Process {
        Process {
            pid,
            config,
            tag,
            input: Turn::new(input),
            listeners: Mutex::new(Vec::new()),
        }
    }

    /// Hears what happens from now on.
    pub fn listen(&self) -> mpsc::Receiver<Event> {
        let (writer, reader) = mpsc::channel(WAITING);
        held(&self.listeners).push(writer);
        reader
    }

    /// Tells everyone, and waits for the slowest: that bounds what is kept in memory.
    pub async fn tell(&self, event: Event) {
        let listeners = held(&self.listeners).clone();
        let mut has_left = false;
        for listener in listeners {
            has_left |= listener.send(event.clone()).await.is_err();
        }
        if has_left {
            held(&self.listeners).retain(|listener| !listener.is_closed());
        }
    }
}

/// All running processes.
#[derive(Default)]
pub struct Registry {
    running: Mutex<BTreeMap<u32, Arc<Process>>>,
}

impl Registry {
    pub fn add(&self, process: &Arc<Process>) {
        held(&self.running).insert(process.pid, Arc::clone(process));
    }

    pub fn remove(&self, pid: u32) {
        held(&self.running).remove(&pid);
    }

    /// `List`.
    pub fn list(&self) -> Value {
        let running = held(&self.running);
        let shown = running.values().map(|process| {
            let mut shown = Map::new();
            shown.insert("config".to_owned(), process.config.clone());
            shown.insert("pid".to_owned(), process.pid.into());
            if let Some(tag) = &process.tag {
                shown.insert("tag".to_owned(), tag.as_str().into());
            }
            Value::Object(shown)
        });
        let processes: Vec<Value> = shown.collect();
        if processes.is_empty() {
            return json!({});
        }
        json!({ "processes": processes })
    }

    /// The process that a selector means.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn find(&self, selector: &Value) -> Result<Arc<Process>> {
        let running = held(&self.running);
        if let Some(pid) = selector["pid"].as_u64() {
            let process = u32::try_from(pid).ok().and_then(|pid| running.get(&pid));
            return process
                .cloned()
                .ok_or_else(|| error("not_found", format!("process with pid {pid} not found")));
        }
        if let Some(tag) = selector["tag"].as_str() {
            let process = running
                .values()
                .find(|process| process.tag.as_deref() == Some(tag));
            return process
                .cloned()
                .ok_or_else(|| error("not_found", format!("process with tag {tag} not found")));
        }
        let why = "invalid input type *process.ProcessSelector";
        Err(error("unimplemented", why))
    }
}
