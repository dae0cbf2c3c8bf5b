//! The ways to a service: peers that are tried in turn while one does not answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::http::{Error, Trust, Tunnel, Via};
use crate::wire::{Dialer, Tcp};

/// How long a connection from this machine may take to come up.
const CONNECT: Duration = Duration::from_secs(10);

/// One way to an API.
#[derive(Clone)]
pub struct Peer {
    /// What errors call it; empty for this machine.
    pub name: String,
    /// How it is reached; `None` for a connection from this machine.
    pub dialer: Option<Arc<dyn Dialer>>,
}

pub struct Way {
    pub name: String,
    pub via: Via,
}

/// The ways, and which is taken; copies choose for themselves, from the same one on.
pub struct Ways {
    all: Arc<[Way]>,
    /// The way by which an answer came last.
    current: AtomicUsize,
}

impl Clone for Ways {
    fn clone(&self) -> Ways {
        Ways {
            all: self.all.clone(),
            current: AtomicUsize::new(self.current.load(Ordering::Relaxed)),
        }
    }
}

impl Ways {
    /// No peers mean this machine.
    pub fn new(mut peers: Vec<Peer>, trust: &Trust) -> Result<Ways, Error> {
        if peers.is_empty() {
            peers.push(Peer {
                name: String::new(),
                dialer: None,
            });
        }
        let ways = peers.into_iter().map(|peer| {
            Ok(Way {
                via: via(peer.dialer, trust)?,
                name: peer.name,
            })
        });
        Ok(Ways {
            all: ways.collect::<Result<_, Error>>()?,
            current: AtomicUsize::new(0),
        })
    }

    /// The way that is taken now, and its turn, for [`Ways::leave`].
    pub fn current(&self) -> (usize, Option<&Way>) {
        let turn = self.current.load(Ordering::Relaxed);
        (turn, self.at(turn))
    }

    /// Leaves a way that does not answer for the next one, which is returned; `None` when somebody else has left it.
    pub fn leave(&self, turn: usize) -> Option<&Way> {
        let next = turn.wrapping_add(1);
        self.current
            .compare_exchange(turn, next, Ordering::Relaxed, Ordering::Relaxed)
            .ok()?;
        self.at(next)
    }

    /// What the peers are called, without this machine.
    pub fn names(&self) -> Vec<String> {
        let names = self.all.iter().map(|way| way.name.clone());
        names.filter(|name| !name.is_empty()).collect()
    }

    fn at(&self, turn: usize) -> Option<&Way> {
        self.all.get(turn % self.all.len().max(1))
    }
}

fn via(dialer: Option<Arc<dyn Dialer>>, trust: &Trust) -> Result<Via, Error> {
    let dialer = match dialer {
        Some(dialer) => dialer,
        None if trust.is_default() => return Ok(Via::Direct),
        None => Arc::new(Tcp::new(CONNECT)),
    };
    Ok(Via::Tunnel(Tunnel::trusting(dialer, trust)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_is_left_once_and_the_first_follows_the_last() {
        let peers = ["a", "b"].map(|name| Peer {
            name: name.to_owned(),
            dialer: None,
        });
        let ways = Ways::new(peers.to_vec(), &Trust::default()).unwrap();
        let name = |way: Option<&Way>| way.map(|way| way.name.clone());
        assert_eq!(name(ways.leave(0)).as_deref(), Some("b"));
        assert_eq!(name(ways.leave(0)), None);
        let copy = ways.clone();
        assert_eq!(name(ways.leave(1)).as_deref(), Some("a"));
        assert_eq!(name(copy.current().1).as_deref(), Some("b"));
    }
}
