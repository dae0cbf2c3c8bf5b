//! A line in a text file that others write too.

use regex::Regex;

use super::super::apply::Script;
use super::super::content::Content;
use super::super::diff::{TEXT_LIMIT, as_text};
use super::super::inputs::Inputs;
use super::super::item::{Problem, State, Verdict};
use super::super::mode::Mode;
use super::super::place::{Meta, Place, check_path, clean, read_parent};
use super::super::read::Probe;
use super::super::world::{NodeKind, World};

/// A line that a text file should (or should not) hold.
#[derive(Debug, Clone)]
pub struct Line {
    path: String,
    line: String,
    pattern: Option<String>,
    present: bool,
    create: bool,
    secret: bool,
    meta: Meta,
    follow: bool,
}

impl Line {
    pub fn new(path: impl AsRef<str>, line: impl Into<String>) -> Line {
        Line {
            path: clean(path.as_ref()),
            line: line.into(),
            pattern: None,
            present: true,
            create: false,
            secret: false,
            meta: Meta::default(),
            follow: false,
        }
    }

    /// A regular expression for the lines that this one stands for: the first that matches becomes
    /// the line, further ones go. Without a match the line is added at the end.
    #[must_use]
    pub fn matching(mut self, pattern: impl Into<Option<String>>) -> Line {
        self.pattern = pattern.into();
        self
    }

    /// Default: true. With false the line, and all that match, are removed.
    #[must_use]
    pub fn present(mut self, present: bool) -> Line {
        self.present = present;
        self
    }

    /// Makes the file if it is missing. Default: false.
    #[must_use]
    pub fn create(mut self, create: bool) -> Line {
        self.create = create;
        self
    }

    /// The file's content is never shown. Default: false.
    #[must_use]
    pub fn secret(mut self, secret: bool) -> Line {
        self.secret = secret;
        self
    }

    /// Mode of the file. Default: as it is; 0644 for a new one.
    #[must_use]
    pub fn mode(mut self, mode: impl Into<Option<Mode>>) -> Line {
        self.meta.mode = mode.into();
        self
    }

    #[must_use]
    pub fn owner(mut self, owner: impl Into<Option<String>>) -> Line {
        self.meta.owner = owner.into();
        self
    }

    #[must_use]
    pub fn group(mut self, group: impl Into<Option<String>>) -> Line {
        self.meta.group = group.into();
        self
    }

    /// Edits the file that a link at the path leads to. Default: false, which refuses links.
    #[must_use]
    pub fn follow(mut self, follow: bool) -> Line {
        self.follow = follow;
        self
    }

    fn regex(&self) -> Result<Option<Regex>, Problem> {
        let Some(pattern) = &self.pattern else {
            return Ok(None);
        };
        Regex::new(pattern).map(Some).map_err(|error| {
            Problem::new(format!("`{pattern}` is no regular expression")).help(error.to_string())
        })
    }
}

/// `text` with exactly one `line` in place of all that are it or match.
pub(in super::super) fn with_line(text: &str, line: &str, pattern: Option<&Regex>) -> String {
    let mut edited = String::with_capacity(text.len() + line.len() + 1);
    let exact = text.lines().any(|other| other == line);
    let mut placed = false;
    for (other, end) in lines(text) {
        let stands_for = match (exact, pattern) {
            // Where the line is already there, others that match are the ones to go.
            (true, Some(pattern)) => other == line || pattern.is_match(other),
            (true, None) => false,
            (false, Some(pattern)) => pattern.is_match(other),
            (false, None) => false,
        };
        if !stands_for || (!placed && exact && other == line) {
            placed |= stands_for;
            edited.push_str(other);
            edited.push_str(end);
        } else if !exact && !placed {
            placed = true;
            edited.push_str(line);
            edited.push_str(end);
        }
    }
    if !exact && !placed {
        if !edited.is_empty() && !edited.ends_with('\n') {
            edited.push('\n');
        }
        edited.push_str(line);
        edited.push('\n');
    }
    edited
}

/// `text` without any line that is `line` or matches.
pub(in super::super) fn without_line(text: &str, line: &str, pattern: Option<&Regex>) -> String {
    lines(text)
        .filter(|(other, _)| {
            *other != line && !pattern.is_some_and(|pattern| pattern.is_match(other))
        })
        .flat_map(|(other, end)| [other, end])
        .collect()
}

/// Lines and their ends, `\r\n` included.
fn lines(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split_inclusive('\n').map(|whole| {
        let line = whole.strip_suffix('\n').unwrap_or(whole);
        let line = line.strip_suffix('\r').unwrap_or(line);
        whole.split_at(line.len())
    })
}

