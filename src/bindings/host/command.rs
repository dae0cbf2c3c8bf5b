//! Commands on a host.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use rhai::{Dynamic, FnPtr};
use secrecy::SecretString;
use tokio::sync::mpsc;

use crate::diag::Failure;
use crate::engine::call::Call;
use crate::engine::context::Context;
use crate::engine::raise::Raise;
use crate::engine::registry::{Function, Opt, Param};
use crate::engine::ty::{self, Ty};
use crate::files::command::CommandLine;
use crate::files::last_lines;
use crate::report::{Action, Event, HostOutput, Line, LineSplitter, Stream};
use crate::ssh::{Asked, Exec, Finished, OutputStream, Piece, Stdin};

use super::result::{Ended, RunResult};
use super::{HostHandle, on_host};

const OPTIONS: &[Opt] = &[
    Opt::new("sudo", Ty::Bool, "false", "run as root"),
    Opt::new(
        "env",
        Ty::Map,
        "",
        "environment variables; secrets are welcome, they travel on stdin",
    ),
    Opt::new("cwd", Ty::Str, "the home directory", "directory to run in"),
    Opt::new("stdin", Ty::Text, "nothing", "what the command reads"),
    Opt::new(
        "timeout",
        Ty::Duration,
        "",
        "give up after this long; the command is ended",
    ),
    Opt::new(
        "read_only",
        Ty::Bool,
        "false",
        "it changes nothing: run it under `--plan` too",
    ),
];

const COMMAND: &[Param] = &[Param::new(
    "command",
    Ty::Command,
    "array of words, in which nothing is interpreted; or one string for `sh`",
)];

const ERRORS: &[&str] = &["host.command", "plan.unknown", "ssh.*"];

pub const RUN: Function = Function {
    name: "run",
    doc: "Runs a command and throws if it does not end with code 0. Under `--plan` it is shown, and \
          not run unless it is `read_only`.",
    params: COMMAND,
    options: OPTIONS,
    returns: "a Result",
    errors: ERRORS,
    example: r#"host.run(["systemctl", "is-system-running"], #{ read_only: true }).stdout"#,
    body: |call| {
        let host = call.receiver::<HostHandle>()?;
        let result = execute(call, &host, Show::Quiet)?;
        succeeded(&host, result)
    },
    ..Function::BASE
};

pub const TRY_RUN: Function = Function {
    name: "try_run",
    doc: "Runs a command and returns how it ended, whatever that is.",
    params: COMMAND,
    options: OPTIONS,
    returns: "a Result",
    errors: &["plan.unknown", "ssh.*"],
    example: r#"host.try_run("test -e /etc/debian_version", #{ read_only: true }).ok"#,
    body: |call| {
        let host = call.receiver::<HostHandle>()?;
        execute(call, &host, Show::Quiet).map(|(result, _)| Dynamic::from(result))
    },
    ..Function::BASE
};

pub const STREAM: Function = Function {
    name: "stream",
    doc: "Runs a command like `run`, and shows its output line by line as it comes. A closure given as \
          last argument gets each line instead, and holds the command up while it takes its time. Such a \
          command has a connection to itself: four at once to one host, further ones wait for their turn.",
    params: &[
        Param::new(
            "command",
            Ty::Command,
            "array of words, in which nothing is interpreted; or one string for `sh`",
        ),
        Param::optional(
            "on_line",
            Ty::Callback(1),
            "gets each line instead of the screen",
        ),
    ],
    options: OPTIONS,
    returns: "a Result",
    errors: ERRORS,
    example: r#"host.stream(["uptime"], #{ read_only: true })"#,
    body: |call| {
        let show = if call.has(1) {
            Show::To(call.callback(1)?)
        } else {
            Show::Live
        };
        let host = call.receiver::<HostHandle>()?;
        let result = execute(call, &host, show)?;
        succeeded(&host, result)
    },
    ..Function::BASE
};

pub const CONNECT: Function = Function {
    name: "connect",
    doc: "Connects now, so that a host that cannot be reached or does not let us in shows early.",
    errors: &["ssh.*"],
    example: "host.connect()",
    body: |call| {
        let host = call.receiver::<HostHandle>()?;
        on_host(call, &host, async |remote| remote.connect().await)?;
        Ok(Dynamic::UNIT)
    },
    ..Function::BASE
};

