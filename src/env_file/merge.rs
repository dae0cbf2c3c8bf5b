//! Setting variables in the text of an environment file, where everything else stays as it is.

use std::collections::BTreeMap;

use super::{Entry, RenderError, parse, render};

/// A variable of a file with what stands behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commented {
    pub entry: Entry,
    /// The comment on the same line, without its `#`; empty for none.
    pub comment: String,
}

/// The variables of `text`, in its order; lines that are none are left out.
pub fn commented(text: &str) -> Vec<Commented> {
    let lines: Vec<&str> = text.lines().collect();
    let entries = parse(text).entries.into_iter();
    entries
        .map(|entry| {
            let line = lines.get(entry.line - 1).copied().unwrap_or_default();
            let comment = comment_of(line, &entry.value);
            Commented { entry, comment }
        })
        .collect()
}

/// What stands behind the value of a line: a ` #` behind which nothing of the value is left.
fn comment_of(line: &str, value: &str) -> String {
    let starts = line.match_indices(" #").map(|(at, _)| at);
    let found = starts.filter_map(|at| line.split_at_checked(at)).find(
        |(head, _)| matches!(parse(head).entries.as_slice(), [entry] if entry.value == value),
    );
    found.map_or_else(String::new, |(_, rest)| {
        rest.trim_start_matches([' ', '#']).trim_end().to_owned()
    })
}

/// `text` with `values` set, each with `comment` behind it (empty for none).
///
/// A line that sets the variable is replaced. Else the variable comes behind the line that shows it
/// commented out, and otherwise to the end. All other lines stay as they are, to the byte.
pub fn merge(
    text: &str,
    values: &BTreeMap<String, String>,
    comment: &str,
) -> Result<String, RenderError> {
    let mut fresh = BTreeMap::new();
    for (name, value) in values {
        let line = render([(name.as_str(), value.as_str())])?;
        let line = line.trim_end();
        let line = match comment {
            "" => line.to_owned(),
            comment => format!("{line} # {comment}"),
        };
        fresh.insert(name.as_str(), line);
    }
    let set: BTreeMap<usize, String> = parse(text)
        .entries
        .into_iter()
        .map(|entry| (entry.line, entry.name))
        .collect();
    let mut result = String::new();
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let name = set.get(&(index + 1)).map(String::as_str);
        match name.and_then(|name| fresh.remove(name)) {
            Some(replaced) => {
                result.push_str(&replaced);
                result.push('\n');
            }
            None => result.push_str(line),
        }
        let shown = shown(line).filter(|shown| !set.values().any(|name| name == shown));
        if let Some(line) = shown.and_then(|name| fresh.remove(name)) {
            end_line(&mut result);
            result.push_str(&line);
            result.push('\n');
        }
    }
    for line in fresh.into_values() {
        end_line(&mut result);
        result.push_str(&line);
        result.push('\n');
    }
    Ok(result)
}

/// The variable that a line shows without setting it: `# NAME=…`.
fn shown(line: &str) -> Option<&str> {
    let name = line.strip_prefix('#')?.trim_start().split_once('=')?.0;
    super::is_name(name).then_some(name)
}

fn end_line(text: &mut String) {
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(text: &str, values: &[(&str, &str)], comment: &str) -> String {
        let values = values.iter();
        let values = values.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        merge(text, &values.collect(), comment).unwrap()
    }

    #[test]
    fn a_line_is_replaced_and_all_others_stay() {
        let text = "# why\nA=1\n\n  B='x y'  # mine\nbroken line\nC=REPLACE_ME";
        assert_eq!(
            merged(text, &[("C", "3"), ("A", "2")], "from there"),
            "# why\nA=2 # from there\n\n  B='x y'  # mine\nbroken line\nC=3 # from there\n"
        );
    }

    #[test]
    fn a_variable_comes_behind_the_line_that_shows_it() {
        let text = "# REDIS_PORT=6379\n# prose = none\nZ=1\n";
        assert_eq!(
            merged(text, &[("REDIS_PORT", "7000"), ("NEW", "a b")], ""),
            "# REDIS_PORT=6379\nREDIS_PORT=7000\n# prose = none\nZ=1\nNEW='a b'\n"
        );
        assert_eq!(merged("", &[("A", "1")], ""), "A=1\n");
    }

    #[test]
    fn what_is_merged_twice_stays_as_it_is() {
        let text = "# A=0\nB=1\n";
        let values = [("A", "x#y z"), ("B", "2"), ("D", "it's")];
        let once = merged(text, &values, "from s");
        assert_eq!(merged(&once, &values, "from s"), once);
        let read = commented(&once);
        assert_eq!(read.len(), 3);
        assert!(read.iter().all(|one| one.comment == "from s"), "{read:?}");
        assert_eq!(read[0].entry.value, "x#y z");
    }

    #[test]
    fn a_value_is_no_comment() {
        let read = commented("A='a # b'\nB=a#b\nC=c # d # e\nD=\n");
        let shown: Vec<_> = read.iter().map(|one| one.comment.as_str()).collect();
        assert_eq!(shown, ["", "", "d # e", ""]);
        assert_eq!(read[0].entry.value, "a # b");
    }

    #[test]
    fn a_value_with_a_line_break_is_refused() {
        let values = BTreeMap::from([("A".to_owned(), "x\ny".to_owned())]);
        assert!(merge("", &values, "").is_err());
    }
}
