//! The handle of a host, its methods by subject.

mod command;
mod forward;
mod result;
mod state;
mod sync;
mod transfer;
mod watch;

use std::any::TypeId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use rhai::Dynamic;
use tokio::sync::OnceCell;

use crate::diag::Failure;
use crate::engine::call::Call;
use crate::engine::raise::Raise;
use crate::engine::registry::{Property, Type};
use crate::engine::session::{Clients, Session};
use crate::files::Sudo;
use crate::replay::Stage;
use crate::report::HostWire;
use crate::ssh::{self, HostKeyPolicy, HostStats, Options, Ssh, Target};
use crate::wire::{BoxFuture, BoxStream, DialError, Dialer};

pub use forward::TUNNEL;
pub use result::{Ended, RESULT, RunResult};

pub static TYPE: Type = Type {
    name: "Host",
    doc: "A host over SSH. What changes it (`ensure`, `sync_tree`, `upload`, `put_text`) runs as root by \
          sudo unless the user is root; commands run as the user unless told otherwise.",
    id: TypeId::of::<HostHandle>,
    rust_name: std::any::type_name::<HostHandle>,
    methods: &[
        command::RUN,
        command::TRY_RUN,
        command::STREAM,
        command::CONNECT,
        command::SUDO,
        transfer::UPLOAD,
        transfer::DOWNLOAD,
        transfer::PUT_TEXT,
        transfer::READ_TEXT,
        sync::SYNC_TREE,
        state::ENSURE,
        state::FACTS,
        state::MISSING,
        forward::FORWARD,
    ],
    properties: &[
        Property {
            name: "name",
            doc: "what output and errors call it",
            get: |value| text(value, |host| host.name()),
        },
        Property {
            name: "address",
            doc: "the address it was made with",
            get: |value| text(value, |host| host.address()),
        },
        Property {
            name: "role",
            doc: "what it is for, empty when nothing was said",
            get: |value| text(value, |host| host.role()),
        },
    ],
};

/// A host as scripts hold it; copies are the same host.
#[derive(Clone)]
pub struct HostHandle {
    inner: Arc<Inner>,
    /// Commands run as root.
    root: bool,
}

struct Inner {
    target: Target,
    name: String,
    role: String,
    sudo: Sudo,
    ssh: Ssh,
    remote: OnceCell<ssh::Host>,
    ports: watch::Ports,
}

impl HostHandle {
    pub fn new(
        session: &Arc<Session>,
        target: Target,
        role: String,
        sudo: Sudo,
    ) -> Result<HostHandle, Raise> {
        let inner = Inner {
            name: target.label().to_owned(),
            target,
            role,
            sudo,
            ssh: client(session)?,
            remote: OnceCell::new(),
            ports: watch::Ports::default(),
        };
        let handle = HostHandle {
            inner: Arc::new(inner),
            root: false,
        };
        session.client(Made::default).lock().push(handle.clone());
        Ok(handle)
    }

    pub fn name(&self) -> &str {
        &self.inner.name
    }

    pub fn role(&self) -> &str {
        &self.inner.role
    }

    pub fn address(&self) -> &str {
        &self.inner.target.host
    }

    pub fn target(&self) -> &Target {
        &self.inner.target
    }

    /// The same host, with commands running as root.
    fn as_root(&self) -> HostHandle {
        HostHandle {
            inner: self.inner.clone(),
            root: true,
        }
    }

    /// The client's handle; still nothing is connected.
    pub async fn remote(&self) -> Result<&ssh::Host, ssh::Error> {
        let inner = &self.inner;
        inner
            .remote
            .get_or_try_init(|| inner.ssh.host(inner.target.clone()))
            .await
    }

    /// Streams from the host; it is connected when the first is asked for.
    pub fn dialer(&self) -> Arc<dyn Dialer> {
        Arc::new(FromHost(self.clone()))
    }

    /// How a command becomes root: not at all for one who is.
    fn sudo_for(&self, remote: &ssh::Host, wanted: bool) -> Sudo {
        if wanted && remote.user() != "root" {
            self.inner.sudo.clone()
        } else {
            Sudo::None
        }
    }
}

/// Opens streams from a host that may not be connected yet.
struct FromHost(HostHandle);

