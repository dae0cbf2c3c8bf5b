//! How many connections may be starting at once, learnt from how the server takes them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// A limit that grows by one with each start that went through and halves when one was turned away.
#[derive(Debug)]
pub(super) struct Gate {
    state: Mutex<State>,
    freed: Notify,
    most: usize,
}

#[derive(Debug)]
struct State {
    limit: usize,
    running: usize,
}

/// The right to start one connection; it ends with the value.
pub(super) struct Pass {
    gate: Arc<Gate>,
}

impl Gate {
    /// Begins with `first` at once and never allows more than `most`.
    pub fn new(first: usize, most: usize) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                limit: first.max(1),
                running: 0,
            }),
            freed: Notify::new(),
            most: most.max(1),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a turn.
    pub async fn enter(self: &Arc<Self>) -> Pass {
        loop {
            let freed = self.freed.notified();
            {
                let mut state = self.lock();
                if state.running < state.limit {
                    state.running += 1;
                    if state.running < state.limit {
                        // Several places freed at once leave one notice behind: pass it on.
                        self.freed.notify_one();
                    }
                    return Pass { gate: self.clone() };
                }
            }
            freed.await;
        }
    }

    /// How many are starting now.
    pub fn running(&self) -> usize {
        self.lock().running
    }

    pub fn went_through(&self) {
        let mut state = self.lock();
        state.limit = (state.limit + 1).min(self.most);
        drop(state);
        self.freed.notify_one();
    }

    pub fn turned_away(&self) {
        let mut state = self.lock();
        state.limit = (state.limit / 2).max(1);
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let mut state = self.gate.lock();
        state.running = state.running.saturating_sub(1);
        drop(state);
        self.gate.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    async fn fits(gate: &Arc<Gate>) -> Option<Pass> {
        let short = Duration::from_millis(20);
        tokio::time::timeout(short, gate.enter()).await.ok()
    }

    #[tokio::test]
    async fn the_limit_holds_grows_and_halves() {
        let gate = Gate::new(2, 3);
        let first = fits(&gate).await.unwrap();
        let second = fits(&gate).await.unwrap();
        assert!(fits(&gate).await.is_none());
        gate.went_through();
        gate.went_through();
        let third = fits(&gate).await.unwrap();
        assert!(fits(&gate).await.is_none(), "never more than the most");
        gate.turned_away();
        drop((first, second));
        assert!(fits(&gate).await.is_none(), "one is left, and one runs");
        drop(third);
        assert!(fits(&gate).await.is_some());
    }

    #[tokio::test]
    async fn everyone_waiting_gets_a_turn() {
        let gate = Gate::new(1, 1);
        let turns = (0..50).map(|_| {
            let gate = gate.clone();
            async move {
                let _pass = gate.enter().await;
                tokio::task::yield_now().await;
            }
        });
        let all = futures_util::future::join_all(turns);
        tokio::time::timeout(Duration::from_secs(5), all)
            .await
            .unwrap();
    }
}
