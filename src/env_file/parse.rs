//! Reads an environment file line by line, as `sh` would read it if it expanded nothing.

use std::iter::Peekable;
use std::str::Chars;

use super::{Entry, Note, Parsed, Problem, ProblemKind, is_name};

/// Reads a whole file; every line that is wrong becomes a problem of its own.
///
/// A value is one word of `sh`: bare text, `'…'`, `"…"` or several of them joined. It ends with its
/// line. A byte order mark and carriage returns at line ends are left out.
pub fn parse(text: &str) -> Parsed {
    let mut parsed = Parsed::default();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (index, line) in text.lines().enumerate() {
        take(&mut parsed, index + 1, line);
    }
    parsed
}

fn take(parsed: &mut Parsed, number: usize, line: &str) {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return;
    }
    match assignment(line) {
        Ok((name, Word { value, surprises })) => {
            if let Some(first) = parsed.entries.iter().find(|entry| entry.name == name) {
                parsed.problems.push(Problem {
                    kind: ProblemKind::Duplicate,
                    line: Some(number),
                    what: format!(
                        "`{name}` is set a second time, first on line {}",
                        first.line
                    ),
                    help: Some("keep one of the two lines".into()),
                    name: Some(name),
                });
                return;
            }
            parsed.notes.extend(surprises.into_iter().map(|what| Note {
                line: number,
                name: name.clone(),
                what,
            }));
            parsed.entries.push(Entry {
                name,
                value,
                line: number,
            });
        }
        Err(Wrong { name, what, help }) => parsed.problems.push(Problem {
            kind: ProblemKind::Syntax,
            line: Some(number),
            name,
            what,
            help,
        }),
    }
}

struct Wrong {
    name: Option<String>,
    what: String,
    help: Option<String>,
}

fn wrong(name: Option<&str>, what: impl Into<String>, help: impl Into<String>) -> Wrong {
    Wrong {
        name: name.map(str::to_owned),
        what: what.into(),
        help: Some(help.into()),
    }
}

fn assignment(line: &str) -> Result<(String, Word), Wrong> {
    let line = match line.strip_prefix("export") {
        Some(rest) if rest.starts_with([' ', '\t']) => rest.trim_start(),
        _ => line,
    };
    let Some((name, value)) = line.split_once('=') else {
        // The line may hold a secret, so its text is not repeated.
        return Err(wrong(
            None,
            "not an assignment",
            "write `NAME=value`, or start the line with `#` for a comment",
        ));
    };
    if is_name(name.trim()) && (name.ends_with([' ', '\t']) || value.starts_with([' ', '\t'])) {
        let name = name.trim();
        return Err(wrong(
            Some(name),
            format!("`{name}` has a space beside its `=`"),
            format!("write `{name}=value` without spaces"),
        ));
    }
    if !is_name(name) {
        return Err(wrong(
            None,
            "no name of a variable stands before the `=`",
            "a name has letters, digits and `_`, and does not start with a digit",
        ));
    }
    let word = word(value)
        .map_err(|(what, help)| wrong(Some(name), format!("the value of `{name}` {what}"), help))?;
    Ok((name.to_owned(), word))
}

/// A value, and what a person who knows shells would not expect of it.
#[derive(Default)]
struct Word {
    value: String,
    surprises: Vec<String>,
}

type Complaint = (&'static str, &'static str);

fn word(text: &str) -> Result<Word, Complaint> {
    let mut word = Word::default();
    let mut operators = false;
    let mut expansions = false;
    let mut chars = text.chars().peekable();
    while let Some(next) = chars.next() {
        match next {
            '\'' => single(&mut chars, &mut word.value)?,
            '"' => expansions |= double(&mut chars, &mut word.value)?,
            '\\' => word.value.push(chars.next().ok_or((
                "ends with a backslash, which in a shell joins the next line to it",
                "put the value in single quotes if the backslash, or a space behind it, is meant",
            ))?),
            ' ' | '\t' => {
                end(chars)?;
                break;
            }
            '\0' => return Err(("holds a NUL byte", "remove it: no environment can hold one")),
            other => {
                operators |= matches!(other, '&' | ';' | '|' | '<' | '>' | '(' | ')');
                expansions |= matches!(other, '$' | '`');
                word.value.push(other);
            }
        }
    }
    if expansions {
        word.surprises.push(
            "holds `$` or a backtick, which is not expanded here; put the value in single quotes to say so".into(),
        );
    }
    if operators {
        word.surprises.push(
            "holds characters that a shell would act on; they are taken as they are, but quote the value for other readers of the file".into(),
        );
    }
    Ok(word)
}

