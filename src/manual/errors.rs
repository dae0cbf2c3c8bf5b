//! Kinds of failure: what each means, what usually causes it, what to do, and a message of the kind.
//!
//! The texts are in `errors/`, one file per area; which functions throw a kind comes from the registry.

use std::fmt::Write;

use super::{Page, first_sentence};
use crate::diag::Failure;
use crate::engine::registry::Registry;
use crate::suggest;

macro_rules! areas {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("errors/", $name, ".md")))),*]
    };
}

/// The areas by name, with their texts.
static AREAS: &[(&str, &str)] = areas!(
    "agents",
    "args",
    "artifacts",
    "check",
    "checklist",
    "cli",
    "config",
    "consul",
    "database",
    "definitions",
    "docs",
    "doctor",
    "e2b",
    "env",
    "envd",
    "files",
    "fs",
    "hash",
    "host",
    "http",
    "init",
    "internal",
    "json",
    "man",
    "nomad",
    "pg",
    "plan",
    "prompt",
    "repl",
    "run",
    "script",
    "secret",
    "services",
    "settings",
    "snapshot",
    "ssh",
    "stacks",
    "state",
    "std",
    "task",
    "templates",
    "terminal",
    "test",
    "time",
    "toml",
    "tunnel",
    "validate",
    "watch",
    "wire",
    "workstation",
);

/// A kind of failure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kind<'a> {
    /// Such as `ssh.auth`.
    pub name: &'a str,
    pub meaning: &'a str,
    /// What usually leads to it, one after the other, between `;`.
    pub causes: &'a str,
    /// What to do.
    pub next: &'a str,
    /// A message of this kind, as a report shows it.
    pub message: &'a str,
}

impl<'a> Kind<'a> {
    pub fn causes(&self) -> impl Iterator<Item = &'a str> {
        let causes = self.causes.trim_end_matches('.').split("; ");
        causes.filter(|cause| !cause.is_empty())
    }
}

/// Every kind that is explained, by area and name.
pub fn kinds() -> impl Iterator<Item = Kind<'static>> {
    AREAS.iter().flat_map(|(_, text)| read(text))
}

/// A page for each area.
pub fn pages(registry: Registry) -> Vec<Page> {
    let page = |(name, text): &(&str, &str)| {
        let about = text.lines().next().unwrap_or_default();
        let mut page = format!("# {name}\n\n{about}\n");
        for kind in read(text) {
            page.push('\n');
            page.push_str(&entry(registry, &kind));
        }
        Page {
            name: format!("errors/{name}"),
            title: (*name).to_owned(),
            about: first_sentence(about),
            text: page,
        }
    };
    AREAS.iter().map(page).collect()
}

/// What there is to say about a kind, or about all kinds of an area.
pub fn explain(registry: Registry, name: &str) -> Result<String, Failure> {
    if let Some(kind) = kinds().find(|kind| kind.name == name) {
        return Ok(entry(registry, &kind));
    }
    if let Some(page) = pages(registry).into_iter().find(|page| page.title == name) {
        return Ok(page.text);
    }
    let near = suggest::nearest(name, kinds().map(|kind| kind.name));
    Err(Failure::usage(
        "docs.unknown",
        format!("there is no kind of failure `{name}`"),
    )
    .help(match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`e2bscript explain` lists them; scripts may throw kinds of their own".to_owned(),
    }))
}

/// Every kind with its meaning, a line each.
pub fn list() -> String {
    let width = kinds()
        .map(|kind| kind.name.len())
        .max()
        .unwrap_or_default();
    let lines = kinds().map(|kind| {
        let about = first_sentence(kind.meaning);
        format!("{:width$}  {about}\n", kind.name)
    });
    lines.collect()
}

fn entry(registry: Registry, kind: &Kind) -> String {
    let mut text = format!("## {}\n\n{}\n\nUsual causes:\n\n", kind.name, kind.meaning);
    for cause in kind.causes() {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "- {cause}");
    }
    let _ = writeln!(text, "\nWhat to do: {}", kind.next);
    let _ = writeln!(text, "\n```\n{}\n\n  × {}\n```", kind.name, kind.message);
    let throwers = throwers(registry, kind.name);
    if !throwers.is_empty() {
        let names: Vec<String> = throwers.iter().map(|name| format!("`{name}`")).collect();
        let _ = writeln!(text, "\nThrown by {}.", names.join(", "));
    }
    text
}

/// The functions and methods whose entries in the registry name the kind.
fn throwers(registry: Registry, kind: &str) -> Vec<String> {
    let functions = registry.modules().flat_map(|module| {
        let named = module.functions.iter();
        named.map(move |function| (format!("{}::{}", module.name, function.name), function))
    });
    let methods = registry.types().flat_map(|handle| {
        let named = handle.methods.iter();
        named.map(move |method| (format!("{}.{}", handle.name, method.name), method))
    });
    let all = functions.chain(methods);
    // `ssh.*` stands for all kinds of the area.
    let names = |said: &str| {
        said == kind
            || said
                .strip_suffix('*')
                .is_some_and(|area| kind.starts_with(area))
    };
    let throws = all.filter(|(_, function)| function.errors.iter().any(|said| names(said)));
    throws.map(|(name, _)| name).collect()
}

/// The kinds in the text of an area.
fn read(text: &str) -> impl Iterator<Item = Kind<'_>> {
    text.split("\n## ").skip(1).map(|part| {
        let mut lines = part.lines();
        let mut kind = Kind {
            name: lines.next().unwrap_or_default(),
            meaning: lines.next().unwrap_or_default(),
            ..Kind::default()
        };
        for line in lines {
            let (word, rest) = line.split_once(": ").unwrap_or_default();
            match word {
                "Causes" => kind.causes = rest,
                "Next" => kind.next = rest,
                "Message" => kind.message = rest,
                _ => {}
            }
        }
        kind
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_an_area() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/manual/errors");
        let entries = std::fs::read_dir(folder).unwrap();
        let mut there: Vec<String> = entries
            .filter_map(|entry| entry.unwrap().file_name().into_string().ok())
            .filter_map(|name| name.strip_suffix(".md").map(str::to_owned))
            .collect();
        there.sort();
        let named: Vec<&str> = AREAS.iter().map(|(name, _)| *name).collect();
        assert_eq!(named, there);
    }

    #[test]
    fn every_kind_says_everything_in_its_own_area() {
        for (area, text) in AREAS {
            for kind in read(text) {
                let own = kind.name.split('.').next();
                assert_eq!(own, Some(*area), "{}", kind.name);
                for said in [kind.meaning, kind.causes, kind.next, kind.message] {
                    assert!(!said.is_empty(), "{} leaves something out", kind.name);
                }
                assert!(!kind.message.ends_with('.'), "{}", kind.name);
                assert!(kind.next.ends_with(['.', '?']), "{}", kind.name);
            }
        }
    }
}
