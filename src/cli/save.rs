//! `--plan --out FILE`: the plan, and by what to tell whether it still holds, as a file.

use std::path::Path;

use super::args::RunArgs;
use super::run::{Started, report};
use super::saved::Saved;
use crate::diag::Failure;
use crate::report::Level;

/// Saves a plan that came to its end. A failure is reported here.
pub(super) fn save(args: &RunArgs, file: &Path, started: &Started) -> Result<(), Box<Failure>> {
    let run = &started.run;
    let saved = write(args, file, started);
    saved.map_err(|failure| report(run, failure, super::run::look(args, run)))?;
    let message = format!(
        "the plan is in `{0}`: `e2bscript apply {0}` carries it out",
        file.display()
    );
    run.reporter().log(Level::Info, message);
    Ok(())
}

fn write(args: &RunArgs, file: &Path, started: &Started) -> Result<(), Failure> {
    let run = &started.run;
    let hidden = |arg: &String| run.reporter().masked(arg) != *arg;
    if run.options().args.iter().any(hidden) {
        return Err(Failure::usage(
            "plan.secret",
            "the plan is not saved: an argument of the script holds a secret, which would stand in the file",
        )
        .help("give the secret in a file or in the environment instead"));
    }
    // What was read and is another file by now belongs to another plan.
    if let Some(path) = run.inputs().moved().first() {
        return Err(Failure::new(
            "plan.moved",
            format!(
                "the plan is not saved: `{}` has changed meanwhile",
                path.display()
            ),
        )
        .help("plan again"));
    }
    Saved::of(args, run, &started.changes, None)?.write(file)
}
