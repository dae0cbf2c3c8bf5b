//! The machine this program runs on: its files, its terminal, its commands.

mod command;
pub mod error;
mod glob;
pub mod path;
mod random;
mod read;
mod remove;
mod replace;
mod scratch;
mod stat;
mod terminal;
mod zip;

pub use command::stdout_of;
pub use error::Error;
pub use glob::{glob, glob_base};
pub use random::random;
pub use read::{hex, list, read, read_text, sha256};
pub use remove::{Remove, remove};
pub use replace::{Replacement, State, mkdir, set_mode, state, write};
pub use scratch::Scratch;
pub use stat::{FileKind, Stat, mode_of, stat};
pub use terminal::{Terminal, TerminalError};
pub use zip::{Entry as ZipEntry, ZipError, zip};

/// What events call the workstation.
pub const NAME: &str = "workstation";
