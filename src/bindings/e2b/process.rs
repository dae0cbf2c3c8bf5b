//! Processes in a sandbox that a script talks to while they run.

use std::any::TypeId;
use std::sync::{Arc, Mutex, PoisonError};

use rhai::Dynamic;

use crate::diag::Failure;
use crate::e2b::{Envd, ProcessEvent, ProcessStream, Selector};
use crate::engine::Call;
use crate::engine::raise::Raise;
use crate::engine::registry::{Function, Opt, Param, Property, Type};
use crate::engine::ty::Ty;
use crate::engine::value;

use super::ENVD_ERRORS;
use super::command::{self, WORDS};
use super::handle::SandboxHandle;
use super::output::{Output, Show};

pub static TYPE: Type = Type {
    name: "Process",
    doc: "A process in a sandbox. What it prints waits until somebody calls `wait`; it goes on when the script does not.",
    id: TypeId::of::<ProcessHandle>,
    rust_name: std::any::type_name::<ProcessHandle>,
    methods: &[WAIT, SEND_INPUT, CLOSE_INPUT, SIGNAL, RESIZE],
    properties: &[Property {
        name: "pid",
        doc: "its number in the sandbox",
        get: |value| match value.read_lock::<ProcessHandle>() {
            Some(process) => Ok(i64::from(process.inner.pid).into()),
            None => Err(Raise::internal(
                "a property of Process was read on another value",
            )),
        },
    }],
};

/// A process as scripts hold it; copies are the same one.
#[derive(Clone)]
pub struct ProcessHandle {
    inner: Arc<Inner>,
}

struct Inner {
    envd: Envd,
    pid: u32,
    pty: bool,
    command: String,
    sandbox: String,
    /// Taken by whoever waits.
    stream: Mutex<Option<ProcessStream>>,
}

const USER: Opt = Opt::new("user", Ty::Str, "\"root\"", "who runs it, or ran it");

pub const START: Function = Function {
    name: "start",
    doc: "Starts a command through envd and returns at once. Its standard input stays open for `send_input`.",
    params: &[WORDS],
    options: &[
        Opt::new("env", Ty::Map, "#{}", "variables; secrets are welcome"),
        Opt::new(
            "cwd",
            Ty::Str,
            "the user's home",
            "directory to run in; it must exist",
        ),
        USER,
        Opt::new("timeout", Ty::Duration, "", "it is ended after so long"),
        Opt::new("tag", Ty::Str, "", "a name to find it again by"),
        Opt::new(
            "cols",
            Ty::Int,
            "no terminal",
            "columns of a terminal of its own; goes with `rows`",
        ),
        Opt::new("rows", Ty::Int, "no terminal", "its rows"),
    ],
    returns: "a Process",
    errors: ENVD_ERRORS,
    example: "sandbox.start([\"cat\"], #{ tag: \"echo\" }).pid > 0",
    body: start,
    ..Function::BASE
};

pub const ATTACH: Function = Function {
    name: "attach",
    doc: "A handle of a process that runs already, by its number or its tag. What it has printed before is not told again.",
    params: &[Param::new("process", Ty::Any, "its number, or its tag")],
    options: &[USER],
    returns: "a Process",
    errors: ENVD_ERRORS,
    example: "sandbox.attach(\"server\").signal(\"SIGTERM\")",
    body: attach,
    ..Function::BASE
};

pub const LIST_PROCESSES: Function = Function {
    name: "list_processes",
    doc: "What envd has started and still runs, whoever started it.",
    returns: "an array of maps with `pid`, `tag`, `cmd`, `args` and `cwd`",
    errors: ENVD_ERRORS,
    example: "sandbox.list_processes().map(|process| process.cmd)",
    body: |call| {
        let handle = call.receiver::<SandboxHandle>()?;
        let envd = handle.envd(Some("root".to_owned()))?;
        value::from_serde(&call.wait_ok(envd.list_processes())?)
    },
    ..Function::BASE
};

const WAIT: Function = Function {
    name: "wait",
    doc: "Waits until it ends, and calls `on_line` for each line that it prints; without it they are shown. If waiting is given up, it is ended.",
    params: &[Param::optional(
        "on_line",
        Ty::Callback(1),
        "gets each line instead of the screen",
    )],
    returns: "a Result",
    errors: ENVD_ERRORS,
    example: "process.wait(|line| log::info(line)).ok",
    body: wait,
    ..Function::BASE
};

const SEND_INPUT: Function = Function {
    name: "send_input",
    doc: "Writes to its standard input, or to its terminal.",
    params: &[Param::new("input", Ty::Bytes, "what it reads")],
    errors: ENVD_ERRORS,
    example: "process.send_input(\"hello\\n\")",
    body: |call| {
        let (process, input) = (call.receiver::<ProcessHandle>()?, call.bytes(0)?);
        let inner = &process.inner;
        call.wait_ok(
            inner
                .envd
                .send_input(&Selector::Pid(inner.pid), &input, inner.pty),
        )?;
        Ok(Dynamic::UNIT)
    },
    ..Function::BASE
};

