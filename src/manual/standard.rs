//! Pages of standard modules: the comment at their head, and their functions with what stands above them.

use std::fmt::Write;

use super::{Page, first_sentence};

/// The page of the standard module `std/NAME` with this text.
pub fn page(name: &str, text: &str) -> Page {
    let head: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("//!"))
        .map(str::trim_start)
        .collect();
    let head = head.join("\n");
    // The first line repeats the name, for whoever reads the file.
    let own = format!("std/{name}: ");
    let head = capitalized(head.strip_prefix(&own).unwrap_or(&head));
    let mut page = format!("# std/{name}\n\n{}\n", paragraphs(&head));
    let mut above: Vec<&str> = Vec::new();
    for line in text.lines() {
        if let Some(comment) = line.strip_prefix("///") {
            above.push(comment.strip_prefix(' ').unwrap_or(comment));
            continue;
        }
        if let Some(signature) = signature(line) {
            let _ = writeln!(page, "\n## {name}::{signature}");
            if !above.is_empty() {
                let _ = writeln!(page, "\n{}", above.join("\n"));
            }
        }
        above.clear();
    }
    Page {
        name: format!("std-{name}"),
        title: format!("std/{name}"),
        about: first_sentence(&head),
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
