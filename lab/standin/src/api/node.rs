//! The orchestrators that are known.

use std::sync::{Mutex, PoisonError};

/// What a node is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It takes sandboxes.
    Ready,
    /// It keeps what it has.
    Draining,
    /// It does not answer.
    Unhealthy,
    /// It is kept in reserve (upstream).
    Standby,
}

impl Status {
    /// As the API shows it.
    pub fn text(self) -> &'static str {
        match self {
            Status::Ready => "ready",
            Status::Draining => "draining",
            Status::Unhealthy => "unhealthy",
            Status::Standby => "standby",
        }
    }

    /// The word of `InfoService`; `None` for what it has no word for.
    pub fn service(self) -> &'static str {
        match self {
            Status::Ready => "OrchestratorHealthy",
            Status::Draining | Status::Standby => "OrchestratorDraining",
            Status::Unhealthy => "OrchestratorUnhealthy",
        }
    }

    /// Reads the API's word; `connecting` is one that nobody can order.
    pub fn parse(text: &str) -> Option<Status> {
        [
            Status::Ready,
            Status::Draining,
            Status::Unhealthy,
            Status::Standby,
        ]
        .into_iter()
        .find(|status| status.text() == text)
    }
}

/// An orchestrator.
#[derive(Debug, Clone)]
pub struct Node {
    /// The first eight characters of Nomad's id of the node; sandboxes show it as `clientID`.
    pub id: String,
    /// Where it is called, `http://ADDRESS:PORT`.
    pub base: String,
    /// Of the service, as it says itself.
    pub version: String,
    /// Of the service, as it says itself.
    pub commit: String,
    /// The service's own id.
    pub service: String,
    /// Whether it answered when it was asked last.
    pub answers: bool,
    /// What it is there for.
    pub status: Status,
    /// How many sandboxes it refused.
    pub fails: u64,
    /// How many it took.
    pub successes: u64,
    /// How many are being started.
    pub starting: u32,
}

impl Node {
    /// What is shown: a node that does not answer is not well, whatever it is there for.
    pub fn shown(&self) -> Status {
        if self.answers {
            self.status
        } else {
            Status::Unhealthy
        }
    }
}

/// All of them.
#[derive(Debug, Default)]
pub struct Nodes(Mutex<Vec<Node>>);

impl Nodes {
    fn with<T>(&self, work: impl FnOnce(&mut Vec<Node>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A copy of the list.
    pub fn all(&self) -> Vec<Node> {
        self.with(|nodes| nodes.clone())
    }

    /// The node of that id.
    pub fn get(&self, id: &str) -> Option<Node> {
        self.with(|nodes| nodes.iter().find(|node| node.id == id).cloned())
    }

    /// Whether one of them answers: the API is healthy then.
    pub fn any_answers(&self) -> bool {
        self.with(|nodes| nodes.iter().any(|node| node.answers))
    }

    /// Takes what was discovered for the whole; returns the nodes that answer and did not before.
    pub fn replace(&self, found: Vec<Node>) -> Vec<Node> {
        self.with(|nodes| {
            let before = std::mem::replace(nodes, found);
            let mut fresh = Vec::new();
            for node in nodes.iter_mut() {
                match before.iter().find(|old| old.id == node.id) {
                    Some(old) => {
                        node.fails = old.fails;
                        node.successes = old.successes;
                        node.starting = old.starting;
                        if !node.answers {
                            node.status = old.status;
                        }
                        if node.answers && !old.answers {
                            fresh.push(node.clone());
                        }
                    }
                    None if node.answers => fresh.push(node.clone()),
                    None => {}
                }
            }
            fresh
        })
    }

    /// Changes a node.
    pub fn update(&self, id: &str, change: impl FnOnce(&mut Node)) {
        self.with(|nodes| nodes.iter_mut().find(|node| node.id == id).map(change));
    }

    /// The node for the next sandbox: the preferred one, else the one with the least on it.
    pub fn choose(&self, preferred: Option<&str>, load: impl Fn(&str) -> usize) -> Option<Node> {
        self.with(|nodes| {
            let fit = || {
                nodes
                    .iter()
                    .filter(|node| node.answers && node.status == Status::Ready)
            };
            fit()
                .find(|node| Some(node.id.as_str()) == preferred)
                .or_else(|| fit().min_by_key(|node| load(&node.id) + node.starting as usize))
                .cloned()
        })
    }
}