impl Dialer for FromHost {
    fn dial<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, Result<BoxStream, DialError>> {
        Box::pin(async move {
            match self.0.remote().await {
                Ok(remote) => remote.dialer().dial(host, port).await,
                Err(error) => Err(DialError::Tunnel {
                    host: host.to_owned(),
                    port,
                    source: Arc::new(error),
                }),
            }
        })
    }
}

/// Every handle of the run, for the counters at its end.
#[derive(Default)]
struct Made(Mutex<Vec<HostHandle>>);

impl Made {
    fn lock(&self) -> MutexGuard<'_, Vec<HostHandle>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Hands the counters of the connections to the run, and ends them unless another run may come.
pub fn settle(session: &Session) {
    let Some(made) = session.existing::<Made>() else {
        return;
    };
    let handles = made.lock().clone();
    let wire = session.run.wire();
    let before = session.lasting().get(Before::default);
    session.run.handle().block_on(async {
        let mut totals = HashMap::new();
        for handle in &handles {
            let Ok(remote) = handle.remote().await else {
                continue;
            };
            let total = remote.stats();
            let stats = before.of(handle.name(), total);
            totals.insert(handle.name().to_owned(), total);
            if stats.connects > 0 || stats.round_trips > 0 {
                wire.host(handle.name()).record(&HostWire {
                    host: handle.name().to_owned(),
                    connections: stats.connects,
                    sessions: stats.sessions,
                    round_trips: stats.round_trips,
                    bytes_sent: stats.bytes_up,
                    bytes_received: stats.bytes_down,
                });
            }
        }
        before.lock().extend(totals);
    });
    if !session.is_outlived() {
        close(session.lasting(), session.run.handle());
    }
}

/// Ends the connections that runs have left. What was abandoned is told to stop; nothing waits for it
/// after a second Ctrl-C.
pub fn close(lasting: &Clients, handle: &tokio::runtime::Handle) {
    if let Some(ssh) = lasting.existing::<Shared>()
        && let Ok(ssh) = &*ssh
    {
        handle.block_on(ssh.close());
    }
    lasting.forget::<Shared>();
    lasting.forget::<Before>();
}

/// The counters of hosts at the end of the run before.
#[derive(Default)]
struct Before(Mutex<HashMap<String, HostStats>>);

impl Before {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, HostStats>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What came to the counters since then. A host of that name that is another now begins anew.
    fn of(&self, name: &str, total: HostStats) -> HostStats {
        let before = self.lock().get(name).copied().unwrap_or_default();
        total.since(before).unwrap_or(total)
    }
}

/// What came of reading the SSH configuration.
type Shared = Result<Ssh, ssh::Error>;

/// The one SSH client.
fn client(session: &Arc<Session>) -> Result<Ssh, Raise> {
    let settings = &session.settings;
    // looked up before: the clients are locked while one is made
    let stage = session.existing::<Stage>();
    let answers = stage.map(|stage| stage as Arc<dyn ssh::Answers>);
    let made = session.lasting().get(|| -> Shared {
        Ssh::new(Options {
            config_file: settings.ssh_config.clone(),
            host_keys: match settings.accept_new_host_keys {
                true => HostKeyPolicy::AcceptNew,
                false => HostKeyPolicy::Strict,
            },
            answers,
            ..Options::default()
        })
    });
    Ok((*made).clone()?)
}

/// Waits for `work` on the host; failures say which host, and the time counts as its.
fn on_host<T, E: Into<Failure>>(
    call: &Call,
    host: &HostHandle,
    work: impl AsyncFnOnce(&ssh::Host) -> Result<T, E>,
) -> Result<T, Raise> {
    let started = Instant::now();
    let done = call.wait(async {
        let remote = host.remote().await?;
        work(remote).await.map_err(Into::into)
    });
    call.session
        .run
        .wire()
        .host(host.name())
        .add_busy(started.elapsed());
    done?.map_err(|mut failure: Failure| {
        failure.host.get_or_insert_with(|| host.name().to_owned());
        failure.into()
    })
}

fn text(value: &mut Dynamic, get: impl Fn(&HostHandle) -> &str) -> Result<Dynamic, Raise> {
    match value.read_lock::<HostHandle>() {
        Some(host) => Ok(get(&host).to_owned().into()),
        None => Err(Raise::internal(
            "a property of Host was read on another value",
        )),
    }
}
