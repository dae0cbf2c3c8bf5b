//! Answers that stand in for hosts, and hear what hosts answer: what tests of scripts stand on.

use std::any::Any;
use std::sync::Arc;

use bytes::Bytes;

use super::{Error, Exec, Finished, Host, OutputStream, Stdin};

/// What is asked of a host, as a person would say it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// The command as one would type it.
    pub command: String,
    /// What it reads.
    pub stdin: Bytes,
}

/// Answers in place of hosts.
pub trait Answers: Send + Sync {
    /// How the command ended; `None` when the host itself is to be asked.
    ///
    /// # Errors
    /// Nothing is known about such a command, or the host is meant to be out of reach.
    fn exec(&self, host: &str, asked: &Asked) -> Option<Result<Finished, Error>>;

    /// Whether the host lets itself be connected to.
    ///
    /// # Errors
    /// It is meant to be out of reach.
    fn connect(&self, host: &str) -> Result<(), Error>;

    /// Hears what a host itself answered.
    fn heard(&self, host: &str, asked: &Asked, finished: &Finished);

    /// Whether hosts themselves may be reached.
    fn are_real(&self) -> bool;

    /// What a layer above this one keeps about the host in its place.
    fn standin(&self, host: &str) -> Option<Arc<dyn Any + Send + Sync>>;
}

/// Runs a command against the answers, and on the host where they say so.
pub(super) async fn exec(
    answers: &Arc<dyn Answers>,
    host: &Host,
    exec: Exec,
) -> Result<Finished, Error> {
    // What nobody would type is a script of `files`, which keeps what it learns in its own way.
    if exec.asked.is_none() && answers.are_real() {
        return host.exec_there(exec).await;
    }
    let asked = asked(&exec);
    let Some(answer) = answers.exec(host.name(), &asked) else {
        let finished = host.exec_there(exec).await?;
        answers.heard(host.name(), &asked, &finished);
        return Ok(finished);
    };
    let finished = answer?;
    if let Some(see) = &exec.on_output {
        for (stream, bytes) in [
            (OutputStream::Stdout, &finished.stdout),
            (OutputStream::Stderr, &finished.stderr),
        ] {
            if !bytes.is_empty() {
                see(stream, bytes);
            }
        }
    }
    Ok(finished)
}

fn asked(exec: &Exec) -> Asked {
    exec.asked.clone().unwrap_or_else(|| Asked {
        command: exec.command.clone(),
        stdin: match &exec.stdin {
            Stdin::Bytes(bytes) => bytes.clone(),
            _ => Bytes::new(),
        },
    })
}

/// The error of whatever would need the host itself.
pub(super) fn not_there(host: &Host, what: &str) -> Error {
    Error::Unanswered {
        hop: host.name().to_owned(),
        asked: what.to_owned(),
        help: None,
    }
}
