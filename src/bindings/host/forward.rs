//! Ports of this machine that lead on from a host.

use std::any::TypeId;
use std::sync::Arc;
use std::time::Duration;

use rhai::Dynamic;
use tokio::io::copy_bidirectional_with_sizes;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

use crate::diag::Failure;
use crate::engine::call::Call;
use crate::engine::raise::Raise;
use crate::engine::registry::{Function, Opt, Param, Property, Type};
use crate::engine::ty::Ty;
use crate::report::{Level, Reporter};
use crate::wire::{BoxStream, DialError, Dialer};

use super::{HostHandle, watch};

/// So much is on its way in each direction of a connection.
const BUFFER: usize = 256 << 10;
/// How often the far side is tried for one connection: the way there may be coming up again.
const TRIES: u32 = 8;
/// The first pause between two tries; it doubles up to [`LONGEST`].
const PAUSE: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(5);

pub const FORWARD: Function = Function {
    name: "forward",
    doc: "Opens a port on this machine's loopback that leads from the host on to a port, as `ssh -L` does. It is open until the run ends, or until \
          it is closed. Every connection finds its own way there, so a lost connection to the host costs only those that were open; it is told, \
          made again as soon as that goes, and told again.",
    params: &[Param::new("port", Ty::Int, "the port that it leads to")],
    options: &[
        Opt::new(
            "to",
            Ty::Str,
            "\"127.0.0.1\"",
            "the machine that it leads to, as the host knows it",
        ),
        Opt::new(
            "local_port",
            Ty::Int,
            "a free one",
            "the port of this machine",
        ),
    ],
    returns: "a Tunnel",
    errors: &["ssh.*", "host.forward"],
    example: "host.forward(50001).address",
    body: forward,
    ..Function::BASE
};

pub static TUNNEL: Type = Type {
    name: "Tunnel",
    doc: "A port of this machine that leads on from a host.",
    id: TypeId::of::<Tunnel>,
    rust_name: std::any::type_name::<Tunnel>,
    methods: &[Function {
        name: "close",
        doc: "Takes no connections any more; those that are open stay.",
        example: "tunnel.close()",
        body: |call| {
            call.receiver::<Tunnel>()?.accepting.abort();
            Ok(Dynamic::UNIT)
        },
        ..Function::BASE
    }],
    properties: &[
        Property {
            name: "port",
            doc: "the port of this machine",
            get: |value| read(value, |tunnel| i64::from(tunnel.port).into()),
        },
        Property {
            name: "address",
            doc: "`127.0.0.1:PORT`",
            get: |value| read(value, |tunnel| format!("127.0.0.1:{}", tunnel.port).into()),
        },
    ],
};

/// An open port; copies are the same one.
#[derive(Clone)]
pub struct Tunnel {
    port: u16,
    accepting: AbortHandle,
}

fn read(value: &mut Dynamic, get: impl Fn(&Tunnel) -> Dynamic) -> Result<Dynamic, Raise> {
    match value.read_lock::<Tunnel>() {
        Some(tunnel) => Ok(get(&tunnel)),
        None => Err(Raise::internal(
            "a property of Tunnel was read on another value",
        )),
    }
}

fn forward(call: &mut Call) -> Result<Dynamic, Raise> {
    let host = call.receiver::<HostHandle>()?;
    let port = number(call, call.int(0)?)?;
    let local = match call.opt_int("local_port") {
        Some(local) => number(call, local)?,
        None => 0,
    };
    let to = call
        .opt_string("to")
        .unwrap_or_else(|| "127.0.0.1".to_owned());
    // a host that cannot be reached shows now, not at the first connection
    let carrier = super::on_host(call, &host, async |remote| remote.connect_streams().await)?;
    let far = Far {
        dialer: host.dialer(),
        host: to,
        port,
        reporter: call.session.run.reporter().clone(),
    };
    let tunnel = call.wait(async move {
        let listener = TcpListener::bind(("127.0.0.1", local)).await?;
        let port = listener.local_addr()?.port();
        let reporter = far.reporter.clone();
        let accepting = tokio::spawn(accept(listener, Arc::new(far))).abort_handle();
        watch::look_after(&host, accepting.clone(), carrier, reporter);
        Ok::<_, std::io::Error>(Tunnel { port, accepting })
    })?;
    let tunnel = tunnel.map_err(|error| {
        Failure::new(
            "host.forward",
            format!("cannot open the port {local} of this machine"),
        )
        .cause(error.to_string())
        .help("without `local_port` a free one is taken")
    })?;
    Ok(Dynamic::from(tunnel))
}

/// Where the connections lead.
struct Far {
    dialer: Arc<dyn Dialer>,
    host: String,
    port: u16,
    reporter: Reporter,
}

async fn accept(listener: TcpListener, far: Arc<Far>) {
    loop {
        match listener.accept().await {
            Ok((near, _)) => {
                tokio::spawn(carry(near, far.clone()));
            }
            // too many open files, say: it may pass
            Err(error) => {
                tracing::warn!("a tunnel cannot take a connection: {error}");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn carry(mut near: TcpStream, far: Arc<Far>) {
    // what is typed should not wait for more
    let _unless_it_is_gone = near.set_nodelay(true);
    match far.dial().await {
        Ok(mut stream) => {
            let copied =
                copy_bidirectional_with_sizes(&mut near, &mut stream, BUFFER, BUFFER).await;
            if let Err(error) = copied {
                tracing::debug!("a tunnel's connection broke: {error}");
            }
        }
        Err(error) => {
            let message = format!("the tunnel to port {} of {}: {error}", far.port, far.host);
            far.reporter.log(Level::Warn, message);
        }
    }
}

impl Far {
    async fn dial(&self) -> Result<BoxStream, DialError> {
        let mut pause = PAUSE;
        let mut tries = 1;
        loop {
            let error = match self.dialer.dial(&self.host, self.port).await {
                Ok(stream) => return Ok(stream),
                Err(error) => error,
            };
            // nobody listens there: that is an answer
            let answered = matches!(
                &error,
                DialError::Connect { .. } | DialError::Resolve { .. }
            );
            if answered || tries >= TRIES {
                return Err(error);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST);
            tries += 1;
        }
    }
}

fn number(call: &Call, given: i64) -> Result<u16, Raise> {
    u16::try_from(given).map_err(|_| {
        let message = format!("`{}` takes ports from 1 to 65535, got {given}", call.name());
        Failure::usage("script.argument", message).into()
    })
}
