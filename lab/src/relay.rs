//! A TCP relay in the lab's router that makes the wire to the bastion slow, long, or both.
//!
//! It stands in the way only while a delay or a cap is in force; connections made meanwhile stay
//! with it when the fault is healed, and go on at full speed.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Mutex, Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use crate::error::{At, Result};
use crate::faults::{self, Fault};

/// What one direction of one connection may have on its way: a gigabit at 100 ms and more.
const IN_FLIGHT: usize = 16 << 20;
/// How far ahead of itself a capped wire may be filled, as the queue of a router.
const QUEUE: Duration = Duration::from_millis(50);
/// The largest piece that is passed on at once.
const PIECE: usize = 32 * 1024;

/// How the wire behaves.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Wire {
    /// Added to each byte in each direction.
    pub delay: Duration,
    /// Bits a second in each direction, of all connections together; `None` is no cap.
    pub rate: Option<u64>,
}

impl Wire {
    /// The wire that the faults in force make.
    pub fn of(faults: &[Fault]) -> Wire {
        let mut wire = Wire::default();
        for fault in faults {
            match fault {
                Fault::Delay { ms } => wire.delay = Duration::from_millis(*ms),
                Fault::Rate { mbit } => {
                    wire.rate = Some(mbit.saturating_mul(1_000_000)).filter(|rate| *rate > 0)
                }
                _ => {}
            }
        }
        wire
    }

    /// Whether a relay is needed at all.
    pub fn is_plain(self) -> bool {
        self == Wire::default()
    }
}

/// Relays until the wire is plain again and the last connection has ended. On SIGHUP the faults
/// are read anew.
pub async fn serve(listen: SocketAddr, to: SocketAddr, faults: PathBuf) -> Result<()> {
    let listener = TcpListener::bind(listen)
        .await
        .at("listen on", listen.to_string())?;
    let mut hangups = signal(SignalKind::hangup()).at("listen for", "SIGHUP")?;
    let (set, wire) = watch::channel(Wire::of(&faults::in_force(&faults)));
    let lanes = Lanes::new(wire);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((client, _)) => {
                    // a connection that breaks is the matter of its two ends
                    let relayed = connect(client, to, lanes.clone());
                    connections.spawn(async move { relayed.await.is_ok() });
                }
                Err(_) => sleep(Duration::from_millis(50)).await,
            },
            Some(_) = connections.join_next() => {}
            Some(()) = hangups.recv() => {
                // the only receivers live as long as this function
                let _ = set.send(Wire::of(&faults::in_force(&faults)));
            }
        }
        if set.borrow().is_plain() && connections.is_empty() {
            return Ok(());
        }
    }
}

/// Both directions of the wire, shared by all connections.
#[derive(Debug, Clone)]
struct Lanes {
    wire: watch::Receiver<Wire>,
    inward: Arc<Lane>,
    outward: Arc<Lane>,
}

impl Lanes {
    fn new(wire: watch::Receiver<Wire>) -> Lanes {
        let lane = || {
            Arc::new(Lane {
                wire: wire.clone(),
                free: Mutex::new(Instant::now()),
            })
        };
        Lanes {
            inward: lane(),
            outward: lane(),
            wire,
        }
    }
}

/// One direction: the bytes of all connections go through it one after the other.
#[derive(Debug)]
struct Lane {
    wire: watch::Receiver<Wire>,
    /// When the last byte that was let in will have left.
    free: Mutex<Instant>,
}

impl Lane {
    /// Lets `bytes` in, as soon as the queue is short enough; says when they arrive.
    async fn pass(&self, bytes: usize) -> Instant {
        let mut free = self.free.lock().await;
        let wire = *self.wire.borrow();
        let now = Instant::now();
        if let Some(rate) = wire.rate {
            let nanoseconds = (bytes as u64).saturating_mul(8_000_000_000) / rate;
            *free = (*free).max(now) + Duration::from_nanos(nanoseconds);
            sleep_until(*free - QUEUE.min(*free - now)).await;
        } else {
            *free = now;
        }
        *free + wire.delay
    }
}

/// Takes a connection to its destination, as late as a wire of that length would.
async fn connect(client: TcpStream, to: SocketAddr, lanes: Lanes) -> io::Result<()> {
    let delay = lanes.wire.borrow().delay;
    client.set_nodelay(true)?;
    let (from_client, to_client) = client.into_split();
    // the client believes it is connected, but a real handshake would have taken two ways
    sleep(2 * delay).await;
    // dropped, and with it ended, when this connection ends
    let mut readers = JoinSet::new();
    let (queue, arriving) = Queue::new();
    readers.spawn(read(from_client, Arc::clone(&lanes.inward), queue));
    // and its last part, which makes the server accept, one more
    sleep(delay).await;
    let server = TcpStream::connect(to).await?;
    server.set_nodelay(true)?;
    let (from_server, to_server) = server.into_split();
    let (queue, leaving) = Queue::new();
    readers.spawn(read(from_server, lanes.outward, queue));
    tokio::try_join!(write(arriving, to_server), write(leaving, to_client)).map(|_| ())
}

/// Bytes on their way, with the time they arrive; an empty piece is the end.
struct Piece {
    bytes: Vec<u8>,
    due: Instant,
}

/// The sending end of a direction of a connection.
struct Queue {
    pieces: mpsc::UnboundedSender<Piece>,
    room: Arc<Semaphore>,
}

