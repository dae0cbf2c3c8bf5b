//! What people write out of habit from other languages, and what it is called here.

/// Names of functions and methods elsewhere → what to write here. Sorted by name.
const FUNCTIONS: &[(&str, &str)] = &[
    ("Error", "throw \"…\""),
    ("add", "push"),
    ("append_all", "append"),
    ("assert", "if !… { throw \"…\" }"),
    ("async", "task::parallel"),
    ("console", "print"),
    ("containsKey", "contains"),
    ("cat", "host.read_text(path)"),
    ("count", "len"),
    ("defer", "task::cleanup"),
    ("dict", "#{ … }"),
    ("die", "throw \"…\""),
    ("each", "for x in …"),
    ("echo", "print"),
    ("endsWith", "ends_with"),
    ("endswith", "ends_with"),
    ("error", "throw \"…\""),
    ("exec", "host.run([…])"),
    ("fail", "throw \"…\""),
    ("find_all", "filter"),
    ("float", "to_float or parse_float"),
    ("forEach", "for x in …"),
    ("foreach", "for x in …"),
    ("format", "a string in backticks with ${…}"),
    ("getenv", "env::get"),
    ("go", "task::parallel"),
    ("has", "contains"),
    ("has_key", "contains"),
    ("include", "import \"std/…\" as …"),
    ("includes", "contains"),
    ("indexOf", "index_of"),
    ("isEmpty", "is_empty"),
    ("length", "len"),
    ("list", "[…]"),
    ("lower", "to_lower"),
    ("lowercase", "to_lower"),
    ("panic", "throw \"…\""),
    ("parallel", "task::parallel"),
    ("parseFloat", "parse_float"),
    ("parseInt", "parse_int"),
    ("printf", "print"),
    ("println", "print"),
    ("puts", "print"),
    ("raise", "throw \"…\""),
    ("require", "import \"std/…\" as …"),
    ("retry", "task::retry"),
    ("select", "filter"),
    ("sh", "host.run(\"…\")"),
    ("shell", "host.run(\"…\")"),
    ("size", "len"),
    ("slice", "extract or sub_string"),
    ("spawn", "task::parallel"),
    ("sprintf", "a string in backticks with ${…}"),
    ("startsWith", "starts_with"),
    ("startswith", "starts_with"),
    ("step", "task::step"),
    ("str", "to_string"),
    ("strip", "trim"),
    ("substr", "sub_string"),
    ("substring", "sub_string"),
    ("system", "host.run([…])"),
    ("thread", "task::parallel"),
    ("timeout", "task::timeout"),
    ("toLowerCase", "to_lower"),
    ("toString", "to_string"),
    ("toUpperCase", "to_upper"),
    ("typeof", "type_of"),
    ("upper", "to_upper"),
    ("uppercase", "to_upper"),
    ("warn", "log::warn"),
];

/// Words for values elsewhere → what to write here.
const VALUES: &[(&str, &str)] = &[
    ("False", "false"),
    ("NULL", "()"),
    ("None", "()"),
    ("True", "true"),
    ("nil", "()"),
    ("null", "()"),
    ("self", "this"),
    ("undefined", "()"),
    ("void", "()"),
];

/// Words that only other languages have, or that Rhai keeps for itself → what to write here.
const WORDS: &[(&str, &str)] = &[
    ("and", "&&"),
    ("async", "task::parallel"),
    ("await", "task::parallel"),
    ("case", "switch"),
    ("def", "fn"),
    ("elif", "else if"),
    ("elseif", "else if"),
    ("elsif", "else if"),
    ("except", "catch"),
    ("foreach", "for x in …"),
    ("func", "fn"),
    ("function", "fn"),
    ("go", "task::parallel"),
    ("goto", "loop with break"),
    ("is", "=="),
    ("match", "switch"),
    ("not", "!"),
    ("or", "||"),
    ("raise", "throw"),
    ("require", "import"),
    ("spawn", "task::parallel"),
    ("thread", "task::parallel"),
    ("unless", "if !"),
    ("use", "import"),
    ("var", "let"),
    ("===", "=="),
    ("!==", "!="),
    (":=", "="),
    ("<>", "!="),
    ("++", "+= 1"),
    ("--", "-= 1"),
    ("->", "=>"),
];

/// What a function or a method of another language is called here.
pub fn function(name: &str) -> Option<&'static str> {
    find(FUNCTIONS, name)
}

/// What a value of another language is called here.
pub fn value(name: &str) -> Option<&'static str> {
    find(VALUES, name)
}

/// What a word or an operator of another language is called here.
pub fn word(name: &str) -> Option<&'static str> {
    find(VALUES, name).or_else(|| find(WORDS, name))
}

fn find(table: &[(&str, &'static str)], name: &str) -> Option<&'static str> {
    table
        .iter()
        .find(|(theirs, _)| *theirs == name)
        .map(|(_, ours)| *ours)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::REGISTRY;
    use crate::diag::builtin;

    /// A plain name that is recommended must exist, or the help leads into the next error.
    #[test]
    fn every_recommended_name_exists() {
        for (theirs, ours) in FUNCTIONS {
            assert!(!builtin::is_known(theirs), "`{theirs}` exists");
            for name in ours.split(" or ") {
                let is_name = name
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':');
                let exists = match name.split_once("::") {
                    // Modules that are not there yet are recommended by no error.
                    Some((module, function)) => REGISTRY
                        .module(module)
                        .is_none_or(|module| module.function(function).is_some()),
                    None => builtin::is_known(name),
                };
                assert!(!is_name || exists, "`{theirs}` → `{name}`");
            }
        }
    }
}
