//! OpenSSH's patterns: `*`, `?`, and lists with `!`.

/// Whether the whole of `text` fits `pattern`, where `*` is any run and `?` any one byte.
pub(in crate::ssh) fn matches_pattern(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    // Where to resume when a later part does not fit: after the last star, one byte further on.
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p + 1, t));
                p += 1;
                continue;
            }
            Some(b'?') => {
                p += 1;
                t += 1;
                continue;
            }
            Some(byte) if text.get(t) == Some(byte) => {
                p += 1;
                t += 1;
                continue;
            }
            _ => {}
        }
        let Some((after_star, from)) = retry else {
            return false;
        };
        retry = Some((after_star, from + 1));
        p = after_star;
        t = from + 1;
    }
    pattern
        .get(p..)
        .is_some_and(|rest| rest.iter().all(|byte| *byte == b'*'))
}

/// Whether `text` fits one of the patterns and none of those with `!`.
pub(in crate::ssh) fn matches_list(list: &str, text: &str, separator: char) -> bool {
    matches_any(list.split(separator), text)
}

/// [`matches_list`] for patterns that are already apart.
pub(in crate::ssh) fn matches_any<'a>(
    patterns: impl IntoIterator<Item = &'a str>,
    text: &str,
) -> bool {
    let mut found = false;
    for pattern in patterns {
        match pattern.strip_prefix('!') {
            Some(negated) if matches_pattern(negated, text) => return false,
            Some(_) => {}
            None => found |= matches_pattern(pattern, text),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks() {
        for (pattern, text) in [
            ("", ""),
            ("*", ""),
            ("*", "x"),
            ("a*c", "abbbc"),
            ("a*b*c", "aXbYbZc"),
            ("?", "x"),
            ("*.example.com", "a.b.example.com"),
            ("10.0.*.?", "10.0.12.9"),
            ("**x", "yx"),
        ] {
            assert!(matches_pattern(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("", "x"),
            ("?", ""),
            ("a", "ab"),
            ("a*c", "abd"),
            ("*.example.com", "example.com"),
            ("[a]", "a"),
        ] {
            assert!(!matches_pattern(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn negation_wins_and_alone_matches_nothing() {
        assert!(matches_list("a*,!ab", "ac", ','));
        assert!(!matches_list("a*,!ab", "ab", ','));
        assert!(!matches_list("!ab", "ac", ','));
    }

    #[test]
    fn many_stars_end_soon() {
        let pattern = "*a".repeat(40) + "b";
        assert!(!matches_pattern(&pattern, &"a".repeat(4000)));
    }
}
