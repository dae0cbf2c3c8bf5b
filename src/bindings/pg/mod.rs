//! `pg`: PostgreSQL from scripts, through a host's connection or directly.

mod builtin;
mod database;
mod failure;
mod keys;
mod migrate;
mod open;
mod shell;
mod statement;
mod transaction;
mod values;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::engine::registry::{Function, Module, Opt, Param};
use crate::engine::session::Session;
use crate::engine::ty::Ty;
use crate::postgres;

pub use database::Handle;

/// How long a statement that was abandoned may take to be told so.
const SETTLE: Duration = Duration::from_secs(3);

pub static MODULE: Module = Module {
    name: "pg",
    doc: "PostgreSQL: statements with bound parameters, transactions, copies, notifications, migrations in goose's format. Values come and go as \
          their types have them: integers, floats, bools, strings, blobs for `bytea`, maps and arrays for JSON, arrays, `()` for null; `numeric` is a \
          string with every digit, moments are ISO 8601, intervals too. Under `--plan` the session is read-only, and what would write is shown instead.",
    functions: &[
        Function {
            name: "open",
            doc: "A database on a server. Nothing is connected yet. What is not given comes from libpq's variables (`PGHOST`, `PGPORT`, `PGUSER`, \
                  `PGPASSWORD`, `PGDATABASE`, `PGSSLMODE`, `PGSSLROOTCERT`, `PGAPPNAME`, `PGCONNECT_TIMEOUT`).",
            params: &[],
            options: &[
                Opt::new(
                    "host",
                    Ty::Str,
                    "`PGHOST`",
                    "the server's name; the certificate must have it, and `via` resolves it",
                ),
                Opt::new("port", Ty::Int, "5432", "its port"),
                Opt::new("user", Ty::Str, "\"postgres\"", "the role that logs in"),
                Opt::new("password", Ty::Text, "", "its password"),
                Opt::new("database", Ty::Str, "\"postgres\"", "the database"),
                Opt::new(
                    "sslmode",
                    Ty::Str,
                    "\"verify-full\"",
                    "`disable`, `require`, `verify-ca` or `verify-full`",
                ),
                Opt::new(
                    "sslrootcert",
                    Ty::Str,
                    "the workstation's authorities",
                    "a PEM file with the authority of the server's certificate",
                ),
                Opt::new(
                    "via",
                    Ty::Handle("Host"),
                    "",
                    "the host from which the connection is made",
                ),
                Opt::new(
                    "name",
                    Ty::Str,
                    "\"database\"",
                    "what the run's output calls it",
                ),
                Opt::new(
                    "application_name",
                    Ty::Str,
                    "\"e2bscript\"",
                    "what the server's lists of sessions show",
                ),
                Opt::new(
                    "connect_timeout",
                    Ty::Duration,
                    "\"30s\"",
                    "for the way there, encryption and login together",
                ),
                Opt::new(
                    "statement_timeout",
                    Ty::Duration,
                    "\"10m\"",
                    "for one statement; `\"0s\"` for none. Migrations have none",
                ),
                Opt::new(
                    "lock_timeout",
                    Ty::Duration,
                    "\"10s\"",
                    "how long one statement waits for a lock; `\"0s\"`: as long as it takes",
                ),
            ],
            returns: "a Database",
            errors: &["pg.config", "pg.tls"],
            example: "pg::open(#{ host: \"db.example\", user: \"admin\", password: secret::text(\"hunter2\"), sslmode: \"require\" })",
            body: open::open,
            ..Function::BASE
        },
        Function {
            name: "key_hash",
            doc: "What the platform's database has of a key (`e2b_…`, `sk_e2b_…`): its hash, and what people are shown instead of it. The hash is of \
                  the bytes that the digits behind the prefix stand for.",
            params: &[Param::new(
                "key",
                Ty::Text,
                "a prefix, then an even number of hexadecimal digits",
            )],
            returns: "a map with `hash`, `prefix`, `length`, `mask_prefix` and `mask_suffix`",
            errors: &["pg.key"],
            example: "pg::key_hash(\"e2b_53ae1fed82754c17ad8077fbc8bcdd90\")",
            body: keys::key_hash,
            ..Function::BASE
        },
    ],
    types: &[&database::TYPE, &transaction::TYPE],
};

/// Every database of the run.
#[derive(Default)]
struct Made(Mutex<Vec<postgres::Database>>);

fn remember(session: &Arc<Session>, database: postgres::Database) {
    let made = session.client(Made::default);
    let mut made = made.0.lock().unwrap_or_else(PoisonError::into_inner);
    made.push(database);
}

/// Ends the connections of the run; statements that were abandoned are stopped on the server too.
pub fn settle(session: &Session) {
    let Some(made) = session.existing::<Made>() else {
        return;
    };
    let databases = std::mem::take(&mut *made.0.lock().unwrap_or_else(PoisonError::into_inner));
    session.run.handle().block_on(async {
        for database in &databases {
            database.close(SETTLE).await;
        }
    });
}
