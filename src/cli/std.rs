//! `e2bscript std`: see, take over and compare standard modules.

use similar::TextDiff;

use crate::diag::Failure;
use crate::engine::library::{Library, STDLIB, eject_header};
use crate::report::Reporter;

use super::args::StdCommand;
use super::print;
use super::run::{library, refuse};

/// Does what was asked and returns the exit code.
pub fn std(command: &StdCommand) -> u8 {
    let library = library(&[]);
    let done = match command {
        StdCommand::List => list(&library),
        StdCommand::Show { module } => library
            .find_std(bare(module))
            .and_then(|(found, _)| print(&found.text)),
        StdCommand::Eject { module, force } => eject(&library, bare(module), *force),
        StdCommand::Diff { module } => diff(&library, bare(module)),
    };
    match done {
        Ok(()) => 0,
        Err(failure) => refuse(
            &Reporter::builder("std").console(Default::default()).build(),
            &failure,
        ),
    }
}

fn list(library: &Library) -> Result<(), Failure> {
    let mut lines = String::new();
    for name in library.std_names() {
        let (found, announced) = library.find_std(&name)?;
        let about = found
            .text
            .lines()
            .find_map(|line| line.strip_prefix("//! "))
            .unwrap_or_default();
        let origin = match announced.map(|change| (change.path.display().to_string(), change.stale))
        {
            None => "built in".to_owned(),
            Some((path, Some(true))) => format!("{path} (the built-in module changed since)"),
            Some((path, _)) => path,
        };
        lines.push_str(&format!("std/{name:<12} {origin:<10} {about}\n"));
    }
    print(&lines)
}

fn eject(library: &Library, name: &str, force: bool) -> Result<(), Failure> {
    let Some(embedded) = STDLIB.iter().find(|file| file.name == name) else {
        library.find_std(name)?;
        return Err(Failure::usage(
            "std.eject",
            format!("`std/{name}` is not built in: it is yours already"),
        ));
    };
    let folder = library.project.clone().unwrap_or_default().join("stdlib");
    let target = folder.join(format!("{name}.rhai"));
    if target.exists() && !force {
        return Err(Failure::usage(
            "std.eject",
            format!("`{}` is there already", target.display()),
        )
        .help(format!(
            "`e2bscript std diff {name}` shows what it changes; `--force` replaces it"
        )));
    }
    let text = format!(
        "{}{}",
        eject_header(&format!("std/{name}"), embedded.text),
        embedded.text
    );
    ::std::fs::create_dir_all(&folder)
        .and_then(|()| ::std::fs::write(&target, text))
        .map_err(|error| {
            Failure::new("std.eject", format!("cannot write `{}`", target.display()))
                .cause(error.to_string())
        })?;
    print(&format!("{}\n", target.display()))
}

fn diff(library: &Library, name: &str) -> Result<(), Failure> {
    let (found, announced) = library.find_std(name)?;
    let Some(embedded) = STDLIB.iter().find(|file| file.name == name) else {
        return Err(Failure::usage(
            "std.diff",
            format!("`std/{name}` is not built in: there is nothing to compare"),
        ));
    };
    if announced.is_none() {
        return Ok(());
    }
    let mine = found
        .path
        .map_or_else(String::new, |path| path.display().to_string());
    let text = TextDiff::from_lines(embedded.text, &found.text)
        .unified_diff()
        .header(&format!("std/{name} (built in)"), &mine)
        .to_string();
    print(&text)
}

/// Both `deploy` and `std/deploy` name the module.
fn bare(module: &str) -> &str {
    module.strip_prefix("std/").unwrap_or(module)
}
