//! What people and machines see of a run.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail that way, its helpers too"
)]

/// Stored runs, shown on the console.
mod golden;
/// `docs/events.md` and the events it describes.
mod manual;
/// No secret in any sink.
mod masking;
/// The reporter with its sinks: order, trouble, pauses.
mod reporter;
