//! Commands in a sandbox: by the seed's exec endpoint or by envd, whichever fits.

use rhai::Dynamic;

use crate::bindings::host::{Ended, RunResult};
use crate::diag::{Class, Failure};
use crate::e2b::{
    E2b, Envd, Exec, ProcessEnd, ProcessEvent, ProcessStream, Profile, Selector, Start,
};
use crate::engine::Call;
use crate::engine::call::Command;
use crate::engine::raise::Raise;
use crate::engine::registry::{Function, Opt, Param};
use crate::engine::ty::Ty;
use crate::files::last_lines;
use crate::report::Stream;

use super::handle::SandboxHandle;
use super::output::{Output, Show};
use super::{ENVD_ERRORS, one_of, sandboxes};

pub const WORDS: Param = Param::new(
    "command",
    Ty::Command,
    "array of words, in which nothing is interpreted; or one string for `/bin/bash -l -c`",
);
const ENV: Opt = Opt::new("env", Ty::Map, "#{}", "variables; secrets are welcome");
const CWD: Opt = Opt::new(
    "cwd",
    Ty::Str,
    "the user's home",
    "directory to run in; it must exist",
);
const USER: Opt = Opt::new("user", Ty::Str, "\"root\"", "who runs it");
const TIMEOUT: Opt = Opt::new("timeout", Ty::Duration, "", "it is ended after so long");
const OPTIONS: &[Opt] = &[
    ENV,
    CWD,
    USER,
    TIMEOUT,
    Opt::new(
        "way",
        Ty::Choice(&["auto", "exec", "envd"]),
        "\"auto\"",
        "`exec`: the seed's endpoint of the API; `envd`: through the client-proxy; `auto`: the first where it is there, the user is root and less than 75 s are allowed",
    ),
];

pub const RUN: Function = Function {
    name: "run",
    doc: "Runs a command and throws if it does not end with code 0. Under `--plan` it is not run.",
    params: &[WORDS],
    options: OPTIONS,
    returns: "a Result",
    errors: &[
        "e2b.command",
        "e2b.conflict",
        "e2b.server",
        "e2b.timeout",
        "e2b.too_large",
        "envd.invalid_argument",
        "envd.deadline_exceeded",
        "envd.cut",
        "plan.unknown",
    ],
    example: "sandbox.run([\"uname\", \"-s\"]).text",
    body: |call| {
        let result = execute(call, Show::Quiet)?;
        succeeded(&result)?;
        Ok(Dynamic::from(result))
    },
    ..Function::BASE
};

pub const TRY_RUN: Function = Function {
    name: "try_run",
    doc: "Runs a command and returns how it ended, whatever that is.",
    params: &[WORDS],
    options: OPTIONS,
    returns: "a Result",
    errors: ENVD_ERRORS,
    example: "sandbox.try_run(\"test -e /etc/debian_version\").ok",
    body: |call| Ok(Dynamic::from(execute(call, Show::Quiet)?)),
    ..Function::BASE
};

pub const STREAM: Function = Function {
    name: "stream",
    doc: "Runs a command through envd like `run`, and shows its output line by line as it comes. A closure given as last argument gets each line \
          instead. The result has the last 4 MiB of each stream, however much there was.",
    params: &[
        WORDS,
        Param::optional(
            "on_line",
            Ty::Callback(1),
            "gets each line instead of the screen",
        ),
    ],
    options: &[ENV, CWD, USER, TIMEOUT],
    returns: "a Result",
    errors: &[
        "e2b.command",
        "envd.invalid_argument",
        "envd.deadline_exceeded",
        "envd.cut",
        "e2b.unreachable",
        "plan.unknown",
    ],
    example: "sandbox.stream(\"for i in 1 2 3; do echo $i; sleep 1; done\", |line| log::info(line))",
    body: |call| {
        let show = match call.has(1) {
            true => Show::To(call.callback(1)?),
            false => Show::Live,
        };
        let result = execute_by_envd(call, show)?;
        succeeded(&result)?;
        Ok(Dynamic::from(result))
    },
    ..Function::BASE
};

/// A command as envd takes it.
pub fn start(call: &Call) -> Result<(Start, String), Raise> {
    let (words, shown) = match call.command(0)? {
        Command::Words(words) => {
            let shown = shlex::try_join(words.iter().map(String::as_str));
            let shown = shown.unwrap_or_else(|_| words.join(" "));
            (words, shown)
        }
        Command::Shell(text) => {
            let words = ["/bin/bash", "-l", "-c", &text].map(str::to_owned);
            (words.to_vec(), text)
        }
    };
    let (cmd, args) = words
        .split_first()
        .map_or((String::new(), Vec::new()), |(first, rest)| {
            (first.clone(), rest.to_vec())
        });
    let start = Start {
        cmd,
        args,
        env: sandboxes::texts(call, "env")?,
        cwd: call.opt_string("cwd"),
        timeout: call.opt_duration("timeout"),
        ..Start::default()
    };
    Ok((start, shown))
}

/// The user that a command's options name.
pub fn user(call: &Call) -> String {
    call.opt_string("user").unwrap_or_else(|| "root".to_owned())
}

fn execute(call: &mut Call, show: Show) -> Result<RunResult, Raise> {
    let handle = call.receiver::<SandboxHandle>()?;
    let way = one_of(call, "way", &["auto", "exec", "envd"], "auto")?;
    let by_exec = match way.as_str() {
        "exec" => true,
        "envd" => false,
        _ => {
            let fits = user(call) == "root" && E2b::fits_exec(call.opt_duration("timeout"));
            fits && !handle.is_planned() && call.wait_ok(handle.api.profile())? == Profile::Seed
        }
    };
    match by_exec {
        true => execute_by_api(call, &handle, show),
        false => execute_by_envd(call, show),
    }
}

