//! `e2bscript apply FILE`: a saved plan is carried out, if it still holds.

use super::args::ApplyArgs;

pub fn apply(args: &ApplyArgs) -> u8 {
    let _ = args;
    0
}