impl State for Line {
    fn kind(&self) -> &'static str {
        "line"
    }

    fn name(&self) -> String {
        self.path.clone()
    }

    fn check(&self) -> Result<(), Problem> {
        check_path(&self.path)?;
        self.meta.check()?;
        if self.line.is_empty() {
            return Err(Problem::new("the line is empty"));
        }
        if self.line.contains(['\n', '\r', '\0']) {
            return Err(Problem::new("a line cannot hold a line break or a NUL"));
        }
        self.regex().map(drop)
    }

    fn read(&self, probe: &mut Probe, _inputs: &Inputs) {
        match self.follow {
            true => probe.follow(&self.path),
            false => probe.path(&self.path),
        }
        probe.text(&self.path, None);
        read_parent(&self.path, probe);
    }

    fn compare(&self, world: &mut World, script: &mut Script) -> Result<Verdict, Problem> {
        let node = world.node(&self.path);
        let pattern = self.regex()?;
        let old = match (node.kind, &node.text) {
            (NodeKind::Absent, _) if !self.present => return Ok(Verdict::unchanged()),
            (NodeKind::Absent, _) if self.create => Vec::new(),
            (NodeKind::Absent, _) => {
                let problem = Problem::new("the file does not exist");
                return Err(match world.unpredictable() {
                    Some(item) => problem.help(format!(
                        "if {item} makes it, put this line into a second `ensure`"
                    )),
                    None => problem.help("pass `create: true` to make it"),
                });
            }
            (NodeKind::File, Some(text)) => text.to_vec(),
            (NodeKind::File, None) => {
                return Err(Problem::new(format!(
                    "the file has {} bytes; lines are edited in files up to {TEXT_LIMIT}",
                    node.size
                )));
            }
            // The placing below words what is in the way.
            _ => Vec::new(),
        };
        let Some(text) = as_text(&old) else {
            return Err(Problem::new("the file is not UTF-8 text"));
        };
        let new = match self.present {
            true => with_line(text, &self.line, pattern.as_ref()),
            false => without_line(text, &self.line, pattern.as_ref()),
        };
        let place = Place {
            path: &self.path,
            content: Content::bytes(new.into_bytes()),
            meta: &self.meta,
            default_mode: Mode::new(0o644),
            secret: self.secret,
            parents: false,
        };
        if node.kind == NodeKind::File
            && !node.predicted
            && let Some(known) = &node.sha256
            && Some(known.as_str()) != place.content.sha256()
        {
            script.call("unchanged_since", &[&world.real_path(&self.path), known]);
        }
        Ok(place.compare(world, script)?.into())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn with(text: &str, line: &str, pattern: &str) -> String {
        with_line(text, line, Some(&Regex::new(pattern).unwrap()))
    }

    #[test]
    fn a_line_is_added_once_and_at_the_end() {
        assert_eq!(with_line("", "a", None), "a\n");
        assert_eq!(with_line("b", "a", None), "b\na\n");
        assert_eq!(with_line("b\n", "a", None), "b\na\n");
        assert_eq!(with_line("a\nb", "a", None), "a\nb");
    }

    #[test]
    fn a_match_is_replaced_where_it_stands_and_others_go() {
        assert_eq!(with("x\nk=1\ny\nk=2\n", "k=3", "^k="), "x\nk=3\ny\n");
        assert_eq!(with("k=1\nx\nk=3\n", "k=3", "^k="), "x\nk=3\n");
        assert_eq!(with("k=3\nk=3\n", "k=3", "^k="), "k=3\n");
        assert_eq!(with("a\r\nk=1\r\n", "k=2", "^k="), "a\r\nk=2\r\n");
        assert_eq!(with("a\n", "k=2", "^k="), "a\nk=2\n");
    }

    #[test]
    fn absent_removes_all() {
        let pattern = Regex::new("^k").unwrap();
        assert_eq!(without_line("a\nk1\nb\nk2", "a", Some(&pattern)), "b\n");
        assert_eq!(without_line("a\nb", "c", None), "a\nb");
    }

    proptest! {
        #[test]
        fn editing_twice_is_editing_once(
            text in "[abk=\n]{0,40}",
            line in "[abk=]{1,4}",
            pattern in prop_oneof![Just(None), Just(Some("^k")), Just(Some("a"))],
        ) {
            let pattern = pattern.map(|pattern| Regex::new(pattern).unwrap());
            let once = with_line(&text, &line, pattern.as_ref());
            prop_assert!(once.lines().any(|other| other == line));
            prop_assert_eq!(with_line(&once, &line, pattern.as_ref()), once.clone());
            let none = without_line(&once, &line, pattern.as_ref());
            prop_assert!(!none.lines().any(|other| other == line));
            prop_assert_eq!(without_line(&none, &line, pattern.as_ref()), none);
        }

        #[test]
        fn lines_of_others_stay(text in "[ab\n]{0,40}") {
            let edited = with_line(&text, "line", None);
            prop_assert!(edited.starts_with(&text));
        }
    }
}
