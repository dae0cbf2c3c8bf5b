//! Waiting for async work on a script's thread: cancelled first, then out of time, then done.

use std::future::Future;
use std::pin::{Pin, pin};

use crate::diag::{Class, Failure};

use super::context::{Context, Deadline};
use super::raise::Raise;
use super::session::Session;

impl Session {
    /// Runs `work` to its end, unless the run is cancelled or a deadline passes first.
    ///
    /// The future is built inside the runtime: pass an `async` block, never a ready future that
    /// needs a reactor to be made. Dropping it must abandon the work cleanly.
    pub fn wait<T>(&self, work: impl Future<Output = T>) -> Result<T, Raise> {
        let _inside = self.run.handle().enter(); // what is abandoned may need it to clean up
        let mut result = None;
        {
            let work = pin!(async { result = Some(work.await) });
            self.wait_done(work)?;
        }
        result.ok_or(Raise::Cancelled)
    }

    /// The waiting alone, compiled once and not for each kind of work: the program would be a tenth larger.
    fn wait_done(&self, work: Pin<&mut dyn Future<Output = ()>>) -> Result<(), Raise> {
        let deadline = Context::deadline();
        let shielded = Context::shielded();
        let cancel = self.run.cancel();
        self.run.handle().block_on(async {
            tokio::select! {
                biased;
                () = cancel.cancelled(), if !shielded => Err(Raise::Cancelled),
                () = expire(deadline.as_ref()), if deadline.is_some() => {
                    Err(deadline.map_or(Raise::Cancelled, |d| timeout(&d).into()))
                }
                () = work => Ok(()),
            }
        })
    }

    /// As [`Session::wait`], for work that fails with a client's error.
    pub fn wait_ok<T, E: Into<Failure>>(
        &self,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Raise> {
        self.wait(work)?.map_err(|error| error.into().into())
    }
}

async fn expire(deadline: Option<&Deadline>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.at.into()).await,
        None => std::future::pending().await,
    }
}

/// The failure of a deadline that passed.
pub fn timeout(deadline: &Deadline) -> Failure {
    Failure::new(
        "task.timeout",
        format!(
            "`{}` ran out of time after {}",
            deadline.what,
            humantime::format_duration(deadline.limit)
        ),
    )
    .class(Class::Deadline)
}
