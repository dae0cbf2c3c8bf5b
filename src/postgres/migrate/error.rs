//! What can go wrong with migrations.

use std::path::PathBuf;

use super::super::{Blocker, Place};

/// A failed run. What was applied before it stays applied.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    #[error("cannot read `{}`: {why}", path.display())]
    Read { path: PathBuf, why: String },
    #[error("`{}` holds no migrations: files named `20240131120000_what_it_does.sql`", .0.display())]
    Empty(PathBuf),
    #[error("`{file}`{}: {why}", at(*line))]
    Format {
        file: String,
        line: usize,
        why: String,
    },
    #[error("`{one}` and `{other}` have the same version")]
    Twice { one: String, other: String },
    /// A file is not what was applied.
    #[error("`{file}` was changed after it had been applied ({at})")]
    Changed {
        file: String,
        at: String,
        recorded: String,
        found: String,
    },
    /// Files that are older than what was applied last.
    #[error("{} would be applied behind {newest}: {}", count(files.len()), files.join(", "))]
    OutOfOrder { files: Vec<String>, newest: i64 },
    /// Another run has the lock.
    #[error("another run of migrations holds the lock{}", in_the_way(.0.first()))]
    Locked(Vec<Blocker>),
    /// A statement of a file failed.
    #[error("`{file}` failed: {source}")]
    Failed {
        file: String,
        /// In the file.
        place: Option<Place>,
        /// Whether all of it was undone; otherwise what ran before the statement stays.
        undone: bool,
        /// Files that this run applied before.
        applied: usize,
        source: super::super::Error,
    },
    /// The connection broke while a file was being applied.
    #[error("the connection broke during `{file}`, which {}", outcome(*known))]
    Cut {
        file: String,
        /// Whether the server says that it was applied; `None` where it could not be asked.
        known: Option<bool>,
        source: super::super::Error,
    },
    #[error("`{file}` has no `-- +goose Down` part")]
    NoDown { file: String },
    #[error("the database has version {version}, and no file for it is here")]
    NoFile { version: i64 },
    #[error("no migration is applied, so none can be taken back")]
    Nothing,
    #[error(transparent)]
    Postgres(#[from] super::super::Error),
}

fn at(line: usize) -> String {
    match line {
        0 => String::new(),
        line => format!(" line {line}"),
    }
}

fn count(number: usize) -> String {
    match number {
        1 => "1 file".to_owned(),
        number => format!("{number} files"),
    }
}

fn in_the_way(blocker: Option<&Blocker>) -> String {
    blocker.map_or_else(String::new, |blocker| format!(": {blocker} has it"))
}

fn outcome(known: Option<bool>) -> &'static str {
    match known {
        Some(true) => "was applied nevertheless",
        Some(false) => "was not applied and left no trace",
        None => "may have been applied: the server could not be asked",
    }
}

impl Error {
    /// A stable name of the failure, for scripts and machines.
    pub fn kind(&self) -> &'static str {
        match self {
            Error::Read { .. } | Error::Empty(_) => "pg.file",
            Error::Format { .. } | Error::Twice { .. } => "pg.migration_format",
            Error::Changed { .. } => "pg.migration_changed",
            Error::OutOfOrder { .. } => "pg.migration_order",
            Error::Locked(_) => "pg.migration_locked",
            Error::Failed { .. } => "pg.migration_failed",
            Error::Cut { .. } => "pg.migration_cut",
            Error::NoDown { .. } | Error::NoFile { .. } | Error::Nothing => "pg.migration_down",
            Error::Postgres(error) => error.kind(),
        }
    }

    /// What to try next.
    pub fn help(&self) -> Option<String> {
        Some(match self {
            Error::Changed { file, .. } => format!(
                "put back what `{file}` held, and make the change in a new file: nobody can tell what of it the database has"
            ),
            Error::OutOfOrder { .. } => "give them newer versions, or apply them as they are: `out_of_order: true`".to_owned(),
            Error::Locked(blockers) => match blockers.first() {
                Some(blocker) => format!(
                    "wait for it, or end it: `SELECT pg_terminate_backend({})`",
                    blocker.pid
                ),
                None => "wait for it, then run again".to_owned(),
            },
            Error::Failed { undone: true, applied, source, .. } => {
                let mut help = format!(
                    "mend the file and run again: it left no trace, and the {applied} before it stay applied"
                );
                if let Some(more) = source.help() {
                    help = format!("{more}; then run again: the file left no trace");
                }
                help
            }
            Error::Failed { undone: false, .. } => {
                "the file runs without a transaction, so what stands before the statement has happened: undo that or take it out of the file, then run again".to_owned()
            }
            Error::Cut { .. } => "run again: what is applied is skipped".to_owned(),
            Error::NoFile { version } => format!("find the file of version {version}: a newer release may have it"),
            Error::NoDown { .. } => "write a new migration that undoes it".to_owned(),
            Error::Postgres(error) => return error.help(),
            Error::Read { .. } | Error::Empty(_) | Error::Format { .. } | Error::Twice { .. } | Error::Nothing => return None,
        })
    }
}
