//! Lists whose bracket closes on a line of its own end with a comma.

use crate::diag::scan::Kind;

use super::tokens::{Role, Token};

/// A bracket that is open.
struct Open {
    index: usize,
    commas: usize,
}

pub fn trail(tokens: &mut Vec<Token>) {
    let mut open: Vec<Open> = Vec::new();
    let mut behind: Vec<usize> = Vec::new();
    let mut last: Option<usize> = None;
    for (index, token) in tokens.iter().enumerate() {
        match token.kind {
            Kind::Comment => continue,
            Kind::Open => open.push(Open { index, commas: 0 }),
            Kind::Close => {
                let opened = open
                    .pop()
                    .and_then(|open| Some((tokens.get(open.index)?, open)));
                let item = last.and_then(|last| tokens.get(last));
                if let (Some((bracket, opened)), Some(item)) = (opened, item)
                    && token.newlines > 0
                    && !item.is(",")
                    && last != Some(opened.index)
                    && is_list(bracket, &opened)
                {
                    behind.extend(last);
                }
            }
            Kind::Mark if token.is(",") => {
                if let Some(open) = open.last_mut() {
                    open.commas += 1;
                }
            }
            _ => {}
        }
        last = Some(index);
    }
    for index in behind.into_iter().rev() {
        let comma = Token {
            kind: Kind::Mark,
            text: ",".to_owned(),
            newlines: 0,
            adjacent: true,
            role: Role::Plain,
        };
        tokens.insert(index + 1, comma);
    }
}

/// Whether a comma may stand behind the last thing in the brackets. One argument alone needs none.
fn is_list(bracket: &Token, open: &Open) -> bool {
    match bracket.text.as_str() {
        "#{" => true,
        "[" => bracket.role == Role::Plain,
        "(" => bracket.role == Role::Postfix && open.commas > 0,
        _ => false,
    }
}
