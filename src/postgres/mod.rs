//! PostgreSQL over streams that somebody else opens: from the far end of an SSH connection, say.
//!
//! A [`Database`] keeps a few connections, each used by one operation at a time. Values are typed
//! both ways, parameters always travel beside the SQL, and errors carry what the server said.

mod answers;
mod config;
mod connection;
mod copy;
mod database;
mod decode;
mod error;
mod listen;
pub mod migrate;
mod numeric;
mod param;
mod place;
mod query;
mod tls;
mod value;
mod watch;

pub use answers::{Answers, Said};
pub use config::{Config, SslMode};
pub use connection::{Blocker, Notification};
pub use copy::Source;
pub use database::{Database, Lease};
pub use error::{Error, SqlError};
pub use param::Param;
pub use place::Place;
pub use query::Rows;
pub use value::Value;
