//! Migrations in goose's format, tracked in goose's table.
//!
//! A database that goose migrated is continued, and one migrated here is up to date for goose. Beside
//! goose's table there is one of our own, with the checksum of every file that was applied here.

mod error;
mod parse;
mod plan;
mod run;
mod state;

pub use error::Error;
pub use parse::{Migration, Script, Statement};
pub use plan::{Finding, Plan};
pub use run::{Applied, Options, down, up};
pub use state::{Record, State, status};