const CLOSE_INPUT: Function = Function {
    name: "close_input",
    doc: "Ends its standard input. The seed's envd cannot.",
    errors: ENVD_ERRORS,
    example: "process.close_input()",
    body: |call| {
        let process = call.receiver::<ProcessHandle>()?;
        let inner = &process.inner;
        call.wait_ok(inner.envd.close_input(&Selector::Pid(inner.pid)))?;
        Ok(Dynamic::UNIT)
    },
    ..Function::BASE
};

const SIGNAL: Function = Function {
    name: "signal",
    doc: "Sends it a signal.",
    params: &[Param::new(
        "signal",
        Ty::Choice(&["SIGTERM", "SIGKILL"]),
        "`SIGTERM` or `SIGKILL`, all that envd knows",
    )],
    errors: ENVD_ERRORS,
    example: "process.signal(\"SIGKILL\")",
    body: |call| {
        let (process, name) = (call.receiver::<ProcessHandle>()?, call.string(0)?);
        let kill = match name.as_str() {
            "SIGKILL" => true,
            "SIGTERM" => false,
            other => {
                let message = format!("envd sends SIGTERM and SIGKILL, not `{other}`");
                return Err(Failure::usage("script.argument", message).into());
            }
        };
        let inner = &process.inner;
        call.wait_ok(inner.envd.send_signal(&Selector::Pid(inner.pid), kill))?;
        Ok(Dynamic::UNIT)
    },
    ..Function::BASE
};

const RESIZE: Function = Function {
    name: "resize",
    doc: "Gives its terminal another size.",
    params: &[
        Param::new("cols", Ty::Int, "columns"),
        Param::new("rows", Ty::Int, "rows"),
    ],
    errors: ENVD_ERRORS,
    example: "process.resize(120, 40)",
    body: |call| {
        let process = call.receiver::<ProcessHandle>()?;
        let (cols, rows) = (count(call, call.int(0)?)?, count(call, call.int(1)?)?);
        let inner = &process.inner;
        call.wait_ok(inner.envd.resize(&Selector::Pid(inner.pid), cols, rows))?;
        Ok(Dynamic::UNIT)
    },
    ..Function::BASE
};

fn start(call: &mut Call) -> Result<Dynamic, Raise> {
    let handle = call.receiver::<SandboxHandle>()?;
    let (mut start, shown) = command::start(call)?;
    start.tag = call.opt_string("tag");
    start.stdin = true;
    start.pty = match (call.opt_int("cols"), call.opt_int("rows")) {
        (None, None) => None,
        (Some(cols), Some(rows)) => Some((count(call, cols)?, count(call, rows)?)),
        _ => {
            let message = format!("`{}` takes `cols` and `rows` together", call.name());
            return Err(Failure::usage("script.option", message).into());
        }
    };
    let envd = handle.envd(Some(command::user(call)))?;
    let stream = call.wait_ok(envd.start(&start))?;
    opened(call, &handle, envd, stream, start.pty.is_some(), shown)
}

fn attach(call: &mut Call) -> Result<Dynamic, Raise> {
    let handle = call.receiver::<SandboxHandle>()?;
    let given = call.value(0)?.clone();
    let selector = match given.as_int() {
        Ok(pid) => Selector::Pid(count(call, pid)?),
        Err(_) => Selector::Tag(call.string(0)?),
    };
    let envd = handle.envd(Some(command::user(call)))?;
    let stream = call.wait_ok(envd.connect(&selector))?;
    opened(call, &handle, envd, stream, false, given.to_string())
}

/// The handle of a process whose stream has begun: its first event is its number.
fn opened(
    call: &Call,
    handle: &SandboxHandle,
    envd: Envd,
    mut stream: ProcessStream,
    pty: bool,
    command: String,
) -> Result<Dynamic, Raise> {
    let Some(ProcessEvent::Started(pid)) = call.wait_ok(stream.next())? else {
        return Err(Failure::new("envd.cut", "envd did not say which process it started").into());
    };
    Ok(Dynamic::from(ProcessHandle {
        inner: Arc::new(Inner {
            envd,
            pid,
            pty,
            command,
            sandbox: handle.label(),
            stream: Mutex::new(Some(stream)),
        }),
    }))
}

fn wait(call: &mut Call) -> Result<Dynamic, Raise> {
    let process = call.receiver::<ProcessHandle>()?;
    let show = match call.has(0) {
        true => Show::To(call.callback(0)?),
        false => Show::Live,
    };
    let inner = &process.inner;
    let taken = inner
        .stream
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    let Some(mut stream) = taken else {
        let message = format!("process {} was waited for already", inner.pid);
        return Err(Failure::usage("script.argument", message)
            .help("`sandbox.attach(pid)` is another handle of one that still runs")
            .into());
    };
    let mut output = Output::new(call, &format!("sandbox {}", inner.sandbox), show);
    let end = command::follow(call, &inner.envd, &mut stream, &mut output)?;
    Ok(Dynamic::from(command::result(
        inner.command.clone(),
        &end,
        &output,
    )))
}

fn count(call: &Call, given: i64) -> Result<u32, Raise> {
    u32::try_from(given).map_err(|_| {
        let message = format!("`{}` takes no {given}", call.name());
        Failure::usage("script.argument", message).into()
    })
}
