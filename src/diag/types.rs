//! The names of types as a script's author knows them.

/// `alloc::string::String` and its kin as `string`.
pub fn plain(name: &str) -> &str {
    let name = name.trim().trim_start_matches("&mut ").trim();
    match name {
        "INT" | "i64" => "integer",
        "FLOAT" | "f64" | "f32" => "float",
        "char" => "character",
        "()" => "()",
        "&str | ImmutableString | String" => "string",
        "Dynamic" => "any value",
        _ => match short(name) {
            "str" | "String" | "ImmutableString" | "SmartString" => "string",
            "FnPtr" | "Fn" => "closure",
            "Map" | "BTreeMap" => "map",
            "Array" | "Vec" => "array",
            "Blob" => "blob",
            "Instant" => "timestamp",
            "Range" | "RangeInclusive" | "ExclusiveRange" | "InclusiveRange" | "range=" => "range",
            "i8" | "i16" | "i32" | "i128" | "u8" | "u16" | "u32" | "u64" | "u128" => "integer",
            other => other,
        },
    }
}

/// With its article: `a string`, `an integer`, `` `()` ``.
pub fn with_article(name: &str) -> String {
    match plain(name) {
        "()" => "`()`".to_owned(),
        "any value" => "any value".to_owned(),
        name if name.starts_with(['a', 'e', 'i', 'o', 'A', 'E', 'I', 'O']) => format!("an {name}"),
        name => format!("a {name}"),
    }
}

/// Without module path, generics and references: `rhai::types::Foo<T>` is `Foo`.
fn short(name: &str) -> &str {
    let name = name.trim_start_matches('&');
    let name = name.split('<').next().unwrap_or(name);
    name.rsplit("::").next().unwrap_or(name)
}

/// The parts of Rhai's `name (type, type)`.
pub fn signature(text: &str) -> (&str, Vec<&str>) {
    let Some((name, args)) = text.split_once(" (") else {
        return (text, Vec::new());
    };
    let args = args.strip_suffix(')').unwrap_or(args);
    let args = if args.is_empty() {
        Vec::new()
    } else {
        args.split(", ").map(plain).collect()
    };
    (name, args)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_of_rust_is_left() {
        assert_eq!(plain("alloc::string::String"), "string");
        assert_eq!(plain("&mut rhai::Array"), "array");
        assert_eq!(plain("alloc::vec::Vec<rhai::Dynamic>"), "array");
        assert_eq!(plain("core::ops::Range<i64>"), "range");
        assert_eq!(with_article("i64"), "an integer");
        assert_eq!(with_article("Host"), "a Host");
        assert_eq!(with_article("()"), "`()`");
    }

    #[test]
    fn a_signature_is_taken_apart() {
        assert_eq!(
            signature("ssh::run (&str | ImmutableString | String, Fn)"),
            ("ssh::run", vec!["string", "closure"])
        );
        assert_eq!(signature("f ()"), ("f", vec![]));
        assert_eq!(signature("foo (())"), ("foo", vec!["()"]));
        assert_eq!(signature("anon$1"), ("anon$1", vec![]));
    }
}
