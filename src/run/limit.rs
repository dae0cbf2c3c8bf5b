//! `--limit`: which hosts a run may touch.

use std::cmp::Ordering;

use globset::{Glob, GlobMatcher};

/// Host patterns: names and globs, separated by commas; `!pattern` excludes.
///
/// A host is in when it matches one of the including patterns, or there are none, and matches no
/// excluding one. The default lets every host in.
#[derive(Clone, Debug, Default)]
pub struct Limit {
    include: Vec<GlobMatcher>,
    exclude: Vec<GlobMatcher>,
    text: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum LimitError {
    #[error("the host pattern `{pattern}` cannot be read: {reason}")]
    Pattern { pattern: String, reason: String },
    #[error("`--limit` has an empty host pattern in `{text}`")]
    Empty { text: String },
}

impl Limit {
    /// Reads the values of `--limit`, each of which may hold several patterns.
    pub fn parse<S: AsRef<str>>(values: impl IntoIterator<Item = S>) -> Result<Limit, LimitError> {
        let mut limit = Limit::default();
        for value in values {
            let value = value.as_ref();
            for part in split(value) {
                let part = part.trim();
                let (list, pattern) = match part.strip_prefix('!') {
                    Some(pattern) => (&mut limit.exclude, pattern.trim()),
                    None => (&mut limit.include, part),
                };
                if pattern.is_empty() {
                    let text = value.to_owned();
                    return Err(LimitError::Empty { text });
                }
                let glob = Glob::new(pattern).map_err(|error| LimitError::Pattern {
                    pattern: pattern.to_owned(),
                    reason: error.kind().to_string(),
                })?;
                list.push(glob.compile_matcher());
                limit.text.push(part.to_owned());
            }
        }
        Ok(limit)
    }

    /// Whether the host may be touched. `names` are all names it goes by: its own, its address,
    /// its group.
    pub fn allows<S: AsRef<str>>(&self, names: impl IntoIterator<Item = S>) -> bool {
        let mut included = self.include.is_empty();
        for name in names {
            let name = name.as_ref();
            if self.exclude.iter().any(|glob| glob.is_match(name)) {
                return false;
            }
            included |= self.include.iter().any(|glob| glob.is_match(name));
        }
        included
    }

    /// Lets every host in.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// The including patterns that match none of the hosts: most likely typing errors.
    pub fn unmatched<'a, S: AsRef<str>>(&'a self, names: &[S]) -> Vec<&'a str> {
        self.include
            .iter()
            .filter(|glob| !names.iter().any(|name| glob.is_match(name.as_ref())))
            .map(|glob| glob.glob().glob())
            .collect()
    }
}

/// Splits at commas, except within the braces of a glob.
fn split(value: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0u32;
    value.split(move |char: char| {
        match char {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        char == ',' && depth == 0
    })
}

/// Sorts host names as people do: `client-2` before `client-10`.
pub fn sort_names(names: &mut [String]) {
    names.sort_by(|left, right| natural(left, right));
}

fn natural(left: &str, right: &str) -> Ordering {
    let (mut left_parts, mut right_parts) = (parts(left), parts(right));
    loop {
        let order = match (left_parts.next(), right_parts.next()) {
            (None, None) => return left.cmp(right),
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(a), Some(b)) => match (a.parse::<u64>(), b.parse::<u64>()) {
                (Ok(a), Ok(b)) => a.cmp(&b),
                _ => a.cmp(b),
            },
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

/// Runs of digits, and the runs of other characters between them.
fn parts(name: &str) -> impl Iterator<Item = &str> {
    let mut rest = name;
    std::iter::from_fn(move || {
        let digits = rest.starts_with(|char: char| char.is_ascii_digit());
        let end = rest
            .find(|char: char| char.is_ascii_digit() != digits)
            .unwrap_or(rest.len());
        let (part, after) = rest.split_at(end);
        rest = after;
        (!part.is_empty()).then_some(part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(values: &[&str]) -> Limit {
        Limit::parse(values).unwrap()
    }

    #[test]
    fn patterns_include_and_exclude() {
        let hosts = ["bastion", "api-1", "client-1", "client-2", "10.0.2.11"];
        let allowed = |values: &[&str]| -> Vec<&str> {
            let limit = limit(values);
            hosts
                .into_iter()
                .filter(|host| limit.allows([host]))
                .collect()
        };
        assert_eq!(allowed(&[]), hosts);
        assert_eq!(allowed(&["client-*"]), ["client-1", "client-2"]);
        assert_eq!(allowed(&["client-*,!client-2"]), ["client-1"]);
        assert_eq!(allowed(&["!client-*", "!bastion"]), ["api-1", "10.0.2.11"]);
        assert_eq!(allowed(&["api-1, 10.0.2.*"]), ["api-1", "10.0.2.11"]);
        assert_eq!(allowed(&["{api,client}-1"]), ["api-1", "client-1"]);
    }

    #[test]
    fn any_of_a_hosts_names_decides() {
        assert!(limit(&["10.0.2.11"]).allows(["client-1", "10.0.2.11"]));
        assert!(!limit(&["client-*,!10.0.2.11"]).allows(["client-1", "10.0.2.11"]));
    }

    #[test]
    fn patterns_that_match_nothing_are_named() {
        let limit = limit(&["client-*,cleint-1,!db"]);
        assert_eq!(limit.unmatched(&["client-1"]), ["cleint-1"]);
    }

    #[test]
    fn bad_patterns_are_named() {
        let error = Limit::parse(["api-[1"]).unwrap_err();
        assert!(error.to_string().contains("`api-[1`"), "{error}");
        assert!(Limit::parse(["api-1,,client"]).is_err());
        assert!(Limit::parse(["!"]).is_err());
    }

    #[test]
    fn names_sort_by_number() {
        let mut names: Vec<String> = ["c-10", "c-2", "bastion", "c-1", "c"]
            .map(str::to_owned)
            .into();
        sort_names(&mut names);
        assert_eq!(names, ["bastion", "c", "c-1", "c-2", "c-10"]);
    }
}
