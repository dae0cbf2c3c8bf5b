//! The script host: Rhai, with everything a deployment script needs around it.

pub mod bodies;
pub mod call;
pub mod context;
pub mod error_type;
pub mod exit;
pub mod host;
pub mod interactive;
pub mod known;
pub mod library;
pub mod overrides;
mod own_calls;
pub mod parallel;
pub mod raise;
pub mod register;
pub mod registry;
pub mod resolver;
pub mod secret_type;
pub mod session;
pub mod source;
mod talk;
pub mod trace;
pub mod ty;
pub mod value;
pub mod wait;

pub use crate::suggest;
pub use call::{Call, Command};
pub use host::{Host, Outcome};
pub use raise::Raise;
pub use session::{Clients, Session, Settings};
