//! Statements that are never reached.

use crate::diag::Failure;

use super::View;
use super::page::Page;

pub fn check(view: &View, unit: usize, page: &mut Page) {
    let Some((_, survey)) = view.at(unit) else {
        return;
    };
    for at in &survey.unreachable {
        let failure = Failure::new(
            "unreachable",
            "this is never reached: the statement before it leaves the block",
        );
        page.warning(failure.help("take one of the two out"), *at);
    }
}
