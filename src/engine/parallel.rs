//! Running a closure for many items at once, each on a thread of its own.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rhai::{Array, Dynamic, EvalAltResult, FnPtr, Map, NativeCallContext};

use super::context::Context;
use super::session::Session;

/// Stack of a branch's thread.
const BRANCH_STACK: usize = 8 << 20;

/// What became of one item.
pub enum Branch {
    Done(Dynamic),
    Failed(Box<EvalAltResult>),
    /// Not started, because another item failed first.
    Skipped,
}

/// Calls `callback(item)` for every item, at most `limit` at a time; results in the items' order.
///
/// Each branch works on a detached copy of what the closure captured: a captured variable is behind
/// a lock that Rhai gives up on, so sharing it between branches would fail at random. With
/// `stop_on_failure`, nothing new starts after the first failure; what runs, ends.
pub fn parallel(
    session: &Session,
    context: &NativeCallContext,
    callback: &FnPtr,
    items: &[Dynamic],
    labels: &[String],
    limit: usize,
    stop_on_failure: bool,
) -> Vec<Branch> {
    let next = AtomicUsize::new(0);
    let failed = AtomicBool::new(false);
    let results: Vec<Mutex<Branch>> = items.iter().map(|_| Mutex::new(Branch::Skipped)).collect();
    let standing = Context::current();
    let callback = &detached_fn(callback);
    let worker = || {
        let _runtime = session.run.handle().enter();
        loop {
            if stop_on_failure && failed.load(Ordering::Acquire) || session.run.is_cancelled() {
                return;
            }
            let index = next.fetch_add(1, Ordering::AcqRel);
            let (Some(item), Some(result)) = (items.get(index), results.get(index)) else {
                return;
            };
            let mut mine = standing.clone();
            mine.branch = labels.get(index).cloned();
            Context::adopt(mine);
            let call = || {
                detached_fn(callback)
                    .call_within_context::<Dynamic>(context, (detached(item.clone()),))
            };
            // A panic in one branch must not take the others' results with it.
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(call))
                .unwrap_or_else(|panic| Err(super::host::crash_of(panic.as_ref())));
            *result.lock().unwrap_or_else(PoisonError::into_inner) = match outcome {
                Ok(value) => Branch::Done(detached(value)),
                Err(error) => {
                    failed.store(true, Ordering::Release);
                    Branch::Failed(error)
                }
            };
        }
    };
    std::thread::scope(|scope| {
        for number in 0..limit.max(1).min(items.len()) {
            let started = std::thread::Builder::new()
                .name(format!("branch-{number}"))
                .stack_size(BRANCH_STACK)
                .spawn_scoped(scope, worker);
            if started.is_err() {
                // The machine has no more threads: those that started carry on, or this one does.
                if number == 0 {
                    worker();
                }
                break;
            }
        }
    });
    results
        .into_iter()
        .map(|result| result.into_inner().unwrap_or_else(PoisonError::into_inner))
        .collect()
}

/// A copy of `callback` whose captured values nobody else shares.
pub fn detached_fn(callback: &FnPtr) -> FnPtr {
    let mut copy = callback.clone();
    for value in copy.iter_curry_mut() {
        *value = detached(value.clone());
    }
    copy
}

/// A deep copy out of every lock, through arrays, maps and captured closures.
pub fn detached(value: Dynamic) -> Dynamic {
    let value = value.flatten_clone();
    if let Some(items) = value.read_lock::<Array>() {
        return items
            .iter()
            .cloned()
            .map(detached)
            .collect::<Array>()
            .into();
    }
    if let Some(fields) = value.read_lock::<Map>() {
        return fields
            .iter()
            .map(|(name, field)| (name.clone(), detached(field.clone())))
            .collect::<Map>()
            .into();
    }
    if let Some(callback) = value.read_lock::<FnPtr>() {
        return Dynamic::from(detached_fn(&callback));
    }
    value
}
