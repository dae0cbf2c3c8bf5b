//! Tests of scripts: files `*.test.rhai`, whose functions named `test_…` run one by one, each in a
//! fresh engine, against answers that are written down instead of hosts and services.

mod case;
pub mod find;
pub mod json;
pub mod junit;
mod prepare;
mod result;
mod suite;

pub use find::{Belonging, belonging_to, files};
pub use result::{Outcome, Summary, Tested};
pub use suite::{Options, Tell, list, run};
