//! What can go wrong with a database.

use std::error::Error as StdError;
use std::path::PathBuf;
use std::time::Duration;

use tokio_postgres::error::{DbError, ErrorPosition};

use super::{Blocker, Place, tls};
use crate::wire::DialError;

/// A failed operation. Texts hold no password and no parameter.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    #[error("{what}")]
    Config { what: String },
    #[error("cannot use the certificate authority `{}`: {why}", path.display())]
    Authority { path: PathBuf, why: String },
    /// The server's port could not be reached.
    #[error("cannot reach PostgreSQL at `{server}`: {source}")]
    Dial { server: String, source: DialError },
    #[error("no secure connection to `{server}`: {why}")]
    Tls {
        server: String,
        why: String,
        help: &'static str,
    },
    /// The server turned the login away.
    #[error("`{server}` refuses the login: {}", error.message)]
    Login {
        server: String,
        error: Box<SqlError>,
    },
    #[error("`{server}` did not let anybody in within {} s", after.as_secs_f32())]
    ConnectTimeout { server: String, after: Duration },
    /// The connection ended. What was sent may have been done, unless it was part of a transaction.
    #[error("the connection to `{server}` broke: {why}")]
    Lost { server: String, why: String },
    /// The server refused a statement.
    #[error("{error}")]
    Sql {
        server: String,
        error: Box<SqlError>,
    },
    #[error("column `{column}` has the type `{name}`, which cannot be read here")]
    Type { column: String, name: String },
    #[error("parameter ${number}: {why}")]
    Parameter { number: usize, why: String },
    #[error("the query returned {found} rows, and one was wanted")]
    NotOne { found: usize },
    /// Answers stand in for the server, and there is none to this.
    #[error("nothing answers `{sql}`")]
    Unanswered { sql: String, help: Option<String> },
    #[error("the transaction is over")]
    Over,
    #[error("cannot read `{}`: {why}", path.display())]
    File { path: PathBuf, why: String },
}

/// What the server said about a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlError {
    /// SQLSTATE, five characters.
    pub code: String,
    pub message: String,
    pub detail: Option<String>,
    pub hint: Option<String>,
    pub table: Option<String>,
    pub column: Option<String>,
    pub constraint: Option<String>,
    /// Where in the statement.
    pub place: Option<Place>,
    /// Whoever held the lock that was waited for in vain.
    pub blockers: Vec<Blocker>,
}

impl std::fmt::Display for SqlError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} (SQLSTATE {}", self.message, self.code)?;
        if let Some(constraint) = &self.constraint {
            write!(f, ", constraint `{constraint}`")?;
        }
        if let Some(place) = &self.place {
            write!(f, ", line {}", place.line)?;
        }
        f.write_str(")")?;
        if let Some(blocker) = self.blockers.first() {
            write!(f, "; {blocker} is in the way")?;
        }
        Ok(())
    }
}

impl SqlError {
    pub(super) fn new(error: &DbError, sql: &str) -> SqlError {
        let place = match error.position() {
            Some(ErrorPosition::Original(position)) => Place::of(sql, *position as usize),
            _ => None,
        };
        let owned = |text: Option<&str>| text.map(str::to_owned);
        SqlError {
            code: error.code().code().to_owned(),
            message: error.message().to_owned(),
            detail: owned(error.detail()),
            hint: owned(error.hint()),
            table: owned(error.table()),
            column: owned(error.column()),
            constraint: owned(error.constraint()),
            place,
            blockers: Vec::new(),
        }
    }
}

impl Error {
    pub(super) fn config(what: impl Into<String>) -> Error {
        Error::Config { what: what.into() }
    }

    /// Sorts the library's error of a connection that did not come up.
    pub(super) fn of_connect(server: &str, error: &tokio_postgres::Error) -> Error {
        let server = server.to_owned();
        if let Some(said) = error.as_db_error() {
            let error = Box::new(SqlError::new(said, ""));
            return Error::Login { server, error };
        }
        if let Some(tls) = find::<rustls::Error>(error) {
            let (why, help) = tls::explain(tls);
            return Error::Tls { server, why, help };
        }
        let why = root(error);
        if why.contains("does not support TLS") {
            return Error::Tls {
                server,
                why: "the server offers no encryption".to_owned(),
                help: "switch `ssl` on in the server; only a server on the same machine can do without (`sslmode=disable`)",
            };
        }
        Error::Lost { server, why }
    }

    /// Sorts the library's error of a statement; `ended` is what the connection's driver said.
    pub(super) fn of_statement(
        server: &str,
        error: &tokio_postgres::Error,
        sql: &str,
        ended: Option<String>,
    ) -> Error {
        let server = server.to_owned();
        match error.as_db_error() {
            // the server ends the session: an administrator's command, a crash, a shutdown
            Some(said) if matches!(said.code().code(), "57P01" | "57P02" | "57P03" | "25P03") => {
                Error::Lost {
                    server,
                    why: said.message().to_owned(),
                }
            }
            Some(said) => Error::Sql {
                server,
                error: Box::new(SqlError::new(said, sql)),
            },
            None => Error::Lost {
                server,
                why: ended.unwrap_or_else(|| root(error)),
            },
        }
    }

