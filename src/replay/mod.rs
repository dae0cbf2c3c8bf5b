//! What a test of a script stands on instead of hosts and services: answers that the test gives,
//! models of hosts, and recordings of what real ones answered.

mod hosts;
mod normal;
mod recording;
mod rows;
mod stage;
mod table;
mod web;

pub use recording::{Line, Recording, path_of};
pub use stage::{SKIPPED, Setup, Stage, UNANSWERED};
