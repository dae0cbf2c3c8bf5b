//! The pieces of a script as the layout sees them: a string with script in it is one.

use crate::diag::scan::{Kind, Piece, pieces};

/// A piece that stays as it is, and what stood before it.
#[derive(Clone, Debug)]
pub struct Token {
    pub kind: Kind,
    pub text: String,
    /// How many line ends stand between it and the piece before.
    pub newlines: usize,
    /// Nothing at all stands between them.
    pub adjacent: bool,
    pub role: Role,
}

/// What a piece is where its text leaves that open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Plain,
    /// The bar, or the two bars, that a closure's parameters begin with.
    ClosureOpen,
    /// The bar that they end with; `||` is both.
    ClosureClose,
    /// An operator with one operand.
    Unary,
    /// `(` of a call, `[` of an index.
    Postfix,
    /// `(` of a definition's parameters.
    Parameters,
}

const KEYWORDS: &[&str] = &[
    "if", "else", "while", "loop", "for", "in", "do", "until", "switch", "return", "throw", "let",
    "const", "fn", "private", "import", "export", "as", "try", "catch", "break", "continue",
];

impl Token {
    pub fn is(&self, text: &str) -> bool {
        self.text == text
    }

    pub fn is_comment(&self) -> bool {
        self.kind == Kind::Comment
    }

    pub fn is_keyword(&self) -> bool {
        self.kind == Kind::Word && KEYWORDS.contains(&self.text.as_str())
    }

    /// Whether an operator may follow.
    pub fn is_value(&self) -> bool {
        match self.kind {
            Kind::Word => !self.is_keyword(),
            Kind::Number | Kind::Text | Kind::Close => true,
            _ => false,
        }
    }
}

/// The tokens of a text.
pub fn tokens(text: &str) -> Vec<Token> {
    let pieces = pieces(text);
    let mut tokens: Vec<Token> = Vec::new();
    let mut end = 0;
    let mut index = 0;
    while let Some(piece) = pieces.get(index) {
        let last = match is_template(text, piece) {
            true => template_end(text, &pieces, index),
            false => index,
        };
        let range = piece.range.start
            ..pieces
                .get(last)
                .map_or(piece.range.end, |last| last.range.end);
        let between = text.get(end..range.start).unwrap_or_default();
        let whole = text.get(range.clone()).unwrap_or_default();
        let whole = if piece.kind == Kind::Comment {
            whole.trim_end()
        } else {
            whole
        };
        tokens.push(Token {
            kind: piece.kind,
            text: whole.to_owned(),
            newlines: between.matches('\n').count(),
            adjacent: between.is_empty(),
            role: Role::Plain,
        });
        end = range.end;
        index = last + 1;
    }
    roles(&mut tokens);
    tokens
}

/// The tokens that mean something, without commas that nothing follows.
pub fn significant(text: &str) -> Vec<String> {
    let tokens = tokens(text);
    let mut found: Vec<String> = Vec::new();
    for token in tokens {
        if token.kind == Kind::Close && found.last().is_some_and(|last| last == ",") {
            found.pop();
        }
        found.push(token.text);
    }
    // A comment may stand between the last item and its comma.
    found.retain(|text| !text.starts_with("//"));
    let mut without = Vec::new();
    for text in found {
        if matches!(text.as_str(), ")" | "]" | "}")
            && without.last().is_some_and(|last| last == ",")
        {
            without.pop();
        }
        without.push(text);
    }
    without
}

fn is_template(text: &str, piece: &Piece) -> bool {
    piece.kind == Kind::Text
        && text
            .get(piece.range.clone())
            .is_some_and(|text| text.starts_with('`'))
}

/// The last piece of the template that begins at `first`, with those that follow it immediately:
/// two backticks stand for one.
fn template_end(text: &str, pieces: &[Piece], first: usize) -> usize {
    let slice = |index: usize| {
        pieces
            .get(index)
            .and_then(|piece| text.get(piece.range.clone()))
            .unwrap_or_default()
    };
    let mut last = first;
    let mut open = !(slice(first).len() > 1 && slice(first).ends_with('`'));
    loop {
        if open {
            // Script in the template, up to its bracket.
            let mut depth = 0_usize;
            let mut at = last + 1;
            while let Some(piece) = pieces.get(at) {
                match piece.kind {
                    Kind::Open => depth += 1,
                    Kind::Close => depth = depth.saturating_sub(1),
                    _ => {}
                }
                if depth == 0 {
                    break;
                }
                at += 1;
            }
            if at >= pieces.len() {
                return pieces.len().saturating_sub(1);
            }
            last = at;
            let is_text = pieces
                .get(at + 1)
                .is_some_and(|piece| piece.kind == Kind::Text);
            if is_text && slice(at) == "}" {
                last = at + 1;
                open = !slice(last).ends_with('`');
            }
            continue;
        }
        let follows = match (pieces.get(last), pieces.get(last + 1)) {
            (Some(piece), Some(next)) => {
                piece.range.end == next.range.start && is_template(text, next)
            }
            _ => false,
        };
        if !follows {
            return last;
        }
        last += 1;
        open = !(slice(last).len() > 1 && slice(last).ends_with('`'));
    }
}

/// Tells apart what looks the same.
fn roles(tokens: &mut [Token]) {
    let mut before: Option<usize> = None;
    let mut before_that: Option<usize> = None;
    let mut in_parameters: Option<usize> = None;
    let mut depth = 0_usize;
    for index in 0..tokens.len() {
        let Some(token) = tokens.get(index).filter(|token| !token.is_comment()) else {
            continue;
        };
        let previous = before.and_then(|before| tokens.get(before));
        // What stands on a line of its own begins something new.
        let after_value = previous.is_some_and(|previous| {
            previous.is_value() && !(previous.is("}") && token.newlines > 0)
        });
        let defines = before_that
            .and_then(|index| tokens.get(index))
            .is_some_and(|token| token.is("fn"));
        let role = match token.text.as_str() {
            "|" if in_parameters == Some(depth) => {
                in_parameters = None;
                Role::ClosureClose
            }
            "|" if !after_value => {
                in_parameters = Some(depth);
                Role::ClosureOpen
            }
            "||" if !after_value => Role::ClosureClose,
            "!" => Role::Unary,
            "-" | "+" if !after_value => Role::Unary,
            "(" if defines => Role::Parameters,
            "(" | "[" if after_value && token.newlines == 0 => Role::Postfix,
            _ => Role::Plain,
        };
        match token.kind {
            Kind::Open => depth += 1,
            Kind::Close => depth = depth.saturating_sub(1),
            _ => {}
        }
        if let Some(token) = tokens.get_mut(index) {
            token.role = role;
        }
        before_that = before;
        before = Some(index);
    }
}
