//! Pages of standard modules: the comment at their head, and their functions with what stands above them.

use std::fmt::Write;

use super::{Page, first_sentence};

/// What a standard module says of itself.
pub struct Said<'a> {
    /// The comment at its head.
    pub head: String,
    pub functions: Vec<Told<'a>>,
}

/// A function that others can call, with what stands above it.
pub struct Told<'a> {
    /// `name(parameters)`.
    pub signature: &'a str,
    pub doc: String,
}

impl<'a> Told<'a> {
    pub fn name(&self) -> &'a str {
        self.signature.split('(').next().unwrap_or_default()
    }

    pub fn params(&self) -> impl Iterator<Item = &'a str> {
        let inside = self.signature.split(['(', ')']).nth(1).unwrap_or_default();
        inside
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
    }
}

/// Reads the comments of the standard module `std/NAME` with this text.
pub fn read<'a>(name: &str, text: &'a str) -> Said<'a> {
    let head: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("//!"))
        .map(str::trim_start)
        .collect();
    let head = head.join("\n");
    // The first line repeats the name, for whoever reads the file.
    let own = format!("std/{name}: ");
    let head = paragraphs(&capitalized(head.strip_prefix(&own).unwrap_or(&head)));
    let mut functions = Vec::new();
    let mut above: Vec<&str> = Vec::new();
    for line in text.lines() {
        if let Some(comment) = line.strip_prefix("///") {
            above.push(comment.strip_prefix(' ').unwrap_or(comment));
            continue;
        }
        if let Some(signature) = signature(line) {
            functions.push(Told {
                signature,
                doc: above.join("\n"),
            });
        }
        above.clear();
    }
    say_of_overloads(name, &mut functions);
    Said { head, functions }
}

/// `run(c)` beside `run(c, options)` has nothing to say but that.
fn say_of_overloads(name: &str, functions: &mut [Told]) {
    let told: Vec<(&str, &str)> = functions
        .iter()
        .filter(|function| !function.doc.is_empty())
        .map(|function| (function.name(), function.signature))
        .collect();
    for function in functions
        .iter_mut()
        .filter(|function| function.doc.is_empty())
    {
        let whole = told.iter().find(|(of, _)| *of == function.name());
        if let Some((_, signature)) = whole {
            function.doc = format!("As `{name}::{signature}`, without options.");
        }
    }
}

/// The page of the standard module `std/NAME` with this text.
pub fn page(name: &str, text: &str) -> Page {
    let said = read(name, text);
    let mut page = format!("# std/{name}\n\n{}\n", said.head);
    for function in &said.functions {
        let _ = writeln!(page, "\n## {name}::{}", function.signature);
        if !function.doc.is_empty() {
            let _ = writeln!(page, "\n{}", function.doc);
        }
    }
    Page {
        name: format!("std-{name}"),
        title: format!("std/{name}"),
        about: first_sentence(&said.head),
        text: page,
    }
}

fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => String::new(),
    }
}

/// Lines such as `Errors: …` begin a paragraph of their own.
fn paragraphs(head: &str) -> String {
    let mut text = String::new();
    for line in head.lines() {
        let begins = ["Options: ", "Errors: "]
            .iter()
            .any(|word| line.starts_with(word));
        if begins && !text.is_empty() && !text.ends_with("\n\n") {
            text.push('\n');
        }
        text.push_str(line);
        text.push('\n');
    }
    text.trim_end().to_owned()
}

/// `name(parameters)` of a line that begins a function which others can call.
fn signature(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("fn ")?;
    let end = rest.find(')')?;
    rest.get(..=end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_the_head_and_what_others_can_call() {
        let text = "//! std/x: does a thing.\n//! Errors: x.bad\nimport \"std/y\" as y;\n\n\
            /// Does it.\n/// Twice.\nfn run(c, options) {\n}\n\n/// Own.\nprivate fn own() {\n}\nfn bare() {\n}\n";
        let page = page("x", text);
        assert_eq!(page.about, "Does a thing.");
        assert_eq!(
            page.text,
            "# std/x\n\nDoes a thing.\n\nErrors: x.bad\n\n## x::run(c, options)\n\nDoes it.\nTwice.\n\n## x::bare()\n"
        );
    }
}
