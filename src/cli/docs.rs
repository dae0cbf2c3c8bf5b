//! `e2bscript docs`: the reference manual, in the terminal or as files.

use ::std::io;
use ::std::path::{Path, PathBuf};

use super::args::DocsArgs;
use super::pages::write_all;
use super::run::{library, refuse};
use crate::bindings::REGISTRY;
use crate::diag::Failure;
use crate::engine::library::STDLIB;
use crate::manual::{self, Page};
use crate::report::Reporter;

/// Does what was asked and returns the exit code.
pub fn docs(args: &DocsArgs) -> u8 {
    let pages = || manual::pages(REGISTRY, STDLIB);
    let done = match (&args.name, &args.write, &args.check) {
        (_, Some(directory), _) => write(directory, &pages()),
        (_, _, Some(directory)) => check(directory, &pages()),
        (Some(name), _, _) => {
            manual::look_up(REGISTRY, &library(&[]), name).and_then(|text| super::print(&text))
        }
        (None, None, None) => super::print(&list(&pages())),
    };
    match done {
        Ok(()) => 0,
        Err(failure) => refuse(
            &Reporter::builder("docs")
                .console(Default::default())
                .build(),
            &failure,
        ),
    }
}

fn list(pages: &[Page]) -> String {
    let width = pages.iter().map(|page| page.title.len()).max();
    let width = width.unwrap_or_default();
    let lines = pages
        .iter()
        .map(|page| format!("{:width$}  {}\n", page.title, page.about));
    lines.collect()
}

/// The files of the manual, with their names.
fn files(pages: &[Page]) -> Vec<(String, String)> {
    let errors = manual::errors::pages(REGISTRY);
    let index = ("README.md".to_owned(), manual::index(pages, &errors));
    let others = pages
        .iter()
        .chain(&errors)
        .map(|page| (format!("{}.md", page.name), page.text.clone()));
    ::std::iter::once(index).chain(others).collect()
}

fn write(directory: &Path, pages: &[Page]) -> Result<(), Failure> {
    let failed = |path: &Path, error: &io::Error| {
        Failure::new("docs.write", format!("cannot write `{}`", path.display()))
            .cause(error.to_string())
    };
    write_all(directory, &files(pages), "docs.write")?;
    for (_, path) in strangers(directory, pages) {
        ::std::fs::remove_file(&path).map_err(|error| failed(&path, &error))?;
    }
    Ok(())
}

/// Pages in the directory that the manual does not have (any more), with their names in it.
fn strangers(directory: &Path, pages: &[Page]) -> Vec<(String, PathBuf)> {
    let known: Vec<String> = files(pages).into_iter().map(|(name, _)| name).collect();
    let mut found = Vec::new();
    for folder in ["", "errors/"] {
        let entries = ::std::fs::read_dir(directory.join(folder));
        for entry in entries.into_iter().flatten().flatten() {
            let name = format!("{folder}{}", entry.file_name().to_string_lossy());
            if name.ends_with(".md") && !known.contains(&name) {
                found.push((name, entry.path()));
            }
        }
    }
    found.sort();
    found
}

fn check(directory: &Path, pages: &[Page]) -> Result<(), Failure> {
    let mut stale: Vec<String> = files(pages)
        .into_iter()
        .filter(|(name, text)| {
            ::std::fs::read_to_string(directory.join(name))
                .ok()
                .as_ref()
                != Some(text)
        })
        .map(|(name, _)| name)
        .collect();
    stale.extend(
        strangers(directory, pages)
            .into_iter()
            .map(|(name, _)| name),
    );
    if stale.is_empty() {
        return Ok(());
    }
    Err(Failure::new(
        "docs.stale",
        format!(
            "`{}` is not what this program says: {}",
            directory.display(),
            stale.join(", ")
        ),
    )
    .help(format!(
        "`e2bscript docs --write {}` writes it anew",
        directory.display()
    )))
}
