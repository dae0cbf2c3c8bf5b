//! Whether a blank stands between two pieces of a line.

use crate::diag::scan::Kind;

use super::tokens::{Role, Token};

/// Whether a blank belongs between `left` and `right`.
pub fn is_apart(left: &Token, right: &Token) -> bool {
    if left.is_comment() || right.is_comment() {
        return true;
    }
    match (left.kind, right.kind) {
        // Two strings that touch are one with a backtick in it.
        (Kind::Text, Kind::Text) => return !right.adjacent,
        (Kind::Open, Kind::Close) => return false,
        _ => {}
    }
    if left.role == Role::ClosureOpen || left.role == Role::Unary {
        return false;
    }
    if right.role == Role::ClosureClose && !right.is("||") {
        return false;
    }
    if matches!(
        right.text.as_str(),
        "," | ";" | ")" | "]" | "." | "?." | "::" | "?[" | ":" | ".." | "..="
    ) {
        return false;
    }
    if matches!(
        left.text.as_str(),
        "(" | "[" | "." | "?." | "::" | "?[" | ".." | "..="
    ) {
        return false;
    }
    if left.role == Role::ClosureClose {
        return true;
    }
    match right.text.as_str() {
        "(" | "[" => !matches!(right.role, Role::Postfix | Role::Parameters),
        _ => true,
    }
}
