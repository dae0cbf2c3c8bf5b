//! Statements with parameters, rows, and transactions.

use std::sync::atomic::Ordering;

use futures_util::{StreamExt, pin_mut};
use tokio_postgres::SimpleQueryMessage;
use tokio_postgres::types::ToSql;

use super::answers::{Said, TextRow};
use super::{Database, Error, Lease, Param, Value};

/// What a query returned.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows {
    /// Names of the columns, as the server gives them.
    pub columns: Vec<String>,
    pub rows: Vec<Vec<Value>>,
}

impl Database {
    /// Runs one statement and returns its rows.
    pub async fn query(&self, sql: &str, params: &[Param]) -> Result<Rows, Error> {
        self.lease().await?.query(sql, params).await
    }

    /// Runs one statement and returns how many rows it touched.
    pub async fn execute(&self, sql: &str, params: &[Param]) -> Result<u64, Error> {
        self.lease().await?.execute(sql, params).await
    }
}

impl Lease {
    /// Runs one statement and returns its rows.
    pub async fn query(&self, sql: &str, params: &[Param]) -> Result<Rows, Error> {
        let mut columns = Vec::new();
        let as_they_are = |names: &[String]| {
            columns = names.to_vec();
            |row: &mut [Value]| row.iter_mut().map(std::mem::take).collect()
        };
        let rows = self.query_as(sql, params, as_they_are).await?;
        Ok(Rows { columns, rows })
    }

    /// Runs one statement and returns what is made of its rows, each as soon as it is there: `begin` gets the names of the
    /// columns and returns what makes something of a row; it may take the row's values.
    pub async fn query_as<T, F: FnMut(&mut [Value]) -> T>(
        &self,
        sql: &str,
        params: &[Param],
        begin: impl FnOnce(&[String]) -> F,
    ) -> Result<Vec<T>, Error> {
        if let Some(said) = self.answer(sql, params) {
            let said = said?;
            return Ok(made(said, begin));
        }
        let connection = self.connection()?;
        let work = connection.begin();
        let done = match self.database().answers() {
            None => self.rows(sql, params, begin).await,
            Some(_) => self.rows_heard(sql, params, begin).await,
        };
        work.done();
        done
    }

    /// As [`Lease::rows`], with the answer heard.
    async fn rows_heard<T, F: FnMut(&mut [Value]) -> T>(
        &self,
        sql: &str,
        params: &[Param],
        begin: impl FnOnce(&[String]) -> F,
    ) -> Result<Vec<T>, Error> {
        let mut columns = Vec::new();
        let keep = |names: &[String]| {
            columns = names.to_vec();
            |row: &mut [Value]| row.iter_mut().map(std::mem::take).collect()
        };
        let rows: Vec<Vec<Value>> = self.rows(sql, params, keep).await?;
        let said = Said {
            columns,
            rows,
            count: 0,
        };
        self.heard(sql, params, || said.clone());
        Ok(made(said, begin))
    }

    async fn rows<T, F: FnMut(&mut [Value]) -> T>(
        &self,
        sql: &str,
        params: &[Param],
        begin: impl FnOnce(&[String]) -> F,
    ) -> Result<Vec<T>, Error> {
        let connection = self.connection()?;
        let failed = |error: tokio_postgres::Error| connection.sort(&error, sql);
        // one round trip more than without, and the types of parameters and columns are known
        let statement = connection.client.prepare(sql).await.map_err(failed)?;
        let wanted = statement.params().len();
        if wanted != params.len() {
            return Err(Error::Parameter {
                number: wanted.min(params.len()) + 1,
                why: format!(
                    "the statement has {wanted} parameters, and {} were given",
                    params.len()
                ),
            });
        }
        for column in statement.columns() {
            if !super::decode::readable(column.type_()) {
                return Err(Error::Type {
                    column: column.name().to_owned(),
                    name: column.type_().name().to_owned(),
                });
            }
        }
        let columns: Vec<String> = statement
            .columns()
            .iter()
            .map(|column| column.name().to_owned())
            .collect();
        let stream = connection
            .client
            .query_raw(&statement, params)
            .await
            .map_err(failed)?;
        pin_mut!(stream);
        let mut make = begin(&columns);
        let (mut rows, mut values) = (Vec::new(), Vec::with_capacity(columns.len()));
        while let Some(row) = stream.next().await {
            let row = row.map_err(failed)?;
            values.clear();
            for index in 0..columns.len() {
                values.push(row.try_get(index).map_err(failed)?);
            }
            rows.push(make(&mut values));
        }
        Ok(rows)
    }

