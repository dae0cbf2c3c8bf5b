//! What tasks print: its end, or all of it as it comes.

use rhai::Dynamic;
use tokio::sync::mpsc;

use crate::diag::Failure;
use crate::engine::Call;
use crate::engine::raise::Raise;
use crate::engine::registry::{Function, Opt, Param};
use crate::engine::ty::Ty;
use crate::nomad::{Error, LogOptions, Nomad, Stream};

use super::{ALLOCATION, ERRORS, ask};

const TASK: Opt = Opt::new(
    "task",
    Ty::Str,
    "the allocation's only task",
    "which of its tasks",
);
const STREAM: Opt = Opt::new(
    "stream",
    Ty::Choice(&["stderr", "stdout"]),
    "\"stderr\"",
    "`stderr` or `stdout`",
);
const TAIL: Opt = Opt::new(
    "tail",
    Ty::Size,
    "\"64KiB\"",
    "at most so much of what was printed before, from the end",
);

pub const LOGS: Function = Function {
    name: "logs",
    doc: "The end of what a task has printed.",
    params: &[ALLOCATION],
    options: &[TASK, STREAM, TAIL],
    returns: "a string; empty when nothing was printed, or nothing is kept",
    errors: ERRORS,
    example: "nomad.logs(nomad.list_allocations(\"api\")[0].id, #{ stream: \"stdout\" })",
    body: |call| {
        let (nomad, id) = (call.receiver::<Nomad>()?, call.string(0)?);
        let given = given(call)?;
        let text = ask(call, &nomad, async {
            let (allocation, options) = complete(&nomad, &id, given).await?;
            Ok::<_, Error>(nomad.logs(&allocation, &options).await?)
        })?;
        Ok(text.into())
    },
    ..Function::BASE
};

pub const FOLLOW_LOGS: Function = Function {
    name: "follow_logs",
    doc: "Calls `line` for each line that a task prints, as it comes, until the task is gone or `line` returns `false`.",
    params: &[
        ALLOCATION,
        Param::new("line", Ty::Callback(1), "gets each line, without its end"),
    ],
    options: &[TASK, STREAM, TAIL],
    errors: ERRORS,
    example: "nomad.follow_logs(\"1f3a\", #{ tail: \"1KiB\" }, |line| line != \"ready\")",
    body: follow,
    ..Function::BASE
};

/// How many lines may wait for a script that is slower than the task.
const AHEAD: usize = 1024;

fn follow(call: &mut Call) -> Result<Dynamic, Raise> {
    let (nomad, id) = (call.receiver::<Nomad>()?, call.string(0)?);
    let (callback, given) = (call.callback(1)?, given(call)?);
    let (allocation, options) = ask(call, &nomad, complete(&nomad, &id, given))?;
    let (sender, mut lines) = mpsc::channel::<String>(AHEAD);
    let reading = call.session.run.handle().spawn(async move {
        // one sender must wait where the channel is full, and the client's callback cannot
        let (pass, mut passed) = mpsc::unbounded_channel();
        let mut hand_over = |line: String| drop(pass.send(line));
        let following = nomad.follow_logs(&allocation, &options, &mut hand_over);
        tokio::pin!(following);
        loop {
            tokio::select! {
                biased;
                Some(line) = passed.recv() => {
                    if sender.send(line).await.is_err() {
                        return Ok(());
                    }
                }
                done = &mut following => {
                    while let Ok(line) = passed.try_recv() {
                        if sender.send(line).await.is_err() {
                            break;
                        }
                    }
                    return done;
                }
            }
        }
    });
    let stop = AbortOnDrop(reading);
    while let Some(line) = call.wait(lines.recv())? {
        let answer = call.invoke(&callback, (line,))?;
        if answer.as_bool() == Ok(false) {
            return Ok(Dynamic::UNIT);
        }
    }
    let ended = call.wait(stop.join())?;
    let ended = ended.map_err(|error| Raise::internal(format!("following a log: {error}")))?;
    ended.map_err(Failure::from)?;
    Ok(Dynamic::UNIT)
}

/// Work that is abandoned with the call that waits for it.
struct AbortOnDrop<T>(tokio::task::JoinHandle<T>);

impl<T> AbortOnDrop<T> {
    async fn join(mut self) -> Result<T, tokio::task::JoinError> {
        (&mut self.0).await
    }
}

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The options as given; an empty task stands for the only one.
fn given(call: &Call) -> Result<LogOptions, Raise> {
    let stream = match call.opt_string("stream").as_deref() {
        None | Some("stderr") => Stream::Stderr,
        Some("stdout") => Stream::Stdout,
        Some(other) => {
            let message = format!("`stream` is `stderr` or `stdout`, not `{other}`");
            return Err(Failure::usage("script.option", message).into());
        }
    };
    Ok(LogOptions {
        task: call.opt_string("task").unwrap_or_default(),
        stream,
        tail: call.opt_size("tail").unwrap_or(64 << 10),
    })
}

/// The allocation's whole id, and the options with its task.
async fn complete(
    nomad: &Nomad,
    id: &str,
    mut options: LogOptions,
) -> Result<(String, LogOptions), Error> {
    let allocation = nomad.get_allocation(id).await?;
    if options.task.is_empty() {
        let mut tasks = allocation.task_states.keys();
        let Some(first) = tasks.next() else {
            return Err(Error::Refused(format!(
                "allocation {} has not started a task: there is nothing that it printed",
                allocation.short()
            )));
        };
        options.task = first.clone();
        if tasks.next().is_some() {
            let names: Vec<&str> = allocation.task_states.keys().map(String::as_str).collect();
            return Err(Error::Refused(format!(
                "allocation {} has several tasks: name one of {} with the option `task`",
                allocation.short(),
                names.join(", ")
            )));
        }
    }
    Ok((allocation.id, options))
}
