//! What went wrong, in words: the one failure type, and the script language's own errors.
//!
//! Reports with the script's lines are made of these in `explain`, above the engine.

pub mod aliases;
pub mod builtin;
pub mod failure;
pub mod fold;
pub mod kinds;
pub mod language;
pub mod names;
pub mod scan;
pub mod span;
pub mod syntax;
pub mod types;

pub use failure::{Class, Failure};
pub use fold::folded;
