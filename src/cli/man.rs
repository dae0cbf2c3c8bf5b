//! `e2bscript man DIR`: pages for `man`, of the program, its commands and the scripts that come with it.

use clap::CommandFactory;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use super::args::{Cli, DirectoryArgs};
use super::declared::declared;
use super::pages::write_all;
use crate::args::about;
use crate::diag::{Class, Failure};
use crate::engine::library::SCRIPTS;

/// The page of the scripts: section 7 of manuals is for what is no program of its own.
const SCRIPTS_PAGE: &str = "e2bscript-scripts.7";

/// Writes all pages, and says how to read them.
pub fn man(args: &DirectoryArgs) -> Result<String, Failure> {
    let mut files = Vec::new();
    let mut program = Cli::command().disable_help_subcommand(true);
    program.build();
    commands(&program, &mut files)?;
    files.push((SCRIPTS_PAGE.to_owned(), scripts()));
    write_all(&args.directory, &files, "man.write")?;
    let directory = args.directory.display();
    Ok(format!(
        "{} pages in {directory}; to read one: man {directory}/e2bscript.1\n",
        files.len()
    ))
}

/// The page of a command, and those of the commands below it.
fn commands(command: &clap::Command, files: &mut Vec<(String, String)>) -> Result<(), Failure> {
    let name = command.get_display_name().unwrap_or(command.get_name());
    let name = name.replace(' ', "-");
    let page = Man::new(command.clone().name(name.clone()))
        .manual("e2bscript")
        .source(format!("e2bscript {}", env!("CARGO_PKG_VERSION")));
    let mut text = Vec::new();
    page.render(&mut text)
        .map_err(|error| Failure::from_error("man.write", &error).class(Class::Internal))?;
    let text = String::from_utf8_lossy(&text).into_owned();
    files.push((format!("{name}.1"), text));
    let below = command.get_subcommands();
    for command in below.filter(|command| !command.is_hide_set()) {
        commands(command, files)?;
    }
    Ok(())
}

fn scripts() -> String {
    let mut page = Roff::new();
    let version = concat!("e2bscript ", env!("CARGO_PKG_VERSION"));
    page.control("TH", ["e2bscript-scripts", "7", "", version, "e2bscript"]);
    page.control("SH", ["NAME"]);
    page.text([roman(
        "e2bscript-scripts - the scripts that come with e2bscript",
    )]);
    page.control("SH", ["DESCRIPTION"]);
    page.text([
        roman("Each is run as "),
        bold("e2bscript NAME.rhai"),
        roman(", with the options of the program (see "),
        bold("e2bscript"),
        roman("(1)) and its own, which are listed here."),
    ]);
    for script in SCRIPTS {
        page.control("SH", [script.name.to_uppercase().as_str()]);
        let command = format!("e2bscript {}.rhai", script.name);
        let about = about(script.text);
        let usage = match declared(script.text) {
            Some(declaration) => declaration.usage(&command, &about),
            None => format!("{about}\n\nUsage: {command}"),
        };
        page.control("nf", []);
        for line in usage.lines() {
            page.text([roman(line)]);
        }
        page.control("fi", []);
    }
    page.to_roff()
}
