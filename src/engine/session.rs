//! What the bindings of one run share: the run itself and the clients made on first use, of which some
//! outlive it.

use std::any::{Any, TypeId};
use std::collections::{BTreeMap, HashMap};
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
    /// What stands for variables of the environment that are not set.
    pub variables: BTreeMap<String, String>,
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
    clients: Clients,
    lasting: Clients,
    outlived: bool,
}

impl Session {
    pub fn new(run: Run, settings: Settings) -> Arc<Session> {
        Session::made(run, settings, Clients::default(), false)
    }

    /// A session of one of several runs: what is in `lasting` was made by those before it and is kept
    /// for those after it.
    pub fn among(run: Run, settings: Settings, lasting: &Clients) -> Arc<Session> {
        Session::made(run, settings, lasting.clone(), true)
    }

    fn made(run: Run, settings: Settings, lasting: Clients, outlived: bool) -> Arc<Session> {
        let options = run.options();
        Arc::new(Session {
            args: options.args.clone(),
            script: options.script.clone(),
            run,
            settings,
            sources: Sources::default(),
            clients: Clients::default(),
            lasting,
            outlived,
        })
    }

    /// A variable of the environment, or what stands for it; noted among what the run reads.
    pub fn variable(&self, name: &str) -> Option<String> {
        let set = std::env::var(name).ok();
        let stand_in = || self.settings.variables.get(name).cloned();
        let value = match set {
            Some(value) if value.is_empty() => stand_in().or(Some(value)),
            set => set.or_else(stand_in),
        };
        self.run.inputs().variable(name, value.as_deref());
        value
    }

    /// The run's one client of type `T`, made by `make` the first time.
    pub fn client<T: Any + Send + Sync>(&self, make: impl FnOnce() -> T) -> Arc<T> {
        self.clients.get(make)
    }

    /// The run's client of type `T`, if a script has made one.
    pub fn existing<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        self.clients.existing()
    }

    /// Clients that hold nothing of the run, only connections.
    pub fn lasting(&self) -> &Clients {
        &self.lasting
    }

    /// Whether another run may come and use [`Session::lasting`].
    pub fn is_outlived(&self) -> bool {
        self.outlived
    }
}

/// Clients by their type; clones share them.
#[derive(Clone, Default)]
pub struct Clients {
    made: Arc<Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>>,
}

impl Clients {
    /// The one client of type `T`, made by `make` the first time.
    pub fn get<T: Any + Send + Sync>(&self, make: impl FnOnce() -> T) -> Arc<T> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let client = made
            .entry(TypeId::of::<T>())
            .or_insert_with(|| Arc::new(make()))
            .clone();
        client
            .downcast()
            .unwrap_or_else(|_| unreachable!("clients are keyed by their type"))
    }

    /// The client of type `T`, if there is one.
    pub fn existing<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        made.get(&TypeId::of::<T>()).cloned()?.downcast().ok()
    }

    /// Forgets the client of type `T`.
    pub fn forget<T: Any + Send + Sync>(&self) {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        made.remove(&TypeId::of::<T>());
    }
}
