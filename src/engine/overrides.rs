//! Copies of standard modules that operators have taken over: what each came from, how it stands to
//! the built-in module of today, and how the two are brought together.
//!
//! A copy names in its first line what it came from, and the text it came from is kept beside it, in
//! `.base/`: whoever has both can tell the operator's changes from the program's, without a network.

use std::path::{Path, PathBuf};

use diffy::{ConflictStyle, IncompleteHunkStyle, MergeOptions};

use crate::diag::Failure;

use super::library::{Embedded, Library, read};

/// The folder beside copies that holds what they came from.
pub const BASE: &str = ".base";

/// The words behind the marks of a conflict, as the merge writes them and as people read them.
const MINE: (&str, &str) = ("<<<<<<< ours", "<<<<<<< yours");
const ORIGINAL: (&str, &str) = ("||||||| original", "||||||| as you took it over");
const THEIRS: (&str, &str) = (">>>>>>> theirs", ">>>>>>> built in");

/// What the first line of a copy says: `// e2bscript std/deploy 0.1.0 sha256:…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The program's version it was taken from.
    pub version: String,
    /// The hash of the module's text then.
    pub sha256: String,
}

impl Header {
    /// What the first line of a file says, if it is such a line.
    pub fn of(text: &str) -> Option<Header> {
        let first = text.lines().next()?.strip_prefix("// e2bscript std/")?;
        let (named, recorded) = first.rsplit_once(" sha256:")?;
        let (_, version) = named.split_once(' ')?;
        Some(Header {
            version: version.to_owned(),
            sha256: recorded.trim().to_owned(),
        })
    }

    /// The first line of a copy of `std/NAME` with this text.
    pub fn line(name: &str, version: &str, text: &str) -> String {
        format!(
            "// e2bscript std/{name} {version} sha256:{}\n",
            digest(text)
        )
    }
}

/// The text of a copy without the line that `std eject` put first.
pub fn without_header(copy: &str) -> &str {
    match copy.split_once('\n') {
        Some((first, rest)) if first.starts_with("// e2bscript std/") => rest,
        _ => copy,
    }
}

/// The hash that headers record.
pub fn digest(text: &str) -> String {
    use sha2::{Digest, Sha256};
    Sha256::digest(text.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Whether the built-in text is another than the one the copy names in its first line.
pub fn stale(copy: &str, built_in: &str) -> Option<bool> {
    Header::of(copy).map(|header| header.sha256 != digest(built_in))
}

/// The line of the first mark of a conflict that nobody has resolved yet.
pub fn conflict(text: &str) -> Option<usize> {
    let marks = [MINE.1, ORIGINAL.1, THEIRS.1];
    let at = text.lines().position(|line| marks.contains(&line));
    at.map(|index| index + 1)
}

/// Where the text that a copy came from is kept.
pub fn base_path(copy: &Path) -> PathBuf {
    let folder = copy.parent().unwrap_or(Path::new("")).join(BASE);
    folder.join(copy.file_name().unwrap_or_default())
}

/// A standard module that is taken from disk.
#[derive(Clone, Debug)]
pub struct Copy {
    /// The module without `std/`.
    pub name: String,
    pub path: PathBuf,
    /// The operator's text, without the first line that says what it came from.
    pub mine: String,
    pub header: Option<Header>,
    /// The text it came from, if that is known.
    pub base: Option<String>,
    /// The module as it is in this program; `None` when there is none by that name.
    pub built_in: Option<&'static str>,
}

/// How a copy stands to the built-in module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// There is no built-in module by that name.
    Own,
    /// Its text is that of the built-in module.
    Same,
    /// The operator changed it; the built-in module is still the one it came from.
    Changed,
    /// The operator changed nothing; the program did.
    Outdated,
    /// Both changed it.
    Diverged,
    /// It differs, and what it came from is not known.
    Unknown,
    /// It differs, and what it came from is not at hand.
    BaseMissing,
    /// A merge left a conflict in it.
    Conflict,
}

impl Copy {
    pub fn standing(&self) -> Standing {
        let Some(built_in) = self.built_in else {
            return Standing::Own;
        };
        if conflict(&self.mine).is_some() {
            return Standing::Conflict;
        }
        if self.mine == built_in {
            return Standing::Same;
        }
        match &self.base {
            Some(base) if base == built_in => Standing::Changed,
            Some(base) if *base == self.mine => Standing::Outdated,
            Some(_) => Standing::Diverged,
            None if self.header.is_some() => Standing::BaseMissing,
            None => Standing::Unknown,
        }
    }
}

/// The outcome of a merge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merged {
    pub text: String,
    /// How many places hold both versions between marks, for a person to decide.
    pub conflicts: usize,
}

