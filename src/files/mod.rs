//! Files and state on a host: put them there, fetch them, compare and repair them.
//!
//! Everything stands on a [`Shell`], which runs one command line and feeds it. Scripts, paths and
//! contents travel on standard input; nothing is installed on the host.

mod apply;
pub mod command;
mod content;
mod diff;
mod download;
pub mod elf;
mod ensure;
mod error;
mod facts;
mod fetch;
mod hash;
mod inputs;
mod item;
mod local;
mod mode;
mod model;
mod over_ssh;
mod pace;
mod payload;
mod place;
mod quote;
mod read;
mod record;
mod report;
mod shell;
pub mod state;
mod sync;
mod upload;
mod world;

pub use diff::{TEXT_LIMIT, text_diff};
pub use download::{DownloadOptions, download, read_text};
pub use ensure::{Event, Observer, Options, Silent, ensure, sources};
pub use error::{Error, last_lines};
pub use facts::{Address, Disk, Facts, Systemd, facts};
pub use hash::{Hashes, Stamp, sha256};
pub use item::Item;
pub use local::LocalShell;
pub use mode::{BadMode, Mode};
pub use model::Model;
pub use pace::Compress;
pub use quote::{join, quote, quote_bytes};
pub use report::{Action, Blob, Change, Diff, ItemReport, Reason, Report, size_text};
pub use shell::{
    CAPTURE_LIMIT, Channel, Class, Finished, Input, Job, OnOutput, Shell, ShellError, Status, Sudo,
    standin,
};
pub use sync::{Modes, SyncAction, SyncChange, SyncOptions, SyncReport, outline, sync};
pub use upload::{PutOptions, put_text, upload};