/// A command that a plan does not run.
fn planned(call: &Call, command: &str) -> Option<RunResult> {
    call.session.run.is_plan().then(|| RunResult {
        command: command.to_owned(),
        ended: None,
    })
}

fn execute_by_api(call: &mut Call, handle: &SandboxHandle, show: Show) -> Result<RunResult, Raise> {
    let (start, shown) = start(call)?;
    if let Some(result) = planned(call, &shown) {
        return Ok(result);
    }
    let sandbox = handle.get()?;
    let exec = Exec {
        command: start.cmd,
        args: start.args,
        env: start.env,
        cwd: start.cwd,
        timeout: start.timeout,
    };
    let done = call.wait_ok(handle.api.exec(&sandbox.id, &exec));
    let done = done.map_err(|raise| within(raise, &sandbox.id))?;
    let mut output = Output::new(call, &format!("sandbox {}", sandbox.id), show);
    output.take(call, Stream::Stdout, done.stdout.as_bytes())?;
    output.take(call, Stream::Stderr, done.stderr.as_bytes())?;
    output.finish(call)?;
    let end = ProcessEnd {
        exit_code: done.exit_code,
        status: done.status,
        error: None,
    };
    Ok(result(shown, &end, &output))
}

fn execute_by_envd(call: &mut Call, show: Show) -> Result<RunResult, Raise> {
    let handle = call.receiver::<SandboxHandle>()?;
    let (start, shown) = start(call)?;
    if let Some(result) = planned(call, &shown) {
        return Ok(result);
    }
    let envd = handle.envd(Some(user(call)))?;
    let mut output = Output::new(call, &format!("sandbox {}", handle.label()), show);
    let end = call
        .wait_ok(envd.start(&start))
        .and_then(|mut stream| follow(call, &envd, &mut stream, &mut output))
        .map_err(|raise| within(raise, &handle.label()))?;
    Ok(result(shown, &end, &output))
}

/// Says in which sandbox something failed: of many at once, the address says nothing.
fn within(raise: Raise, sandbox: &str) -> Raise {
    match raise {
        Raise::Failure(failure) => (*failure).detail("sandbox", sandbox).into(),
        other => other,
    }
}

/// Takes what a process prints until it ends. If that is given up, the process is ended too.
pub fn follow(
    call: &Call,
    envd: &Envd,
    stream: &mut ProcessStream,
    output: &mut Output,
) -> Result<ProcessEnd, Raise> {
    let mut guard = KillOnDrop {
        call,
        envd,
        pid: None,
    };
    loop {
        let event = call.wait_ok(stream.next())?;
        match event {
            Some(ProcessEvent::Started(pid)) => guard.pid = Some(pid),
            Some(ProcessEvent::Stdout(bytes) | ProcessEvent::Pty(bytes)) => {
                output.take(call, Stream::Stdout, &bytes)?;
            }
            Some(ProcessEvent::Stderr(bytes)) => output.take(call, Stream::Stderr, &bytes)?,
            Some(ProcessEvent::Ended(end)) => {
                guard.pid = None;
                output.finish(call)?;
                return Ok(end);
            }
            None => {
                guard.pid = None;
                output.finish(call)?;
                let message = "the stream of a process ended before the process did";
                return Err(Failure::new("envd.cut", message)
                    .help("the sandbox may have ended: `sandbox.info()` tells")
                    .into());
            }
        }
    }
}

/// A process that nobody waits for any more goes with who waited.
struct KillOnDrop<'a, 'b, 'c> {
    call: &'a Call<'b, 'c>,
    envd: &'a Envd,
    pid: Option<u32>,
}

impl Drop for KillOnDrop<'_, '_, '_> {
    fn drop(&mut self) {
        let Some(pid) = self.pid else { return };
        let envd = self.envd.clone();
        self.call.session.run.handle().spawn(async move {
            // it may have ended, or its sandbox: then there is nothing to do
            let _gone = envd.send_signal(&Selector::Pid(pid), true).await;
        });
    }
}

/// How a process ended, as scripts see it.
pub fn result(command: String, end: &ProcessEnd, output: &Output) -> RunResult {
    let signal = end.signal();
    RunResult {
        command,
        ended: Some(Ended {
            code: signal.is_none().then_some(end.exit_code),
            signal,
            stdout: output.stdout.text(),
            stderr: output.stderr.text(),
        }),
    }
}

/// Throws unless the command ended with code 0, or was only planned.
pub fn succeeded(result: &RunResult) -> Result<(), Raise> {
    let Some(ended) = result.ended.as_ref().filter(|ended| ended.code != Some(0)) else {
        return Ok(());
    };
    let how = match (ended.code, &ended.signal) {
        (Some(code), _) => format!("ended with code {code}"),
        (None, Some(signal)) => format!("was ended by a signal: {signal}"),
        (None, None) => "ended without a code".to_owned(),
    };
    let program = result.command.split_whitespace().next().unwrap_or_default();
    let mut lines = last_lines(ended.stderr.as_bytes());
    if lines.is_empty() {
        lines = last_lines(ended.stdout.as_bytes());
    }
    let mut failure = Failure::new("e2b.command", format!("`{program}` {how}"))
        .class(Class::Failed)
        .command(result.command.clone())
        .output(lines);
    failure.code = ended.code.map(i64::from);
    Err(failure.into())
}
