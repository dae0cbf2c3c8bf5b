//! What a word may become: names of the registry, of modules, variables and their fields.

use rhai::Map;

use super::Desk;
use super::commands::COMMANDS;
use crate::bindings::REGISTRY;
use crate::engine::registry::Type;

const KEYWORDS: &[&str] = &[
    "break", "catch", "const", "continue", "else", "false", "for", "if", "import", "in", "let",
    "loop", "return", "switch", "throw", "true", "try", "while",
];

/// The names there are besides those of the registry, as of the last call.
#[derive(Default)]
pub struct Names {
    variables: Vec<(String, Shape)>,
    functions: Vec<String>,
    /// Standard modules that can be imported.
    modules: Vec<String>,
}

/// What stands behind the point of a variable.
#[derive(Default)]
enum Shape {
    #[default]
    Other,
    Fields(Vec<String>),
    Handle(&'static Type),
}

impl Names {
    pub fn update(&mut self, desk: &Desk) {
        let variables = desk.interactive.variables().into_iter();
        self.variables = variables
            .map(|(name, value)| {
                let fields = value.read_lock::<Map>();
                let fields = fields.map(|map| map.keys().map(ToString::to_string).collect());
                let handle = REGISTRY
                    .types()
                    .find(|handle| (handle.id)() == value.type_id());
                let shape = match (fields, handle) {
                    (Some(fields), _) => Shape::Fields(fields),
                    (None, Some(handle)) => Shape::Handle(handle),
                    (None, None) => Shape::Other,
                };
                (name, shape)
            })
            .collect();
        self.functions = desk.interactive.functions();
        self.modules = desk.library.std_names();
    }

    /// Where the word before the cursor begins, and what it may become.
    pub fn complete(&self, before: &str) -> (usize, Vec<String>) {
        if let Some(path) = open_import(before) {
            let names = self.modules.iter().map(|name| format!("std/{name}\""));
            return matching(before, path, names);
        }
        if before.starts_with(':') && !before.contains(' ') {
            let names = COMMANDS
                .iter()
                .map(|(name, rest, _)| match rest.is_empty() {
                    true => (*name).to_owned(),
                    false => format!("{name} "),
                });
            return matching(before, before, names);
        }
        let word = word(before);
        if let Some((module, part)) = word.rsplit_once("::") {
            let functions = REGISTRY
                .module(module)
                .into_iter()
                .flat_map(|module| module.functions);
            return matching(
                before,
                part,
                functions.map(|function| function.name.to_owned()),
            );
        }
        if let Some((receiver, part)) = word.rsplit_once('.') {
            return matching(before, part, self.fields(receiver));
        }
        let variables = self.variables.iter().map(|(name, _)| name.clone());
        let modules = REGISTRY
            .modules()
            .map(|module| format!("{}::", module.name));
        let functions = self.functions.iter();
        let functions = functions.filter_map(|name| Some(name.split_once('(')?.0.to_owned()));
        let documented = before.starts_with(":doc");
        let handles = REGISTRY.types().filter(|_| documented);
        let names = variables
            .chain(["c".to_owned()])
            .chain(functions)
            .chain(modules.map(|name| match documented {
                true => name.trim_end_matches(':').to_owned(),
                false => name,
            }))
            .chain(handles.map(|handle| handle.name.to_owned()))
            .chain(KEYWORDS.iter().map(|word| (*word).to_owned()));
        matching(before, word, names)
    }

    /// Methods, properties and keys of what stands before the point.
    fn fields(&self, receiver: &str) -> Vec<String> {
        let variable = self.variables.iter().find(|(name, _)| name == receiver);
        match variable.map(|(_, shape)| shape) {
            Some(Shape::Fields(fields)) => fields.clone(),
            Some(Shape::Handle(handle)) => members(handle),
            // A handle's name, as in `:doc Host.`; else any handle may come of an expression.
            Some(Shape::Other) | None => {
                let named = REGISTRY.types().find(|handle| handle.name == receiver);
                match named {
                    Some(handle) => members(handle),
                    None => REGISTRY.types().flat_map(members).collect(),
                }
            }
        }
    }
}

fn members(handle: &Type) -> Vec<String> {
    let methods = handle.methods.iter().map(|method| method.name.to_owned());
    let properties = handle
        .properties
        .iter()
        .map(|property| property.name.to_owned());
    methods.chain(properties).collect()
}

/// The path that an `import "…` before the cursor has so far.
fn open_import(before: &str) -> Option<&str> {
    let (_, behind) = before.rsplit_once("import ")?;
    let path = behind.trim_start().strip_prefix('"')?;
    (!path.contains('"')).then_some(path)
}

/// The name before the cursor, with what it belongs to.
fn word(before: &str) -> &str {
    let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '.');
    let start = before.rfind(|c| !part(c)).map_or(0, |at| {
        at + before
            .get(at..)
            .and_then(|rest| rest.chars().next())
            .map_or(1, char::len_utf8)
    });
    before.get(start..).unwrap_or_default()
}

fn matching(
    before: &str,
    part: &str,
    names: impl IntoIterator<Item = String>,
) -> (usize, Vec<String>) {
    let mut found: Vec<String> = names
        .into_iter()
        .filter(|name| name.starts_with(part))
        .collect();
    found.sort();
    found.dedup();
    (before.len() - part.len(), found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completed(before: &str) -> (usize, Vec<String>) {
        let names = Names {
            variables: vec![
                (
                    "conf".into(),
                    Shape::Fields(vec!["env".into(), "file".into()]),
                ),
                ("x".into(), Shape::Other),
            ],
            functions: vec!["mine(a)".into()],
            modules: vec!["stage".into(), "stacks".into()],
        };
        names.complete(before)
    }

    #[test]
    fn names_are_found_where_they_belong() {
        assert_eq!(completed("fs::gl"), (4, vec!["glob".to_owned()]));
        assert_eq!(completed("let a = conf.f"), (13, vec!["file".to_owned()]));
        assert_eq!(completed("min"), (0, vec!["mine".to_owned()]));
        assert_eq!(completed("toml"), (0, vec!["toml::".to_owned()]));
        assert_eq!(completed(":doc tom"), (5, vec!["toml".to_owned()]));
        assert_eq!(
            completed(":doc Host.try_r"),
            (10, vec!["try_run".to_owned()])
        );
        assert_eq!(completed(":ti"), (0, vec![":time ".to_owned()]));
        assert_eq!(
            completed("import \"std/sta"),
            (8, vec!["std/stacks\"".to_owned(), "std/stage\"".to_owned()])
        );
        assert!(
            completed("f(\"ü\", x.ensu")
                .1
                .contains(&"ensure".to_owned())
        );
        assert_eq!(completed("zzz").1, Vec::<String>::new());
    }
}