/// The receiving end.
struct Arriving {
    pieces: mpsc::UnboundedReceiver<Piece>,
    room: Arc<Semaphore>,
}

impl Queue {
    fn new() -> (Queue, Arriving) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let room = Arc::new(Semaphore::new(IN_FLIGHT));
        (
            Queue {
                pieces: sender,
                room: Arc::clone(&room),
            },
            Arriving {
                pieces: receiver,
                room,
            },
        )
    }
}

/// Reads one direction until its end and puts the bytes on the wire. A broken connection ends
/// the queue without an end piece.
async fn read(mut from: OwnedReadHalf, lane: Arc<Lane>, queue: Queue) {
    loop {
        let Ok(room) = queue.room.acquire_many(PIECE as u32).await else {
            return;
        };
        let mut bytes = vec![0; PIECE];
        let Ok(count) = from.read(&mut bytes).await else {
            return;
        };
        bytes.truncate(count);
        room.forget();
        queue.room.add_permits(PIECE - count);
        let due = lane.pass(count).await;
        if queue.pieces.send(Piece { bytes, due }).is_err() || count == 0 {
            return;
        }
    }
}

/// Hands on what arrives, when it arrives.
async fn write(mut from: Arriving, mut to: OwnedWriteHalf) -> io::Result<()> {
    while let Some(piece) = from.pieces.recv().await {
        sleep_until(piece.due).await;
        if piece.bytes.is_empty() {
            return to.shutdown().await;
        }
        to.write_all(&piece.bytes).await?;
        from.room.add_permits(piece.bytes.len());
    }
    Err(io::ErrorKind::ConnectionReset.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    /// An echo server behind a wire; the address of the relay in front of it.
    async fn behind(wire: Wire) -> (SocketAddr, watch::Sender<Wire>) {
        let bind = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        let (echo, relay) = (bind().await.unwrap(), bind().await.unwrap());
        let (to, at) = (echo.local_addr().unwrap(), relay.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = echo.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = stream.split();
                    tokio::io::copy(&mut from, &mut to).await
                });
            }
        });
        let (set, wire) = watch::channel(wire);
        let lanes = Lanes::new(wire);
        tokio::spawn(async move {
            while let Ok((client, _)) = relay.accept().await {
                tokio::spawn(connect(client, to, lanes.clone()));
            }
        });
        (at, set)
    }

    /// The best of five: a busy machine makes single ones late.
    async fn best(stream: &mut TcpStream) -> Duration {
        let mut best = Duration::MAX;
        for _ in 0..5 {
            best = best.min(round_trip(stream).await);
        }
        best
    }

    async fn round_trip(stream: &mut TcpStream) -> Duration {
        let began = Instant::now();
        stream.write_all(b"ping").await.unwrap();
        stream.read_exact(&mut [0; 4]).await.unwrap();
        began.elapsed()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_delay_is_paid_each_way_and_once_more_to_connect() {
        let delay = Duration::from_millis(40);
        let (at, set) = behind(Wire { delay, rate: None }).await;
        let mut stream = TcpStream::connect(at).await.unwrap();
        let first = round_trip(&mut stream).await;
        assert!(first >= 4 * delay, "{first:?}");
        let second = best(&mut stream).await;
        assert!(second >= 2 * delay && second < 4 * delay, "{second:?}");

        set.send(Wire::default()).unwrap();
        let healed = best(&mut stream).await;
        assert!(healed < delay, "{healed:?}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_cap_holds_for_all_connections_together() {
        // 2 × 250 kB at 8 Mbit/s are half a second
        let (at, _set) = behind(Wire {
            delay: Duration::ZERO,
            rate: Some(8_000_000),
        })
        .await;
        let began = Instant::now();
        let mut transfers = JoinSet::new();
        for _ in 0..2 {
            transfers.spawn(async move {
                let (mut from, mut to) = TcpStream::connect(at).await.unwrap().into_split();
                let sending =
                    tokio::spawn(async move { to.write_all(&[7; 250_000]).await.map(|()| to) });
                let mut back = vec![0; 250_000];
                from.read_exact(&mut back).await.unwrap();
                drop(sending.await.unwrap().unwrap());
                assert!(back.iter().all(|byte| *byte == 7));
            });
        }
        while let Some(done) = transfers.join_next().await {
            done.unwrap();
        }
        let took = began.elapsed();
        assert!(took >= Duration::from_millis(400), "{took:?}");
        assert!(took < Duration::from_millis(2000), "{took:?}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_end_of_one_direction_leaves_the_other_open() {
        let (at, _set) = behind(Wire {
            delay: Duration::from_millis(5),
            rate: None,
        })
        .await;
        let mut stream = TcpStream::connect(at).await.unwrap();
        stream.write_all(b"last words").await.unwrap();
        stream.shutdown().await.unwrap();
        let mut back = String::new();
        stream.read_to_string(&mut back).await.unwrap();
        assert_eq!(back, "last words");
    }

    #[test]
    fn faults_make_the_wire() {
        assert!(Wire::of(&[Fault::Mirror404]).is_plain());
        let wire = Wire::of(&[Fault::Delay { ms: 25 }, Fault::Rate { mbit: 10 }]);
        assert_eq!(
            wire,
            Wire {
                delay: Duration::from_millis(25),
                rate: Some(10_000_000)
            }
        );
        assert!(Wire::of(&[Fault::Delay { ms: 0 }, Fault::Rate { mbit: 0 }]).is_plain());
    }
}
