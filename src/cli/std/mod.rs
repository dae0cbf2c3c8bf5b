//! `e2bscript std`: see, take over, compare and update standard modules.

mod diff;
mod eject;
mod status;
mod update;

use ::std::path::Path;

use crate::diag::Failure;
use crate::engine::library::Library;
use crate::report::Reporter;
use crate::workstation;

use super::args::{StdArgs, StdCommand};
use super::print;
use super::run::{library, refuse};

/// Does what was asked and returns the exit code.
pub fn std(args: &StdArgs) -> u8 {
    let library = library(&args.std_dirs);
    match answer(&args.command, &library).and_then(|said| print(&said.text).map(|()| said.code)) {
        Ok(code) => code,
        Err(failure) => refuse(
            &Reporter::builder("std").console(Default::default()).build(),
            &failure,
        ),
    }
}

/// What a command says, and its exit code.
#[derive(Debug)]
pub struct Said {
    pub text: String,
    pub code: u8,
}

impl From<String> for Said {
    fn from(text: String) -> Said {
        Said { text, code: 0 }
    }
}

/// Does what was asked in `library`.
pub fn answer(command: &StdCommand, library: &Library) -> Result<Said, Failure> {
    match command {
        StdCommand::List => list(library).map(Said::from),
        StdCommand::Show { module, built_in } => {
            show(library, bare(module), *built_in).map(Said::from)
        }
        StdCommand::Eject { module, force } => {
            eject::eject(library, bare(module), *force).map(Said::from)
        }
        StdCommand::Diff {
            module,
            mine,
            built_in,
        } => {
            let sides = match (mine, built_in) {
                (true, _) => diff::Sides::Mine,
                (_, true) => diff::Sides::BuiltIn,
                _ => diff::Sides::Both,
            };
            diff::diff(library, module.as_deref().map(bare), sides).map(Said::from)
        }
        StdCommand::Status => status::status(library).map(Said::from),
        StdCommand::Update { module, base, plan } => {
            update::update(library, module.as_deref().map(bare), base.as_deref(), *plan)
        }
    }
}

fn list(library: &Library) -> Result<String, Failure> {
    let mut rows = Vec::new();
    for name in library.std_names() {
        let (found, announced) = library.find_std(&name)?;
        let about = found
            .text
            .lines()
            .find_map(|line| line.strip_prefix("//! "))
            .unwrap_or_default();
        let own = format!("std/{name}: ");
        let about = about.strip_prefix(&own).unwrap_or(about).to_owned();
        let origin = match announced.map(|change| (change.path.display().to_string(), change.stale))
        {
            None => "built in".to_owned(),
            Some((path, Some(true))) => format!("{path} (the built-in module changed since)"),
            Some((path, _)) => path,
        };
        rows.push([format!("std/{name}"), origin, about]);
    }
    Ok(columns(&rows))
}

fn show(library: &Library, name: &str, built_in: bool) -> Result<String, Failure> {
    match built_in {
        false => library.find_std(name).map(|(found, _)| found.text),
        true => embedded(library, name, "std.show").map(str::to_owned),
    }
}

/// The text of a built-in module; `kind` is the failure when it is only the operator's.
fn embedded(library: &Library, name: &str, kind: &str) -> Result<&'static str, Failure> {
    if let Some(file) = library.built_in(name) {
        return Ok(file.text);
    }
    library.find_std(name)?;
    Err(Failure::usage(
        kind,
        format!("`std/{name}` is not built in: it is yours alone"),
    ))
}

/// Lines of columns that stand below each other, two blanks apart.
fn columns<const N: usize>(rows: &[[String; N]]) -> String {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let lines = rows.iter().map(|row| {
        let cells = row.iter().zip(widths);
        let line: String = cells
            .map(|(cell, width)| format!("{cell:width$}  "))
            .collect();
        format!("{}\n", line.trim_end())
    });
    lines.collect()
}

fn write(path: &Path, text: &str, kind: &str) -> Result<(), Failure> {
    let folder = path.parent().unwrap_or(Path::new(""));
    workstation::mkdir(folder, None)
        .and_then(|()| workstation::write(path, text.as_bytes(), None, 0o644))
        .map_err(|error| Failure::from_error(kind, &error))
}

/// Both `deploy` and `std/deploy` name the module.
fn bare(module: &str) -> &str {
    module.strip_prefix("std/").unwrap_or(module)
}
