//! `e2bscript fmt`: scripts laid out as they are everywhere.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use similar::TextDiff;

use crate::diag::{Class, Failure};
use crate::engine::host::lenient_parser;
use crate::engine::source::without_shebang;
use crate::format::{format, significant};
use crate::report::{Level, Reporter};
use crate::workstation;

use super::args::FmtArgs;
use super::run::{library, refuse};

/// Lays out the named scripts, or all of the project, and returns the exit code: with `--check`, 3
/// if one is not laid out.
pub fn fmt(args: &FmtArgs) -> u8 {
    let reporter = Reporter::builder("fmt").console(Default::default()).build();
    match all(args) {
        Ok((changed, summary)) => {
            reporter.log(Level::Info, summary);
            reporter.flush();
            match args.check && changed > 0 {
                true => Class::Check.exit_code(),
                false => 0,
            }
        }
        Err(failure) => refuse(&reporter, &failure),
    }
}

/// How many scripts were not laid out, and a line that sums up.
fn all(args: &FmtArgs) -> Result<(usize, String), Failure> {
    if args.files.iter().any(|file| file == "-") {
        return standard_input(args);
    }
    let files = files(&args.files)?;
    let mut changed = Vec::new();
    for path in &files {
        let old = std::fs::read_to_string(path).map_err(|error| {
            Failure::usage("fs.read", format!("cannot read `{}`", path.display()))
                .cause(error.to_string())
        })?;
        let new = laid_out(&path.display().to_string(), &old)?;
        if new == old {
            continue;
        }
        changed.push(path.display().to_string());
        if args.diff {
            super::print(&diff(&path.display().to_string(), &old, &new))?;
        } else if args.check {
            super::print(&format!("{}\n", path.display()))?;
        } else {
            workstation::write(path, new.as_bytes(), None, 0o644)?;
        }
    }
    let scripts = match files.len() {
        1 => "1 script".to_owned(),
        count => format!("{count} scripts"),
    };
    let summary = match (changed.len(), args.check || args.diff) {
        (0, _) => format!("{scripts}: all laid out"),
        (count, true) => format!("{scripts}: {count} not laid out"),
        (count, false) => format!("{scripts}: {count} changed"),
    };
    Ok((changed.len(), summary))
}

/// From standard input to standard output.
fn standard_input(args: &FmtArgs) -> Result<(usize, String), Failure> {
    let mut old = String::new();
    io::stdin().read_to_string(&mut old).map_err(|error| {
        Failure::usage("fs.read", "cannot read standard input").cause(error.to_string())
    })?;
    let new = laid_out("standard input", &old)?;
    match (args.diff, args.check) {
        (true, _) => super::print(&diff("standard input", &old, &new))?,
        (false, true) => {}
        (false, false) => super::print(&new)?,
    }
    let changed = usize::from(new != old);
    let summary = match changed {
        0 => "standard input: laid out",
        _ => "standard input: not laid out",
    };
    Ok((changed, summary.to_owned()))
}

/// The text laid out. What is no script, or would become another one, is left alone.
fn laid_out(name: &str, old: &str) -> Result<String, Failure> {
    let parser = lenient_parser();
    let parse = |text: &str| parser.compile(without_shebang(text));
    parse(old).map_err(|error| {
        Failure::usage(
            "script.syntax",
            format!("`{name}` is no script yet: {error}"),
        )
        .help(format!("`e2bscript check {name}` says more"))
    })?;
    let new = format(old);
    if significant(old) != significant(&new) || parse(&new).is_err() {
        return Err(
            Failure::new("internal", format!("`{name}` would become another script"))
                .class(Class::Internal),
        );
    }
    Ok(new)
}

fn diff(name: &str, old: &str, new: &str) -> String {
    let diff = TextDiff::from_lines(old, new);
    diff.unified_diff()
        .header(name, &format!("{name}, laid out"))
        .to_string()
}

/// The files that are meant: of directories, all scripts in them.
fn files(named: &[String]) -> Result<Vec<PathBuf>, Failure> {
    let project = library(&[]).project.unwrap_or_else(|| PathBuf::from("."));
    let named: Vec<PathBuf> = match named {
        [] => vec![project],
        named => named
            .iter()
            .map(|name| workstation::path::expand(name))
            .collect(),
    };
    let mut files = Vec::new();
    for path in named {
        match path.is_dir() {
            true => collect(&path, &mut files).map_err(|error| {
                Failure::usage("fs.read", format!("cannot read `{}`", path.display()))
                    .cause(error.to_string())
            })?,
            false => files.push(path),
        }
    }
    files.sort();
    files.dedup();
    Ok(files)
}

/// Scripts below a directory; what is hidden, and what a build has made, is nobody's text.
fn collect(directory: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') || entry.file_type()?.is_symlink() {
            continue;
        }
        if path.is_dir() {
            if name != "target" {
                collect(&path, files)?;
            }
        } else if path.extension().is_some_and(|ending| ending == "rhai") {
            files.push(path);
        }
    }
    Ok(())
}