fn single(chars: &mut Peekable<Chars>, value: &mut String) -> Result<(), Complaint> {
    for next in chars.by_ref() {
        match next {
            '\'' => return Ok(()),
            other => value.push(other),
        }
    }
    Err((
        "has an opening `'` without a closing one",
        "close the quote on the same line",
    ))
}

/// Returns whether a shell would have expanded something.
fn double(chars: &mut Peekable<Chars>, value: &mut String) -> Result<bool, Complaint> {
    let mut expansions = false;
    while let Some(next) = chars.next() {
        match next {
            '"' => return Ok(expansions),
            '\\' => match chars.peek() {
                Some('"' | '\\' | '$' | '`') => value.extend(chars.next()),
                _ => value.push('\\'),
            },
            other => {
                expansions |= matches!(other, '$' | '`');
                value.push(other);
            }
        }
    }
    Err((
        "has an opening `\"` without a closing one",
        "close the quote on the same line",
    ))
}

/// After the value only a comment may follow.
fn end(chars: Peekable<Chars>) -> Result<(), Complaint> {
    let rest: String = chars.collect();
    let rest = rest.trim_start();
    if rest.is_empty() || rest.starts_with('#') {
        return Ok(());
    }
    Err(("goes on after a space", "put a value with spaces in quotes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<(String, String)> {
        let parsed = parse(text);
        assert_eq!(parsed.problems, [], "{text}");
        parsed
            .entries
            .into_iter()
            .map(|entry| (entry.name, entry.value))
            .collect()
    }

    fn value(text: &str) -> String {
        values(text).remove(0).1
    }

    #[test]
    fn words_are_read_as_a_shell_reads_them() {
        for (text, expected) in [
            ("A=", ""),
            ("A=plain", "plain"),
            ("export A=plain", "plain"),
            ("  export\tA=plain  ", "plain"),
            ("A=a#b", "a#b"),
            ("A=a # comment", "a"),
            ("A='a # b'", "a # b"),
            ("A=\"a 'b' \\\"c\\\" \\\\ \\n\"", "a 'b' \"c\" \\ \\n"),
            ("A='it'\"'\"'s'", "it's"),
            ("A=a\\ b", "a b"),
            ("A=x=y=z", "x=y=z"),
            ("A='$HOME'", "$HOME"),
        ] {
            assert_eq!(value(text), expected, "{text}");
        }
    }

    #[test]
    fn windows_line_ends_and_a_mark_do_no_harm() {
        assert_eq!(
            values("\u{feff}A=1\r\nB=2\r\n"),
            [("A".into(), "1".into()), ("B".into(), "2".into())]
        );
    }

    #[test]
    fn every_wrong_line_is_told_by_its_number_and_without_its_value() {
        let parsed =
            parse("hunter2\nA = hunter2\nB='hunter2\nC=hunter2 hunter2\n9=hunter2\nD=1\nD=hunter2");
        let lines: Vec<_> = parsed.problems.iter().map(|problem| problem.line).collect();
        assert_eq!(lines, [1, 2, 3, 4, 5, 7].map(Some));
        assert!(!format!("{:?}", parsed.problems).contains("hunter2"));
        assert_eq!(parsed.problems[5].kind, ProblemKind::Duplicate);
    }

    #[test]
    fn a_value_does_not_go_on_in_the_next_line() {
        for text in ["A=\\", "A=a\\ ", "A=a\\\nB=2"] {
            let parsed = parse(text);
            assert_eq!(parsed.problems.len(), 1, "{text}");
            assert!(parsed.problems[0].what.contains("backslash"), "{text}");
        }
        assert_eq!(value("A='a\\'"), "a\\");
    }

    #[test]
    fn what_a_shell_would_expand_is_noted() {
        let noted = |text: &str| parse(text).notes.len();
        assert_eq!(noted("A=$HOME/x"), 1);
        assert_eq!(noted("A=\"`id`\""), 1);
        assert_eq!(noted("A='$HOME'"), 0);
        assert_eq!(noted("A=\"\\$HOME\""), 0);
        assert_eq!(noted("A=postgresql://h/d?a=1&b=2"), 1);
        assert_eq!(value("A=$HOME/x"), "$HOME/x");
    }
}
