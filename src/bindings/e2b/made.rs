//! The sandboxes that this run made: none is left behind, however the run ends.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::diag::Failure;
use crate::e2b::{E2b, Error, ListSandboxes, NewSandbox, Sandbox};
use crate::engine::Call;
use crate::engine::raise::Raise;
use crate::engine::session::Session;
use crate::report::{Level, Reporter};

/// By this its metadata says which run made a sandbox, and which of that run's it is.
const MARK: &str = "e2bscript";
/// How long a sandbox that is being made when the run ends is waited for.
const UNDER_WAY: Duration = Duration::from_secs(20);
/// How long killing what is left may take in all.
const KILLING: Duration = Duration::from_secs(20);
/// How often it is looked whether it is there.
const PAUSE: Duration = Duration::from_millis(50);

/// Every sandbox of the run that is not to be kept.
#[derive(Default)]
pub struct Made(Mutex<Vec<Entry>>);

struct Entry {
    api: E2b,
    mark: String,
    state: State,
}

#[derive(Clone, PartialEq, Eq)]
enum State {
    /// It was asked for.
    UnderWay,
    /// It was asked for, and whether it came to be is not known.
    Unsure,
    There(String),
    Kept,
}

impl Made {
    fn lock(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, mark: &str, state: Option<State>) {
        let mut all = self.lock();
        match state {
            Some(state) => {
                let mine = all.iter_mut().find(|entry| entry.mark == mark);
                if let Some(entry) = mine.filter(|entry| entry.state != State::Kept) {
                    entry.state = state;
                }
            }
            None => all.retain(|entry| entry.mark != mark),
        }
    }

    /// A sandbox that is gone, or that somebody wants to stay.
    pub fn forget(&self, id: &str) {
        self.lock()
            .retain(|entry| entry.state != State::There(id.to_owned()));
    }
}

/// Makes a sandbox, and sees to it that the run does not leave it behind unless it is to be kept. What
/// interrupts the call does not interrupt the request: the answer is needed to clean up.
pub fn create(call: &Call, api: &E2b, mut new: NewSandbox, keep: bool) -> Result<Sandbox, Raise> {
    let made = call.session.client(Made::default);
    let mark = {
        let mut all = made.lock();
        let mark = format!("{}/{}", call.session.run.id(), unique());
        all.push(Entry {
            api: api.clone(),
            mark: mark.clone(),
            state: if keep { State::Kept } else { State::UnderWay },
        });
        mark
    };
    new.metadata.insert(MARK.to_owned(), mark.clone());
    let (api, keeper) = (api.clone(), made.clone());
    let creating = call.session.run.handle().spawn(async move {
        let answer = api.create_sandbox(&new).await;
        keeper.set(
            &mark,
            match &answer {
                Ok(sandbox) => Some(State::There(sandbox.id.clone())),
                Err(error) if error.maybe_done() => Some(State::Unsure),
                Err(_) => None,
            },
        );
        answer
    });
    let answer = call.wait(creating)?;
    let answer = answer.map_err(|error| Raise::internal(format!("making a sandbox: {error}")))?;
    Ok(answer.map_err(Failure::from)?)
}

/// A number that no other sandbox of this process has.
fn unique() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Kills what the run made and left, and says so.
pub fn settle(session: &Session) {
    let Some(made) = session.existing::<Made>() else {
        return;
    };
    let reporter = session.run.reporter().clone();
    session.run.handle().block_on(async {
        wait_for_answers(&made).await;
        let left: Vec<Entry> = std::mem::take(&mut *made.lock());
        let left = left.into_iter().filter(|entry| entry.state != State::Kept);
        let killing = left.map(|entry| end(entry, &reporter));
        let all = futures_util::future::join_all(killing);
        if tokio::time::timeout(KILLING, all).await.is_err() {
            let message = "not all sandboxes that the script made could be killed in time: `e2bscript sandboxes.rhai` lists what runs";
            reporter.log(Level::Warn, message);
        }
    });
}

async fn wait_for_answers(made: &Arc<Made>) {
    let until = Instant::now() + UNDER_WAY;
    while Instant::now() < until {
        let waiting = made
            .lock()
            .iter()
            .any(|entry| entry.state == State::UnderWay);
        if !waiting {
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn end(entry: Entry, reporter: &Reporter) {
    let ids = match &entry.state {
        State::There(id) => Ok(vec![id.clone()]),
        _ => marked(&entry).await,
    };
    let ids = match ids {
        Ok(ids) => ids,
        Err(error) => {
            let message = format!("a sandbox may have been made and cannot be looked for: {error}");
            return reporter.log(Level::Warn, message);
        }
    };
    for id in ids {
        match entry.api.kill_sandbox(&id).await {
            Ok(true) => reporter.log(
                Level::Info,
                format!("sandbox {id}, which the script left, was killed"),
            ),
            // its time was up, or somebody else was faster
            Ok(false) => {}
            Err(error) => {
                let message =
                    format!("sandbox {id}, which the script left, could not be killed: {error}");
                reporter.log(Level::Warn, message);
            }
        }
    }
}

/// The sandboxes that bear the mark of one whose making was not answered.
async fn marked(entry: &Entry) -> Result<Vec<String>, Error> {
    let wanted = ListSandboxes {
        metadata: BTreeMap::from([(MARK.to_owned(), entry.mark.clone())]),
        ..ListSandboxes::default()
    };
    let found = entry.api.list_sandboxes(&wanted).await?;
    Ok(found.into_iter().map(|one| one.id).collect())
}
