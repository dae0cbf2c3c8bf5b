//! Lines that begin with `:`.

use ::std::time::Instant;

use super::{Desk, print};
use crate::bindings::REGISTRY;
use crate::diag::Failure;
use crate::engine::Outcome;
use crate::manual;
use crate::report::Level;
use crate::suggest;

/// Each command with what stands behind it and what it does.
pub const COMMANDS: &[(&str, &str, &str)] = &[
    (
        ":doc",
        "[NAME]",
        "the manual: a module, a function, `Host.run`, a kind of failure",
    ),
    (
        ":type",
        "EXPRESSION",
        "what kind of value it has (it is run)",
    ),
    (":time", "EXPRESSION", "how long it takes"),
    (":vars", "", "variables and functions, with their kinds"),
    (":help", "", "this list"),
    (":quit", "", "the end, as Ctrl-D"),
];

impl Desk {
    /// Does what a line with `:` asks for; the exit code when it ends the session.
    pub(super) fn command(&mut self, line: &str) -> Result<Option<u8>, Failure> {
        let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let rest = rest.trim();
        match name {
            ":doc" => self.doc(rest)?,
            ":type" => {
                if let Some(Outcome::Value(value)) = self.evaluate(rest) {
                    let engine = self.interactive.host().engine();
                    print(&format!("{}\n", super::show::kind(&value, engine)))?;
                }
            }
            ":time" => {
                let began = Instant::now();
                let outcome = self.evaluate(rest);
                let took = began.elapsed();
                match outcome {
                    Some(Outcome::Value(value)) => self.show(&value),
                    Some(Outcome::Exit(code)) => return Ok(Some(code)),
                    None => {}
                }
                print(&format!("{:.3} s\n", took.as_secs_f64()))?;
            }
            ":vars" => print(&self.names())?,
            ":help" => print(&help())?,
            ":quit" => return Ok(Some(0)),
            other => {
                let known = COMMANDS.iter().map(|(name, ..)| *name);
                let hint = suggest::nearest(other, known).unwrap_or(":help");
                let message = format!("there is no command `{other}`; did you mean `{hint}`?");
                self.run.reporter().log(Level::Error, message);
            }
        }
        Ok(None)
    }

    fn doc(&self, name: &str) -> Result<(), Failure> {
        if name.is_empty() {
            let pages = manual::pages(REGISTRY, self.library.built_in.modules);
            let lines = pages
                .iter()
                .map(|page| format!("{:14}  {}\n", page.title, page.about));
            return print(&lines.collect::<String>());
        }
        let found = manual::look_up(REGISTRY, &self.library, name)
            .or_else(|failure| manual::errors::explain(REGISTRY, name).map_err(|_| failure));
        match found {
            Ok(text) => print(&text),
            Err(failure) => {
                let help = failure.help.as_deref().unwrap_or_default();
                let message = format!("{}; {help}", failure.message);
                self.run.reporter().log(Level::Error, message);
                Ok(())
            }
        }
    }

    fn names(&self) -> String {
        let engine = self.interactive.host().engine();
        let variables = self.interactive.variables().into_iter();
        let variables = variables
            .map(|(name, value)| format!("{name}: {}\n", super::show::kind(&value, engine)));
        let functions = self.interactive.functions().into_iter();
        variables
            .chain(functions.map(|name| format!("fn {name}\n")))
            .collect()
    }
}

fn help() -> String {
    let lines = COMMANDS.iter().map(|(name, rest, about)| {
        let usage = format!("{name} {rest}");
        format!("{usage:18}{about}\n")
    });
    let lines: String = lines.collect();
    format!(
        "{lines}\nEverything else is run as a script. Enter goes on while something is open; an empty line ends it.\n\
         Tab completes, Ctrl-C ends a call (or gives up a line), a blank before a line keeps it out of the history.\n"
    )
}
