//! `e2bscript std status`: how every copy stands to the built-in module, and what to do about it.

use similar::{ChangeTag, TextDiff};

use crate::diag::Failure;
use crate::engine::library::Library;
use crate::engine::overrides::{Copy, Standing, conflict};

use super::columns;

/// A line for each copy that is in force, and what can be done below it.
pub fn status(library: &Library) -> Result<String, Failure> {
    let copies = library.copies()?;
    if copies.is_empty() {
        return Ok("all standard modules are the built-in ones\n".to_owned());
    }
    let rows: Vec<[String; 3]> = copies
        .iter()
        .map(|copy| {
            [
                format!("std/{}", copy.name),
                copy.path.display().to_string(),
                standing(copy),
            ]
        })
        .collect();
    let table = columns(&rows);
    let lines = table.lines().zip(&copies).map(|(line, copy)| {
        let next = next(copy).map_or_else(String::new, |next| format!("    {next}\n"));
        format!("{line}\n{next}")
    });
    Ok(lines.collect())
}

fn standing(copy: &Copy) -> String {
    let from = copy
        .header
        .as_ref()
        .map_or_else(String::new, |header| format!(" since {}", header.version));
    let base = copy.base.as_deref().unwrap_or_default();
    let mine = || counts(base, &copy.mine);
    let theirs = || counts(base, copy.built_in.unwrap_or_default());
    match copy.standing() {
        Standing::Own => "a module of your own".to_owned(),
        Standing::Same => "the same as the built-in module".to_owned(),
        Standing::Changed => format!(
            "changed by you ({}), built-in module unchanged{from}",
            mine()
        ),
        Standing::Outdated => format!(
            "unchanged by you, built-in module changed{from} ({})",
            theirs()
        ),
        Standing::Diverged => format!(
            "changed by you ({}), built-in module changed{from} ({})",
            mine(),
            theirs()
        ),
        Standing::Unknown => "differs; it does not say what it came from".to_owned(),
        Standing::BaseMissing => {
            format!("differs, built-in module changed{from}; the text of then is missing")
        }
        Standing::Conflict => {
            let line =
                conflict(&copy.mine).unwrap_or_default() + usize::from(copy.header.is_some());
            format!("a conflict is unresolved, from line {line} on")
        }
    }
}

/// The command for what comes next.
fn next(copy: &Copy) -> Option<String> {
    let name = &copy.name;
    Some(match copy.standing() {
        Standing::Own => return None,
        Standing::Same => format!("the copy can go: rm {}", copy.path.display()),
        Standing::Changed => format!("e2bscript std diff {name}"),
        Standing::Outdated => format!("e2bscript std update {name}"),
        Standing::Diverged => {
            format!("e2bscript std diff {name} --built-in; e2bscript std update {name}")
        }
        Standing::Unknown => format!("e2bscript std diff {name}"),
        Standing::BaseMissing => {
            format!("e2bscript std diff {name}; e2bscript std update {name} --base FILE")
        }
        Standing::Conflict => format!(
            "edit {}, remove the marks; what it was before is in {}",
            copy.path.display(),
            super::update::before(&copy.path).display()
        ),
    })
}

/// `+3 -1`: lines that came and went.
fn counts(old: &str, new: &str) -> String {
    let diff = TextDiff::from_lines(old, new);
    let count = |tag| {
        let changes = diff.iter_all_changes();
        changes.filter(|change| change.tag() == tag).count()
    };
    format!(
        "+{} -{}",
        count(ChangeTag::Insert),
        count(ChangeTag::Delete)
    )
}
