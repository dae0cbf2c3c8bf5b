//! The `.d.rhai` files: in the grammar that language servers for Rhai read, and the registry's image.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)] // a test fails by panicking

use std::collections::BTreeSet;

use e2bscript::bindings::REGISTRY;
use e2bscript::engine::library::STDLIB;
use e2bscript::manual::definitions::files;

/// A reader of the grammar's part that is written: `crates/rhai-rowan/src/ast/rhai.ungram` of
/// rhaiscript/lsp, `RhaiDef` and below.
struct Reader {
    tokens: Vec<String>,
    at: usize,
}

/// What a file declares.
#[derive(Debug, Default)]
struct Declared {
    module: String,
    /// Name, parameters' types, returned type.
    functions: Vec<(String, Vec<String>, String)>,
    types: BTreeSet<String>,
    documented: usize,
}

impl Reader {
    fn new(text: &str) -> Reader {
        let mut tokens = Vec::new();
        for line in text.lines() {
            let line = line.trim();
            if line.starts_with("///") {
                tokens.push("///".to_owned());
                continue;
            }
            let mut rest = line;
            while let Some(first) = rest.chars().next() {
                let length = if first == '"' {
                    rest[1..].find('"').unwrap() + 2
                } else if first.is_ascii_alphanumeric() || first == '_' {
                    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
                    end.unwrap_or(rest.len())
                } else if rest.starts_with("->") || rest.starts_with("#{") {
                    2
                } else {
                    first.len_utf8()
                };
                let token = rest[..length].trim();
                if !token.is_empty() {
                    tokens.push(token.to_owned());
                }
                rest = &rest[length..];
            }
        }
        Reader { tokens, at: 0 }
    }

    fn peek(&self) -> &str {
        self.tokens.get(self.at).map_or("", String::as_str)
    }

    fn next(&mut self) -> String {
        let token = self.peek().to_owned();
        self.at += 1;
        token
    }

    fn expect(&mut self, wanted: &str) {
        let near = &self.tokens[self.at.saturating_sub(8)..(self.at + 3).min(self.tokens.len())];
        assert_eq!(self.peek(), wanted, "near {near:?}");
        self.at += 1;
    }

    fn docs(&mut self) -> bool {
        let before = self.at;
        while self.peek() == "///" {
            self.at += 1;
        }
        self.at > before
    }

    fn ident(&mut self) -> String {
        let token = self.next();
        let plain = token.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        assert!(plain && !token.is_empty(), "`{token}` is no identifier");
        token
    }

    fn ty(&mut self) -> String {
        match self.peek() {
            "?" => self.next(),
            "(" => {
                self.next();
                self.expect(")");
                "()".to_owned()
            }
            "[" => {
                self.next();
                let inner = self.ty();
                self.expect("]");
                format!("[{inner}]")
            }
            "#{" => {
                self.next();
                while self.peek() != "}" {
                    self.docs();
                    self.ident();
                    self.expect(":");
                    self.ty();
                    self.expect(",");
                }
                self.next();
                "#{}".to_owned()
            }
            _ => self.ident(),
        }
    }

    fn file(mut self) -> Declared {
        let mut declared = Declared::default();
        self.docs();
        self.expect("module");
        declared.module = self.next();
        self.expect(";");
        while self.at < self.tokens.len() {
            let documented = self.docs();
            match self.next().as_str() {
                "fn" => {
                    let name = self.ident();
                    self.expect("(");
                    let mut params = Vec::new();
                    while self.peek() != ")" {
                        self.ident();
                        self.expect(":");
                        params.push(self.ty());
                        if self.peek() != ")" {
                            self.expect(",");
                        }
                    }
                    self.next();
                    self.expect("->");
                    let returned = self.ty();
                    declared.functions.push((name, params, returned));
                    declared.documented += usize::from(documented);
                }
                "type" => {
                    let name = self.ident();
                    self.expect("=");
                    self.ty();
                    declared.types.insert(name);
                }
                other => panic!("`{other}` begins no definition"),
            }
            self.expect(";");
        }
        declared
    }
}

#[test]
fn the_files_are_the_registrys_image() {
    let files = files(REGISTRY, STDLIB);
    let mut handles = BTreeSet::new();
    for (name, text) in &files {
        let declared = Reader::new(text).file();
        let count = |named: &str| {
            declared
                .functions
                .iter()
                .filter(|(name, ..)| name == named)
                .count()
        };
        assert_eq!(
            declared.documented,
            declared.functions.len(),
            "{name}: every definition is explained"
        );
        if name == "handles.d.rhai" {
            assert_eq!(declared.module, "static");
            for handle in REGISTRY.types() {
                assert!(declared.types.contains(handle.name), "{}", handle.name);
                for method in handle.methods {
                    let of = declared.functions.iter();
                    let of = of.filter(|(name, params, _)| {
                        name == method.name && params[0] == handle.name
                    });
                    let arities = method.max_args() + 1 - method.min_args();
                    assert_eq!(of.count(), arities, "{}.{}", handle.name, method.name);
                }
            }
            handles.clone_from(&declared.types);
        } else if let Some(module) = REGISTRY.module(name.trim_end_matches(".d.rhai")) {
            assert_eq!(declared.module, module.name);
            for function in module.functions {
                let arities = function.max_args() + 1 - function.min_args();
                assert_eq!(
                    count(function.name),
                    arities,
                    "{}::{}",
                    module.name,
                    function.name
                );
            }
        } else {
            let module = name
                .strip_prefix("std-")
                .unwrap()
                .trim_end_matches(".d.rhai");
            assert_eq!(declared.module, format!("\"std/{module}\""));
        }
    }
    assert_eq!(files.len(), REGISTRY.modules().count() + 1 + STDLIB.len());
    // Every type that is named is known to servers, or declared here.
    let known = [
        "?", "()", "bool", "int", "String", "Array", "Map", "Blob", "FnPtr", "[String]", "#{}",
    ];
    for (name, text) in &files {
        for (function, params, returned) in Reader::new(text).file().functions {
            for ty in params.iter().chain([&returned]) {
                assert!(
                    known.contains(&ty.as_str()) || handles.contains(ty),
                    "{name}: {function}: {ty}"
                );
            }
        }
    }
}

#[test]
fn handles_are_told_where_they_are_returned() {
    let files = files(REGISTRY, STDLIB);
    let (_, ssh) = files.iter().find(|(name, _)| name == "ssh.d.rhai").unwrap();
    let declared = Reader::new(ssh).file();
    let (_, params, returned) = declared
        .functions
        .iter()
        .rfind(|(name, ..)| name == "host")
        .unwrap();
    assert_eq!(returned, "Host");
    assert_eq!(params[0], "String");
    assert!(
        ssh.contains("fn host(address: String, options: #{\n"),
        "{ssh}"
    );
}
