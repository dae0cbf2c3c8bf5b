//! The handle of a database, and its methods.

use std::any::TypeId;
use std::time::Duration;

use rhai::Dynamic;

use super::statement::{self, COPY_OUT, DATA, ERRORS, Lender, PARAMS, SQL, Scene, on_database};
use super::{migrate, shell, transaction};
use crate::engine::Call;
use crate::engine::raise::Raise;
use crate::engine::registry::{Function, Opt, Param, Property, Type};
use crate::engine::ty::Ty;
use crate::postgres::{Database, Error};

/// A database as scripts hold it; copies are the same one.
#[derive(Clone)]
pub struct Handle {
    pub database: Database,
    /// What the run's output calls it.
    pub label: String,
}

impl Handle {
    fn scene(&self) -> Scene {
        Scene {
            label: self.label.clone(),
            later: None,
        }
    }
}

pub static TYPE: Type = Type {
    name: "Database",
    doc: "A database. Statements at the same time have connections of their own; a connection that broke before anything was sent is replaced.",
    id: TypeId::of::<Handle>,
    rust_name: std::any::type_name::<Handle>,
    methods: &[
        Function {
            name: "query",
            doc: "Runs a statement.",
            params: &[SQL, PARAMS],
            returns: "an array of maps, one for each row",
            errors: ERRORS,
            example: "db.query(\"SELECT name, tier FROM teams WHERE email = $1\", [\"a@b.example\"])",
            body: |call| {
                let handle = call.receiver::<Handle>()?;
                statement::query(call, &handle.scene(), own(handle.database))
            },
            ..Function::BASE
        },
        Function {
            name: "query_one",
            doc: "Runs a statement that must return one row.",
            params: &[SQL, PARAMS],
            returns: "a map",
            errors: &["pg.rows", "and those of `query`"],
            example: "db.query_one(\"SELECT count(*) AS teams FROM teams\")",
            body: |call| {
                let handle = call.receiver::<Handle>()?;
                statement::query_one(call, &handle.scene(), own(handle.database))
            },
            ..Function::BASE
        },
        Function {
            name: "execute",
            doc: "Runs a statement for its effect, in one round trip. Under `--plan` it is shown and not run.",
            params: &[SQL, PARAMS],
            returns: "how many rows it touched",
            errors: ERRORS,
            example: "db.execute(\"UPDATE tiers SET disk_mb = $1 WHERE id = $2\", [8192, \"base_v1\"])",
            body: |call| {
                let handle = call.receiver::<Handle>()?;
                statement::execute(call, &handle.scene(), own(handle.database))
            },
            ..Function::BASE
        },
        Function {
            name: "transaction",
            doc: "Calls `body` with a transaction. Its changes last when `body` returns, and none of them when it throws or is interrupted.",
            params: &[Param::new(
                "body",
                Ty::Callback(1),
                "gets a Transaction, which has the same methods",
            )],
            returns: "what `body` returns",
            errors: ERRORS,
            example: "db.transaction(|tx| tx.execute(\"DELETE FROM env_aliases WHERE alias = $1\", [\"old\"]))",
            body: transaction::transaction,
            ..Function::BASE
        },
        Function {
            name: "copy_in",
            doc: "Feeds `COPY … FROM STDIN`: all rows are taken, or none. Under `--plan` it is shown and not run.",
            params: &[SQL, DATA],
            returns: "how many rows were taken",
            errors: &["pg.file", "and those of `query`"],
            example: "db.copy_in(\"COPY env_aliases (alias, env_id) FROM STDIN\", [[\"base\", \"rki5dems9wqfm4r03t7g\"]])",
            body: |call| {
                let handle = call.receiver::<Handle>()?;
                statement::copy_in(call, &handle.scene(), own(handle.database))
            },
            ..Function::BASE
        },
        Function {
            name: "copy_out",
            doc: "Takes what `COPY … TO STDOUT` writes.",
            params: &[SQL],
            options: COPY_OUT,
            returns: "a string, a blob where it is no text, or with `file` the number of bytes",
            errors: &["fs.denied", "fs.full", "fs.failed", "and those of `query`"],
            example: "db.copy_out(\"COPY (SELECT id, name FROM tiers) TO STDOUT WITH (FORMAT csv, HEADER)\")",
            body: |call| {
                let handle = call.receiver::<Handle>()?;
                statement::copy_out(call, &handle.scene(), own(handle.database))
            },
            ..Function::BASE
        },
        Function {
            name: "listen",
            doc: "Hears a channel of `NOTIFY` and calls `body` with each message, until `body` returns `false` or the time is over.",
            params: &[
                Param::new("channel", Ty::Str, "its name"),
                Param::new(
                    "body",
                    Ty::Callback(1),
                    "gets a map with `channel`, `payload` and `pid`; `false` ends it",
                ),
            ],
            options: &[Opt::new(
                "timeout",
                Ty::Duration,
                "\"60s\"",
                "how long to listen in all",
            )],
            returns: "how many messages came",
            errors: ERRORS,
            example: "db.listen(\"builds\", #{ timeout: \"5s\" }, |message| message.payload != \"done\")",
            body: listen,
            ..Function::BASE
        },
        migrate::MIGRATE,
        migrate::STATUS,
        shell::SHELL,
    ],
    properties: &[Property {
        name: "server",
        doc: "user, host, port and database, without the password",
        get: |value| match value.read_lock::<Handle>() {
            Some(handle) => Ok(handle.database.server().to_owned().into()),
            None => Err(Raise::internal(
                "a property of Database was read on another value",
            )),
        },
    }],
};

async fn own(database: Database) -> Result<Lender, Error> {
    let lease = database.lease().await?;
    Ok(Lender::Own(Box::new(lease)))
}

fn listen(call: &mut Call) -> Result<Dynamic, Raise> {
    let handle = call.receiver::<Handle>()?;
    let (channel, body) = (call.string(0)?, call.callback(1)?);
    let limit = call.opt_duration("timeout");
    let limit = limit.unwrap_or(Duration::from_secs(60));
    let mut lease = on_database(call, &handle.label, async {
        let lease = handle.database.lease().await?;
        lease.listen(&channel).await?;
        Ok::<_, Error>(lease)
    })?;
    let end = std::time::Instant::now() + limit;
    let mut count = 0_i64;
    loop {
        let next = on_database(call, &handle.label, async {
            match tokio::time::timeout_at(end.into(), lease.next_notification()).await {
                Ok(message) => message.map(Some),
                Err(_) => Ok::<_, Error>(None),
            }
        })?;
        let Some(message) = next else {
            return Ok(count.into());
        };
        count += 1;
        let fields: [(&str, Dynamic); 3] = [
            ("channel", message.channel.into()),
            ("payload", message.payload.into()),
            ("pid", i64::from(message.pid).into()),
        ];
        let map: rhai::Map = fields
            .into_iter()
            .map(|(name, field)| (name.into(), field))
            .collect();
        if call.invoke(&body, (map,))?.as_bool() == Ok(false) {
            return Ok(count.into());
        }
    }
}
