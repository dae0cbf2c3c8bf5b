//! Syntax errors in plain words.

use rhai::{LexError, ParseErrorType, Position};

use super::language::Scene;
use super::scan::Kind;
use super::span::Span;
use super::{Class, Failure, aliases};

/// A syntax error, with what to write instead.
pub fn explain(error: &ParseErrorType, position: Position, scene: &Scene) -> Failure {
    use ParseErrorType as E;
    let failure = match error {
        E::VariableUndefined(name) => scene.known().variable(name),
        E::ModuleUndefined(name) => scene.known().module(name),
        E::Reserved(word) => reserved(word, position, scene),
        E::BadInput(error) => lexical(error),
        E::MissingToken(token, purpose) => missing(token, purpose, position, scene),
        E::UnknownOperator(operator) => {
            plain(format!("there is no operator `{operator}`")).maybe_help(instead(operator))
        }
        E::UnexpectedEOF => {
            plain("the script ends too early").maybe_help(unclosed(position, scene))
        }
        E::DuplicatedProperty(name) => plain(format!("the map has the key `{name}` twice")),
        E::FnDuplicatedDefinition(name, count) => plain(format!(
            "there are two functions `{name}` with {}",
            parameters(*count)
        ))
        .help("rename one, or give it another number of parameters"),
        E::FnDuplicatedParam(_, name) => plain(format!("two parameters are called `{name}`")),
        E::AssignmentToConstant(name) if name.is_empty() => plain("a value cannot be assigned to"),
        E::AssignmentToConstant(name) => {
            plain(format!("`{name}` is a constant")).help("declare it with `let` to change it")
        }
        E::MismatchedType(wanted, got) => plain(format!("expected {wanted}, got {got}")),
        E::ExprExpected(what) => plain(format!("expected {what} expression")),
        E::VariableExpected => {
            plain("a name is expected here").maybe_help(exported_fn(position, scene))
        }
        E::PropertyExpected => plain("the name of a property is expected here"),
        E::WrongDocComment => plain("a `///` comment must stand directly before a function")
            .help("write `//` for other comments"),
        E::WrongFnDefinition => plain("a function is defined within a block or another function")
            .help("move it to the top level of the script, or use a closure: `let f = |x| …;`"),
        E::WrongExport => plain("`export` belongs at the top level of a module"),
        E::LoopBreak => plain("`break` and `continue` belong in a loop"),
        E::ExprTooDeep => plain("the expression is nested too deeply")
            .help("put parts of it into variables or functions"),
        other => plain(first_lower(&other.to_string())),
    };
    failure.class(Class::Check)
}

/// What the report underlines, and what it writes there; the first is the main one.
pub fn labels(error: &ParseErrorType, position: Position, scene: &Scene) -> Vec<(Span, String)> {
    use ParseErrorType as E;
    let Some(text) = scene.text else {
        return Vec::new();
    };
    let here = |label: &str| text.at(position).map(|span| (span, label.to_owned()));
    let mut labels: Vec<(Span, String)> = Vec::new();
    match error {
        E::MissingToken(token, _) if unit(token, position, scene).is_none() => {
            let before = text.before(position).or_else(|| text.at(position));
            labels.extend(before.map(|span| (span, format!("`{token}` expected here"))));
        }
        E::VariableUndefined(_) => labels.extend(here("no such variable")),
        E::ModuleUndefined(_) => labels.extend(here("no such module")),
        E::Reserved(_) => labels.extend(here("reserved")),
        E::UnexpectedEOF => {
            labels.extend(
                text.before(position)
                    .map(|span| (span, "the end".to_owned())),
            );
        }
        _ => labels.extend(here("")),
    }
    let open = matches!(error, E::MissingToken(..) | E::UnexpectedEOF)
        .then(|| unclosed_at(position, scene))
        .flatten();
    labels.extend(open.map(|span| (span, "opened here, never closed".to_owned())));
    labels
}

fn plain(message: impl Into<String>) -> Failure {
    Failure::new("script.syntax", message)
}

fn missing(token: &str, purpose: &str, position: Position, scene: &Scene) -> Failure {
    if let Some(literal) = unit(token, position, scene) {
        let size = literal.ends_with('B');
        let what = if size { "sizes" } else { "durations" };
        return plain(format!("`{literal}` is no value"))
            .help(format!("{what} are strings: write `\"{literal}\"`"));
    }
    let found = scene.text.and_then(|text| text.path(position));
    let help = unclosed(position, scene).or_else(|| {
        let before = scene.text.and_then(|text| text.piece_before(position));
        let word = before
            .filter(|(kind, _)| *kind == Kind::Word)
            .map(|(_, word)| word);
        word.and_then(instead).or_else(|| found.and_then(instead))
    });
    plain(format!("expected `{token}` {}", purpose.replace('\'', "`"))).maybe_help(help)
}

