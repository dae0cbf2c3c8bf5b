//! `e2bscript explain`: kinds of failure, what they mean and what to do.

use super::args::ExplainArgs;
use crate::bindings::REGISTRY;
use crate::diag::Failure;
use crate::manual::errors;

/// What there is to say about a kind or an area; the list of all kinds without a name.
pub fn explain(args: &ExplainArgs) -> Result<String, Failure> {
    match &args.kind {
        Some(kind) => errors::explain(REGISTRY, kind),
        None => Ok(errors::list()),
    }
}
