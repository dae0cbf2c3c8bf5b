//! What can go wrong with files and state on a host.

use std::io;
use std::path::PathBuf;

use super::report::ItemReport;
use super::shell::ShellError;

/// Longest part of a command's standard error that an error message repeats.
const SHOWN_LINES: usize = 20;

/// A failed operation on a host's files or state.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An item or an option cannot be meant; nothing was sent.
    #[error("{item}: {problem}")]
    Invalid {
        item: String,
        problem: String,
        help: Option<String>,
    },

    /// A file of the workstation cannot be used.
    #[error("cannot {action} `{}`", path.display())]
    Local {
        action: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },

    /// A file of the workstation is not what the operation needs.
    #[error("`{}` {problem}", path.display())]
    LocalKind { path: PathBuf, problem: String },

    /// The way to the host failed.
    #[error("{source}")]
    Transport {
        host: String,
        #[source]
        source: ShellError,
    },

    /// `sudo` did not let the operation start.
    #[error("sudo refused on `{host}`: {detail}")]
    Sudo { host: String, detail: String },

    /// The host's shell does not do what the operation stands on.
    #[error("`{host}` cannot run the operation: {detail}")]
    Unsuitable {
        host: String,
        detail: String,
        output: Vec<String>,
    },

    /// State could not be read.
    #[error("cannot read the state of {what}: {detail}")]
    Read {
        host: String,
        what: String,
        detail: String,
        output: Vec<String>,
    },

    /// What stands on the host is in the way; nothing was changed.
    #[error("{item}: {problem}")]
    Conflict {
        host: String,
        item: String,
        problem: String,
        help: Option<String>,
    },

    /// An item could not be applied; those before it are, those after it are not.
    #[error("{item} failed: {detail}")]
    Apply {
        host: String,
        item: String,
        detail: String,
        command: Option<String>,
        code: Option<i32>,
        output: Vec<String>,
        applied: Vec<ItemReport>,
        pending: Vec<String>,
    },

    /// The disk or the quota is full; the old content is intact.
    #[error("{item} failed: the disk is full at `{path}`{}", free_text(*.free))]
    DiskFull {
        host: String,
        item: String,
        path: String,
        /// Bytes still free there, when the host could say.
        free: Option<u64>,
        applied: Vec<ItemReport>,
        pending: Vec<String>,
    },

    /// The connection or the remote shell ended in the middle.
    #[error("the connection ended while {during}: {detail}")]
    Lost {
        host: String,
        during: String,
        detail: String,
        /// The transport's own error, where it had one.
        #[source]
        source: Option<ShellError>,
        applied: Vec<ItemReport>,
        pending: Vec<String>,
    },

    /// A remote file is not there.
    #[error("`{path}` does not exist")]
    NotFound { host: String, path: String },

    /// A remote path is not a file that can be read.
    #[error("`{path}` {problem}")]
    RemoteKind {
        host: String,
        path: String,
        problem: String,
    },

    /// A text is longer than the caller allows.
    #[error("`{path}` is larger than {limit} bytes")]
    TooLarge {
        host: String,
        path: String,
        limit: u64,
    },

    /// A text is not UTF-8.
    #[error("`{path}` is not UTF-8 text (first bad byte at offset {offset})")]
    NotUtf8 {
        host: String,
        path: String,
        offset: usize,
    },

    /// A tree synchronisation was refused because of what it would delete.
    #[error("refused to sync `{local}` to `{remote}`: {problem}")]
    SyncRefused {
        host: String,
        local: String,
        remote: String,
        problem: String,
        paths: Vec<String>,
    },

    /// A download to the workstation failed or brought wrong bytes.
    #[error("cannot download `{url}`: {detail}")]
    Fetch {
        url: String,
        detail: String,
        help: Option<String>,
    },
}

fn free_text(free: Option<u64>) -> String {
    match free {
        Some(bytes) => format!(", {} free", super::report::size_text(bytes)),
        None => String::new(),
    }
}