/// `30s`, `64MiB`: a number with a unit, which is not a value of the language.
fn unit(token: &str, position: Position, scene: &Scene) -> Option<String> {
    const UNITS: &[&str] = &[
        "ms", "s", "sec", "secs", "m", "min", "mins", "h", "d", "B", "kB", "KB", "MB", "GB", "TB",
        "KiB", "MiB", "GiB", "TiB",
    ];
    // Rhai takes `30s` as two tokens, the scanner as one piece.
    let (kind, literal) = scene.text?.piece_at(position)?;
    let unit = literal.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.' || c == '_');
    let ends = matches!(token, ";" | "," | ")" | "}" | "]");
    (ends && kind == Kind::Number && UNITS.contains(&unit)).then(|| literal.to_owned())
}

/// The bracket that is open at the end of the text, where that is why something is missing.
fn unclosed_at(position: Position, scene: &Scene) -> Option<Span> {
    let text = scene.text?;
    if !text.is_end(position) {
        return None;
    }
    text.open_bracket(position)
}

fn unclosed(position: Position, scene: &Scene) -> Option<String> {
    let span = unclosed_at(position, scene)?;
    let (line, _) = scene.text?.line_column(span.start);
    Some(format!(
        "the bracket that line {line} opens is never closed"
    ))
}

fn reserved(word: &str, position: Position, scene: &Scene) -> Failure {
    let is_word = word.starts_with(|c: char| c.is_ascii_alphabetic());
    let message = match is_word {
        true => format!("`{word}` is a reserved word"),
        false => format!("`{word}` is no operator"),
    };
    let failure = Failure::new("script.reserved", message);
    if let Some(value) = aliases::value(word) {
        return failure.help(format!("write `{value}`"));
    }
    let before = scene.text.and_then(|text| text.piece_before(position));
    let help = match before {
        Some((_, "#{" | ",")) if scene.is_key(position) => {
            Some(format!("put the key in quotes: `\"{word}\": …`"))
        }
        Some((_, "." | "?.")) => Some(format!("write `[\"{word}\"]` instead of `.{word}`")),
        Some((_, "let" | "const" | "fn" | "as" | "for")) => Some("choose another name".to_owned()),
        _ => instead(word).or_else(|| is_word.then(|| "choose another name".to_owned())),
    };
    failure.maybe_help(help)
}

fn instead(word: &str) -> Option<String> {
    aliases::word(word).map(|ours| format!("write `{ours}` instead of `{word}`"))
}

fn exported_fn(position: Position, scene: &Scene) -> Option<String> {
    let (_, before) = scene.text?.piece_before(position)?;
    (before == "export").then(|| {
        "functions of a module are public unless `private`; `export` is for `let` and `const`"
            .to_owned()
    })
}

fn lexical(error: &LexError) -> Failure {
    match error {
        LexError::UnterminatedString => plain("this string is not closed").help(
            "a string in double quotes ends on its line; one in backticks may span several lines",
        ),
        LexError::MalformedEscapeSequence(sequence) => {
            plain(format!("`{sequence}` is no escape sequence"))
                .help("write `\\\\` for a backslash, or put the text in backticks")
        }
        LexError::MalformedChar(_) => {
            plain("single quotes hold exactly one character").help("write strings in double quotes")
        }
        LexError::MalformedNumber(number) => plain(format!("`{number}` is no number")),
        LexError::UnexpectedInput(text) => plain(format!("unexpected `{text}`"))
            .help("names are made of the letters a to z, digits and `_`"),
        LexError::ImproperSymbol(symbol, _) if symbol == "eval" => {
            plain("`eval` is switched off: scripts are checked before they run")
        }
        other => plain(first_lower(&other.to_string())),
    }
}

fn parameters(count: usize) -> String {
    match count {
        0 => "no parameters".to_owned(),
        1 => "1 parameter".to_owned(),
        more => format!("{more} parameters"),
    }
}

/// Rhai starts its messages with a capital.
pub(super) fn first_lower(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first)
            if chars
                .as_str()
                .starts_with(|c: char| c.is_lowercase() || c == ' ') =>
        {
            first.to_lowercase().chain(chars).collect()
        }
        _ => text.to_owned(),
    }
}
