//! What the bindings of one run share: the run itself and the clients made on first use.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use crate::run::Run;

use super::source::Sources;

/// What the command line says to the clients.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Record unknown host keys instead of refusing them.
    pub accept_new_host_keys: bool,
    /// The SSH client configuration; `None` for the operator's own.
    pub ssh_config: Option<PathBuf>,
    /// Pauses that a script makes take no time: nothing real is waited for.
    pub no_pauses: bool,
}

/// One run's shared state. Clients live here by type, so that the engine knows none of them.
pub struct Session {
    pub run: Run,
    /// Arguments after the script's name.
    pub args: Vec<String>,
    /// The script's name as the operator typed it.
    pub script: String,
    pub settings: Settings,
    /// The text of every script that was loaded.
    pub sources: Sources,
    clients: Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>,
}

impl Session {
    pub fn new(run: Run, settings: Settings) -> Arc<Session> {
        let options = run.options();
        Arc::new(Session {
            args: options.args.clone(),
            script: options.script.clone(),
            run,
            settings,
            sources: Sources::default(),
            clients: Mutex::default(),
        })
    }

    /// The run's one client of type `T`, made by `make` the first time.
    pub fn client<T: Any + Send + Sync>(&self, make: impl FnOnce() -> T) -> Arc<T> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let client = clients
            .entry(TypeId::of::<T>())
            .or_insert_with(|| Arc::new(make()))
            .clone();
        client
            .downcast()
            .unwrap_or_else(|_| unreachable!("clients are keyed by their type"))
    }

    /// The run's client of type `T`, if a script has made one.
    pub fn existing<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        let clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        clients.get(&TypeId::of::<T>()).cloned()?.downcast().ok()
    }
}
