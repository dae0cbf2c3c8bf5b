//! What becomes of a sandbox, and how it is.

use std::time::{Duration, Instant};

use rhai::Dynamic;

use crate::bindings::cluster_api;
use crate::diag::{Class, Failure};
use crate::e2b::{E2b, Error};
use crate::engine::Call;
use crate::engine::raise::Raise;
use crate::engine::registry::{Function, Opt, Param};
use crate::engine::ty::Ty;
use crate::engine::value;
use crate::report::Action;

use super::handle::SandboxHandle;
use super::{ENVD_ERRORS, ERRORS, made, sandboxes, seconds};

/// How often it is looked whether envd answers.
const PAUSE: Duration = Duration::from_millis(100);

pub const INFO: Function = Function {
    name: "info",
    doc: "What the platform knows of it.",
    returns: "a map as `Api.get_sandbox` gives one",
    errors: ERRORS,
    example: "sandbox.info().state == \"running\"",
    body: |call| {
        let handle = call.receiver::<SandboxHandle>()?;
        let id = handle.get()?.id;
        value::from_serde(&call.wait_ok(handle.api.get_sandbox(&id))?)
    },
    ..Function::BASE
};

pub const WAIT_UNTIL_READY: Function = Function {
    name: "wait_until_ready",
    doc: "Waits until its envd answers through the client-proxy.",
    options: &[Opt::new(
        "timeout",
        Ty::Duration,
        "\"30s\"",
        "the end of patience",
    )],
    errors: ENVD_ERRORS,
    example: "sandbox.wait_until_ready()",
    body: wait_until_ready,
    ..Function::BASE
};

pub const SET_TIMEOUT: Function = Function {
    name: "set_timeout",
    doc: "Has it end so long from now on, sooner or later than before. Under `--plan` it is shown and not done.",
    params: &[Param::new("timeout", Ty::Duration, "from now on")],
    errors: ERRORS,
    example: "sandbox.set_timeout(\"30m\")",
    body: |call| set_life(call, "timeout", E2b::set_sandbox_timeout),
    ..Function::BASE
};

pub const REFRESH: Function = Function {
    name: "refresh",
    doc: "Has it live at least so long from now on; never shortens. Under `--plan` it is shown and not done.",
    params: &[Param::new(
        "duration",
        Ty::Duration,
        "from now on, up to an hour",
    )],
    errors: ERRORS,
    example: "sandbox.refresh(\"5m\")",
    body: |call| set_life(call, "at least", E2b::refresh_sandbox),
    ..Function::BASE
};

pub const PAUSE_SANDBOX: Function = Function {
    name: "pause",
    doc: "Stores its memory and disk as a snapshot and ends it; returns when they are stored. Under `--plan` it is shown and not done.",
    errors: ERRORS,
    example: "sandbox.pause()",
    body: |call| {
        let handle = call.receiver::<SandboxHandle>()?;
        if changes(call, &handle, Action::Stop, None) {
            let id = handle.get()?.id;
            let _wait = call
                .session
                .run
                .reporter()
                .wait_for(format!("the snapshot of sandbox {id}"));
            call.wait_ok(handle.api.pause_sandbox(&id))?;
        }
        Ok(Dynamic::UNIT)
    },
    ..Function::BASE
};

pub const RESUME: Function = Function {
    name: "resume",
    doc: "Has it run again after a pause, with the same id. Under `--plan` it is shown and not done.",
    options: &[Opt::new(
        "timeout",
        Ty::Duration,
        "\"5m\"",
        "how long it lives from now on",
    )],
    errors: ERRORS,
    example: "sandbox.resume(#{ timeout: \"10m\" })",
    body: |call| {
        let handle = call.receiver::<SandboxHandle>()?;
        let life = seconds(
            call.opt_duration("timeout")
                .unwrap_or(Duration::from_secs(300)),
        );
        if changes(call, &handle, Action::Start, None) {
            let sandbox = handle.get()?;
            let now = call.wait_ok(handle.api.resume_sandbox(&sandbox, life))?;
            handle.moved(now);
        }
        Ok(Dynamic::UNIT)
    },
    ..Function::BASE
};

pub const KILL: Function = Function {
    name: "kill",
    doc: "Ends it, running or paused; of a paused one its snapshot goes too. Under `--plan` it is shown and not done.",
    returns: "whether it was still there",
    errors: ERRORS,
    example: "sandbox.kill()",
    body: |call| {
        let handle = call.receiver::<SandboxHandle>()?;
        let label = handle.label();
        let api = handle.api.clone();
        sandboxes::kill(call, &api, &label)
    },
    ..Function::BASE
};