    /// Runs one statement and returns how many rows it touched; one round trip.
    pub async fn execute(&self, sql: &str, params: &[Param]) -> Result<u64, Error> {
        if let Some(said) = self.answer(sql, params) {
            return Ok(said?.count);
        }
        let connection = self.connection()?;
        let work = connection.begin();
        // text of a type that is not said yet, as a literal in the statement would be; whether an
        // array or a JSON value is meant, only the prepared statement knows
        let plain = params.iter().all(|param| !matches!(param, Param::Array(_)));
        let done = if plain {
            let typed: Vec<(&(dyn ToSql + Sync), tokio_postgres::types::Type)> = params
                .iter()
                .map(|param| {
                    let param: &(dyn ToSql + Sync) = param;
                    (param, tokio_postgres::types::Type::UNKNOWN)
                })
                .collect();
            connection.client.execute_typed(sql, &typed).await
        } else {
            connection.client.execute_raw(sql, params).await
        };
        work.done();
        let count = done.map_err(|error| connection.sort(&error, sql))?;
        self.heard(sql, params, || Said::count(count));
        Ok(count)
    }

    /// Runs statements without parameters, several at once.
    pub async fn batch(&self, sql: &str) -> Result<(), Error> {
        if let Some(said) = self.answer(sql, &[]) {
            return said.map(drop);
        }
        let connection = self.connection()?;
        let work = connection.begin();
        let done = connection.client.batch_execute(sql).await;
        work.done();
        done.map_err(|error| connection.sort(&error, sql))?;
        self.heard(sql, &[], Said::default);
        Ok(())
    }

    /// Runs statements without parameters and returns what the server answered, as text.
    pub(super) async fn simple(&self, sql: &str) -> Result<Vec<TextRow>, Error> {
        if let Some(said) = self.answer(sql, &[]) {
            return said.map(|said| said.text_rows());
        }
        let connection = self.connection()?;
        let work = connection.begin();
        let done = connection.client.simple_query(sql).await;
        work.done();
        let messages = done.map_err(|error| connection.sort(&error, sql))?;
        let rows = messages.iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(text_row(row)),
            _ => None,
        });
        let rows: Vec<TextRow> = rows.collect();
        self.heard(sql, &[], || Said::of_text(&rows));
        Ok(rows)
    }

    /// There is no server behind it.
    pub(super) fn is_answered(&self) -> bool {
        let answers = self.database().answers();
        answers.is_some_and(|answers| !answers.are_real())
    }

    /// Opens a transaction. Until it is ended the connection is not given back.
    pub async fn start(&self) -> Result<(), Error> {
        if self.is_answered() {
            return self.batch("BEGIN").await;
        }
        let connection = self.connection()?;
        connection.taken.store(true, Ordering::Relaxed);
        self.batch("BEGIN").await
    }

    /// Makes the transaction's changes last. When a statement of it had failed, the server undoes
    /// them instead, and that is an error here.
    pub async fn commit(&self) -> Result<(), Error> {
        if self.is_answered() {
            return self.batch("COMMIT").await;
        }
        let connection = self.connection()?;
        let work = connection.begin();
        // a transaction that failed answers COMMIT without an error, and this with one
        let (check, done) = futures_util::join!(
            connection.client.batch_execute("SELECT 1"),
            connection.client.batch_execute("COMMIT")
        );
        work.done();
        let sql = "COMMIT";
        check.map_err(|error| connection.sort(&error, sql))?;
        done.map_err(|error| connection.sort(&error, sql))?;
        connection.taken.store(false, Ordering::Relaxed);
        Ok(())
    }

    /// Undoes the transaction.
    pub async fn roll_back(&self) -> Result<(), Error> {
        self.batch("ROLLBACK").await?;
        if self.is_answered() {
            return Ok(());
        }
        let connection = self.connection()?;
        connection.taken.store(false, Ordering::Relaxed);
        Ok(())
    }
}

/// What is made of rows that are there already.
fn made<T, F: FnMut(&mut [Value]) -> T>(said: Said, begin: impl FnOnce(&[String]) -> F) -> Vec<T> {
    let mut make = begin(&said.columns);
    let rows = said.rows.into_iter();
    rows.map(|mut row| make(&mut row)).collect()
}

fn text_row(row: &tokio_postgres::SimpleQueryRow) -> TextRow {
    let columns = row.columns().iter().enumerate();
    let cells = columns.map(|(index, column)| {
        let text = row.try_get(index).ok().flatten();
        (column.name().to_owned(), text.map(str::to_owned))
    });
    cells.collect()
}
