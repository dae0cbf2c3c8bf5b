//! The text that `--help` shows.

use serde_json::Value;

use super::{Argument, Declaration};

/// Columns before the explanations; longer names get a line of their own.
const INDENT: usize = 30;

impl Declaration {
    /// `command` is what the operator types, `about` the script's own words about itself.
    pub fn usage(&self, command: &str, about: &str) -> String {
        let mut text = String::new();
        if !about.is_empty() {
            text.push_str(about);
            text.push_str("\n\n");
        }
        text.push_str(&format!("Usage: {command}"));
        for argument in self.options().filter(|argument| argument.required) {
            text.push_str(&format!(" {}", argument.typed()));
        }
        text.push_str(" [OPTIONS]");
        for argument in self.positionals() {
            let name = argument.placeholder();
            let dots = if argument.many { "..." } else { "" };
            text.push_str(&match argument.required {
                true => format!(" {name}{dots}"),
                false => format!(" [{name}]{dots}"),
            });
        }
        section(&mut text, "Arguments", self.positionals());
        section(&mut text, "Options", self.options());
        if self.options().next().is_none() {
            text.push_str("\n\nOptions:");
        }
        line(&mut text, "--help", "show this text");
        text
    }
}

fn section<'a>(text: &mut String, title: &str, arguments: impl Iterator<Item = &'a Argument>) {
    for (index, argument) in arguments.enumerate() {
        if index == 0 {
            text.push_str(&format!("\n\n{title}:"));
        }
        line(text, &argument.typed(), &argument.explained());
    }
}

fn line(text: &mut String, left: &str, right: &str) {
    text.push_str(&format!("\n  {left}"));
    if right.is_empty() {
        return;
    }
    let used = left.chars().count() + 2;
    if used + 2 > INDENT {
        text.push('\n');
        text.push_str(&" ".repeat(INDENT));
    } else {
        text.push_str(&" ".repeat(INDENT - used));
    }
    text.push_str(right);
}

impl Argument {
    fn typed(&self) -> String {
        match (self.positional, self.flag) {
            (Some(_), _) => self.placeholder(),
            (None, true) => self.option(),
            (None, false) => format!("{} {}", self.option(), self.placeholder()),
        }
    }

    fn explained(&self) -> String {
        let mut facts = Vec::new();
        if self.required {
            facts.push("required".to_owned());
        }
        if self.many && self.positional.is_none() {
            facts.push("may be repeated".to_owned());
        }
        if !self.choices.is_empty() {
            facts.push(format!("one of {}", self.choices.join(", ")));
        }
        if let Some(name) = &self.env {
            facts.push(format!("or environment variable {name}"));
        }
        match &self.fallback {
            None | Some(Value::Null | Value::Bool(false)) => {}
            Some(Value::String(text)) if text.is_empty() => {}
            Some(Value::String(text)) => facts.push(format!("default {text}")),
            Some(other) => facts.push(format!("default {other}")),
        }
        let facts = if facts.is_empty() {
            String::new()
        } else {
            format!("[{}]", facts.join("; "))
        };
        [self.help.as_str(), &facts]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join(" ")
    }
}

/// The comment that a script begins with, without its slashes: what it says about itself.
///
/// The first line of `//` may have the form `// path: text`; a shebang before it is skipped.
pub fn about(source: &str) -> String {
    let mut lines = source.lines().peekable();
    lines.next_if(|line| line.starts_with("#!"));
    while lines.next_if(|line| line.trim().is_empty()).is_some() {}
    let comment: Vec<&str> = lines
        .map_while(|line| line.trim().strip_prefix("//"))
        .map(|line| line.trim_start_matches(['/', '!']))
        .map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end())
        .collect();
    comment.join("\n").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Kind;

    #[test]
    fn help_shows_everything_a_caller_needs() {
        let named = |name: &str, help: &str| Argument {
            name: name.into(),
            help: help.into(),
            ..Argument::default()
        };
        let declaration = Declaration::new(vec![
            Argument {
                fallback: Some("deploy.env".into()),
                env: Some("DEPLOY_ENV".into()),
                ..named("env_file", "cluster configuration")
            },
            Argument {
                many: true,
                ..named("only", "job names")
            },
            Argument {
                flag: true,
                kind: Kind::Bool,
                ..named("force", "")
            },
            Argument {
                required: true,
                choices: vec!["a".into(), "b".into()],
                ..named("a_rather_long_name_of_it", "profile")
            },
            Argument {
                positional: Some(1),
                many: true,
                ..named("host", "where")
            },
        ])
        .unwrap();
        insta::assert_snapshot!(declaration.usage("e2bscript deploy.rhai", "Deploys it.\nAll of it."), @"
        Deploys it.
        All of it.

        Usage: e2bscript deploy.rhai --a-rather-long-name-of-it A_RATHER_LONG_NAME_OF_IT [OPTIONS] [HOST]...

        Arguments:
          HOST                        where

        Options:
          --env-file ENV_FILE         cluster configuration [or environment variable DEPLOY_ENV; default deploy.env]
          --only ONLY                 job names [may be repeated]
          --force
          --a-rather-long-name-of-it A_RATHER_LONG_NAME_OF_IT
                                      profile [required; one of a, b]
          --help                      show this text
        ");
    }

    #[test]
    fn a_scripts_first_comment_is_what_it_says_about_itself() {
        assert_eq!(
            about(
                "#!/usr/bin/env e2bscript\n\n// Does it.\n//\n//   indented\n\n// not this\nlet x = 1;"
            ),
            "Does it.\n\n  indented"
        );
        assert_eq!(about("//! Doc.\nlet x = 1;"), "Doc.");
        assert_eq!(about("let x = 1; // no"), "");
    }
}