    /// What the server said, where it said something.
    pub fn sql(&self) -> Option<&SqlError> {
        match self {
            Error::Sql { error, .. } | Error::Login { error, .. } => Some(error),
            _ => None,
        }
    }

    /// A stable name of the failure, for scripts and machines.
    pub fn kind(&self) -> &'static str {
        match self {
            Error::Config { .. } => "pg.config",
            Error::Authority { .. } | Error::Tls { .. } => "pg.tls",
            Error::Dial { .. } | Error::ConnectTimeout { .. } => "pg.connect",
            Error::Login { error, .. } => match error.code.as_str() {
                "3D000" => "pg.database",
                "28000" | "28P01" => "pg.auth",
                "53100" => "pg.disk_full",
                _ => "pg.connect",
            },
            Error::Lost { .. } => "pg.lost",
            Error::Sql { error, .. } => match error.code.as_str() {
                "55P03" => "pg.locked",
                "57014" => "pg.timeout",
                "25006" => "pg.read_only",
                "53100" => "pg.disk_full",
                "42501" => "pg.denied",
                "40001" | "40P01" => "pg.conflict",
                code if code.starts_with("23") => "pg.constraint",
                _ => "pg.sql",
            },
            Error::Type { .. } => "pg.type",
            Error::Parameter { .. } => "pg.parameter",
            Error::NotOne { .. } => "pg.rows",
            Error::Unanswered { .. } => "test.unanswered",
            Error::Over => "pg.transaction",
            Error::File { .. } => "pg.file",
        }
    }

    /// What to try next.
    pub fn help(&self) -> Option<String> {
        Some(match self {
            Error::Config { .. } => "it takes `disable`, `require`, `verify-ca` and `verify-full`, the last unless told otherwise".to_owned(),
            Error::Authority { .. } => "give the PEM file that your provider publishes for its databases".to_owned(),
            Error::Tls { help, .. } => (*help).to_owned(),
            Error::Dial { source, .. } => return source.help().or_else(|| Some(
                "the server is reached from the API node: check `POSTGRES_HOST` and `POSTGRES_PORT`, the security list, and that the node is up".to_owned(),
            )),
            Error::ConnectTimeout { .. } => "check that the port is PostgreSQL's own, and whether the server is overloaded".to_owned(),
            Error::Login { error, .. } => return login_help(&error.code).map(str::to_owned),
            Error::Lost { .. } => "what was sent may have been done; run again: what is done already is skipped".to_owned(),
            Error::Sql { error, .. } => return sql_help(error),
            Error::Type { column, .. } => format!("read it as text: `{column}::text`"),
            Error::NotOne { .. } => "`query` returns any number of rows".to_owned(),
            Error::Unanswered { help, .. } => return help.clone(),
            Error::Over => "use it inside of the closure that it was given to".to_owned(),
            Error::Parameter { .. } | Error::File { .. } => return None,
        })
    }

    /// Whether nothing was done because nobody could be reached.
    pub fn is_unreachable(&self) -> bool {
        matches!(
            self,
            Error::Dial { .. }
                | Error::Tls { .. }
                | Error::ConnectTimeout { .. }
                | Error::Login { .. }
        )
    }
}

fn login_help(code: &str) -> Option<&'static str> {
    match code {
        "28P01" | "28000" => Some("check `POSTGRES_USER` and `POSTGRES_PASSWORD` in `deploy.env`"),
        "3D000" => Some(
            "check `POSTGRES_DB` in `deploy.env`, or create it: `CREATE DATABASE` as the administrator",
        ),
        "53100" => Some("make room on the server's disk, then run again"),
        "53300" => {
            Some("every connection is taken: stop what holds them, or raise `max_connections`")
        }
        _ => None,
    }
}

fn sql_help(error: &SqlError) -> Option<String> {
    if let Some(hint) = &error.hint {
        return Some(hint.clone());
    }
    match error.code.as_str() {
        "55P03" => Some(match error.blockers.first() {
            Some(blocker) => format!(
                "wait for it, or end it: `SELECT pg_terminate_backend({})`",
                blocker.pid
            ),
            None => "who holds it: `SELECT * FROM pg_locks JOIN pg_stat_activity USING (pid)`".to_owned(),
        }),
        "25006" => Some("the server is a standby or was set read-only: use the primary, or `default_transaction_read_only`".to_owned()),
        "53100" => Some("make room on the server's disk, then run again".to_owned()),
        "42501" => Some("the role needs more rights: an administrator of the service grants them".to_owned()),
        _ => None,
    }
}

/// The innermost cause, which is what a person can act on.
fn root(error: &(dyn StdError + 'static)) -> String {
    chain(error)
        .last()
        .map_or_else(|| error.to_string(), ToString::to_string)
}

fn find<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    chain(error).find_map(|cause| cause.downcast_ref::<T>())
}

/// The error and its causes. What an `io::Error` carries is not among its `source`s.
fn chain<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error| {
        let error: &'a (dyn StdError + 'static) = *error;
        let carried = error
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref);
        match carried {
            Some(inner) => Some(inner),
            None => error.source(),
        }
    })
}