/// Brings what two made of `base` together. Where both changed the same lines, both stay, between
/// marks, with what was there before.
pub fn merge(base: &str, mine: &str, built_in: &str) -> Merged {
    let merged = MergeOptions::new()
        .set_conflict_style(ConflictStyle::Diff3)
        .set_incomplete_hunk_style(IncompleteHunkStyle::Git)
        .merge(base, mine, built_in);
    match merged {
        Ok(text) => Merged { text, conflicts: 0 },
        Err(text) => {
            let lines: Vec<&str> = text.split_inclusive('\n').collect();
            let mut conflicts = 0;
            let text = lines.into_iter().map(|line| {
                let bare = line.trim_end_matches('\n');
                let marks = [MINE, ORIGINAL, THEIRS];
                let mark = marks.iter().find(|(written, _)| *written == bare);
                conflicts += usize::from(bare == MINE.0);
                match mark {
                    Some((_, read)) => line.replacen(bare, read, 1),
                    None => line.to_owned(),
                }
            });
            let text = text.collect();
            Merged { text, conflicts }
        }
    }
}

impl Library {
    /// The built-in module `std/NAME`.
    pub fn built_in(&self, name: &str) -> Option<&'static Embedded> {
        let mut modules = self.built_in.modules.iter();
        modules.find(|file| file.name == name)
    }

    /// The copy that is in force for `std/NAME`; `None` when the built-in module is.
    pub fn copy(&self, name: &str) -> Result<Option<Copy>, Failure> {
        let (found, _) = self.find_std(name)?;
        let Some(path) = found.path else {
            return Ok(None);
        };
        let header = Header::of(&found.text);
        let built_in = self.built_in(name).map(|file| file.text);
        let kept = read(&base_path(&path))?;
        let base = match &header {
            // A base that is not what the first line names would be taken for the operator's changes.
            Some(header) => kept
                .into_iter()
                .chain(built_in.map(str::to_owned))
                .find(|text| digest(text) == header.sha256),
            None => kept,
        };
        Ok(Some(Copy {
            name: name.to_owned(),
            path,
            mine: without_header(&found.text).to_owned(),
            header,
            base,
            built_in,
        }))
    }

    /// Every copy that is in force, by name.
    pub fn copies(&self) -> Result<Vec<Copy>, Failure> {
        let names = self.std_names();
        let copies = names.iter().map(|name| self.copy(name));
        copies.filter_map(Result::transpose).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_knows_what_it_came_from() {
        let copy = format!(
            "{}let x = 1;",
            Header::line("deploy", "0.1.0", "let x = 1;")
        );
        assert_eq!(stale(&copy, "let x = 1;"), Some(false));
        assert_eq!(stale(&copy, "let x = 2;"), Some(true));
        assert_eq!(stale("let x = 1;", "let x = 1;"), None);
        assert_eq!(Header::of(&copy).unwrap().version, "0.1.0");
        assert_eq!(without_header(&copy), "let x = 1;");
    }

    #[test]
    fn changes_in_different_places_are_both_there() {
        let base = "a\nb\nc\nd\ne\nf\ng\n";
        let merged = merge(
            base,
            &base.replace("a\n", "A\n"),
            &base.replace("g\n", "G\n"),
        );
        assert_eq!(merged.text, "A\nb\nc\nd\ne\nf\nG\n");
        assert_eq!(merged.conflicts, 0);
    }

    #[test]
    fn changes_in_one_place_are_marked_and_whole() {
        let merged = merge("a\nb\nc\n", "a\nmine\nc\n", "a\ntheirs\nc\n");
        assert_eq!(
            merged.text,
            "a\n<<<<<<< yours\nmine\n||||||| as you took it over\nb\n=======\ntheirs\n>>>>>>> built in\nc\n"
        );
        assert_eq!(merged.conflicts, 1);
        assert_eq!(conflict(&merged.text), Some(2));
        assert_eq!(conflict("a\nb\n"), None);
    }

    #[test]
    fn a_last_line_without_an_end_keeps_its_marks_on_lines_of_their_own() {
        let merged = merge("a\nb", "a\nmine", "a\ntheirs");
        assert_eq!(merged.conflicts, 1);
        assert_eq!(conflict(&merged.text), Some(2));
    }
}
