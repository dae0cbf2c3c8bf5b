//! A configuration line taken apart, with OpenSSH's rules for quotes, `=` and comments.

/// The keyword in lower case, and the rest of the line as it stands.
pub(super) fn keyword(line: &str) -> Option<(String, &str)> {
    let line = line.trim_matches(is_space);
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let (word, rest) = delimited(line);
    (!word.is_empty()).then(|| (word.to_ascii_lowercase(), rest))
}

/// The first word, which ends at white space, a quote or one `=`, and what comes after it.
pub(super) fn delimited(text: &str) -> (&str, &str) {
    if let Some(quoted) = text.strip_prefix('"') {
        return match quoted.split_once('"') {
            Some((word, rest)) => (word, skip_delimiter(rest)),
            None => (quoted, ""),
        };
    }
    let end = text.find(|c| is_space(c) || c == '"' || c == '=');
    match end.and_then(|at| text.split_at_checked(at)) {
        // A quote in the middle ends the word and is gone, as in OpenSSH.
        Some((word, rest)) => (word, skip_delimiter(rest.strip_prefix('"').unwrap_or(rest))),
        None => (text, ""),
    }
}

fn skip_delimiter(rest: &str) -> &str {
    let rest = rest.trim_start_matches(is_space);
    let rest = rest.strip_prefix('=').unwrap_or(rest);
    rest.trim_start_matches(is_space)
}

/// The words of a value. Quotes of both kinds group, a backslash takes the sting out of a quote, of
/// itself and of a space, and a word that starts with `#` ends the line.
pub(super) fn split(text: &str) -> Result<Vec<String>, &'static str> {
    let mut words = Vec::new();
    let mut rest = text.chars().peekable();
    loop {
        while rest.next_if(|c| is_space(*c)).is_some() {}
        if rest.peek().is_none_or(|c| *c == '#') {
            return Ok(words);
        }
        let mut word = String::new();
        let mut quote = None;
        while let Some(c) = rest.next() {
            match (c, quote) {
                ('\\', _) => {
                    let escaped = rest.next_if(|next| {
                        matches!(next, '\'' | '"' | '\\') || (*next == ' ' && quote.is_none())
                    });
                    word.push(escaped.unwrap_or('\\'));
                }
                (c, None) if is_space(c) => break,
                ('"' | '\'', None) => quote = Some(c),
                (c, Some(open)) if c == open => quote = None,
                (c, _) => word.push(c),
            }
        }
        if quote.is_some() {
            return Err("a quote is not closed");
        }
        words.push(word);
    }
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n' | '\u{c}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_end_at_space_or_equals() {
        for line in [
            "Port 22",
            "  port\t22 ",
            "PORT=22",
            "port = 22",
            "\"Port\" 22",
            "port  =22",
        ] {
            assert_eq!(keyword(line), Some(("port".to_owned(), "22")), "{line:?}");
        }
        for line in ["", "  ", "# x", "\t#x"] {
            assert_eq!(keyword(line), None, "{line:?}");
        }
        assert_eq!(keyword("port==22"), Some(("port".to_owned(), "=22")));
    }

    #[test]
    fn words_are_grouped_by_quotes() {
        let cases: [(&str, &[&str]); 7] = [
            ("a b", &["a", "b"]),
            ("\"a b\" 'c d'", &["a b", "c d"]),
            (r#"a\ b \"c\\"#, &["a b", "\"c\\"]),
            ("a # b", &["a"]),
            ("a#b", &["a#b"]),
            ("x\"y z\"w", &["xy zw"]),
            (r"C:\dir", &[r"C:\dir"]),
        ];
        for (text, words) in cases {
            assert_eq!(split(text).unwrap(), words, "{text}");
        }
        split("\"a").unwrap_err();
    }
}
