//! `e2bscript std update`: the program's changes and the operator's in one copy.

use ::std::path::{Path, PathBuf};

use similar::TextDiff;

use crate::diag::{Class, Failure};
use crate::engine::library::{Library, read};
use crate::engine::overrides::{
    BASE, Copy, Header, Merged, Standing, base_path, digest, merge, without_header,
};

use super::diff::no_base;
use super::{Said, embedded, write};

/// Updates one copy, or all that the program has changed since; `plan` shows and writes nothing.
/// The exit code is 7 where conflicts are left to be resolved.
pub fn update(
    library: &Library,
    name: Option<&str>,
    base: Option<&Path>,
    plan: bool,
) -> Result<Said, Failure> {
    let copies = match name {
        Some(name) => {
            embedded(library, name, "std.update")?;
            let copy = library.copy(name)?;
            copy.into_iter().collect()
        }
        None => {
            let mut copies = library.copies()?;
            copies.retain(|copy| {
                let moved = [
                    Standing::Outdated,
                    Standing::Diverged,
                    Standing::BaseMissing,
                ];
                moved.contains(&copy.standing())
            });
            copies
        }
    };
    if copies.is_empty() {
        return Ok(Said::from("nothing to update\n".to_owned()));
    }
    let mut text = String::new();
    let mut conflicts = 0;
    for mut copy in copies {
        if let Some(path) = base {
            copy.base = Some(given(path, &copy)?);
        }
        let (said, left) = one(library, &copy, plan)?;
        text.push_str(&said);
        conflicts += left;
    }
    let code = match conflicts {
        0 => 0,
        _ => Class::Problems.exit_code(),
    };
    Ok(Said { text, code })
}

/// The base that the operator names; it must be the one that the copy's first line names.
fn given(path: &Path, copy: &Copy) -> Result<String, Failure> {
    let text = read(path)?.ok_or_else(|| {
        Failure::usage(
            "std.update",
            format!("there is no file `{}`", path.display()),
        )
    })?;
    let text = without_header(&text).to_owned();
    match &copy.header {
        Some(header) if header.sha256 != digest(&text) => Err(Failure::usage(
            "std.update",
            format!(
                "`{}` is not the text that `{}` came from",
                path.display(),
                copy.path.display()
            ),
        )
        .help(format!(
            "it came from e2bscript {}, sha256 {}",
            header.version, header.sha256
        ))),
        _ => Ok(text),
    }
}

fn one(library: &Library, copy: &Copy, plan: bool) -> Result<(String, usize), Failure> {
    let path = copy.path.display();
    let built_in = copy.built_in.unwrap_or_default();
    if copy.standing() == Standing::Conflict {
        return Err(Failure::usage(
            "std.update",
            format!("`{path}` holds a conflict of the last update"),
        )
        .help("decide what stays, remove the marks, then update again"));
    }
    let Some(base) = &copy.base else {
        return Err(no_base("std.update", copy));
    };
    if base == built_in {
        return Ok((format!("{path}: the built-in module has not changed\n"), 0));
    }
    let merged = merge(base, &copy.mine, built_in);
    if plan {
        let diff = TextDiff::from_lines(copy.mine.as_str(), merged.text.as_str())
            .unified_diff()
            .header(&path.to_string(), &format!("{path} (updated)"))
            .to_string();
        return Ok((
            format!("{diff}{}", outcome(copy, &merged)),
            merged.conflicts,
        ));
    }
    take_over(library, copy, built_in, &merged)?;
    Ok((outcome(copy, &merged), merged.conflicts))
}

/// Writes what the merge made. The copy goes first: cut off behind it, its first line names today's
/// module, which is at hand.
fn take_over(
    library: &Library,
    copy: &Copy,
    built_in: &str,
    merged: &Merged,
) -> Result<(), Failure> {
    let kind = "std.update";
    if merged.conflicts > 0 {
        write(&before(&copy.path), &copy.mine, kind)?;
    }
    let header = Header::line(&copy.name, library.built_in.version, built_in);
    write(&copy.path, &format!("{header}{}", merged.text), kind)?;
    write(&base_path(&copy.path), built_in, kind)
}

/// Where the operator's text is kept when a merge left conflicts in it.
pub fn before(copy: &Path) -> PathBuf {
    let name = copy.file_stem().unwrap_or_default().to_string_lossy();
    let folder = copy.parent().unwrap_or(Path::new("")).join(BASE);
    folder.join(format!("{name}.before-update.rhai"))
}

fn outcome(copy: &Copy, merged: &Merged) -> String {
    let path = copy.path.display();
    match merged.conflicts {
        0 if Some(merged.text.as_str()) == copy.built_in => {
            format!("{path}: updated; it is the built-in module now and can go\n")
        }
        0 => format!("{path}: updated\n"),
        count => {
            let places = match count {
                1 => "1 place".to_owned(),
                more => format!("{more} places"),
            };
            format!(
                "{path}: {places} changed by both: decide between `<<<<<<< yours` and `>>>>>>> built in`; \
                 your text as it was is in {}\n",
                before(&copy.path).display()
            )
        }
    }
}
