//! What an envd knows between requests.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::process::Registry;
use super::watch::Watchers;

/// One envd.
pub struct State {
    /// The variables that every process gets.
    pub variables: Mutex<BTreeMap<String, String>>,
    /// The access token, once `/init` set one.
    token: Mutex<Option<String>>,
    /// The running processes.
    pub processes: Registry,
    /// The directories that are watched for whoever asks later.
    pub watchers: Watchers,
}

impl State {
    pub fn new() -> State {
        let variables = BTreeMap::from([("E2B_SANDBOX".to_owned(), "true".to_owned())]);
        State {
            variables: Mutex::new(variables),
            token: Mutex::new(None),
            processes: Registry::default(),
            watchers: Watchers::default(),
        }
    }

    /// The access token in force.
    pub fn token(&self) -> Option<String> {
        held(&self.token).clone()
    }

    /// Sets the access token; `false` when there is another one.
    pub fn set_token(&self, token: &str) -> bool {
        let mut held = held(&self.token);
        if held.as_deref().is_some_and(|old| old != token) {
            return false;
        }
        *held = Some(token.to_owned());
        true
    }
}

/// What a lock guards: a panic elsewhere has not harmed it.
pub fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}
