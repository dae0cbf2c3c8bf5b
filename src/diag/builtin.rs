//! What Rhai itself brings: its functions and methods, as text for help.

use std::fmt;
use std::sync::OnceLock;

use rhai::Engine;

use super::types;

/// A function of Rhai's standard packages. As a method, its first parameter is the receiver.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Builtin {
    pub name: String,
    pub params: Vec<BuiltinParam>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BuiltinParam {
    pub name: String,
    pub ty: String,
}

/// Every function that has a name a script can write, sorted; made when first asked for.
pub fn functions() -> &'static [Builtin] {
    static TABLE: OnceLock<Vec<Builtin>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut table = Engine::new().collect_fn_metadata(
            None,
            |info| {
                let function = info.metadata;
                let writable = function.name.starts_with(|c: char| c.is_ascii_alphabetic())
                    && !function.name.contains('$');
                writable.then(|| Builtin {
                    name: function.name.to_string(),
                    params: function
                        .params_info
                        .iter()
                        .map(|param| BuiltinParam::parse(param))
                        .collect(),
                })
            },
            true,
        );
        table.sort();
        table.dedup();
        table
    })
}

/// Functions that Rhai's evaluator handles itself, so that no table of functions has them.
pub const KEYWORDS: &[&str] = &[
    "Fn",
    "call",
    "curry",
    "debug",
    "is_def_fn",
    "is_def_var",
    "is_shared",
    "print",
    "type_of",
];

/// Whether Rhai itself has a function or a method of this name.
pub fn is_known(name: &str) -> bool {
    KEYWORDS.contains(&name) || named(name).next().is_some()
}

/// The functions of this name.
pub fn named(name: &str) -> impl Iterator<Item = &'static Builtin> {
    functions()
        .iter()
        .filter(move |function| function.name == name)
}

impl Builtin {
    /// `split(delimiter: string)`: what is written behind the receiver's dot.
    pub fn as_method(&self) -> String {
        let params: Vec<String> = self
            .params
            .iter()
            .skip(1)
            .map(ToString::to_string)
            .collect();
        format!("{}({})", self.name, params.join(", "))
    }
}

impl BuiltinParam {
    fn parse(text: &str) -> BuiltinParam {
        let (name, ty) = text.split_once(':').unwrap_or((text, "Dynamic"));
        let name = name.trim().trim_start_matches("mut ");
        BuiltinParam {
            name: name.to_owned(),
            ty: types::plain(ty).to_owned(),
        }
    }
}

impl fmt::Display for BuiltinParam {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ty.as_str() {
            "any value" => f.write_str(&self.name),
            ty => write!(f, "{}: {ty}", self.name),
        }
    }
}

impl fmt::Display for Builtin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let params: Vec<String> = self.params.iter().map(ToString::to_string).collect();
        write!(f, "{}({})", self.name, params.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_speak_the_script_language() {
        let splits: Vec<String> = named("split").map(Builtin::as_method).collect();
        assert!(
            splits.contains(&"split(delimiter: string)".to_owned()),
            "{splits:?}"
        );
        for function in functions() {
            let text = function.to_string();
            assert!(!text.contains("::") && !text.contains('&'), "{text}");
        }
    }
}