pub const SUDO: Function = Function {
    name: "sudo",
    doc: "The same host, with every command run as root.",
    returns: "a Host",
    example: r#"host.sudo().run(["id", "-u"], #{ read_only: true }).stdout"#,
    body: |call| Ok(Dynamic::from(call.receiver::<HostHandle>()?.as_root())),
    ..Function::BASE
};

/// How many packets of output may wait for a script that is slower than the command; 1 MiB at most.
const AHEAD: usize = 32;

/// What becomes of the output while the command runs.
enum Show {
    /// Shown with `-v` only.
    Quiet,
    Live,
    To(FnPtr),
}

fn execute(
    call: &Call,
    host: &HostHandle,
    show: Show,
) -> Result<(RunResult, Option<Finished>), Raise> {
    let line = command_line(call)?;
    let shown = line.shown();
    let run = call.session.run.clone();
    let changes = call.opt_bool("read_only") != Some(true);
    if changes {
        run.reporter().emit(Event::Change {
            host: host.name().to_owned(),
            item: format!("command {shown}"),
            action: Action::Run,
            applied: !run.is_plan(),
            reason: String::new(),
            diff: None,
            step: Context::step(),
        });
        if run.is_plan() {
            return Ok((
                RunResult {
                    command: shown,
                    ended: None,
                },
                None,
            ));
        }
    }
    let root = host.root || call.opt_bool("sudo") == Some(true);
    let exec = |remote: &crate::ssh::Host| {
        let (command, head) = line.launch(&host.sudo_for(remote, root));
        let asked = Asked {
            command: line.shown(),
            stdin: line.stdin.clone(),
        };
        let exec = Exec::new(command).asked(asked);
        match head.is_empty() {
            true => exec,
            false => exec.stdin(Stdin::Bytes(head)),
        }
    };
    let bounded = || match &show {
        Show::To(callback) => {
            let (send, pieces) = mpsc::channel(AHEAD);
            let work = async |remote: &crate::ssh::Host| remote.exec_into(exec(remote), send).await;
            with_callback(call, host, callback, pieces, work)
        }
        Show::Quiet | Show::Live => {
            let screen = Screen::new(call, host, matches!(show, Show::Live));
            let sink = screen.clone();
            let work = async |remote: &crate::ssh::Host| {
                let see = move |stream, bytes: &[u8]| sink.take(stream, bytes);
                remote.exec(exec(remote).on_output(see)).await
            };
            let finished = on_host(call, host, work)?;
            screen.finish();
            Ok(finished)
        }
    };
    let began = std::time::Instant::now();
    let finished = match call.opt_duration("timeout") {
        Some(limit) => crate::engine::context::with_deadline(&shown, limit, bounded),
        None => bounded(),
    }?;
    let took = began.elapsed().as_millis();
    match (finished.code, &finished.signal) {
        (Some(code), _) => {
            tracing::debug!("{}: `{shown}`: code {code} after {took} ms", host.name())
        }
        (None, signal) => tracing::debug!("{}: `{shown}`: {signal:?} after {took} ms", host.name()),
    }
    let ended = Ended {
        code: finished.code,
        signal: finished.signal.clone(),
        stdout: String::from_utf8_lossy(&finished.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&finished.stderr).into_owned(),
    };
    Ok((
        RunResult {
            command: shown,
            ended: Some(ended),
        },
        Some(finished),
    ))
}