pub const KEEP: Function = Function {
    name: "keep",
    doc: "Leaves it alone when the run ends.",
    example: "sandbox.keep()",
    body: |call| {
        let handle = call.receiver::<SandboxHandle>()?;
        if let Some(made) = call.session.existing::<made::Made>() {
            made.forget(&handle.label());
        }
        Ok(Dynamic::UNIT)
    },
    ..Function::BASE
};

pub const LOGS: Function = Function {
    name: "logs",
    doc: "What it has logged, where the platform keeps that (Loki); without it the API has none, or fails.",
    options: &[Opt::new("limit", Ty::Int, "1000", "at most so many lines")],
    returns: "an array of maps with `timestamp`, `line` and `level`",
    errors: ERRORS,
    example: "sandbox.logs(#{ limit: 20 }).map(|line| line.line)",
    body: |call| {
        let handle = call.receiver::<SandboxHandle>()?;
        let limit = u32::try_from(call.opt_int("limit").unwrap_or(1000)).unwrap_or(1000);
        let id = handle.get()?.id;
        value::from_serde(&call.wait_ok(handle.api.sandbox_logs(&id, limit))?)
    },
    ..Function::BASE
};

pub const METRICS: Function = Function {
    name: "metrics",
    doc: "What it uses, where the platform measures it.",
    returns: "an array of maps with `timestamp`, `cpu_count`, `cpu_used_percent`, `memory_used_mib`, `memory_total_mib`, `disk_used_mib` and `disk_total_mib`",
    errors: ERRORS,
    example: "sandbox.metrics().len()",
    body: |call| {
        let handle = call.receiver::<SandboxHandle>()?;
        let id = handle.get()?.id;
        value::from_serde(&call.wait_ok(handle.api.sandbox_metrics(&id))?)
    },
    ..Function::BASE
};

pub const HOST_NAME: Function = Function {
    name: "host_name",
    doc: "The name by which a port of it is reached through the client-proxy's port for traffic.",
    params: &[Param::new("port", Ty::Int, "where a program in it listens")],
    returns: "a string",
    errors: &["script.argument", "plan.unknown"],
    example: "sandbox.host_name(8080)",
    body: |call| {
        let (handle, port) = (call.receiver::<SandboxHandle>()?, call.int(0)?);
        let Ok(port) = u16::try_from(port) else {
            return Err(Failure::usage("script.argument", format!("{port} is no port")).into());
        };
        Ok(handle.api.host_of(&handle.get()?, port).into())
    },
    ..Function::BASE
};

/// Reports a change; `false` under a plan, where it is not made.
fn changes(call: &Call, handle: &SandboxHandle, action: Action, diff: Option<String>) -> bool {
    let item = format!("sandbox {}", handle.label());
    !cluster_api::only_planned(call, "e2b", item, action, diff)
}

/// Has a sandbox live as long as the first argument says.
fn set_life(
    call: &mut Call,
    what: &str,
    set: impl AsyncFn(&E2b, &str, u32) -> Result<(), Error>,
) -> Result<Dynamic, Raise> {
    let (handle, life) = (
        call.receiver::<SandboxHandle>()?,
        seconds(call.duration(0)?),
    );
    let diff = format!("~ {what}: {life} s\n");
    if changes(call, &handle, Action::Update, Some(diff)) {
        let id = handle.get()?.id;
        call.wait_ok(set(&handle.api, &id, life))?;
    }
    Ok(Dynamic::UNIT)
}

fn wait_until_ready(call: &mut Call) -> Result<Dynamic, Raise> {
    let handle = call.receiver::<SandboxHandle>()?;
    let limit = cluster_api::duration(call, "timeout", Duration::from_secs(30));
    let envd = handle.envd(None)?;
    let began = Instant::now();
    loop {
        if call.wait_ok(envd.is_healthy())? {
            return Ok(Dynamic::UNIT);
        }
        if began.elapsed() > limit {
            let message = format!(
                "the envd of sandbox {} does not answer after {}",
                handle.label(),
                humantime::format_duration(limit)
            );
            return Err(Failure::new("e2b.timeout", message)
                .class(Class::Deadline)
                .help("the client-proxy may not know the sandbox, or its orchestrator is not reached: `e2bscript status.rhai`")
                .into());
        }
        call.wait(async { tokio::time::sleep(PAUSE).await })?;
    }
}
