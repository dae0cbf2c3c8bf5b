//! What each command does, down to the program's exit status.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::{Command as Process, ExitCode};

use crate::agents;
use crate::artifacts;
use crate::cgroup::Groups;
use crate::cli::{Cli, Command, FaultCommand, Helper};
use crate::down;
use crate::error::{At, Error, Result};
use crate::exec;
use crate::faults;
use crate::image;
use crate::lab::Lab;
use crate::lock::Lock;
use crate::mirror;
use crate::node;
use crate::reboot;
use crate::relay;
use crate::report;
use crate::state::State;
use crate::topology::Topology;
use crate::up;
use crate::user_data;

/// Runs a command; its own answer is the exit status, an error is for the caller to show.
pub fn run(cli: Cli) -> Result<ExitCode> {
    if !rustix::process::geteuid().is_root() {
        return Err(Error::NotRoot);
    }
    let lab = Lab::new(&cli.name)?;
    match cli.command {
        Command::Up {
            shape,
            from_user_data,
        } => {
            let topology = Topology {
                from_user_data: from_user_data.is_some(),
                ..shape.into()
            };
            up::up(&lab, Some(topology), from_user_data.as_deref())?;
        }
        Command::Reboot { nodes } => reboot::reboot(&lab, &nodes)?,
        Command::Down => down::down(&lab)?,
        Command::Status => {
            let healthy = crate::status::status(&lab)?;
            return Ok(if healthy {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            });
        }
        Command::Ssh { node, command } => ssh(&lab, &node, &command)?,
        Command::Exec { node, command } => execute(&lab, &node, &command)?,
        Command::Run { script, arguments } => run_script(&lab, &script, &arguments)?,
        Command::Env => {
            State::require(&lab)?;
            report::result(lab.file("deploy.env").display());
        }
        Command::Image => {
            for layer in agents::ensure()?.iter().chain([&image::ensure()?]) {
                report::result(layer.display());
            }
        }
        Command::Fault(command) => fault(&lab, command)?,
        Command::Helper(helper) => help(helper)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Becomes `ssh`; returns only if that fails.
fn ssh(lab: &Lab, node: &str, command: &[OsString]) -> Result<()> {
    State::require(lab)?.node(node)?;
    let mut ssh = exec::command("ssh");
    ssh.arg("-F")
        .arg(lab.file("ssh_config"))
        .arg(node)
        .args(command);
    replace(ssh)
}

/// Becomes a command inside the node; returns only if that fails.
fn execute(lab: &Lab, node: &str, command: &[OsString]) -> Result<()> {
    State::require(lab)?.node(node)?;
    let leader = node::leader(&Groups::of(lab)?, node);
    let leader = leader.ok_or_else(|| Error::NodeDown {
        node: node.to_owned(),
        lab: lab.name().to_owned(),
    })?;
    replace(node::inside(leader, command))
}

/// Becomes `e2bscript` with the lab's configuration; returns only if that fails.
fn run_script(lab: &Lab, script: &OsString, arguments: &[OsString]) -> Result<()> {
    let directory = artifacts::own_directory()?;
    let beside = directory.join("e2bscript");
    let program = Some(beside)
        .filter(|path| path.is_file())
        .or_else(|| exec::find("e2bscript"));
    let program = program.ok_or(Error::NoScriptHost { directory })?;
    up::up(lab, None, None)?;
    let mut host = Process::new(program);
    host.arg(script)
        .args(arguments)
        .env("E2BSCRIPT_ENV_FILE", lab.file("deploy.env"));
    replace(host)
}

fn replace(mut command: Process) -> Result<()> {
    let source = command.exec();
    Err(Error::Start {
        program: command.get_program().to_string_lossy().into_owned(),
        source,
    })
}

fn fault(lab: &Lab, command: FaultCommand) -> Result<()> {
    let _lock = Lock::machine(lab.name())?;
    let state = State::require(lab)?;
    let groups = Groups::of(lab)?;
    match command.fault(|| agents::leader(lab, &state)) {
        Ok(fault) => {
            faults::inject(lab, &groups, &state, &fault)?;
            report::talk(match fault.node() {
                Some(node) => format!("{node}: {}", fault.words()),
                None => fault.words(),
            });
        }
        Err(node) => {
            let healed = faults::heal(lab, &groups, &state, node.as_deref())?;
            report::talk(match healed.len() {
                0 => "nothing was broken".to_owned(),
                count => format!("mended {count}"),
            });
        }
    }
    Ok(())
}

/// Runs a helper until it ends.
fn help(helper: Helper) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    runtime
        .at("start", "the helper's runtime")?
        .block_on(async {
            match helper {
                Helper::Mirror { listen, faults } => mirror::serve(listen, faults).await,
                Helper::Metadata { listen, cloud } => user_data::serve(listen, cloud).await,
                Helper::Relay { listen, to, faults } => relay::serve(listen, to, faults).await,
            }
        })
}