/// Runs the command in the background and hands its lines to the script's closure, which must run
/// on the script's own thread. While that takes its time, the command waits.
fn with_callback(
    call: &Call,
    host: &HostHandle,
    callback: &FnPtr,
    mut pieces: mpsc::Receiver<Piece>,
    work: impl AsyncFnOnce(&crate::ssh::Host) -> Result<Finished, crate::ssh::Error>,
) -> Result<Finished, Raise> {
    let mut work = std::pin::pin!(async {
        let remote = host.remote().await?;
        work(remote).await
    });
    let (mut out, mut err) = (LineSplitter::default(), LineSplitter::default());
    let mut done = None;
    loop {
        let piece = call.wait(async {
            tokio::select! {
                biased;
                // Nothing comes any more once the work has ended and its pieces are taken.
                piece = pieces.recv() => piece,
                ended = &mut work, if done.is_none() => {
                    done = Some(ended);
                    pieces.recv().await
                }
            }
        })?;
        let mut lines = Vec::new();
        let mut take = |line: Line| lines.push(line.text);
        let all = piece.is_none();
        match piece {
            Some((OutputStream::Stdout, bytes)) => out.push(&bytes, &mut take),
            Some((OutputStream::Stderr, bytes)) => err.push(&bytes, &mut take),
            None => {
                out.finish(&mut take);
                err.finish(&mut take);
            }
        }
        for line in lines {
            let _what_it_returns = call.invoke(callback, (line,))?;
        }
        if all {
            break;
        }
    }
    let done = match done {
        Some(done) => done,
        None => call.wait(work)?,
    };
    done.map_err(|error| Failure::from(error).host(host.name()).into())
}

fn succeeded(
    host: &HostHandle,
    (result, finished): (RunResult, Option<Finished>),
) -> Result<Dynamic, Raise> {
    let Some(finished) = finished.filter(|finished| finished.code != Some(0)) else {
        return Ok(Dynamic::from(result));
    };
    let how = match (finished.code, &finished.signal) {
        (Some(code), _) => format!("ended with code {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => "ended without a code".to_owned(),
    };
    let program = result
        .command
        .split_whitespace()
        .next()
        .unwrap_or_default()
        .to_owned();
    let mut output = last_lines(&finished.stderr);
    if output.is_empty() {
        output = last_lines(&finished.stdout);
    }
    let mut failure = Failure::new("host.command", format!("`{program}` {how}"))
        .command(result.command)
        .output(output);
    failure.code = finished.code.map(i64::from);
    failure.host = Some(host.name().to_owned());
    Err(failure.into())
}

fn command_line(call: &Call) -> Result<CommandLine, Raise> {
    let work = super::super::state::work(call.command(0)?);
    let mut env = Vec::new();
    for (name, value) in call.opt_map("env").unwrap_or_default() {
        let secret = value
            .read_lock::<crate::secret::Secret>()
            .map(|secret| secret.clone());
        let text = secret
            .map(|secret| secret.expose().to_owned())
            .or_else(|| ty::text(&value));
        let Some(text) = text else {
            return Err(Failure::usage(
                "script.option",
                format!(
                    "`env.{name}` must be a string or a secret, got {}",
                    ty::describe(&value)
                ),
            )
            .into());
        };
        if !crate::env_file::is_name(&name) {
            return Err(Failure::usage(
                "script.option",
                format!("`{name}` cannot name an environment variable"),
            )
            .into());
        }
        env.push((name.to_string(), SecretString::from(text)));
    }
    Ok(CommandLine {
        work,
        env,
        cwd: call.opt_string("cwd"),
        stdin: call
            .opt_text("stdin")
            .map_or_else(Bytes::new, |text| Bytes::from(text.expose().to_owned())),
    })
}

/// Where lines are shown; shared with the connection's task.
#[derive(Clone)]
struct Screen(Arc<Mutex<(HostOutput, HostOutput)>>);

impl Screen {
    fn new(call: &Call, host: &HostHandle, asked: bool) -> Screen {
        let reporter = call.session.run.reporter();
        let end = |stream| {
            reporter
                .output(host.name(), stream)
                .asked(asked)
                .step(Context::step())
        };
        Screen(Arc::new(Mutex::new((
            end(Stream::Stdout),
            end(Stream::Stderr),
        ))))
    }

    fn take(&self, stream: OutputStream, bytes: &[u8]) {
        let mut ends = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match stream {
            OutputStream::Stdout => ends.0.write(bytes),
            OutputStream::Stderr => ends.1.write(bytes),
        }
    }

    fn finish(&self) {
        let mut ends = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ends.0.finish();
        ends.1.finish();
    }
}
