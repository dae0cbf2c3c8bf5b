//! Pages of native modules: functions, handles, options, kinds of failure.

use std::fmt::Write;

use super::{Page, first_sentence};
use crate::engine::registry::{Function, Module, Registry, Type};

/// The page of one module.
pub fn page(module: &Module) -> Page {
    let mut text = format!("# {}\n\n{}\n", module.name, module.doc);
    for function in module.functions {
        text.push('\n');
        text.push_str(&entry(&format!("{}::", module.name), function));
    }
    for handle in module.types {
        text.push_str(&handle_part(handle));
    }
    Page {
        name: module.name.to_owned(),
        title: module.name.to_owned(),
        about: first_sentence(module.doc),
        text,
    }
}

fn handle_part(handle: &Type) -> String {
    let mut text = format!("\n# {}\n\n{}\n", handle.name, handle.doc);
    if !handle.properties.is_empty() {
        text.push_str("\n| property | what it is |\n| --- | --- |\n");
        for property in handle.properties {
            row(&mut text, &[&code(property.name), property.doc]);
        }
    }
    for method in handle.methods {
        text.push('\n');
        text.push_str(&entry(&format!("{}.", handle.name), method));
    }
    text
}

/// One function or method, called by `owner` and its name.
fn entry(owner: &str, function: &Function) -> String {
    let mut text = format!("## {}\n\n{}\n", function.signature(owner), function.doc);
    if !function.params.is_empty() {
        text.push_str("\n| argument | kind | meaning |\n| --- | --- | --- |\n");
        for param in function.params {
            let name = match param.optional {
                true => format!("{} (optional)", code(param.name)),
                false => code(param.name),
            };
            row(&mut text, &[&name, &param.ty.words(), param.doc]);
        }
    }
    if !function.options.is_empty() {
        text.push_str("\n| option | kind | default | meaning |\n| --- | --- | --- | --- |\n");
        for option in function.options {
            let default = match option.default {
                "" => String::new(),
                default => code(default),
            };
            row(
                &mut text,
                &[&code(option.name), &option.ty.words(), &default, option.doc],
            );
        }
    }
    let _ = writeln!(text, "\nReturns {}.", function.returns);
    if !function.errors.is_empty() {
        let kinds: Vec<String> = function.errors.iter().map(|kind| kind_of(kind)).collect();
        let _ = writeln!(text, "\nThrows {}.", kinds.join(", "));
    }
    if !function.example.is_empty() {
        let _ = writeln!(text, "\n```rhai\n{}\n```", function.example);
    }
    text
}

/// A kind of failure as code; what is said in words stays words.
fn kind_of(kind: &str) -> String {
    match kind.contains(' ') {
        true => kind.to_owned(),
        false => code(kind),
    }
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

fn row(text: &mut String, cells: &[&str]) {
    for cell in cells {
        let cell = cell.split_whitespace().collect::<Vec<_>>().join(" ");
        let _ = write!(text, "| {} ", cell.replace('|', "\\|"));
    }
    text.push_str("|\n");
}

/// The entries that `name` stands for.
pub fn entries(registry: Registry, name: &str) -> Vec<String> {
    if let Some(handle) = registry.types().find(|handle| handle.name == name) {
        return vec![handle_part(handle).trim_start().to_owned()];
    }
    all(registry)
        .filter(|(owner, function)| {
            let full = format!("{owner}{}", function.name);
            function.name == name || full == name || full == name.replacen("::", ".", 1)
        })
        .map(|(owner, function)| entry(&owner, function))
        .collect()
}

/// Everything that [`entries`] finds something for.
pub fn names(registry: Registry) -> Vec<String> {
    let modules = registry.modules().map(|module| module.name.to_owned());
    let handles = registry.types().map(|handle| handle.name.to_owned());
    let functions = all(registry).flat_map(|(owner, function)| {
        [
            function.name.to_owned(),
            format!("{owner}{}", function.name),
        ]
    });
    modules.chain(handles).chain(functions).collect()
}

fn all(registry: Registry) -> impl Iterator<Item = (String, &'static Function)> {
    let functions = registry.modules().flat_map(|module| {
        let owner = format!("{}::", module.name);
        module
            .functions
            .iter()
            .map(move |function| (owner.clone(), function))
    });
    let methods = registry.types().flat_map(|handle| {
        let owner = format!("{}.", handle.name);
        handle
            .methods
            .iter()
            .map(move |method| (owner.clone(), method))
    });
    functions.chain(methods)
}
