//! `terminal`: commands of this machine that people see and type into.

use std::process::Stdio;

use rhai::Dynamic;
use tokio::process::Command;

use crate::diag::Failure;
use crate::engine::call::Call;
use crate::engine::context::Context;
use crate::engine::raise::Raise;
use crate::engine::registry::{Function, Module, Opt, Param};
use crate::engine::ty::{self, Ty};
use crate::report::{Action, Event};
use crate::secret::Secret;

pub static MODULE: Module = Module {
    name: "terminal",
    doc: "Commands of this machine that have the terminal for themselves. For output that a script reads there is `secret::command`; for hosts, \
          their own methods.",
    functions: &[Function {
        name: "command",
        doc: "Runs a command of this machine with this program's terminal, and waits for its end. Under `--plan` it is shown and not run.",
        params: &[Param::new(
            "words",
            Ty::Strings,
            "the program and its arguments, in which nothing is interpreted",
        )],
        options: &[Opt::new(
            "env",
            Ty::Map,
            "#{}",
            "variables besides those of this program; secrets are welcome",
        )],
        returns: "its exit code; 128 and the signal's number when one ended it; 0 under `--plan`",
        errors: &["terminal.command", "script.option"],
        example: "terminal::command([\"true\"], #{ env: #{ GREETING: \"hello\" } })",
        body: run,
        ..Function::BASE
    }],
    types: &[],
};

fn run(call: &mut Call) -> Result<Dynamic, Raise> {
    let words = call.strings(0)?;
    let Some((program, args)) = words.split_first() else {
        return Err(Failure::usage(
            "script.argument",
            "`terminal::command` needs a program to run",
        )
        .into());
    };
    let shown =
        shlex::try_join(words.iter().map(String::as_str)).unwrap_or_else(|_| words.join(" "));
    let reporter = call.session.run.reporter().clone();
    if call.session.run.is_plan() {
        reporter.emit(Event::Change {
            host: crate::workstation::NAME.into(),
            item: format!("command {shown}"),
            action: Action::Run,
            applied: false,
            reason: String::new(),
            diff: None,
            step: Context::step(),
        });
        return Ok(0_i64.into());
    }
    let mut command = Command::new(program);
    command
        .args(args)
        .stdin(Stdio::inherit())
        .kill_on_drop(true);
    for (name, value) in call.opt_map("env").unwrap_or_default() {
        let secret = value
            .read_lock::<Secret>()
            .map(|secret| secret.expose().to_owned());
        let Some(text) = secret.or_else(|| ty::text(&value)) else {
            let message = format!(
                "`env.{name}` must be a string or a secret, got {}",
                ty::describe(&value)
            );
            return Err(Failure::usage("script.option", message).into());
        };
        command.env(name.as_str(), text);
    }
    let _pause = reporter.pause();
    let ended = call.wait(async move {
        let mut child = command.spawn()?;
        child.wait().await
    })?;
    let status = ended.map_err(|error| {
        Failure::new("terminal.command", format!("cannot start `{program}`"))
            .cause(error.to_string())
            .command(shown)
    })?;
    let by_signal =
        std::os::unix::process::ExitStatusExt::signal(&status).map(|signal| 128 + signal);
    Ok(i64::from(status.code().or(by_signal).unwrap_or(1)).into())
}
