//! The handle of a sandbox.

use std::any::TypeId;
use std::sync::{Arc, Mutex, PoisonError};

use rhai::Dynamic;

use crate::diag::Failure;
use crate::e2b::{E2b, Envd, Sandbox};
use crate::engine::raise::Raise;
use crate::engine::registry::{Property, Type};
use crate::report::UNKNOWN;

use super::{command, files, process, state};

pub static TYPE: Type = Type {
    name: "Sandbox",
    doc: "A sandbox. Commands run as root unless told otherwise; paths that are not absolute begin at the home of `user`. Of one that was only \
          planned nothing can be read.",
    id: TypeId::of::<SandboxHandle>,
    rust_name: std::any::type_name::<SandboxHandle>,
    methods: &[
        state::INFO,
        state::WAIT_UNTIL_READY,
        state::SET_TIMEOUT,
        state::REFRESH,
        state::PAUSE_SANDBOX,
        state::RESUME,
        state::KILL,
        state::KEEP,
        state::LOGS,
        state::METRICS,
        state::HOST_NAME,
        command::RUN,
        command::TRY_RUN,
        command::STREAM,
        process::START,
        process::ATTACH,
        process::LIST_PROCESSES,
        files::READ_FILE,
        files::PUT_FILE,
        files::DOWNLOAD,
        files::UPLOAD,
        files::LIST_FILES,
        files::STAT_FILE,
        files::MAKE_DIR,
        files::MOVE_FILE,
        files::REMOVE_FILE,
        files::WATCH_FILES,
        files::SIGNED_URL,
    ],
    properties: &[
        Property {
            name: "id",
            doc: "its id",
            get: |value| read(value, |sandbox| sandbox.id.clone().into()),
        },
        Property {
            name: "client",
            doc: "the node that runs it, in eight characters",
            get: |value| read(value, |sandbox| sandbox.client.clone().into()),
        },
        Property {
            name: "template",
            doc: "the id of its template",
            get: |value| read(value, |sandbox| sandbox.template.clone().into()),
        },
        Property {
            name: "envd_version",
            doc: "the version of the envd in it; empty where the platform does not tell",
            get: |value| {
                read(value, |sandbox| {
                    sandbox.envd_version.clone().unwrap_or_default().into()
                })
            },
        },
    ],
};

/// A sandbox as scripts hold it; copies are the same one.
#[derive(Clone)]
pub struct SandboxHandle {
    pub api: E2b,
    place: Arc<Place>,
}

enum Place {
    /// Resuming gives it another node.
    There(Mutex<Sandbox>),
    /// It was shown and not made.
    Planned(String),
}

impl SandboxHandle {
    pub fn new(api: E2b, sandbox: Sandbox) -> SandboxHandle {
        SandboxHandle {
            api,
            place: Arc::new(Place::There(Mutex::new(sandbox))),
        }
    }

    /// What a plan has instead of a sandbox.
    pub fn planned(api: E2b, what: String) -> SandboxHandle {
        SandboxHandle {
            api,
            place: Arc::new(Place::Planned(what)),
        }
    }

    /// What it takes to talk to it; fails for one that was only planned.
    pub fn get(&self) -> Result<Sandbox, Raise> {
        match &*self.place {
            Place::There(sandbox) => Ok(sandbox
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone()),
            Place::Planned(what) => Err(Failure::new(
                "plan.unknown",
                format!("the sandbox {what} was not made, because this is a plan"),
            )
            .into()),
        }
    }

    /// What changes are called by.
    pub fn label(&self) -> String {
        match &*self.place {
            Place::There(sandbox) => sandbox
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .id
                .clone(),
            Place::Planned(_) => UNKNOWN.to_owned(),
        }
    }

    pub fn is_planned(&self) -> bool {
        matches!(&*self.place, Place::Planned(_))
    }

    /// It runs elsewhere now. What the answer does not tell again stays.
    pub fn moved(&self, to: Sandbox) {
        let Place::There(sandbox) = &*self.place else {
            return;
        };
        let mut sandbox = sandbox.lock().unwrap_or_else(PoisonError::into_inner);
        let token = to
            .envd_access_token
            .clone()
            .or(sandbox.envd_access_token.clone());
        *sandbox = Sandbox {
            envd_access_token: token,
            ..to
        };
    }

    pub fn envd(&self, user: Option<String>) -> Result<Envd, Raise> {
        Ok(self.api.envd(&self.get()?).as_user(user))
    }
}

fn read(value: &mut Dynamic, get: impl Fn(&Sandbox) -> Dynamic) -> Result<Dynamic, Raise> {
    match value.read_lock::<SandboxHandle>() {
        Some(handle) => Ok(get(&handle.get()?)),
        None => Err(Raise::internal(
            "a property of Sandbox was read on another value",
        )),
    }
}
