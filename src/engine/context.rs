//! Where a script's thread stands: its step, its deadlines, its label. A branch of a script never
//! leaves its thread, so all of it is thread-local and handed over when a branch starts.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use crate::report::StepId;

/// The standing of one script thread.
#[derive(Clone, Default)]
pub struct Context {
    /// The innermost open step.
    pub step: Option<StepId>,
    /// Deadlines in force, outermost first.
    deadlines: Vec<Deadline>,
    /// Depth of cleanups: cancellation is not seen inside one.
    shields: usize,
    /// Which item of a `task::parallel` this is, for messages.
    pub branch: Option<String>,
}

/// A point in time, and what to say when it passes.
#[derive(Clone, Debug)]
pub struct Deadline {
    pub at: Instant,
    pub limit: Duration,
    /// What ran out of time, for example `task::timeout`.
    pub what: String,
}

thread_local! {
    static CONTEXT: RefCell<Context> = RefCell::new(Context::default());
}

impl Context {
    /// A copy of this thread's standing.
    pub fn current() -> Context {
        CONTEXT.with_borrow(Clone::clone)
    }

    /// Makes `context` this thread's standing: the first thing a branch does.
    pub fn adopt(context: Context) {
        CONTEXT.with_borrow_mut(|current| *current = context);
    }

    /// The earliest deadline, unless a cleanup runs that began after it.
    pub fn deadline() -> Option<Deadline> {
        CONTEXT.with_borrow(|context| context.deadlines.iter().min_by_key(|d| d.at).cloned())
    }

    pub fn shielded() -> bool {
        CONTEXT.with_borrow(|context| context.shields > 0)
    }

    pub fn step() -> Option<StepId> {
        CONTEXT.with_borrow(|context| context.step)
    }
}

/// Runs `body` with the standing that `change` makes, and puts the old one back.
pub fn scoped<T>(change: impl FnOnce(&mut Context), body: impl FnOnce() -> T) -> T {
    struct Restore(Option<Context>);
    impl Drop for Restore {
        fn drop(&mut self) {
            if let Some(context) = self.0.take() {
                Context::adopt(context);
            }
        }
    }
    let _restore = Restore(Some(Context::current()));
    CONTEXT.with_borrow_mut(change);
    body()
}

/// Runs `body` under a deadline of its own, inside those already in force.
pub fn with_deadline<T>(what: &str, limit: Duration, body: impl FnOnce() -> T) -> T {
    let deadline = Deadline {
        at: Instant::now() + limit,
        limit,
        what: what.to_owned(),
    };
    scoped(|context| context.deadlines.push(deadline), body)
}

/// Runs a cleanup: deaf to cancellation and to outer deadlines, bounded by `limit` alone.
pub fn shielded<T>(limit: Duration, body: impl FnOnce() -> T) -> T {
    let deadline = Deadline {
        at: Instant::now() + limit,
        limit,
        what: "task::cleanup".into(),
    };
    scoped(
        |context| {
            context.shields += 1;
            context.deadlines = vec![deadline];
        },
        body,
    )
}
