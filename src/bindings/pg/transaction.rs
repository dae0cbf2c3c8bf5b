//! The handle of a transaction, and how one is run.

use std::any::TypeId;
use std::sync::{Arc, PoisonError};

use rhai::Dynamic;
use tokio::sync::Mutex;

use super::Handle;
use super::statement::{self, COPY_OUT, DATA, ERRORS, Lender, PARAMS, SQL, Scene, on_database};
use crate::diag::Failure;
use crate::engine::Call;
use crate::engine::context::shielded;
use crate::engine::raise::Raise;
use crate::engine::registry::{Function, Type};
use crate::postgres::{Error, Lease};
use crate::report::Event;

/// A transaction as scripts hold it, while it lasts.
#[derive(Clone)]
pub struct Transaction {
    lease: Arc<Mutex<Option<Arc<Mutex<Lease>>>>>,
    label: String,
    /// Changes, which are none before the end.
    changes: Arc<std::sync::Mutex<Vec<Event>>>,
}

pub static TYPE: Type = Type {
    name: "Transaction",
    doc: "A transaction in progress: what `Database.transaction` hands to its closure. It is over when the closure returns.",
    id: TypeId::of::<Transaction>,
    rust_name: std::any::type_name::<Transaction>,
    methods: &[
        Function {
            name: "query",
            doc: "Runs a statement in the transaction.",
            params: &[SQL, PARAMS],
            returns: "an array of maps, one for each row",
            errors: ERRORS,
            example: "tx.query(\"SELECT id FROM teams WHERE name = $1 FOR UPDATE\", [\"E2B\"])",
            body: |call| {
                let tx = call.receiver::<Transaction>()?;
                statement::query(call, &tx.scene(), tx.lend())
            },
            ..Function::BASE
        },
        Function {
            name: "query_one",
            doc: "Runs a statement in the transaction that must return one row.",
            params: &[SQL, PARAMS],
            returns: "a map",
            errors: &["pg.rows", "and those of `query`"],
            example: "tx.query_one(\"SELECT id FROM teams WHERE name = $1\", [\"E2B\"])",
            body: |call| {
                let tx = call.receiver::<Transaction>()?;
                statement::query_one(call, &tx.scene(), tx.lend())
            },
            ..Function::BASE
        },
        Function {
            name: "execute",
            doc: "Runs a statement in the transaction for its effect. Under `--plan` it is shown and not run.",
            params: &[SQL, PARAMS],
            returns: "how many rows it touched",
            errors: ERRORS,
            example: "tx.execute(\"DELETE FROM access_tokens WHERE user_id = $1\", [\"8f14e45f-ceea-467f-a83d-7a0b1d6c2a11\"])",
            body: |call| {
                let tx = call.receiver::<Transaction>()?;
                statement::execute(call, &tx.scene(), tx.lend())
            },
            ..Function::BASE
        },
        Function {
            name: "copy_in",
            doc: "Feeds `COPY … FROM STDIN` in the transaction. Under `--plan` it is shown and not run.",
            params: &[SQL, DATA],
            returns: "how many rows were taken",
            errors: &["pg.file", "and those of `query`"],
            example: "tx.copy_in(\"COPY env_aliases (alias, env_id) FROM STDIN\", [[\"base\", \"rki5dems9wqfm4r03t7g\"]])",
            body: |call| {
                let tx = call.receiver::<Transaction>()?;
                statement::copy_in(call, &tx.scene(), tx.lend())
            },
            ..Function::BASE
        },
        Function {
            name: "copy_out",
            doc: "Takes what `COPY … TO STDOUT` writes, as the transaction sees it.",
            params: &[SQL],
            options: COPY_OUT,
            returns: "a string, a blob where it is no text, or with `file` the number of bytes",
            errors: &["fs.denied", "fs.full", "fs.failed", "and those of `query`"],
            example: "tx.copy_out(\"COPY tiers TO STDOUT\")",
            body: |call| {
                let tx = call.receiver::<Transaction>()?;
                statement::copy_out(call, &tx.scene(), tx.lend())
            },
            ..Function::BASE
        },
    ],
    properties: &[],
};

impl Transaction {
    fn scene(&self) -> Scene {
        Scene {
            label: self.label.clone(),
            later: Some(self.changes.clone()),
        }
    }

    /// Tells what the transaction changed.
    fn tell(&self, call: &Call) {
        let mut changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        for event in changes.drain(..) {
            call.session.run.reporter().emit(event);
        }
    }

    /// The transaction's connection, for one statement at a time.
    async fn lend(self) -> Result<Lender, Error> {
        let lease = self.lease.lock().await.clone();
        match lease {
            Some(lease) => Ok(Lender::Shared(lease.lock_owned().await)),
            None => Err(Error::Over),
        }
    }

    /// Takes the connection out: the handle is of no use from then on.
    async fn take(&self) -> Option<Lease> {
        let lease = self.lease.lock().await.take()?;
        // nobody holds it but a branch that was given up
        Arc::into_inner(lease).map(Mutex::into_inner)
    }
}

pub fn transaction(call: &mut Call) -> Result<Dynamic, Raise> {
    let handle = call.receiver::<Handle>()?;
    let body = call.callback(0)?;
    let lease = on_database(call, &handle.label, async {
        let lease = handle.database.lease().await?;
        lease.start().await?;
        Ok::<_, Error>(lease)
    })?;
    let tx = Transaction {
        lease: Arc::new(Mutex::new(Some(Arc::new(Mutex::new(lease))))),
        label: handle.label.clone(),
        changes: Arc::default(),
    };
    let done = call.invoke(&body, (tx.clone(),));
    match done {
        Ok(value) => {
            on_database(call, &handle.label, async {
                match tx.take().await {
                    Some(lease) => lease.commit().await,
                    None => Err(Error::Over),
                }
            })?;
            tx.tell(call);
            Ok(value)
        }
        Err(error) => {
            // dropping the connection would undo it as well; this keeps it for what follows
            let undone = shielded(std::time::Duration::from_secs(5), || {
                call.wait(async {
                    match tx.take().await {
                        Some(lease) => lease.roll_back().await,
                        None => Ok(()),
                    }
                })
            });
            if let Ok(Err(second)) = undone {
                let second: Failure = second.into();
                tracing::debug!("the roll back failed: {second}");
            }
            Err(error)
        }
    }
}
