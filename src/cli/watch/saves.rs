//! Learning of saves, and of signals between the rounds.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

use crate::run::Inputs;

/// So long nothing may move before a save counts as done.
const QUIET: Duration = Duration::from_millis(15);
/// So long a file that is empty or gone is taken for half saved.
const HALF: Duration = Duration::from_millis(300);
/// The longest wait for who goes on writing.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often files are looked at without being told: some file systems tell nothing.
pub const LOOK: Duration = Duration::from_secs(2);

/// Tells when files may have been saved. What the system says is a hint only: editors write beside and
/// rename, truncate and write, or write twice; so after every hint the inputs are looked at.
pub struct Saves {
    watcher: Option<RecommendedWatcher>,
    watched: BTreeSet<PathBuf>,
    hints: mpsc::Receiver<()>,
    /// Keeps the channel open where there is no watcher.
    hint: mpsc::Sender<()>,
}

impl Saves {
    pub fn new() -> notify::Result<Saves> {
        let mut saves = Saves::without_events();
        let hint = saves.hint.clone();
        saves.watcher = Some(notify::recommended_watcher(
            move |event: notify::Result<notify::Event>| {
                if event.is_ok_and(|event| is_write(event.kind)) {
                    // One that waits already says the same.
                    let _ = hint.try_send(());
                }
            },
        )?);
        Ok(saves)
    }

    /// Looks every now and then instead of being told.
    pub fn without_events() -> Saves {
        let (hint, hints) = mpsc::channel(1);
        Saves {
            watcher: None,
            watched: BTreeSet::new(),
            hints,
            hint,
        }
    }

    /// Listens in these directories and in no others.
    pub fn look_at(&mut self, places: &[PathBuf]) {
        let Some(watcher) = &mut self.watcher else {
            return;
        };
        let wanted: BTreeSet<PathBuf> = places.iter().cloned().collect();
        for place in self.watched.difference(&wanted) {
            // One that was removed is not watched any more anyway.
            let _ = watcher.unwatch(place);
        }
        for place in wanted.difference(&self.watched) {
            if let Err(error) = watcher.watch(place, RecursiveMode::NonRecursive) {
                tracing::debug!(
                    "`{}` is only looked at now and then: {error}",
                    place.display()
                );
            }
        }
        self.watched = wanted;
    }

    /// Waits until one of the inputs is no longer as it was when it was read; looks at them at least
    /// that often.
    pub async fn moved(&mut self, inputs: &Inputs, look: Duration) {
        while inputs.moved().is_empty() {
            tokio::select! {
                _ = self.hints.recv() => {}
                () = tokio::time::sleep(look) => {}
            }
        }
    }

    /// Waits until nobody writes any more.
    pub async fn quiet(&mut self, inputs: &Inputs) {
        let begun = Instant::now();
        let mut last = inputs.prints();
        loop {
            tokio::time::sleep(QUIET).await;
            let now = inputs.prints();
            let still = now == last;
            let half = begun.elapsed() < HALF && inputs.moved().iter().any(|path| is_half(path));
            if still && !half || begun.elapsed() > PATIENCE {
                return;
            }
            last = now;
        }
    }
}

/// Reading, which the program itself does, is no save.
fn is_write(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
        EventKind::Access(_) => false,
        _ => true,
    }
}

/// An editor that truncates before it writes, or renames away before it renames into place.
fn is_half(path: &Path) -> bool {
    std::fs::metadata(path).map_or(true, |found| found.is_file() && found.len() == 0)
}

/// The signals that end a watch.
pub struct Stops {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Stops {
    /// Needs a runtime.
    pub fn new() -> io::Result<Stops> {
        Ok(Stops {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[tokio::test]
    async fn a_save_is_noticed_however_it_is_made() {
        for told in [true, false] {
            let dir = tempfile::tempdir().unwrap();
            let at = |name: &str| dir.path().join(name);
            fs::write(at("a"), "1").unwrap();
            let mut saves = match told {
                true => Saves::new().unwrap(),
                false => Saves::without_events(),
            };
            for save in [
                |path: &Path| fs::write(path, "22").unwrap(),
                |path: &Path| {
                    let beside = path.with_extension("tmp");
                    fs::write(&beside, "333").unwrap();
                    fs::rename(&beside, path).unwrap();
                },
            ] {
                let inputs = Inputs::default();
                inputs.file(&at("a"));
                saves.look_at(&inputs.places());
                save(&at("a"));
                saves.moved(&inputs, LOOK).await;
                saves.quiet(&inputs).await;
                assert_eq!(inputs.moved(), [at("a")]);
            }
        }
    }

    #[tokio::test]
    async fn a_file_that_is_half_saved_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        fs::write(&path, "1").unwrap();
        let inputs = Inputs::default();
        inputs.file(&path);
        let mut saves = Saves::new().unwrap();
        saves.look_at(&inputs.places());
        fs::write(&path, "").unwrap();
        saves.moved(&inputs, LOOK).await;
        let late = path.clone();
        let writing = tokio::task::spawn_blocking(move || {
            std::thread::sleep(Duration::from_millis(100));
            fs::write(late, "whole").unwrap();
        });
        saves.quiet(&inputs).await;
        assert_eq!(fs::read_to_string(&path).unwrap(), "whole");
        writing.await.unwrap();
    }
}