impl Error {
    /// The stable name of the kind of error, `area.what`.
    pub fn kind(&self) -> &'static str {
        match self {
            Error::Invalid { .. } => "state.invalid",
            Error::Local { .. } | Error::LocalKind { .. } => "files.local",
            Error::Transport { source, .. } => source.kind(),
            Error::Sudo { .. } => "ssh.sudo",
            Error::Unsuitable { .. } => "files.unsuitable",
            Error::Read { .. } => "files.read",
            Error::Conflict { .. } => "state.conflict",
            Error::Apply { .. } => "state.apply",
            Error::DiskFull { .. } => "files.disk_full",
            Error::Lost { .. } => "files.lost",
            Error::NotFound { .. } => "files.not_found",
            Error::RemoteKind { .. } => "files.kind",
            Error::TooLarge { .. } => "files.too_large",
            Error::NotUtf8 { .. } => "files.not_utf8",
            Error::SyncRefused { .. } => "files.sync_refused",
            Error::Fetch { .. } => "files.fetch",
        }
    }

    /// What to do next.
    pub fn help(&self) -> Option<String> {
        match self {
            Error::Invalid { help, .. }
            | Error::Conflict { help, .. }
            | Error::Fetch { help, .. } => help.clone(),
            Error::Transport { source, .. } => source.help().map(str::to_owned),
            Error::Sudo { .. } => Some(
                "give the user passwordless sudo, connect as root, or pass the password as a secret"
                    .to_owned(),
            ),
            Error::DiskFull { path, .. } => Some(format!(
                "the old content is intact and no temporary file is left; free space at `{path}` and run again"
            )),
            Error::Lost { .. } => Some(
                "every file is either old or new; run again to finish what is missing".to_owned(),
            ),
            Error::Apply { .. } => Some(
                "what was applied before stays; run again after the repair and only the rest is done"
                    .to_owned(),
            ),
            Error::SyncRefused { .. } => Some(
                "look at the list with a plan; raise `delete_limit` or pass `force` if it is meant"
                    .to_owned(),
            ),
            Error::Local { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                Some("check the path; relative paths start at the current directory".to_owned())
            }
            _ => None,
        }
    }

    /// The host the operation was for, where there was one.
    pub fn host(&self) -> Option<&str> {
        match self {
            Error::Invalid { .. }
            | Error::Local { .. }
            | Error::LocalKind { .. }
            | Error::Fetch { .. } => None,
            Error::Transport { host, .. }
            | Error::Sudo { host, .. }
            | Error::Unsuitable { host, .. }
            | Error::Read { host, .. }
            | Error::Conflict { host, .. }
            | Error::Apply { host, .. }
            | Error::DiskFull { host, .. }
            | Error::Lost { host, .. }
            | Error::NotFound { host, .. }
            | Error::RemoteKind { host, .. }
            | Error::TooLarge { host, .. }
            | Error::NotUtf8 { host, .. }
            | Error::SyncRefused { host, .. } => Some(host),
        }
    }

    /// Last lines that the host wrote, for the report.
    pub fn output(&self) -> &[String] {
        match self {
            Error::Unsuitable { output, .. }
            | Error::Read { output, .. }
            | Error::Apply { output, .. } => output,
            _ => &[],
        }
    }

    /// The remote command that failed, as a person would type it.
    pub fn command(&self) -> Option<&str> {
        match self {
            Error::Apply { command, .. } => command.as_deref(),
            _ => None,
        }
    }

    /// Exit code of the remote command that failed.
    pub fn code(&self) -> Option<i32> {
        match self {
            Error::Apply { code, .. } => *code,
            _ => None,
        }
    }

    /// What had been applied when the operation failed, in order.
    pub fn applied(&self) -> &[ItemReport] {
        match self {
            Error::Apply { applied, .. }
            | Error::DiskFull { applied, .. }
            | Error::Lost { applied, .. } => applied,
            _ => &[],
        }
    }

    /// Addresses of the items that were not reached.
    pub fn pending(&self) -> &[String] {
        match self {
            Error::Apply { pending, .. }
            | Error::DiskFull { pending, .. }
            | Error::Lost { pending, .. } => pending,
            _ => &[],
        }
    }

    pub(crate) fn local(action: &'static str, path: impl Into<PathBuf>, source: io::Error) -> Self {
        Error::Local {
            action,
            path: path.into(),
            source,
        }
    }
}

/// The last lines of a program's output, lossily decoded.
pub fn last_lines(output: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(output);
    let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
    lines
        .iter()
        .skip(lines.len().saturating_sub(SHOWN_LINES))
        .map(|line| (*line).to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_says_where_and_how_much() {
        let error = Error::DiskFull {
            host: "n1".into(),
            item: "file /opt/x".into(),
            path: "/opt".into(),
            free: Some(4096),
            applied: Vec::new(),
            pending: Vec::new(),
        };
        assert_eq!(
            error.to_string(),
            "file /opt/x failed: the disk is full at `/opt`, 4.0 KiB free"
        );
        assert_eq!(error.kind(), "files.disk_full");
        assert!(error.help().unwrap().contains("/opt"));
    }

    #[test]
    fn only_the_end_of_long_output_is_kept() {
        let text: String = (0..50).map(|n| format!("line {n}\n")).collect();
        let lines = last_lines(text.as_bytes());
        assert_eq!(lines.len(), SHOWN_LINES);
        assert_eq!(lines.last().unwrap(), "line 49");
    }
}
