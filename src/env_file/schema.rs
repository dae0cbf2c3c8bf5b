//! Which variables a file must, may and must not set.

use std::collections::BTreeMap;

use super::{Entry, Parsed, Problem, ProblemKind};
use crate::suggest::nearest;

/// Values that start so were never filled in.
const PLACEHOLDER: &str = "REPLACE_";

/// What is expected of a file.
#[derive(Clone, Debug, Default)]
pub struct Schema {
    /// Must be set, and not be empty.
    pub required: Vec<String>,
    /// Of each group, one must be set and not be empty; all of them may be.
    pub any_of: Vec<Vec<String>>,
    /// May be set.
    pub optional: Vec<String>,
    /// Variables that are in neither list are taken as they are.
    pub allow_unknown: bool,
}

/// A file held against its schema.
#[derive(Clone, Debug, Default)]
pub struct Checked {
    pub entries: BTreeMap<String, Entry>,
    /// In the order of lines; what is missing comes last.
    pub problems: Vec<Problem>,
}

impl Schema {
    /// Finds everything that is wrong, in one go.
    pub fn check(&self, parsed: &Parsed) -> Checked {
        let mut checked = Checked {
            problems: parsed.problems.clone(),
            ..Checked::default()
        };
        for entry in &parsed.entries {
            match self.problem(entry) {
                Some(problem) => checked.problems.push(problem),
                None => {
                    checked.entries.insert(entry.name.clone(), entry.clone());
                }
            }
        }
        checked.problems.sort_by_key(|problem| problem.line);
        checked.problems.extend(self.missing(parsed));
        checked.problems.extend(self.missing_groups(parsed));
        checked
    }

    fn problem(&self, entry: &Entry) -> Option<Problem> {
        let required = self.required.contains(&entry.name);
        let known = required
            || self.optional.contains(&entry.name)
            || self.any_of.iter().flatten().any(|name| *name == entry.name);
        let name = &entry.name;
        let (kind, what, help) = if !known && !self.allow_unknown {
            let help = match nearest(name, self.names()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "nothing reads it: remove the line".into(),
            };
            (
                ProblemKind::Unknown,
                format!("`{name}` is not a known variable"),
                help,
            )
        } else if entry.value.starts_with(PLACEHOLDER) {
            let what = format!(
                "`{name}` still has its placeholder `{}`",
                shown(&entry.value)
            );
            let help = if required {
                "fill it in"
            } else {
                "fill it in, or remove the line"
            };
            (ProblemKind::Placeholder, what, help.into())
        } else if required && entry.value.is_empty() {
            (
                ProblemKind::Missing,
                format!("`{name}` is empty"),
                "fill it in".into(),
            )
        } else {
            return None;
        };
        Some(Problem {
            kind,
            line: Some(entry.line),
            name: Some(name.clone()),
            what,
            help: Some(help),
        })
    }

    /// Required variables of which no line speaks, not even a wrong one.
    fn missing<'a>(&'a self, parsed: &'a Parsed) -> impl Iterator<Item = Problem> + 'a {
        let spoken_of = |name: &String| {
            parsed.entries.iter().any(|entry| entry.name == *name)
                || parsed
                    .problems
                    .iter()
                    .any(|problem| problem.name.as_ref() == Some(name))
        };
        self.required
            .iter()
            .filter(move |name| !spoken_of(name))
            .map(|name| Problem {
                kind: ProblemKind::Missing,
                line: None,
                name: Some(name.clone()),
                what: format!("`{name}` is required and not set"),
                help: Some(format!("add a line `{name}=…`")),
            })
    }

    /// Groups none of whose variables any line sets.
    fn missing_groups<'a>(&'a self, parsed: &'a Parsed) -> impl Iterator<Item = Problem> + 'a {
        let set = |name: &String| {
            let named = |entry: &&Entry| entry.name == *name;
            parsed
                .entries
                .iter()
                .find(named)
                .is_some_and(|entry| !entry.value.is_empty())
        };
        self.any_of
            .iter()
            .filter(move |group| !group.iter().any(set))
            .map(|group| {
                let names: Vec<String> = group.iter().map(|name| format!("`{name}`")).collect();
                Problem {
                    kind: ProblemKind::Missing,
                    line: None,
                    name: group.first().cloned(),
                    what: format!("one of {} is required and none is set", names.join(" and ")),
                    help: group.first().map(|name| format!("add a line `{name}=…`")),
                }
            })
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.required
            .iter()
            .chain(self.any_of.iter().flatten())
            .chain(&self.optional)
            .map(String::as_str)
    }
}

/// The placeholder's own word: what is glued to it may be half of a real value.
fn shown(value: &str) -> String {
    let word: String = value
        .chars()
        .take_while(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || *c == '_')
        .collect();
    if word.len() < value.len() {
        format!("{word}…")
    } else {
        word
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env_file::parse;

    #[test]
    fn a_group_needs_one_of_its_variables() {
        let schema = Schema {
            any_of: vec![vec!["POOL_PRIVATE".into(), "POOL_PUBLIC".into()]],
            ..Schema::default()
        };
        assert!(schema.check(&parse("POOL_PUBLIC=a\n")).problems.is_empty());
        let problems = schema.check(&parse("POOL_PRIVATE=\n")).problems;
        assert_eq!(problems.len(), 1);
        assert!(
            problems[0]
                .what
                .contains("`POOL_PRIVATE` and `POOL_PUBLIC`")
        );
    }

    fn schema() -> Schema {
        Schema {
            required: ["BASTION_HOST", "POSTGRES_HOST", "TOKEN"]
                .map(String::from)
                .to_vec(),
            optional: ["POSTGRES_PORT"].map(String::from).to_vec(),
            ..Schema::default()
        }
    }

    #[test]
    fn everything_wrong_is_found_at_once_in_the_order_of_lines() {
        let checked = schema().check(&parse(
            "POSTGRES_PROT=1\nBASTION_HOST=REPLACE_BASTION\nnonsense\nTOKEN=\nPOSTGRES_PORT=5432\n",
        ));
        let found: Vec<_> = checked.problems.iter().map(|p| (p.line, p.kind)).collect();
        assert_eq!(
            found,
            [
                (Some(1), ProblemKind::Unknown),
                (Some(2), ProblemKind::Placeholder),
                (Some(3), ProblemKind::Syntax),
                (Some(4), ProblemKind::Missing),
                (None, ProblemKind::Missing),
            ]
        );
        assert_eq!(
            checked.problems[0].help.as_deref(),
            Some("did you mean `POSTGRES_PORT`?")
        );
        assert_eq!(checked.problems[4].name.as_deref(), Some("POSTGRES_HOST"));
        assert_eq!(checked.entries.len(), 1);
    }

    #[test]
    fn a_required_variable_on_a_wrong_line_is_told_once() {
        let checked = schema().check(&parse("BASTION_HOST='a\nPOSTGRES_HOST=h\nTOKEN=t\n"));
        assert_eq!(checked.problems.len(), 1);
    }

    #[test]
    fn unknown_variables_can_be_let_through_but_not_unfilled() {
        let open = Schema {
            allow_unknown: true,
            ..Schema::default()
        };
        let checked = open.check(&parse("A=1\nB=REPLACE_ME-with-hunter2\n"));
        assert!(checked.entries.contains_key("A"));
        assert_eq!(
            checked.problems[0].what,
            "`B` still has its placeholder `REPLACE_ME…`"
        );
    }
}
