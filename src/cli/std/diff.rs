//! `e2bscript std diff`: a copy, the built-in module, and what the copy came from, two at a time.

use similar::TextDiff;

use crate::diag::Failure;
use crate::engine::library::Library;
use crate::engine::overrides::{BASE, Copy};

use super::embedded;

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sides {
    /// The built-in module with the copy in force.
    Both,
    /// What the copy came from with the copy: what the operator changed.
    Mine,
    /// What the copy came from with the built-in module: what the program changed since.
    BuiltIn,
}

/// The differences of one copy, or of all that are in force.
pub fn diff(library: &Library, name: Option<&str>, sides: Sides) -> Result<String, Failure> {
    let Some(name) = name else {
        let copies = library.copies()?.into_iter();
        let comparable = copies.filter(|copy| {
            copy.built_in.is_some() && (sides == Sides::Both || copy.base.is_some())
        });
        return comparable.map(|copy| one(library, &copy, sides)).collect();
    };
    embedded(library, name, "std.diff")?;
    match library.copy(name)? {
        Some(copy) => one(library, &copy, sides),
        None => Ok(String::new()),
    }
}

fn one(library: &Library, copy: &Copy, sides: Sides) -> Result<String, Failure> {
    let name = &copy.name;
    let mine = (copy.path.display().to_string(), copy.mine.as_str());
    let built_in = (
        format!("std/{name} (built in {})", library.built_in.version),
        copy.built_in.unwrap_or_default(),
    );
    let base = || match &copy.base {
        Some(base) => Ok((format!("std/{name} ({})", origin(copy)), base.as_str())),
        None => Err(no_base("std.diff", copy)),
    };
    let (old, new) = match sides {
        Sides::Both => (built_in, mine),
        Sides::Mine => (base()?, mine),
        Sides::BuiltIn => (base()?, built_in),
    };
    Ok(TextDiff::from_lines(old.1, new.1)
        .unified_diff()
        .header(&old.0, &new.0)
        .to_string())
}

/// What a copy came from, in words.
pub fn origin(copy: &Copy) -> String {
    match &copy.header {
        Some(header) => format!("as you took it over from {}", header.version),
        None => "as you took it over".to_owned(),
    }
}

/// The failure of whatever needs the text that a copy came from.
pub fn no_base(kind: &str, copy: &Copy) -> Failure {
    let (name, path) = (&copy.name, copy.path.display());
    let failure = match &copy.header {
        Some(header) => Failure::usage(
            kind,
            format!(
                "`{path}` was taken over from {}, and the text of then is not in `{BASE}/{name}.rhai` beside it",
                header.version
            ),
        )
        .help(format!(
            "get it back from your repository, or by `std show {name} --built-in` of e2bscript {}, and name it: \
             `e2bscript std update {name} --base FILE`",
            header.version
        )),
        None => Failure::usage(
            kind,
            format!("`{path}` does not say which version of `std/{name}` it came from"),
        )
        .help(format!(
            "`e2bscript std diff {name}` compares it with the built-in module; if you have the text that it came from: \
             `e2bscript std update {name} --base FILE`"
        )),
    };
    failure.detail("module", format!("std/{name}"))
}
