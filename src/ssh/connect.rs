//! Making one connection: a stream to the hop, the handshake, the login.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use russh::client;
use tokio::io::BufReader;

use super::auth::Login;
use super::connection::{Connection, Parts};
use super::gate::{Gate, Pass};
use super::handler::{Failure, Handler, LastWords, describe};
use super::hop::{Hop, Via};
use super::known_hosts::{HostKeyCause, Known};
use super::proxy;
use super::shared::Run;
use super::stats::Traffic;
use super::tunnel::Reader;
use super::{Class, Error, algorithms};
use crate::chance::jittered;
use crate::wire::{BoxStream, DialError, Meter, Prompt, Tcp, Watched};

/// russh reads each packet in two small reads; this makes them memory copies.
const READ_BUFFER: usize = 256 * 1024;

/// The first pause after a start was turned away; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(150);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Why one attempt failed.
enum Attempt {
    Failed(Error),
    /// Only weak algorithms were left; worth another attempt without them.
    Weak,
}

impl From<Error> for Attempt {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// Connects and logs in. Starts that the server turns away are tried again, ever more slowly, until
/// the run's patience is over.
pub(super) async fn connect(
    run: &Arc<Run>,
    hop: &Arc<Hop>,
    class: Class,
) -> Result<Arc<Connection>, Error> {
    if run.is_closed() {
        return Err(Error::Closed);
    }
    let known = look_up(run, hop).await?;
    let began = Instant::now();
    let mut pause = FIRST_PAUSE;
    let mut without_weak = false;
    loop {
        let outer = match &hop.via {
            Via::Hop(outer) => Some((outer, outer.connection(run, class).await?)),
            Via::Tcp(_) | Via::Command(_) => None,
        };
        let gates = Gates::of(hop);
        let passes = gates.enter().await;
        let mut start = Start {
            run,
            hop,
            class,
            known: &known,
            without_weak,
        };
        let result = start.attempt(outer.map(|(_, connection)| connection)).await;
        drop(passes);
        match result {
            Ok(connection) => {
                gates.went_through();
                Traffic::count(&hop.traffic.connects);
                return Ok(Arc::new(connection));
            }
            Err(Attempt::Weak) if !without_weak => without_weak = true,
            Err(Attempt::Weak) => {
                return Err(Error::Handshake {
                    hop: hop.place.label.clone(),
                    reason: "it offers no algorithms that a middleman could not tamper with"
                        .to_owned(),
                    turned_away: false,
                });
            }
            Err(Attempt::Failed(error)) => {
                let turned_away = matches!(
                    error,
                    Error::Handshake {
                        turned_away: true,
                        ..
                    }
                );
                if !turned_away || began.elapsed() + pause > run.options.start_patience {
                    return Err(error);
                }
                gates.turned_away();
                tracing::debug!("{error}; trying again in {pause:?}");
                tokio::time::sleep(jittered(pause)).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}

async fn look_up(run: &Arc<Run>, hop: &Hop) -> Result<Arc<Known>, Error> {
    let store = run.known_hosts.clone();
    let lookup = hop.place.lookup.clone();
    let policy = hop.place.policy();
    let failed = lookup.clone();
    let found = tokio::task::spawn_blocking(move || store.look_up(lookup, policy)).await;
    let known = found.unwrap_or_else(|_| {
        let cause = HostKeyCause::Unreadable {
            file: "known_hosts".into(),
            reason: "reading it broke off".to_owned(),
        };
        Err(failed.problem(None, cause))
    });
    known.map(Arc::new).map_err(Error::HostKey)
}

/// The limits on starts that apply to a hop: its own server's, and its bastion's.
struct Gates(Vec<Arc<Gate>>);

impl Gates {
    fn of(hop: &Hop) -> Self {
        let mut gates = vec![hop.gate.clone()];
        if let Via::Hop(outer) = &hop.via {
            gates.push(outer.gate_behind.clone());
        }
        Self(gates)
    }

    async fn enter(&self) -> Vec<Pass> {
        let mut passes = Vec::new();
        for gate in &self.0 {
            passes.push(gate.enter().await);
        }
        passes
    }

    fn went_through(&self) {
        self.0.iter().for_each(|gate| gate.went_through());
    }

    fn turned_away(&self) {
        self.0.iter().for_each(|gate| gate.turned_away());
    }
}

struct Start<'a> {
    run: &'a Arc<Run>,
    hop: &'a Arc<Hop>,
    class: Class,
    known: &'a Arc<Known>,
    without_weak: bool,
}

impl Start<'_> {
    async fn attempt(&mut self, outer: Option<Arc<Connection>>) -> Result<Connection, Attempt> {
        let place = &self.hop.place;
        let options = &self.run.options;
        let stream = self.stream(outer.clone()).await?;
        let meter = self.hop.new_meter();
        let dead_after = place.alive_interval * (place.alive_max + 1);
        let limit = (!dead_after.is_zero()).then_some(dead_after);
        let stream = Watched::new(stream, meter.clone(), limit);
        let words = Arc::new(LastWords::default());
        let config = algorithms::config(
            options,
            self.class,
            self.known.algorithms(),
            self.known.certificate_algorithms(),
            self.without_weak,
            (place.alive_interval, place.alive_max),
        );
        let bastion = match &self.hop.via {
            Via::Hop(outer) => Some(outer.gate_behind.clone()),
            Via::Tcp(_) | Via::Command(_) => None,
        };
        let handler = Handler::new(self.known.clone(), words.clone(), bastion, self.class);
        let handshake = client::connect_stream(Arc::new(config), stream, handler);
        let mut handle = match tokio::time::timeout(place.connect_timeout, handshake).await {
            Ok(Ok(handle)) => handle,
            Ok(Err(failure)) => return Err(self.judge(failure, &meter)),
            Err(_) => {
                return Err(Attempt::Failed(Error::Timeout {
                    hop: place.label.clone(),
                    phase: "the SSH handshake",
                    after: place.connect_timeout,
                }));
            }
        };
        let login = Login {
            hop: &place.label,
            credentials: &place.credentials,
            keys: &self.run.keys,
            favourites: &self.run.favourites,
            timeout: options.auth_timeout,
        };
        login.run(&mut handle).await?;
        Ok(Connection::new(Parts {
            handle,
            hop: place.label.clone(),
            words,
            slots: options.sessions_per_connection.max(1),
            open_timeout: options.open_timeout,
            tracker: self.run.tracker.clone(),
            outer,
        }))
    }

    async fn stream(&self, outer: Option<Arc<Connection>>) -> Result<BoxStream, Error> {
        let place = &self.hop.place;
        match &self.hop.via {
            Via::Tcp(family) => {
                let tcp = Tcp::new(place.connect_timeout).family(*family);
                let stream = tcp.connect(&place.host, place.port).await;
                let stream = Prompt::new(stream.map_err(|error| self.unreachable(&error))?);
                Ok(Box::new(BufReader::with_capacity(READ_BUFFER, stream)))
            }
            Via::Command(command) => {
                let stream = proxy::start(command).map_err(|error| Error::Connect {
                    hop: place.label.clone(),
                    address: "through `ProxyCommand`".to_owned(),
                    reason: error.to_string(),
                })?;
                Ok(Box::new(BufReader::with_capacity(READ_BUFFER, stream)))
            }
            Via::Hop(hop) => {
                let traffic = vec![hop.traffic.clone()];
                let (host, port) = (&place.host, place.port);
                drop(outer);
                let opened = hop.tunnel(self.run, self.class, host, port, traffic, Reader::Session);
                let opened = tokio::time::timeout(place.connect_timeout, opened).await;
                let tunnel = opened.map_err(|_| Error::Timeout {
                    hop: place.label.clone(),
                    phase: "connecting",
                    after: place.connect_timeout,
                })?;
                Ok(Box::new(tunnel.map_err(|error| self.behind(error, hop))?))
            }
        }
    }

    fn unreachable(&self, error: &DialError) -> Error {
        let place = &self.hop.place;
        match error {
            DialError::Timeout { after, .. } => Error::Timeout {
                hop: place.label.clone(),
                phase: "connecting",
                after: *after,
            },
            DialError::Resolve { source, .. } => Error::Connect {
                hop: place.label.clone(),
                address: place.host.clone(),
                reason: format!("the name cannot be resolved: {source}"),
            },
            DialError::Connect { source, .. } => Error::Connect {
                hop: place.label.clone(),
                address: format!("{} port {}", place.host, place.port),
                reason: source.to_string(),
            },
            DialError::Tunnel { source, .. } => Error::Connect {
                hop: place.label.clone(),
                address: format!("{} port {}", place.host, place.port),
                reason: source.to_string(),
            },
        }
    }

    /// A bastion speaks of addresses; people know the host by its label.
    fn behind(&self, error: Error, bastion: &Hop) -> Error {
        let place = &self.hop.place;
        match error {
            Error::Connect { hop, reason, .. } if hop == place.host => Error::Connect {
                hop: place.label.clone(),
                address: format!(
                    "{} port {}, through `{}`",
                    place.host, place.port, bastion.place.label
                ),
                reason,
            },
            other => other,
        }
    }

    fn judge(&self, failure: Failure, meter: &Meter) -> Attempt {
        let hop = self.hop.place.label.clone();
        let error = match failure {
            Failure::HostKey(problem) => return Attempt::Failed(Error::HostKey(problem)),
            Failure::Weak => return Attempt::Weak,
            Failure::Protocol(error) => error,
        };
        let head = String::from_utf8_lossy(&meter.head()).into_owned();
        let introduced = head.lines().any(|line| line.starts_with("SSH-"));
        let turned_away = !introduced && is_hang_up(&error);
        let said = head.lines().next().map(str::trim).unwrap_or_default();
        let reason = if turned_away && !said.is_empty() {
            format!("{}: `{}`", describe(&error), said.escape_debug())
        } else {
            describe(&error)
        };
        Attempt::Failed(Error::Handshake {
            hop,
            reason,
            turned_away,
        })
    }
}

fn is_hang_up(error: &russh::Error) -> bool {
    match error {
        russh::Error::Disconnect | russh::Error::HUP => true,
        russh::Error::IO(error) => matches!(
            error.kind(),
            io::ErrorKind::UnexpectedEof
                | io::ErrorKind::ConnectionReset
                | io::ErrorKind::BrokenPipe
        ),
        _ => false,
    }
}
