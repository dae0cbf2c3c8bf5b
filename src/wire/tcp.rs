//! Streams over TCP from this machine.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::net::TcpStream;

use super::{BoxStream, DialError, Dialer};

/// How long one address gets before the next one is tried beside it.
const HEAD_START: Duration = Duration::from_millis(250);

/// Which kinds of address may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum AddressFamily {
    /// Both, in the order the resolver gives them.
    #[default]
    Any,
    /// IPv4 alone.
    V4,
    /// IPv6 alone.
    V6,
}

impl AddressFamily {
    fn allows(self, address: &SocketAddr) -> bool {
        match self {
            Self::Any => true,
            Self::V4 => address.is_ipv4(),
            Self::V6 => address.is_ipv6(),
        }
    }
}

/// Direct TCP, without delaying small packets.
#[derive(Debug, Clone)]
pub struct Tcp {
    timeout: Duration,
    family: AddressFamily,
}

impl Tcp {
    /// Gives up after `timeout`, name resolution included.
    pub fn new(timeout: Duration) -> Self {
        Self {
            timeout,
            family: AddressFamily::Any,
        }
    }

    /// Uses addresses of `family` only.
    pub fn family(mut self, family: AddressFamily) -> Self {
        self.family = family;
        self
    }

    /// Opens a TCP stream; several addresses are tried a quarter of a second apart.
    pub async fn connect(&self, host: &str, port: u16) -> Result<TcpStream, DialError> {
        match tokio::time::timeout(self.timeout, self.try_all(host, port)).await {
            Ok(done) => done,
            Err(_) => Err(DialError::Timeout {
                host: host.to_owned(),
                port,
                after: self.timeout,
            }),
        }
    }

    async fn try_all(&self, host: &str, port: u16) -> Result<TcpStream, DialError> {
        let unresolved = |source| DialError::Resolve {
            host: host.to_owned(),
            source: Arc::new(source),
        };
        let found = tokio::net::lookup_host((host, port))
            .await
            .map_err(unresolved)?;
        let addresses = alternate(
            found
                .filter(|address| self.family.allows(address))
                .collect(),
        );
        if addresses.is_empty() {
            return Err(unresolved(io::Error::new(
                io::ErrorKind::NotFound,
                "it has no address of the wanted family",
            )));
        }
        race(addresses).await.map_err(|source| DialError::Connect {
            host: host.to_owned(),
            port,
            source: Arc::new(source),
        })
    }
}

impl Dialer for Tcp {
    fn dial<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, Result<BoxStream, DialError>> {
        Box::pin(async move { Ok(Box::new(self.connect(host, port).await?) as BoxStream) })
    }
}

/// Families in turn, so that a dead one costs one head start and not one for each of its addresses.
fn alternate(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) = addresses
        .into_iter()
        .partition(|address| address.is_ipv6() == first_is_v6);
    let mut second = second.into_iter();
    let mut mixed = Vec::new();
    for address in first {
        mixed.push(address);
        mixed.extend(second.next());
    }
    mixed.extend(second);
    mixed
}

async fn race(addresses: Vec<SocketAddr>) -> io::Result<TcpStream> {
    let mut waiting = addresses.into_iter();
    let mut running = FuturesUnordered::new();
    running.extend(waiting.next().map(connect_one));
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "no address to connect to");
    loop {
        tokio::select! {
            Some(done) = running.next() => match done {
                Ok(stream) => return Ok(stream),
                Err(error) => {
                    failure = error;
                    match waiting.next() {
                        Some(address) => running.push(connect_one(address)),
                        None if running.is_empty() => return Err(failure),
                        None => {}
                    }
                }
            },
            () = tokio::time::sleep(HEAD_START), if waiting.len() > 0 => {
                running.extend(waiting.next().map(connect_one));
            }
            else => return Err(failure),
        }
    }
}

async fn connect_one(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn a_listener_is_reached_and_small_packets_are_not_delayed() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let stream = Tcp::new(Duration::from_secs(5))
            .connect("localhost", port)
            .await
            .unwrap();
        assert!(stream.nodelay().unwrap());
    }

    #[tokio::test]
    async fn a_closed_port_and_an_unknown_name_are_told_apart() {
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let tcp = Tcp::new(Duration::from_secs(5));
        let refused = tcp.connect("127.0.0.1", port).await.unwrap_err();
        assert_eq!(refused.kind(), "wire.connect");
        assert!(refused.help().unwrap().contains("nothing listens"));
        let unknown = tcp.connect("no-such-host.invalid", 1).await.unwrap_err();
        assert_eq!(unknown.kind(), "wire.resolve");
    }

    #[tokio::test]
    async fn the_family_filters_addresses() {
        let error = Tcp::new(Duration::from_secs(5))
            .family(AddressFamily::V6)
            .connect("127.0.0.1", 1)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), "wire.resolve");
    }

    #[test]
    fn families_alternate() {
        let list = |text: &str| -> Vec<SocketAddr> {
            text.split(' ').map(|one| one.parse().unwrap()).collect()
        };
        assert_eq!(
            alternate(list("[::1]:1 [::2]:1 [::3]:1 1.1.1.1:1")),
            list("[::1]:1 1.1.1.1:1 [::2]:1 [::3]:1")
        );
    }
}
