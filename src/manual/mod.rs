//! The reference manual, made from what the program knows of itself: the registry of bindings and the
//! comments of the standard modules.

pub mod definitions;
pub mod errors;
mod native;
pub mod standard;

use std::fmt::Write;

use crate::diag::Failure;
use crate::engine::library::{Embedded, Library};
use crate::engine::registry::Registry;
use crate::suggest;

/// A page in Markdown.
pub struct Page {
    /// The file's name without its ending, for example `ssh` or `std-stage`.
    pub name: String,
    /// What it is called in scripts, for example `ssh` or `std/stage`.
    pub title: String,
    /// The first sentence.
    pub about: String,
    pub text: String,
}

/// Every page: native modules in the registry's order, then standard modules by name.
pub fn pages(registry: Registry, modules: &[Embedded]) -> Vec<Page> {
    let native = registry.modules().map(native::page);
    let standard = modules
        .iter()
        .map(|module| standard::page(module.name, module.text));
    native.chain(standard).collect()
}

/// The page that leads to all others; `errors` are those of kinds of failure.
pub fn index(pages: &[Page], errors: &[Page]) -> String {
    let mut text = "# Reference\n\n\
        Made by `e2bscript docs --write DIR`; the same pages are shown by `e2bscript docs NAME`.\n\n\
        | module | what it is for |\n| --- | --- |\n"
        .to_owned();
    rows(&mut text, pages);
    text.push_str(
        "\n## Kinds of failure\n\n\
        What a script reads as `e.kind` and a report shows first; `e2bscript explain KIND` shows the same.\n\n\
        | area | what of |\n| --- | --- |\n",
    );
    rows(&mut text, errors);
    text
}

fn rows(text: &mut String, pages: &[Page]) {
    for page in pages {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "| [{}]({}.md) | {} |",
            page.title,
            page.name,
            page.about.replace('|', "\\|")
        );
    }
}

/// What there is to say about `name`: a module, a standard module, `module::function`,
/// `Handle.method`, the bare name of functions, or a kind of failure.
pub fn look_up(registry: Registry, library: &Library, name: &str) -> Result<String, Failure> {
    if let Some(module) = registry.module(name) {
        return Ok(native::page(module).text);
    }
    let entries = native::entries(registry, name);
    if !entries.is_empty() {
        return Ok(entries.join("\n"));
    }
    let bare = name.strip_prefix("std/").unwrap_or(name);
    if library.std_names().iter().any(|known| known == bare) {
        let (found, _) = library.find_std(bare)?;
        return Ok(standard::page(bare, &found.text).text);
    }
    if errors::kinds().any(|kind| kind.name == name) {
        return errors::explain(registry, name);
    }
    let mut known = native::names(registry);
    known.extend(library.std_names().iter().map(|name| format!("std/{name}")));
    let near = suggest::nearest(name, known.iter().map(String::as_str));
    Err(
        Failure::usage("docs.unknown", format!("the manual knows no `{name}`")).help(match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => "`e2bscript docs` lists the modules".to_owned(),
        }),
    )
}

/// The first sentence of a text.
fn first_sentence(text: &str) -> String {
    let line = text.split("\n\n").next().unwrap_or_default();
    let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.find(". ") {
        Some(end) => line.get(..=end).unwrap_or(&line).to_owned(),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_ends_at_its_full_stop() {
        assert_eq!(first_sentence("One thing. Another."), "One thing.");
        assert_eq!(
            first_sentence("v1.2 of\na thing\n\nMore."),
            "v1.2 of a thing"
        );
    }
}
