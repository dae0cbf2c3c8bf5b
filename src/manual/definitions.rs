//! The registry and the standard modules as `.d.rhai` files, which language servers for Rhai read:
//! names, parameters, types and documentation for an editor.
//!
//! The form is that of rhaiscript/lsp: a file declares one module, `module static` is what can be used
//! without a module's name, and `?` is any type.

use std::fmt::Write;

use super::standard;
use crate::engine::library::Embedded;
use crate::engine::registry::{Function, Module, Registry, Type};
use crate::engine::ty::Ty;

/// A file and its text.
pub type File = (String, String);

/// Every file: one for each native module, one for all handles, one for each standard module.
pub fn files(registry: Registry, modules: &[Embedded]) -> Vec<File> {
    let native = registry.modules().map(|module| {
        let text = native(registry, module);
        (format!("{}.d.rhai", module.name), text)
    });
    let handles = ("handles.d.rhai".to_owned(), handles(registry));
    let standard = modules.iter().map(|module| {
        let text = standard_module(module);
        (format!("std-{}.d.rhai", module.name), text)
    });
    native.chain([handles]).chain(standard).collect()
}

fn native(registry: Registry, module: &Module) -> String {
    let mut text = String::new();
    comment(&mut text, "", module.doc);
    let _ = writeln!(text, "module {};", module.name);
    for function in module.functions {
        overloads(&mut text, registry, None, function);
    }
    text
}

/// Methods are functions whose first parameter is the handle.
fn handles(registry: Registry) -> String {
    let mut text = "/// Handles, and what can be done with them.\nmodule static;\n".to_owned();
    for handle in registry.types() {
        text.push('\n');
        comment(&mut text, "", handle.doc);
        // An object type: servers that know no opaque types accept its name all the same.
        let _ = writeln!(text, "type {} = #{{", handle.name);
        for property in handle.properties {
            comment(&mut text, "    ", property.doc);
            let _ = writeln!(text, "    {}: ?,", property.name);
        }
        text.push_str("};\n");
        for method in handle.methods {
            overloads(&mut text, registry, Some(handle), method);
        }
    }
    text
}

/// One definition for each number of arguments that the function takes.
fn overloads(text: &mut String, registry: Registry, handle: Option<&Type>, function: &Function) {
    for count in function.min_args()..=function.max_args() {
        text.push('\n');
        comment(text, "", &documentation(function));
        let with_options = function.options_index(count).is_some();
        let positional = count - usize::from(with_options);
        let receiver = handle.map(|handle| format!("this: {}", handle.name));
        let mut params: Vec<String> = receiver.into_iter().collect();
        let taken = function.params.iter().take(positional);
        params.extend(taken.map(|param| format!("{}: {}", param.name, type_of(param.ty))));
        if with_options {
            let behind = usize::from(function.callback_last());
            params.insert(params.len() - behind, options(function));
        }
        let _ = writeln!(
            text,
            "fn {}({}) -> {};",
            function.name,
            params.join(", "),
            returned(registry, function.returns)
        );
    }
}

/// What the manual says of a function, as the text that editors show.
fn documentation(function: &Function) -> String {
    let mut text = function.doc.to_owned();
    for param in function.params {
        let _ = write!(
            text,
            "\n- `{}`: {} ({})",
            param.name,
            param.doc,
            param.ty.words()
        );
    }
    let _ = write!(text, "\n\nReturns {}.", function.returns);
    if !function.errors.is_empty() {
        let _ = write!(text, "\nThrows {}.", function.errors.join(", "));
    }
    if !function.example.is_empty() {
        let _ = write!(text, "\n\n```rhai\n{}\n```", function.example);
    }
    text
}

fn options(function: &Function) -> String {
    let mut text = "options: #{\n".to_owned();
    for option in function.options {
        let default = match option.default {
            "" => String::new(),
            default => format!("; default {default}"),
        };
        comment(
            &mut text,
            "    ",
            &format!("{} ({}{default})", option.doc, option.ty.words()),
        );
        let _ = writeln!(text, "    {}: {},", option.name, type_of(option.ty));
    }
    text.push('}');
    text
}

fn standard_module(module: &Embedded) -> String {
    let page = standard::read(module.name, module.text);
    let mut text = String::new();
    comment(&mut text, "", &page.head);
    let _ = writeln!(text, "module \"std/{}\";", module.name);
    for function in &page.functions {
        text.push('\n');
        comment(&mut text, "", &function.doc);
        let params: Vec<String> = function
            .params()
            .map(|param| format!("{param}: ?"))
            .collect();
        let _ = writeln!(text, "fn {}({}) -> ?;", function.name(), params.join(", "));
    }
    text
}

fn comment(text: &mut String, indent: &str, words: &str) {
    for line in words.trim_end().lines() {
        let _ = writeln!(
            text,
            "{}",
            format!("{indent}/// {}", line.trim_end()).trim_end()
        );
    }
}

fn type_of(ty: Ty) -> String {
    match ty {
        Ty::Bool => "bool",
        Ty::Int => "int",
        Ty::Str | Ty::Choice(_) | Ty::Duration | Ty::Mode => "String",
        Ty::Array => "Array",
        Ty::Strings => "[String]",
        Ty::Map => "Map",
        Ty::Callback(_) => "FnPtr",
        Ty::Handle(name) => name,
        Ty::Any | Ty::Number | Ty::Text | Ty::Bytes | Ty::Command | Ty::Size => "?",
    }
    .to_owned()
}

/// The type that the manual's words name, where it is one and a plain one.
fn returned(registry: Registry, words: &str) -> String {
    if [" or ", "(or ", " where "]
        .iter()
        .any(|word| words.contains(word))
    {
        return "?".to_owned();
    }
    let articles = ["the ", "a ", "an "];
    let bare = articles
        .iter()
        .find_map(|article| words.strip_prefix(article));
    let bare = bare.unwrap_or(words);
    if let Some(handle) = registry.types().find(|handle| handle.name == bare) {
        return handle.name.to_owned();
    }
    let plain = [
        ("()", "()"),
        ("string", "String"),
        ("bool", "bool"),
        ("whether ", "bool"),
        ("integer", "int"),
        ("how many ", "int"),
        ("map", "Map"),
        ("array", "Array"),
        ("blob", "Blob"),
    ];
    let found = plain.iter().find(|(word, _)| bare.starts_with(word));
    found.map_or("?", |(_, ty)| ty).to_owned()
}
