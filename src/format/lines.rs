//! Lines: how far each is indented, and which are empty.

use crate::diag::scan::Kind;

use super::spacing::is_apart;
use super::tokens::{Role, Token};

const STEP: usize = 4;

/// A bracket that is open: what it is, and how far its line is indented.
struct Open {
    is_block: bool,
    indent: usize,
}

pub fn render(tokens: &[Token]) -> String {
    let mut text = String::new();
    let mut open: Vec<Open> = Vec::new();
    let mut indent = 0;
    for (index, token) in tokens.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|before| tokens.get(before));
        if before.is_none() || token.newlines > 0 {
            indent = indent_of(tokens, index, &open);
            let is_edge =
                before.is_none_or(|before| before.kind == Kind::Open) || token.kind == Kind::Close;
            if before.is_some() {
                text.push('\n');
            }
            if token.newlines > 1 && !is_edge {
                text.push('\n');
            }
            text.push_str(&" ".repeat(indent));
        } else if before.is_some_and(|before| is_apart(before, token)) {
            text.push(' ');
        }
        text.push_str(&token.text);
        match token.kind {
            Kind::Open => open.push(Open {
                is_block: token.is("{"),
                indent,
            }),
            Kind::Close => {
                open.pop();
            }
            _ => {}
        }
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

/// How far the line that begins with the token at `index` is indented.
fn indent_of(tokens: &[Token], index: usize, open: &[Open]) -> usize {
    let closes = tokens
        .iter()
        .skip(index)
        .enumerate()
        .take_while(|(number, token)| {
            token.kind == Kind::Close && (*number == 0 || token.newlines == 0)
        })
        .count();
    // A line that closes stands below the one that opened.
    if closes > 0 {
        return open
            .len()
            .checked_sub(closes)
            .and_then(|at| open.get(at))
            .map_or(0, |open| open.indent);
    }
    let hangs =
        tokens.get(index).is_some_and(|token| token.is("else")) && is_hanging(tokens, index);
    let Some(inner) = open.last() else {
        return if hangs || goes_on(tokens, index) {
            STEP
        } else {
            0
        };
    };
    let further = hangs || inner.is_block && goes_on(tokens, index);
    inner.indent + STEP + if further { STEP } else { 0 }
}

/// Whether the `if` of an `else` stands within its line: `let x = if …`. Then the `else` is part of
/// what that line begins.
fn is_hanging(tokens: &[Token], index: usize) -> bool {
    let mut at = index;
    loop {
        // Back over the block before, to what begins it.
        let mut depth = 0_usize;
        loop {
            let Some(before) = at.checked_sub(1) else {
                return false;
            };
            at = before;
            match tokens.get(at) {
                Some(token) if token.kind == Kind::Close => depth += 1,
                Some(token) if token.kind == Kind::Open => match depth.checked_sub(1) {
                    Some(less) => depth = less,
                    None => return false,
                },
                Some(token) if depth == 0 && token.is("if") => break,
                _ => {}
            }
        }
        let first = |at: usize| tokens.get(at).is_some_and(|token| token.newlines > 0);
        let other = at
            .checked_sub(1)
            .filter(|before| tokens.get(*before).is_some_and(|token| token.is("else")));
        match other {
            None => return !first(at) && at > 0,
            Some(other) => at = other,
        }
    }
}

/// Whether a line goes on with what the line before has begun.
fn goes_on(tokens: &[Token], index: usize) -> bool {
    let Some(token) = tokens.get(index).filter(|token| !token.is_comment()) else {
        return false;
    };
    let before = tokens.get(..index).unwrap_or_default();
    let Some(before) = before.iter().rfind(|token| !token.is_comment()) else {
        return false;
    };
    let ended = matches!(before.text.as_str(), ";" | "{" | "}" | ",");
    // What stands behind a block is an operator only if nothing else can begin so.
    let links = matches!(
        token.text.as_str(),
        "." | "?." | "&&" | "??" | "==" | "!=" | "=>" | "*" | "/" | "%"
    ) || token.kind == Kind::Mark && token.is("||") && token.role == Role::Plain
        || token.is("+") && token.role == Role::Plain;
    !ended || links && before.is("}")
}
