//! What can go wrong with the workstation's own files and commands.

use std::io;
use std::path::{Path, PathBuf};

use crate::diag::{Class, Failure};

/// A failed operation on the workstation.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system refused.
    #[error("cannot {verb} `{}`", path.display())]
    Io {
        /// What was tried, for example `read`.
        verb: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("`{}` is not UTF-8 text", .0.display())]
    NotText(PathBuf),
    #[error("`{}` is not removed: {why}", path.display())]
    Guarded { path: PathBuf, why: &'static str },
    #[error("`{pattern}` is no pattern for paths: {why}")]
    Pattern { pattern: String, why: String },
    #[error("`{command}` ended with {how}")]
    Command {
        /// As a person would type it.
        command: String,
        how: String,
        code: Option<i32>,
        /// The last lines it wrote to stderr.
        stderr: Vec<String>,
    },
}

impl Error {
    /// Wraps the operating system's error with what was tried and where.
    pub fn io(verb: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
        move |source| Error::Io {
            verb,
            path: path.to_owned(),
            source,
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Error::Io { source, .. } => match source.kind() {
                io::ErrorKind::NotFound => "fs.not_found",
                io::ErrorKind::PermissionDenied => "fs.denied",
                io::ErrorKind::StorageFull => "fs.full",
                _ => "fs.failed",
            },
            Error::NotText(_) => "fs.not_text",
            Error::Guarded { .. } => "fs.guarded",
            Error::Pattern { .. } => "fs.pattern",
            Error::Command { .. } => "workstation.command",
        }
    }

    fn help(&self) -> Option<String> {
        match self {
            Error::Io { source, path, .. }
                if source.kind() == io::ErrorKind::NotFound && path.is_relative() =>
            {
                let here = std::env::current_dir().ok()?;
                Some(format!("relative paths start at `{}`", here.display()))
            }
            Error::NotText(_) => Some("read it as bytes: `fs::read_bytes`".into()),
            Error::Guarded { .. } => Some("remove it by hand if you mean it".into()),
            _ => None,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        let mut failure = Failure::from_error(error.kind(), &error).maybe_help(error.help());
        if matches!(error, Error::Pattern { .. }) {
            failure.class = Class::Usage;
        }
        if let Error::Command {
            command,
            code,
            stderr,
            ..
        } = error
        {
            failure.command = Some(command);
            failure.code = code.map(i64::from);
            failure.output = stderr;
        }
        failure
    }
}
