//! `http::download`: files for the workstation.

use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rhai::{Dynamic, Map};

use crate::engine::Call;
use crate::engine::raise::Raise;
use crate::http::{Download, Downloaded, Method};
use crate::report::{Action, Direction, Event, Reporter};
use crate::workstation::{self, path};

use super::super::fs::{self, LocalChange};
use super::request;

/// Progress is told at most so often.
const PACE: Duration = Duration::from_millis(100);

pub fn download(call: &mut Call) -> Result<Dynamic, Raise> {
    let request = request::build(call, Method::GET, 0)?;
    let shown = request.shown();
    let path = path::expand(&call.string(1)?);
    let sha256 = call.opt_string("sha256");
    let download = Download::new(request, path, sha256.as_deref(), call.opt_mode("mode"))?;
    let path = &download.path;
    let action = if path.exists() {
        Action::Update
    } else {
        Action::Create
    };
    let change = |reason: String| LocalChange {
        path,
        what: "file",
        action,
        reason,
        diff: None,
    };
    if call.session.run.is_plan() && !fs::is_scratch(call, path) {
        let done = match call.wait_ok(async { download.present().await })? {
            Some(present) => present,
            None => Downloaded {
                changed: true,
                bytes: 0,
                sha256: download.sha256.clone().unwrap_or_default(),
            },
        };
        tell(call, path, &done, change(format!("from {shown}")));
        return Ok(map(path, done));
    }
    let (client, way) = (super::client(call)?, super::way(call)?);
    let progress = Progress::new(call.session.run.reporter(), path);
    let done = call.wait_ok(async {
        client
            .download(&download, &way, &|done, total| progress.tell(done, total))
            .await
    })?;
    progress.finish();
    call.session.run.inputs().wrote(path);
    tell(call, path, &done, change(format!("from {shown}")));
    Ok(map(path, done))
}

fn tell(call: &Call, path: &Path, done: &Downloaded, change: LocalChange) {
    if done.changed {
        fs::announce(call, change);
    } else {
        fs::unchanged(call, "file", path);
    }
}

fn map(path: &Path, done: Downloaded) -> Dynamic {
    let mut map = Map::new();
    map.insert("path".into(), path.display().to_string().into());
    map.insert("changed".into(), done.changed.into());
    map.insert(
        "bytes".into(),
        i64::try_from(done.bytes).unwrap_or(i64::MAX).into(),
    );
    map.insert("sha256".into(), done.sha256.into());
    map.into()
}

/// A download on its way into the report.
struct Progress {
    reporter: Reporter,
    id: u64,
    path: String,
    /// When it was last told, and what.
    last: Mutex<Option<(Instant, u64, Option<u64>)>>,
}

impl Progress {
    fn new(reporter: &Reporter, path: &Path) -> Progress {
        Progress {
            reporter: reporter.clone(),
            id: reporter.next_transfer(),
            path: path.display().to_string(),
            last: Mutex::new(None),
        }
    }

    fn tell(&self, done: u64, total: Option<u64>) {
        let mut last = self
            .last
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        match &mut *last {
            Some((at, seen, all)) if at.elapsed() < PACE => (*seen, *all) = (done, total),
            _ => {
                *last = Some((Instant::now(), done, total));
                self.emit(done, total, false);
            }
        }
    }

    /// The end, also of a download that failed: its bar must go.
    fn finish(&self) {
        let last = self
            .last
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .take();
        if let Some((_, done, total)) = last {
            self.emit(done, total, true);
        }
    }

    fn emit(&self, done: u64, total: Option<u64>, finished: bool) {
        self.reporter.emit(Event::Transfer {
            id: self.id,
            host: workstation::NAME.into(),
            path: self.path.clone(),
            direction: Direction::Download,
            done,
            total,
            finished,
        });
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}
